//! What a model does not take, forgets or refuses, and runs that have to wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hindsight_engine::config::ConsolidationSettings;
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use hindsight_types::consolidation::ConsolidationRequest;
use hindsight_types::operations::{OperationStatus, OperationStatusResponse};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::consolidation::{facts_of, one_each, settings, told, with};
use crate::jobs::{Working, quick};
use crate::support::TestEngine;

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
