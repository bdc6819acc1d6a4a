//! Observations made of facts: by runs that lose nothing, mix nothing and believe nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hindsight_engine::config::{ConsolidationSettings, ExtractionMode, Settings};
use hindsight_engine::store::{ObservationRow, OperationFilter};
use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::consolidation::ConsolidationRequest;
use hindsight_types::operations::{OperationResponse, OperationStatus, OperationStatusResponse};
use hindsight_types::recall::FactType;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::support::{PATIENCE, TestEngine};

/// A fact or an observation in a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// The new facts of a question.
pub(crate) fn facts_of(request: &LlmRequest) -> Vec<Shown> {
    let user = request.user();
    let lines = user.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] "));
    let shown = lines.map(|(id, text)| Shown {
        id: id.to_owned(),
        text: text.split(" (").next().unwrap_or_default().to_owned(),
    });
    shown.collect()
}

/// The observations of a question.
pub(crate) fn observations_of(request: &LlmRequest) -> Vec<Shown> {
    let user = request.user();
    let values = user.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let shown = values.filter_map(|value| {
        Some(Shown { id: value["id"].as_str()?.to_owned(), text: value["text"].as_str()?.to_owned() })
    });
    shown.collect()
}

/// Every fact is an observation of its own.
pub(crate) fn one_each(request: &LlmRequest) -> Value {
    let create =
        |fact: Shown| json!({"text": format!("It is known: {}", fact.text), "source_fact_ids": [fact.id]});
    json!({"creates": facts_of(request).into_iter().map(create).collect::<Vec<_>>()})
}

/// Every fact goes to the first observation there is.
pub(crate) fn into_the_first(request: &LlmRequest) -> Value {
    let facts = facts_of(request);
    let ids: Vec<&String> = facts.iter().map(|fact| &fact.id).collect();
    let text = facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join(", ");
    match observations_of(request).first() {
        Some(first) => {
            let text = format!("{}, {text}", first.text);
            json!({"updates": [{"observation_id": first.id, "text": text, "source_fact_ids": ids}]})
        }
        None => json!({"creates": [{"text": text, "source_fact_ids": ids}]}),
    }
}

pub(crate) fn settings() -> Settings {
    Settings { extraction_mode: ExtractionMode::Chunks, ..Settings::default() }
}

pub(crate) fn with(consolidation: ConsolidationSettings) -> Settings {
    Settings { consolidation, ..settings() }
}

impl TestEngine {
    /// The runs of a bank, the oldest first.
    pub(crate) async fn runs(&self, bank: &str) -> Vec<OperationResponse> {
        let filter = OperationFilter {
            operation_type: Some("consolidation".to_owned()),
            ..OperationFilter::default()
        };
        let mut page = self.engine.list_operations(bank, &filter, 100, 0).await.expect("listed");
        page.operations.reverse();
        page.operations
    }

