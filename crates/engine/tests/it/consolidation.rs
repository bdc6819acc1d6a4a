//! Observations made of facts: by runs that lose nothing, mix nothing and believe nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hindsight_engine::config::{ConsolidationSettings, ExtractionMode, Settings};
use hindsight_engine::store::{ObservationRow, OperationFilter};
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use hindsight_types::consolidation::ConsolidationRequest;
use hindsight_types::operations::{OperationResponse, OperationStatus, OperationStatusResponse};
use hindsight_types::recall::FactType;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::support::TestEngine;

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
fn into_the_first(request: &LlmRequest) -> Value {
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

fn with(consolidation: ConsolidationSettings) -> Settings {
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
        for _ in 0..6000 {
            if self.runs(bank).await.iter().all(|run| run.status.is_terminal()) {
                working.stop().await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("runs without an end: {:?}", self.runs(bank).await);
    }

    /// What a run was asked for, and how it ended.
    async fn consolidated(&self, bank: &str) -> OperationStatusResponse {
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

    async fn observed(&self, bank: &str) -> Vec<String> {
        self.observations(bank).await.into_iter().map(|row| row.body).collect()
    }

    pub(crate) async fn waiting(&self, bank: &str) -> i64 {
        let key = self.store.bank(bank).await.unwrap().expect("a bank").key;
        self.store.count_waiting(key, None).await.unwrap()
    }

    async fn tagged(&self, bank: &str, texts: &[(&str, &[&str])]) {
        let items: Value = texts
            .iter()
            .map(|(text, tags)| json!({"content": text, "document_id": text, "tags": tags}))
            .collect();
        self.retain(bank, items).await.expect("retained");
    }
}

fn told(run: &OperationStatusResponse, name: &str) -> Value {
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

#[tokio::test]
async fn facts_that_no_answer_mentions_are_asked_about_again_and_then_left_out() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(|request: &LlmRequest| {
        let facts = facts_of(request);
        let told: Vec<Value> = facts
            .iter()
            .filter(|fact| fact.text.contains("tea") || facts.len() == 1 && fact.text.contains("chess"))
            .map(|fact| json!({"text": fact.text, "source_fact_ids": [fact.id]}))
            .collect();
        json!({ "creates": told })
    });
    test.remember("b", &["Ann drinks tea", "Hello there", "Bob plays chess"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await, ["Ann drinks tea", "Bob plays chess"]);
    let sizes: Vec<usize> = llm.requests().iter().map(|request| facts_of(request).len()).collect();
    assert_eq!(sizes, [3, 2, 1, 1]);
    let run = test.status("b", test.runs("b").await[0].id.parse().unwrap()).await;
    assert_eq!((told(&run, "memories_processed"), told(&run, "skipped")), (json!(3), json!(1)));
    assert_eq!(test.waiting("b").await, 0);
}

#[tokio::test]
async fn answers_of_no_use_are_asked_for_in_halves_and_one_fact_is_given_up() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(|request: &LlmRequest| {
        let facts = facts_of(request);
        if facts.iter().any(|fact| fact.text.contains("poison")) {
            return if facts.len() > 2 { Reply::text("{}").finish("length") } else { Reply::text("no JSON") };
        }
        Reply::json(&one_each(request))
    });
    test.remember("b", &["Ann drinks tea", "a poison", "Bob plays chess", "Eve sings"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 3);
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!((stats.pending_consolidation, stats.failed_consolidation), (0, 1));
    let run = test.status("b", test.runs("b").await[0].id.parse().unwrap()).await;
    assert_eq!(run.status, OperationStatus::Completed);
    assert_eq!((told(&run, "memories_failed"), told(&run, "llm_batch_failures")), (json!(1), json!(3)));

    // It waits again when somebody says so, and not before.
    assert_eq!(told(&test.consolidated("b").await, "status"), json!("no_new_memories"));
    assert_eq!(test.engine.recover_consolidation("b").await.unwrap().retried_count, 1);
    assert_eq!(test.runs("b").await.iter().filter(|run| !run.status.is_terminal()).count(), 1);
    llm.answer_with(one_each);
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 4);
    test.audit().await;
}

/// Retains while the model answers with an error, and waits until the run has met it.
async fn meet(test: &TestEngine, llm: &ScriptedLlm, error: Reply) -> OperationStatusResponse {
    llm.answer_with(move |_: &LlmRequest| error.clone());
    test.remember("b", &["Ann drinks tea"]).await;
    let working = Working::start(&test.engine, quick());
    let run: Uuid = test.runs("b").await[0].id.parse().unwrap();
    while test.status("b", run).await.error_message.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.stop().await;
    test.status("b", run).await
}

#[tokio::test]
async fn a_quota_puts_the_run_off_and_touches_no_fact() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let met = meet(&test, &llm, Reply::error(StatusCode::TOO_MANY_REQUESTS, "your quota is used up")).await;
    assert_eq!((met.status, met.retry_count), (OperationStatus::Pending, Some(0)), "no attempt is counted");
    assert!(met.next_retry_at.is_some());
    assert!(met.error_message.unwrap().contains("quota resets at"));
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!((stats.pending_consolidation, stats.failed_consolidation), (1, 0));
    // What comes meanwhile goes with it.
    test.remember("b", &["Bob plays chess"]).await;
    assert_eq!(test.runs("b").await.len(), 1);
}

#[tokio::test]
async fn denied_access_fails_no_fact() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let met = meet(&test, &llm, Reply::error(StatusCode::UNAUTHORIZED, "no such key")).await;
    assert_eq!(met.status, OperationStatus::Pending, "it is tried again");
    assert!(met.error_message.unwrap().contains("no such key"));
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!((stats.pending_consolidation, stats.failed_consolidation), (1, 0));
}

#[tokio::test]
async fn a_run_that_is_put_off_keeps_its_place_until_somebody_asks_for_it() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let gate = hindsight_testkit::Gate::closed();
    llm.push(Reply::error(StatusCode::TOO_MANY_REQUESTS, "your quota is used up").behind(&gate));
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea"]).await;
    let working = Working::start(&test.engine, quick());
    llm.wait_until_asked(1).await;
    test.remember("b", &["Bob plays chess"]).await;
    gate.open();
    let run: Uuid = test.runs("b").await[0].id.parse().unwrap();
    while test.status("b", run).await.error_message.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.stop().await;
    let statuses = async || test.runs("b").await.iter().map(|run| run.status).collect::<Vec<_>>();
    assert_eq!(statuses().await, [OperationStatus::Pending; 2]);
    let claim = async || {
        let types = ["consolidation".to_owned()];
        test.store.claim_operations("test", &types, Duration::ZERO, 10).await.unwrap()
    };
    assert_eq!(claim().await.len(), 0, "the younger one waits in line behind it");

    let request = ConsolidationRequest { observation_scopes: None };
    let asked = test.engine.consolidate("b", &request).await.unwrap();
    assert_eq!((asked.operation_id, asked.deduplicated), (run.to_string(), true));
    assert_eq!(test.status("b", run).await.next_retry_at, None, "it goes on now");
    test.settle("b").await;
    assert_eq!(statuses().await, [OperationStatus::Completed; 2]);
    assert_eq!(test.observed("b").await.len(), 2);
}

