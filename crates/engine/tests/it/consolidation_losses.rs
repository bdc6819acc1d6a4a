//! What goes: deletions, merges, facts that are deleted meanwhile.

use hindsight_engine::config::ConsolidationSettings;
use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::recall::FactType;
use serde_json::json;
use uuid::Uuid;

use crate::consolidation::{Shown, facts_of, into_the_first, observations_of, one_each, settings, with};
use crate::jobs::{Working, quick};
use crate::support::TestEngine;

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