    /// Works until no run of a bank is to come or under way.
    pub(crate) async fn settle(&self, bank: &str) {
        let working = Working::start(&self.engine, quick());
        let begin = Instant::now();
        loop {
            let runs = self.runs(bank).await;
            if runs.iter().all(|run| run.status.is_terminal()) {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "runs without an end: {runs:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        working.stop().await;
    }

    /// What a run was asked for, and how it ended.
    pub(crate) async fn consolidated(&self, bank: &str) -> OperationStatusResponse {
        let request = ConsolidationRequest { observation_scopes: None };
        let run = self.engine.consolidate(bank, &request).await.expect("requested");
        self.settle(bank).await;
        self.status(bank, run.operation_id.parse().unwrap()).await
    }

    /// The observations of a bank in the order of their texts.
    pub(crate) async fn observations(&self, bank: &str) -> Vec<ObservationRow> {
        let memories = self.memories(bank).await;
        let ids: Vec<Uuid> = memories
            .iter()
            .filter(|memory| memory.fact_type == Some(FactType::Observation))
            .map(|memory| memory.id.parse().unwrap())
            .collect();
        let key = self.store.bank(bank).await.unwrap().expect("a bank").key;
        let mut rows = self.store.observations(key, &ids).await.unwrap();
        rows.sort_by(|a, b| (&a.body, &a.tags).cmp(&(&b.body, &b.tags)));
        rows
    }

    pub(crate) async fn observed(&self, bank: &str) -> Vec<String> {
        self.observations(bank).await.into_iter().map(|row| row.body).collect()
    }

    pub(crate) async fn waiting(&self, bank: &str) -> i64 {
        let key = self.store.bank(bank).await.unwrap().expect("a bank").key;
        self.store.count_waiting(key, None).await.unwrap()
    }

    pub(crate) async fn tagged(&self, bank: &str, texts: &[(&str, &[&str])]) {
        let items: Value = texts
            .iter()
            .map(|(text, tags)| json!({"content": text, "document_id": text, "tags": tags}))
            .collect();
        self.retain(bank, items).await.expect("retained");
    }
}

pub(crate) fn told(run: &OperationStatusResponse, name: &str) -> Value {
    run.result_metadata.as_ref().and_then(|result| result.get(name)).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_is_retained_goes_into_observations_by_itself() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea", "Bob plays chess"]).await;
    let runs = test.runs("b").await;
    assert_eq!((runs.len(), runs[0].status), (1, OperationStatus::Pending), "requested with the facts");
    test.settle("b").await;
    assert_eq!(test.observed("b").await, ["It is known: Ann drinks tea", "It is known: Bob plays chess"]);
    assert_eq!(test.waiting("b").await, 0);
    let run = test.status("b", test.runs("b").await[0].id.parse().unwrap()).await;
    assert_eq!((told(&run, "status"), told(&run, "observations_created")), (json!("completed"), json!(2)));
    assert_eq!(told(&run, "memories_processed"), json!(2));
    let found = test.found("b", json!({"query": "who drinks tea", "types": ["observation"]})).await;
    assert_eq!(found[0], "It is known: Ann drinks tea");
    test.audit().await;
}

#[tokio::test]
async fn one_run_that_is_pending_does_for_all() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    for text in ["one thing", "another thing", "a third thing"] {
        test.remember("b", &[text]).await;
    }
    assert_eq!(test.runs("b").await.len(), 1);
    let request = ConsolidationRequest { observation_scopes: None };
    let run = test.engine.consolidate("b", &request).await.unwrap();
    assert!(run.deduplicated);
    let scoped = ConsolidationRequest { observation_scopes: Some(vec![vec!["x".to_owned()]]) };
    let first = test.engine.consolidate("b", &scoped).await.unwrap();
    let second = test.engine.consolidate("b", &scoped).await.unwrap();
    assert!(!first.deduplicated && !second.deduplicated && first.operation_id != second.operation_id);
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 3);
}

#[tokio::test]
async fn nothing_is_requested_where_there_are_no_observations() {
    let test = TestEngine::start().await;
    test.remember("b", &["Ann drinks tea"]).await;
    assert_eq!(test.runs("b").await.len(), 0, "without a model");
    assert_eq!(test.engine.bank_stats("b").await.unwrap().pending_consolidation, 0, "nothing waits for ever");
    let run = test.consolidated("b").await;
    assert_eq!((run.status, told(&run, "status")), (OperationStatus::Completed, json!("disabled")));
    assert_eq!(test.engine.tend_consolidation().await.unwrap(), 0);

    let (test, llm) = TestEngine::with_llm(settings()).await;
    for (bank, setting) in [("off", "enable_observations"), ("on demand", "enable_auto_consolidation")] {
        let update = json!({setting: false}).as_object().cloned().unwrap();
        test.engine.update_bank_config(bank, update).await.unwrap();
        test.remember(bank, &["Ann drinks tea"]).await;
        assert_eq!(test.runs(bank).await.len(), 0, "{bank}");
    }
    assert_eq!(test.engine.tend_consolidation().await.unwrap(), 0);
    assert_eq!(llm.asked(), 0);
    llm.answer_with(one_each);
    assert_eq!(told(&test.consolidated("on demand").await, "status"), json!("completed"));
    assert_eq!(test.observed("on demand").await.len(), 1);
}