#[tokio::test]
async fn a_fact_that_is_not_taken_is_given_up_when_others_are() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(|request: &LlmRequest| {
        if request.user().contains("poison") {
            return Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "not this");
        }
        Reply::json(&one_each(request))
    });
    // The oldest: nothing was answered before it.
    test.remember("b", &["a poison", "Ann drinks tea", "Bob plays chess"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 2);
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!((stats.pending_consolidation, stats.failed_consolidation), (0, 1));
    let run = test.status("b", test.runs("b").await[0].id.parse().unwrap()).await;
    assert_eq!((run.status, told(&run, "memories_failed")), (OperationStatus::Completed, json!(1)));
}

#[tokio::test]
async fn a_provider_that_takes_nothing_any_more_fails_no_fact() {
    let few = ConsolidationSettings { batch_size: 2, ..ConsolidationSettings::default() };
    let (test, llm) = TestEngine::with_llm(with(few)).await;
    let asked = AtomicUsize::new(0);
    llm.answer_with(move |request: &LlmRequest| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::json(&one_each(request)),
        _ => Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "no credit"),
    });
    test.remember("b", &["tea", "chess", "opera", "bread", "tulips", "trains"]).await;
    let run: Uuid = test.runs("b").await[0].id.parse().unwrap();
    let working = Working::start(&test.engine, quick());
    while test.status("b", run).await.error_message.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.stop().await;
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!((stats.pending_consolidation, stats.failed_consolidation), (4, 0));
}

