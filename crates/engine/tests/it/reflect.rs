//! Reflect over observations: what they are shown with, and what can be cited of them.

use std::sync::atomic::{AtomicBool, Ordering};

use hindsight_engine::config::{ExtractionMode, ReflectSettings, Settings, SourceFacts};
use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::decode::from_json;
use hindsight_types::reflect::{ReflectRequest, ReflectResponse};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::observations::start_in;
use crate::support::TestEngine;

async fn reflect(test: &TestEngine, more: Value) -> ReflectResponse {
    let mut request = json!({"query": "Ann tea", "include": {"facts": {}, "tool_calls": {}}});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request: ReflectRequest = from_json(&request).expect("a sound request");
    test.engine.reflect("b", &request).await.expect("answered")
}

/// An answer that cites all of these names.
fn citing(ids: &[&str]) -> Reply {
    let answer = json!({"answer": "Tea.", "answer_found": true, "memory_ids": ids, "observation_ids": ids});
    Reply::calls([("done", answer)])
}

fn settings(source_facts: SourceFacts) -> Settings {
    let reflect = ReflectSettings { source_facts, ..ReflectSettings::default() };
    Settings { extraction_mode: ExtractionMode::Chunks, reflect, ..Settings::default() }
}

fn cited(response: &ReflectResponse) -> Vec<&str> {
    let based_on = response.based_on.as_ref().expect("asked for");
    based_on.memories.iter().filter_map(|memory| memory.id.as_deref()).collect()
}

/// What the search of observations has brought, as it is.
fn found(response: &ReflectResponse) -> &serde_json::Map<String, Value> {
    let trace = response.trace.as_ref().expect("asked for");
    assert_eq!(trace.tool_calls[0].tool, "search_observations");
    trace.tool_calls[0].output.as_ref().expect("shown")
}

#[tokio::test]
async fn observations_can_be_cited_and_so_can_the_facts_behind_them() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::All)).await;
    let (test, facts, observation) = start_in(test).await;
    llm.answer_with(|request: &LlmRequest| {
        assert!(request.user().contains(r#""source_facts":["f1","f2"]"#), "{}", request.user());
        citing(&["o1", "f1", "f2", "f3"])
    });
    let response = reflect(&test, json!({"fact_types": ["observation"]})).await;
    let mut expected = vec![observation.to_string()];
    expected.extend(facts.iter().map(Uuid::to_string));
    let mut cited = cited(&response);
    cited.sort_unstable();
    expected.sort_unstable();
    assert_eq!(cited, expected);
    assert_eq!(found(&response)["observations"][0]["id"], observation.to_string());
}

#[tokio::test]
async fn facts_behind_observations_are_hidden_unless_they_are_wanted() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::Hidden)).await;
    let (test, _, observation) = start_in(test).await;
    llm.answer_with(|_: &LlmRequest| citing(&["o1", "f1"]));
    let response = reflect(&test, json!({"fact_types": ["observation"]})).await;
    assert_eq!(cited(&response), [observation.to_string()], "what was not shown is not cited");
    assert!(!llm.last_request().user().contains("source_facts"));
    assert!(!llm.last_request().body["tools"].to_string().contains("memory_ids\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"Ids of the facts that"));
}

#[tokio::test]
async fn a_fact_behind_an_observation_that_may_not_be_seen_cannot_be_cited() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::All)).await;
    let (test, facts, observation) = start_in(test).await;
    llm.answer_with(|_: &LlmRequest| citing(&["o1", "f1", "f2"]));
    let scope = json!({"fact_types": ["observation"], "tag_groups": [{"not": {"tags": ["x"]}}]});
    let response = reflect(&test, scope).await;
    let mut cited = cited(&response);
    cited.sort_unstable();
    let mut expected = [observation.to_string(), facts[0].to_string()];
    expected.sort_unstable();
    assert_eq!(cited, expected, "the fact with the tag stays behind");
    assert!(!llm.last_request().user().contains("on Monday"));
}

