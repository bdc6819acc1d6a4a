//! Observations of facts that change, and observations that somebody deletes.

use hindsight_engine::EngineError;
use hindsight_types::recall::FactType;
use serde_json::json;
use uuid::Uuid;

use crate::changes::parts;
use crate::support::TestEngine;

/// Three facts, all consolidated.
async fn start() -> (TestEngine, Vec<Uuid>) {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["Ann drank tea on Monday", "Ann drank tea on Friday", "it rains"]))
        .await
        .unwrap();
    let ids = test.ids("d").await;
    consolidated(&test).await;
    (test, ids)
}

async fn consolidated(test: &TestEngine) {
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
}

/// An observation without words, made of these facts.
async fn observe(test: &TestEngine, sources: &[Uuid]) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "with m as (insert into memories (bank_key, memory_id, ordinal, fact_type, body, source_ids, created_at)
           select bank_key, $1, 0, 3, '', $2, now() from banks returning bank_key),
         s as (insert into memory_state (bank_key, memory_id, proof_count, consolidated_at, updated_at)
           select bank_key, $1, cardinality($2), now(), now() from m),
         v as (insert into memory_vectors (bank_key, memory_id, fact_type, embedding, tokens, question_share, has_time)
           select m.bank_key, $1, 3, v.embedding, 0, 0, false from m, (select embedding from memory_vectors limit 1) v)
         update bank_state set memories = memories + 1",
    )
    .bind(id)
    .bind(sources)
    .execute(&test.pool)
    .await
    .unwrap();
    id
}

/// The facts that wait for observations, in the order of the document.
async fn waiting(test: &TestEngine) -> Vec<Uuid> {
    sqlx::query_scalar(
        "select memory_id from memories join memory_state using (bank_key, memory_id)
         where fact_type < 3 and consolidated_at is null order by ordinal",
    )
    .fetch_all(&test.pool)
    .await
    .unwrap()
}

async fn is_there(test: &TestEngine, id: Uuid) -> bool {
    test.engine.memory("b", id).await.is_ok()
}

#[tokio::test]
async fn a_fact_that_changes_takes_its_observations_along() {
    let (test, ids) = start().await;
    for request in [
        json!({"context": "another one"}),
        json!({"text": "Ann drank coffee"}),
        json!({"text": "Ann drank tea on Monday", "state": "invalidated"}),
    ] {
        let (one, other) = (observe(&test, &ids[..2]).await, observe(&test, &ids[2..]).await);
        test.change(ids[0], request.clone()).await.unwrap();
        assert!(!is_there(&test, one).await && is_there(&test, other).await, "{request}");
        let expected = if test.archived("b").await.is_empty() { &ids[..2] } else { &ids[1..2] };
        assert_eq!(waiting(&test).await, expected, "{request}");
        consolidated(&test).await;
        test.audit().await;
    }
    test.change(ids[0], json!({"state": "valid"})).await.unwrap();
    assert_eq!(waiting(&test).await, ids[..1], "it is new to them");
    let history = test.engine.document_history("b", "d", 100, 0).await.unwrap();
    assert_eq!(history.items.iter().map(|event| event.observations_removed.count).sum::<i64>(), 3);
    test.audit().await;
}

#[tokio::test]
async fn an_observation_is_no_fact_to_change() {
    let (test, ids) = start().await;
    let id = observe(&test, &ids[..2]).await;
    for request in [json!({"text": "x"}), json!({"state": "invalidated"}), json!({"entities": []})] {
        let error = test.change(id, request).await.unwrap_err();
        assert!(
            matches!(&error, EngineError::Invalid(message) if message.contains("observation")),
            "{error}"
        );
    }
    assert!(is_there(&test, id).await && waiting(&test).await.is_empty());
}

#[tokio::test]
async fn observations_of_a_fact_are_deleted_and_made_again() {
    let (test, ids) = start().await;
    let (one, other) = (observe(&test, &ids[..2]).await, observe(&test, &ids[1..]).await);
    let deleted = test.engine.delete_observations_of("b", ids[0]).await.unwrap();
    assert_eq!(deleted.deleted_count, 1);
    assert!(!is_there(&test, one).await && is_there(&test, other).await);
    assert_eq!(waiting(&test).await, ids[..2]);
    // Also one that has none waits.
    consolidated(&test).await;
    assert_eq!(test.engine.delete_observations_of("b", ids[0]).await.unwrap().deleted_count, 0);
    assert_eq!(waiting(&test).await, ids[..1]);
    test.change(ids[0], json!({"state": "invalidated"})).await.unwrap();
    assert_eq!(test.engine.delete_observations_of("b", ids[0]).await.unwrap().deleted_count, 0);
    let error = test.engine.delete_observations_of("b", Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { kind: "Memory", .. }), "{error}");
    let error = test.engine.delete_observations_of("c", ids[0]).await.unwrap_err();
    assert!(matches!(error, EngineError::BankNotFound(_)), "{error}");
    test.audit().await;
}

#[tokio::test]
async fn all_observations_are_deleted_and_every_fact_waits() {
    let (test, ids) = start().await;
    for delete_by_type in [false, true] {
        observe(&test, &ids[..2]).await;
        observe(&test, &ids[1..]).await;
        consolidated(&test).await;
        let deleted = if delete_by_type {
            test.engine.delete_memories("b", Some(FactType::Observation)).await
        } else {
            test.engine.delete_observations("b").await
        };
        assert_eq!(deleted.unwrap().deleted_count, Some(2));
        assert_eq!(waiting(&test).await, ids);
        test.audit().await;
    }
    test.read_nothing_more();
    test.retain("b", parts(&["Ann drank tea on Monday", "Ann drank tea on Friday", "it rains"]))
        .await
        .unwrap();
    assert_eq!(test.ids("d").await, ids, "no fact has to be read again");
    let error = test.engine.delete_observations("c").await.unwrap_err();
    assert!(matches!(error, EngineError::BankNotFound(_)), "{error}");
}

#[tokio::test]
async fn a_fact_has_no_history() {
    let (test, ids) = start().await;
    assert_eq!(test.engine.memory_history("b", ids[0]).await.unwrap(), []);
    test.change(ids[0], json!({"state": "invalidated"})).await.unwrap();
    assert_eq!(test.engine.memory_history("b", ids[0]).await.unwrap(), []);
    let error = test.engine.memory_history("b", Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { kind: "Memory", .. }), "{error}");
    let error = test.engine.memory_history("c", ids[0]).await.unwrap_err();
    assert!(matches!(error, EngineError::BankNotFound(_)), "{error}");
}