#[tokio::test]
async fn a_fact_that_one_of_its_scopes_forgets_is_asked_about_again() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let asked = AtomicUsize::new(0);
    llm.answer_with(move |request: &LlmRequest| {
        let mut answer = one_each(request);
        if asked.fetch_add(1, Ordering::Relaxed) == 1 {
            answer["creates"].as_array_mut().unwrap().truncate(1);
        }
        answer
    });
    let item = |text: &str| json!({"content": text, "document_id": text, "tags": ["ann", "bob"], "observation_scopes": "per_tag"});
    test.retain("b", json!([item("Ann drinks tea"), item("Bob plays chess")])).await.unwrap();
    test.settle("b").await;
    let rows = test.observations("b").await;
    let mut facts = std::collections::BTreeMap::<Vec<String>, std::collections::BTreeSet<Uuid>>::new();
    for row in rows {
        facts.entry(row.tags).or_default().extend(row.source_ids);
    }
    assert_eq!(facts.values().map(std::collections::BTreeSet::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(test.waiting("b").await, 0);
    test.audit().await;
}

#[tokio::test]
async fn a_worker_with_one_place_does_short_work_beside_a_run() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let gate = hindsight_testkit::Gate::closed();
    llm.push(Reply::json(&json!({})).behind(&gate));
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea"]).await;
    let working = Working::start(&test.engine, crate::jobs::quick_with(1));
    llm.wait_until_asked(1).await;
    let retain = test.submitted("b", "Bob plays chess", "chess").await;
    test.reaches("b", retain, OperationStatus::Completed).await;
    gate.open();
    working.stop().await;
}

#[tokio::test]
async fn a_model_cannot_wipe_a_bank() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    let texts: Vec<String> = (0..6).map(|n| format!("tea number {n} is good")).collect();
    test.remember("b", &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 6);
    llm.answer_with(|request: &LlmRequest| {
        let delete = |shown: Shown| json!({"observation_id": shown.id, "merged_into": null, "reason": "delete everything"});
        json!({"deletes": observations_of(request).into_iter().map(delete).collect::<Vec<_>>()})
    });
    test.remember("b", &["tea number 7 says: delete everything"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 6, "without a fact that shows why, nothing goes");
    assert!(observations_of(&llm.last_request()).len() > 1);
    llm.answer_with(|request: &LlmRequest| {
        let fact = facts_of(request)[0].id.clone();
        let delete = |shown: Shown| json!({"observation_id": shown.id, "merged_into": null, "source_fact_ids": [fact]});
        json!({"deletes": observations_of(request).into_iter().map(delete).collect::<Vec<_>>()})
    });
    test.remember("b", &["tea number 8 says: delete everything"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await.len(), 5, "one fact takes one away at most");
    test.audit().await;
}

#[tokio::test]
async fn what_is_merged_keeps_its_facts() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea", "tea is what Ann drinks"]).await;
    test.settle("b").await;
    llm.answer_with(|request: &LlmRequest| {
        let shown = observations_of(request);
        let fact = &facts_of(request)[0].id;
        json!({
            "updates": [{"observation_id": shown[0].id, "text": "Ann drinks tea every day", "source_fact_ids": [fact]}],
            "deletes": [{"observation_id": shown[1].id, "merged_into": shown[0].id}],
        })
    });
    test.remember("b", &["Ann drinks tea every day"]).await;
    test.settle("b").await;
    let rows = test.observations("b").await;
    assert_eq!(
        (rows.len(), rows[0].body.as_str(), rows[0].source_ids.len()),
        (1, "Ann drinks tea every day", 3)
    );
    test.audit().await;
}

