//! Tags, metadata and scopes of documents and of the memories that were read from them.

use hindsight_engine::EngineError;
use hindsight_types::documents::UpdateDocumentRequest;
use hindsight_types::retain::{ObservationScopes, ScopeRule};
use hindsight_types::tags::TagSource;
use serde_json::json;
use uuid::Uuid;

use crate::changes::{append, parts};
use crate::support::TestEngine;

#[tokio::test]
async fn memories_that_stay_take_new_labels() {
    let test = TestEngine::start().await;
    let item = |tags: &[&str], metadata: &str, scopes: &str| {
        json!([{"content": "Ann likes tea", "document_id": "d", "tags": tags, "metadata": {"k": metadata},
            "observation_scopes": scopes}])
    };
    test.retain("b", item(&["a", "b"], "1", "combined")).await.unwrap();
    let id = test.ids("d").await[0];
    // As a label of the bank's vocabulary has made it.
    sqlx::query("update memories set label_tags = '{topic:tea}', tags = '{a,b,topic:tea}'")
        .execute(&test.pool)
        .await
        .unwrap();
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    test.read_nothing_more();
    test.retain("b", item(&["b", "c"], "2", "combined")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert_eq!(memory.tags, ["b", "c", "topic:tea"]);
    assert_eq!(memory.metadata["k"], "2");
    assert_eq!(memory.consolidated_at, None, "other observations may be made of it");
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.tags, ["b", "c"]);
    assert_eq!(document.document_metadata.unwrap()["k"], "2");

    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    test.retain("b", item(&["b", "c"], "3", "combined")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert!(memory.metadata["k"] == "3" && memory.consolidated_at.is_some(), "metadata scopes nothing");
    test.retain("b", item(&["b", "c"], "3", "shared")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert_eq!((memory.observation_scopes, memory.consolidated_at), (Some(json!("shared")), None));
    test.read_again();
    test.audit().await;
}

#[tokio::test]
async fn observations_go_with_the_facts_they_were_made_of() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["Ann drank tea on Monday", "Ann drank tea on Friday"])).await.unwrap();
    let ids = test.ids("d").await;
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    let observe = || {
        sqlx::query(
            "insert into memories (bank_key, memory_id, ordinal, fact_type, body, source_ids, created_at)
             select bank_key, $1, 0, 3, '', $2, now() from banks",
        )
        .bind(Uuid::now_v7())
        .bind(&ids)
        .execute(&test.pool)
    };
    let observations = || {
        sqlx::query_scalar::<_, i64>("select count(*) from memories where fact_type = 3")
            .fetch_one(&test.pool)
    };
    observe().await.unwrap();
    test.retain("b", parts(&["Ann drank tea on Monday"])).await.unwrap();
    assert_eq!(observations().await.unwrap(), 0);
    let memory = test.engine.memory("b", ids[0]).await.unwrap();
    assert_eq!(memory.consolidated_at, None, "it waits for another observation");

    observe().await.unwrap();
    let shared = Some(ObservationScopes::Rule(ScopeRule::Shared));
    let request = UpdateDocumentRequest { tags: None, observation_scopes: shared };
    test.engine.update_document("b", "d", &request).await.unwrap();
    assert_eq!(observations().await.unwrap(), 0, "made for other eyes");
}

#[tokio::test]
async fn labels_of_a_document_are_those_of_its_memories() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "one apple", "document_id": "d", "tags": ["a"], "metadata": {"k": "1"}},
        {"content": "two pears", "document_id": "d", "tags": ["b"]},
    ]);
    test.retain("b", items).await.unwrap();
    let ids = test.ids("d").await;
    let tags = |tags: &[&str]| UpdateDocumentRequest {
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        observation_scopes: None,
    };
    test.engine.update_document("b", "d", &tags(&["y", "x", "y"])).await.unwrap();
    for id in &ids {
        assert_eq!(test.engine.memory("b", *id).await.unwrap().tags, ["y", "x"]);
    }
    assert_eq!(test.engine.document("b", "d").await.unwrap().tags, ["x", "y"]);
    assert_eq!(
        test.found("b", json!({"query": "apple", "tags": ["a"], "tags_match": "all_strict"})).await.len(),
        0
    );
    let found = test.found("b", json!({"query": "apple", "tags": ["x"], "tags_match": "all_strict"})).await;
    assert_eq!(found.first().map(String::as_str), Some("one apple"));

    let scopes = Some(ObservationScopes::Sets(vec![vec!["x".to_owned()]]));
    let request = UpdateDocumentRequest { tags: None, observation_scopes: scopes };
    test.engine.update_document("b", "d", &request).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().observation_scopes, Some(json!([["x"]])));
    let memory = test.engine.memory("b", ids[0]).await.unwrap();
    assert_eq!((memory.observation_scopes, memory.tags.len()), (Some(json!([["x"]])), 2));
    assert_eq!(memory.metadata["k"], "1");
    // They are those of the items too: what is added later does not bring the old ones back.
    test.retain("b", append("three plums")).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().tags, ["x", "y"]);
    test.engine.update_document("b", "d", &tags(&[])).await.unwrap();
    assert_eq!(test.engine.list_tags("b", None, TagSource::Memories, 10, 0).await.unwrap().total, 0);
    let error = test.engine.update_document("b", "none", &tags(&[])).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error}");
    test.audit().await;
}
