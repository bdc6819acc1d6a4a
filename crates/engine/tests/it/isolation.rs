//! Banks are walls.

use serde_json::json;

use crate::support::{TestEngine, everything};

#[tokio::test]
async fn one_bank_never_sees_another() {
    let test = TestEngine::start().await;
    test.remember("one", &["Alice works at Google"]).await;
    test.remember("two", &["Bob works at Google"]).await;
    assert_eq!(test.found("one", json!({"query": "Who works at Google?"})).await, ["Alice works at Google"]);
    assert_eq!(test.found("two", json!({"query": "Who works at Google?"})).await, ["Bob works at Google"]);
    assert!(test.engine.document("one", "Bob works at Google").await.is_err());
    assert!(test.engine.delete_document("one", "Bob works at Google").await.is_err());
}

#[tokio::test]
async fn a_deleted_bank_leaves_no_row_in_any_table() {
    let test = TestEngine::start().await;
    test.remember("kept", &["Alice works at Google"]).await;
    test.remember("gone", &["Bob met Alice in Paris", "Carol: hello"]).await;
    let key: i64 = sqlx::query_scalar("select bank_key from banks where bank_id = 'gone'")
        .fetch_one(&test.pool)
        .await
        .unwrap();
    let tables = tables(&test).await;
    assert!(tables.len() > 12, "{tables:?}");
    let deleted = test.engine.delete_bank("gone").await.unwrap().deleted_count;
    assert!(deleted > Some(4), "memories, entities and documents: {deleted:?}");
    for table in tables {
        let mut query = sqlx::QueryBuilder::new("select count(*) from ");
        query.push(&table).push(" where bank_key = ").push_bind(key);
        let left: i64 = query.build_query_scalar().fetch_one(&test.pool).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(test.engine.delete_bank("gone").await.unwrap().deleted_count, Some(0));
    assert_eq!(test.memories("kept").await.len(), 1);
}

#[tokio::test]
async fn a_missing_bank_is_an_error_for_readers() {
    let test = TestEngine::start().await;
    let message = "Bank 'none' not found";
    assert_eq!(test.recall("none", json!({"query": "x"})).await.unwrap_err().to_string(), message);
    let listed = test.engine.list_memories("none", &everything(), 1, 0).await;
    assert_eq!(listed.unwrap_err().to_string(), message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_deleted_under_retains_is_made_again_and_leaves_nothing_behind() {
    let test = TestEngine::start().await;
    let item = |i: usize| {
        // Dated and undated, new and replaced documents.
        let timestamp = if i.is_multiple_of(2) { "2024-01-01T10:00:00Z" } else { "unset" };
        json!([{
            "content": format!("Ann: fact number {i}"), "document_id": format!("{}", i % 5),
            "timestamp": timestamp, "context": format!("{}", i % 3),
        }])
    };
    let mut deleted = 0;
    for round in 0..6 {
        let retains = (0..8).map(|i| {
            let test = &test;
            async move { test.retain("b", item(round * 8 + i)).await }
        });
        let deletes = (0..2).map(|_| test.engine.delete_bank("b"));
        let (retained, gone) =
            futures::join!(futures::future::join_all(retains), futures::future::join_all(deletes));
        for outcome in retained {
            outcome.expect("accepted, then deleted or kept");
        }
        deleted += gone.into_iter().filter(|gone| gone.as_ref().unwrap().deleted_count > Some(0)).count();
    }
    assert!(deleted > 0, "some deletes met a bank with facts in it");
    for table in tables(&test).await {
        let mut query = sqlx::QueryBuilder::new("select count(*) from ");
        query.push(&table).push(" where bank_key not in (select bank_key from banks)");
        let left: i64 = query.build_query_scalar().fetch_one(&test.pool).await.unwrap();
        assert_eq!(left, 0, "rows of deleted banks in {table}");
    }
}

/// Tables that hold something of a bank.
async fn tables(test: &TestEngine) -> Vec<String> {
    sqlx::query_scalar(
        "select table_name::text from information_schema.columns
         where table_schema = 'hindsight' and column_name = 'bank_key'",
    )
    .fetch_all(&test.pool)
    .await
    .unwrap()
}