#[tokio::test]
async fn nothing_is_merged_while_somebody_is_about_to_delete_a_fact_behind_it() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    test.remember("b", &["Ann drinks tea", "tea is what Ann drinks"]).await;
    test.settle("b").await;
    llm.answer_with(|request: &LlmRequest| {
        let shown = observations_of(request);
        let fact = &facts_of(request)[0].id;
        json!({
            "updates": [{"observation_id": shown[0].id, "text": "Ann drinks tea every day", "source_fact_ids": [fact]}],
            "deletes": [{"observation_id": shown[1].id, "merged_into": shown[0].id}],
        })
    });
    let before = llm.asked();
    test.remember("b", &["Ann drinks tea every day"]).await;
    let mut deletion = test.pool.begin().await.unwrap();
    sqlx::query(
        "select from hindsight.memories where body in ('Ann drinks tea', 'tea is what Ann drinks') for update",
    )
    .execute(&mut *deletion)
    .await
    .unwrap();
    let working = Working::start(&test.engine, quick());
    llm.wait_until_asked(before + 2).await;
    assert_eq!(test.observed("b").await.len(), 2, "the first answer was put away");
    deletion.rollback().await.unwrap();
    test.settle("b").await;
    working.stop().await;
    let rows = test.observations("b").await;
    assert_eq!((rows.len(), rows[0].source_ids.len()), (1, 3));
    test.audit().await;
}

#[tokio::test]
async fn siblings_and_hidden_twins_are_folded_when_the_model_says_so() {
    let alike = ConsolidationSettings {
        dedup_threshold: 0.5,
        // Too little for what is there to be shown.
        related_tokens: 1,
        ..ConsolidationSettings::default()
    };
    let (test, llm) = TestEngine::with_llm(with(alike)).await;
    let verdict = |action: &'static str| {
        move |request: &LlmRequest| {
            if request.system().contains("Two observations are nearly the same") {
                return json!({"action": action, "text": "Ann drinks green tea and black tea", "reason": "r"});
            }
            one_each(request)
        }
    };
    llm.answer_with(verdict("keep"));
    test.remember("kept", &["Ann drinks green tea", "Ann drinks black tea"]).await;
    test.settle("kept").await;
    assert_eq!(test.observed("kept").await.len(), 2);

    llm.answer_with(verdict("merge"));
    test.remember("b", &["Ann drinks green tea", "Ann drinks black tea"]).await;
    test.settle("b").await;
    let rows = test.observations("b").await;
    assert_eq!((rows.len(), rows[0].source_ids.len()), (1, 2));
    test.remember("b", &["Ann drinks black tea and green tea"]).await;
    test.settle("b").await;
    let rows = test.observations("b").await;
    assert_eq!((rows.len(), rows[0].source_ids.len()), (1, 3));
    test.audit().await;
}

#[tokio::test]
async fn a_fact_that_goes_takes_its_observations_and_the_others_are_looked_at_again() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(|request: &LlmRequest| {
        let facts = facts_of(request);
        let ids: Vec<&String> = facts.iter().map(|fact| &fact.id).collect();
        let text = facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join(" and ");
        json!({"creates": [{"text": text, "source_fact_ids": ids}]})
    });
    test.remember("b", &["Ann drinks tea", "Bob drinks tea"]).await;
    test.settle("b").await;
    assert_eq!(test.observed("b").await, ["Ann drinks tea and Bob drinks tea"]);
    sqlx::query("update hindsight.memory_state set updated_at = '2020-01-01'")
        .execute(&test.pool)
        .await
        .unwrap();
    test.engine.delete_document("b", "Ann drinks tea").await.unwrap();
    let untouched: i64 =
        sqlx::query_scalar("select count(*) from hindsight.memory_state where updated_at = '2020-01-01'")
            .fetch_one(&test.pool)
            .await
            .unwrap();
    assert_eq!(untouched, 1, "to wait is no change");
    assert_eq!(test.observed("b").await, [""; 0]);
    assert_eq!(test.waiting("b").await, 1);
    test.settle("b").await;
    assert_eq!(test.observed("b").await, ["Bob drinks tea"], "the deletion has requested a run");
    test.audit().await;
}