#[tokio::test]
async fn what_was_missed_is_found_by_the_sweep() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea"]).await;
    sqlx::query("delete from hindsight.async_operations").execute(&test.pool).await.unwrap();
    assert_eq!(test.engine.tend_consolidation().await.unwrap(), 1);
    assert_eq!(test.engine.tend_consolidation().await.unwrap(), 0, "one is pending");
    test.settle("b").await;
    assert_eq!(test.engine.tend_consolidation().await.unwrap(), 0, "nothing waits");
    assert_eq!(test.observed("b").await.len(), 1);
}

#[tokio::test]
async fn an_observation_grows_and_remembers_how_it_was() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(into_the_first);
    let items = |text: &str, time: &str| json!([{"content": text, "document_id": text, "timestamp": time}]);
    test.retain("b", items("Ann drinks tea", "2024-03-01T00:00:00Z")).await.unwrap();
    test.settle("b").await;
    let before = test.observations("b").await.remove(0);
    test.retain("b", items("Ann drinks coffee", "2024-02-01T00:00:00Z")).await.unwrap();
    test.settle("b").await;
    let after = test.observations("b").await.remove(0);
    assert_eq!(after.memory_id, before.memory_id);
    assert_eq!(after.body, "Ann drinks tea, Ann drinks coffee");
    assert_eq!(after.source_ids.len(), 2);
    assert_eq!(after.mentioned_at, before.mentioned_at, "times grow wider only: the later news is older");
    let memory = test.memories("b").await.into_iter().find(|memory| memory.text == after.body).unwrap();
    assert_eq!(memory.proof_count, 2);

    let history = test.engine.memory_history("b", after.memory_id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].previous_text, "Ann drinks tea");
    assert_eq!(history[0].new_source_memory_ids, [after.source_ids[1].to_string()]);
    let facts: Vec<(&str, bool)> =
        history[0].source_facts.iter().map(|fact| (fact.text.as_str(), fact.is_new)).collect();
    assert_eq!(facts, [("Ann drinks tea", false), ("Ann drinks coffee", true)]);
    let fact = test.engine.memory_history("b", after.source_ids[0]).await.unwrap();
    assert_eq!(fact, []);
    // By its new words it is found, and by the old ones that are gone it is not.
    let found = test.found("b", json!({"query": "coffee", "types": ["observation"]})).await;
    assert_eq!(found, [after.body]);
    test.audit().await;
}

#[tokio::test]
async fn history_is_as_long_as_it_may_be() {
    let kept = ConsolidationSettings { kept_versions: Some(2), ..ConsolidationSettings::default() };
    let (test, llm) = TestEngine::with_llm(with(kept)).await;
    llm.answer_with(into_the_first);
    for text in ["tea at one", "tea at two", "tea at three", "tea at four"] {
        test.remember("b", &[text]).await;
        test.settle("b").await;
    }
    let observation = test.observations("b").await.remove(0);
    let history = test.engine.memory_history("b", observation.memory_id).await.unwrap();
    let texts: Vec<&str> = history.iter().map(|version| version.previous_text.as_str()).collect();
    assert_eq!(texts, ["tea at one, tea at two", "tea at one, tea at two, tea at three"]);
}