#[tokio::test]
async fn freshness_counts_the_facts_that_wait_within_the_scope() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::Hidden)).await;
    let (test, ..) = start_in(test).await;
    llm.answer_with(|_: &LlmRequest| citing(&[]));
    let freshness = |response: &ReflectResponse| {
        let found = found(response);
        (found["freshness"].as_str().unwrap().to_owned(), found["is_stale"].clone())
    };
    let scoped = || json!({"tags": ["x"], "tags_match": "all_strict"});
    assert_eq!(freshness(&reflect(&test, json!({})).await), ("slightly_stale".to_owned(), json!(true)));
    for number in 0..10 {
        test.remember("b", &[&format!("Ann was seen {number} times")]).await;
    }
    assert_eq!(freshness(&reflect(&test, json!({})).await).0, "stale");
    assert_eq!(freshness(&reflect(&test, scoped()).await).0, "slightly_stale", "one fact has the tag");
    sqlx::query(
        "update hindsight.memory_state s set consolidated_at = now() from hindsight.memories m
                 where m.memory_id = s.memory_id and m.tags = '{x}'",
    )
    .execute(&test.pool)
    .await
    .unwrap();
    assert_eq!(freshness(&reflect(&test, scoped()).await), ("up_to_date".to_owned(), json!(false)));
    assert_eq!(freshness(&reflect(&test, json!({})).await).0, "stale");
}

#[tokio::test]
async fn what_a_request_says_of_observations_goes_before_the_bank() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::Hidden)).await;
    let (test, ..) = start_in(test).await;
    llm.answer_with(|_: &LlmRequest| citing(&[]));
    let names_ann = |response: &ReflectResponse| {
        found(response)["observations"][0].get("entities").is_some_and(|entities| *entities == json!(["Ann"]))
    };
    let option = "reflect_search_observations_include_entities";
    assert!(names_ann(&reflect(&test, json!({})).await));
    let updates = json!({"reflect_default_options": {option: false}});
    test.engine.update_bank_config("b", updates.as_object().unwrap().clone()).await.unwrap();
    assert!(!names_ann(&reflect(&test, json!({})).await));
    assert!(names_ann(&reflect(&test, json!({option: true})).await));
}

/// Changes the database meanwhile, in a place where nobody can wait for it.
fn change(test: &TestEngine, statement: &'static str) -> impl Fn() + Send + Sync + 'static {
    let options = test.pool.connect_options();
    move || {
        let options = options.clone();
        let changed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&options).await.unwrap();
                sqlx::query(statement).execute(&mut connection).await.unwrap();
            });
        });
        changed.join().expect("changed");
    }
}

#[tokio::test]
async fn what_was_searched_for_is_not_searched_for_again() {
    let (test, llm) = TestEngine::with_llm(settings(SourceFacts::Hidden)).await;
    test.remember("b", &["Ann drinks tea"]).await;
    let is_changed = AtomicBool::new(false);
    let change = change(&test, "update memories set body = 'Ann drinks coffee'");
    llm.answer_with(move |request: &LlmRequest| {
        if !is_changed.swap(true, Ordering::Relaxed) {
            change();
            let search = |query: &str| ("recall", json!({"query": query, "reason": query.len()}));
            return Reply::calls([search("Ann tea"), search("tea of Ann")]);
        }
        assert!(request.body["messages"].to_string().contains("Ann drinks coffee"));
        citing(&["f1"])
    });
    let response = reflect(&test, json!({})).await;
    let calls = response.trace.expect("asked for").tool_calls.into_iter();
    let searched: Vec<_> = calls.filter(|call| call.tool == "recall").collect();
    let found = |nth: usize| searched[nth].output.as_ref().expect("shown")["memories"][0]["text"].clone();
    assert_eq!(searched[1].input["reason"], 7, "it stands there as it was asked for");
    assert_eq!([found(0), found(1), found(2)], ["Ann drinks tea", "Ann drinks tea", "Ann drinks coffee"]);
}