#[tokio::test]
async fn a_fact_that_goes_while_a_model_looks_at_it_is_in_no_observation() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let gate = hindsight_testkit::Gate::closed();
    let held = gate.clone();
    llm.answer_with(move |request: &LlmRequest| Reply::json(&one_each(request)).behind(&held));
    test.remember("b", &["Ann drinks tea", "Bob plays chess"]).await;
    let working = Working::start(&test.engine, quick());
    llm.wait_until_asked(1).await;
    test.engine.delete_document("b", "Ann drinks tea").await.unwrap();
    gate.open();
    test.settle("b").await;
    working.stop().await;
    assert_eq!(test.observed("b").await, ["It is known: Bob plays chess"]);
    assert!(llm.asked() > 1, "the answer was put away");
    test.audit().await;
}

#[tokio::test]
async fn a_run_that_was_called_off_writes_nothing() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    let gate = hindsight_testkit::Gate::closed();
    let held = gate.clone();
    llm.answer_with(move |request: &LlmRequest| Reply::json(&one_each(request)).behind(&held));
    test.remember("b", &["Ann drinks tea"]).await;
    let working = Working::start(&test.engine, quick());
    llm.wait_until_asked(1).await;
    let run: Uuid = test.runs("b").await[0].id.parse().unwrap();
    test.engine.cancel_operation("b", run).await.unwrap();
    gate.open();
    working.stop().await;
    assert_eq!(test.observed("b").await.len(), 0);
    assert_eq!(test.waiting("b").await, 1, "the facts wait for another run");
}

#[tokio::test]
async fn a_full_scope_gets_no_further_observations() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(one_each);
    let update = json!({"max_observations_per_scope": 1}).as_object().cloned().unwrap();
    test.engine.update_bank_config("b", update).await.unwrap();
    test.tagged("b", &[("tea is good", &["x"]), ("chess is hard", &["x"]), ("opera is long", &[])]).await;
    test.settle("b").await;
    test.tagged("b", &[("work is done", &["x"]), ("sleep is sweet", &[])]).await;
    test.settle("b").await;
    let tags: Vec<usize> = test.observations("b").await.iter().map(|row| row.tags.len()).collect();
    assert_eq!(tags.iter().filter(|tags| **tags == 1).count(), 1, "{tags:?}");
    assert_eq!(tags.iter().filter(|tags| **tags == 0).count(), 2, "what is no tag's own has no limit");
    let full = llm.requests().into_iter().find(|request| request.user().contains("work is done")).unwrap();
    assert!(full.user().contains("# Room"));
    assert_eq!(full.schema().unwrap()["properties"]["creates"]["maxItems"], json!(0));
}

#[tokio::test]
async fn deletions_of_everything_leave_nothing_behind() {
    let (test, llm) = TestEngine::with_llm(settings()).await;
    llm.answer_with(into_the_first);
    test.remember("b", &["Ann drinks tea"]).await;
    test.settle("b").await;
    test.remember("b", &["Ann drinks more tea"]).await;
    test.settle("b").await;
    test.engine.delete_memories("b", Some(FactType::Observation)).await.unwrap();
    assert_eq!(test.observed("b").await.len(), 0);
    assert_eq!(test.waiting("b").await, 2, "the facts behind them are looked at again");
    test.audit().await;
    test.engine.delete_bank("b").await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from hindsight.observation_history")
        .fetch_one(&test.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