#[tokio::test]
async fn scopes_are_walls() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(into_the_first);
    test.tagged("b", &[("tea at Ann's", &["ann"]), ("tea for all", &[]), ("tea of both", &["ann", "bob"])])
        .await;
    test.settle("b").await;
    test.tagged("b", &[("more tea at Ann's", &["ann"]), ("more tea for all", &[])]).await;
    test.settle("b").await;
    let rows: Vec<(String, Vec<String>)> =
        test.observations("b").await.into_iter().map(|row| (row.body, row.tags)).collect();
    let tags = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        rows,
        [
            ("tea at Ann's, more tea at Ann's".to_owned(), tags(&["ann"])),
            ("tea for all, more tea for all".to_owned(), tags(&[])),
            ("tea of both".to_owned(), tags(&["ann", "bob"])),
        ]
    );
    for request in llm.requests() {
        let texts: Vec<String> =
            facts_of(&request).into_iter().chain(observations_of(&request)).map(|shown| shown.text).collect();
        let kinds = ["Ann's", "for all", "of both"]
            .iter()
            .filter(|kind| texts.iter().any(|text| text.contains(*kind)));
        assert_eq!(kinds.count(), 1, "{texts:?}");
    }
    let scopes = test.engine.observation_scopes("b", 10, 0).await.unwrap();
    assert_eq!(scopes.total, 3);
    test.audit().await;
}

#[tokio::test]
async fn facts_go_to_all_their_scopes_or_to_none() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let item = |scopes: Value| json!([{"content": "Ann and Bob married", "document_id": "1", "tags": ["ann", "bob"], "observation_scopes": scopes}]);
    // The second scope fails at first: nothing of the other is left behind.
    let asked = AtomicUsize::new(0);
    llm.answer_with(move |request: &LlmRequest| match asked.fetch_add(1, Ordering::Relaxed) {
        1 => Reply::error(StatusCode::UNAUTHORIZED, "no"),
        _ => Reply::json(&one_each(request)),
    });
    test.retain("b", item(json!("per_tag"))).await.unwrap();
    test.settle("b").await;
    let tags: Vec<Vec<String>> = test.observations("b").await.into_iter().map(|row| row.tags).collect();
    assert_eq!(json!(tags), json!([["ann"], ["bob"]]));

    for (scopes, expected) in [
        (json!("all_combinations"), json!([["ann"], ["ann", "bob"], ["bob"]])),
        (json!("shared"), json!([[]])),
        (json!([["a*"], ["world"]]), json!([["ann"], ["world"]])),
        (json!("combined"), json!([["ann", "bob"]])),
    ] {
        test.retain("b", item(scopes.clone())).await.unwrap();
        test.settle("b").await;
        let tags: Vec<Vec<String>> = test.observations("b").await.into_iter().map(|row| row.tags).collect();
        assert_eq!(json!(tags), expected, "{scopes}");
    }
    test.audit().await;
}

#[tokio::test]
async fn a_bank_says_where_facts_go_that_do_not_say() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    let update = json!({"default_observation_scopes": "per_tag"}).as_object().cloned().unwrap();
    test.engine.update_bank_config("b", update).await.unwrap();
    test.tagged("b", &[("tea", &["x", "y"])]).await;
    test.settle("b").await;
    assert_eq!(test.observations("b").await.len(), 2);
}

#[tokio::test]
async fn a_run_over_some_scopes_leaves_the_others() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    let update = json!({"enable_auto_consolidation": false}).as_object().cloned().unwrap();
    test.engine.update_bank_config("b", update).await.unwrap();
    test.tagged("b", &[("tea", &["x", "y"]), ("chess", &["y"]), ("opera", &[])]).await;
    let scopes = Some(vec![vec!["x".to_owned()], vec!["z".to_owned(), "y".to_owned()]]);
    test.engine.consolidate("b", &ConsolidationRequest { observation_scopes: scopes }).await.unwrap();
    test.settle("b").await;
    assert_eq!(test.observed("b").await, ["It is known: tea"]);
    assert_eq!(test.waiting("b").await, 2);
}

#[tokio::test]
async fn long_work_is_done_in_several_runs() {
    let short = ConsolidationSettings { facts_per_run: 3, batch_size: 2, ..ConsolidationSettings::default() };
    let (test, llm) = TestEngine::with_llm(with(short)).await;
    llm.answer_with(one_each);
    let texts: Vec<String> = (0..8).map(|n| format!("thing number {n} of many")).collect();
    test.remember("b", &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 8);
    assert_eq!(test.runs("b").await.len(), 3);
    test.audit().await;
}
