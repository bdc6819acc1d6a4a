//! Routes of documents.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::TestApp;

const DOCUMENTS: &str = "/v1/default/banks/b/documents";

#[tokio::test]
async fn a_document_shows_what_it_was_retained_with() {
    let app = TestApp::start().await;
    let item = json!({
        "content": "Alice works at Google.", "document_id": "notes/1", "context": "career", "tags": ["t"],
        "metadata": {"source": "slack"}, "timestamp": "2024-01-15T00:00:00", "observation_scopes": "per_tag",
    });
    app.retain(json!([item])).await;
    for path in ["notes/1", "notes%2F1"] {
        let answer = app.get(&format!("{DOCUMENTS}/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let document = answer.body;
        assert_eq!(document["original_text"], "Alice works at Google.");
        assert_eq!(document["memory_unit_count"], 1);
        assert_eq!(document["nodes_by_fact_type"], json!({"world": 1}));
        assert_eq!(document["document_metadata"], json!({"source": "slack"}));
        assert_eq!(document["observation_scopes"], "per_tag");
        assert_eq!(document["retain_params"]["event_date"], "2024-01-15T00:00:00+00:00");
        assert_eq!(document["content_hash"].as_str().unwrap().len(), 64);
    }
}

#[tokio::test]
async fn the_list_searches_ids_and_texts() {
    let app = TestApp::start().await;
    let items = json!([
        {"content": "about gardens", "document_id": "one", "tags": ["a"]},
        {"content": "about one house", "document_id": "two"},
    ]);
    app.retain(items).await;
    let answer = app.get(&format!("{DOCUMENTS}?q=ONE")).await;
    assert_eq!((&answer.body["total"], &answer.body["total_is_estimate"]), (&json!(2), &json!(false)));
    let fields: Vec<_> =
        answer.body["items"].as_array().unwrap().iter().map(|item| &item["matched_fields"]).collect();
    assert_eq!(fields, [&json!(["id"]), &json!(["original_text"])]);
    let answer = app.get(&format!("{DOCUMENTS}?tags=a")).await;
    assert_eq!(answer.body["items"][0]["id"], "one");
    assert_eq!(answer.body["items"][0]["text_length"], 13);
    assert_eq!(answer.body["total"], 1, "strict by default");
    let answer = app.get(&format!("{DOCUMENTS}?time_field=occurred_start")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_deleted_document_takes_its_memories_along() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "Ann: hi\nBob: hello there", "document_id": "d"}])).await;
    let answer = app.delete(&format!("{DOCUMENTS}/d")).await;
    assert_eq!((answer.status, &answer.body["memory_units_deleted"]), (StatusCode::OK, &json!(2)));
    assert_eq!(app.recall(json!({"query": "hello"})).await.body["results"], json!([]));
    let answer = app.delete(&format!("{DOCUMENTS}/d")).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Document 'd' not found"));
}

#[tokio::test]
async fn chunks_are_listed_and_read_by_their_public_id() {
    let app = TestApp::start().await;
    let items =
        json!([{"content": "first", "document_id": "x/d_1"}, {"content": "second", "document_id": "x/d_1"}]);
    app.retain(items).await;
    let answer = app.get(&format!("{DOCUMENTS}/x/d_1/chunks?limit=1&offset=1")).await;
    assert_eq!((answer.status, &answer.body["total"]), (StatusCode::OK, &json!(2)));
    let chunk = answer.body["items"][0].clone();
    assert_eq!((&chunk["chunk_text"], &chunk["chunk_index"]), (&json!("second"), &json!(1)));
    assert_eq!(chunk["chunk_id"], "b_x/d~5F1_1");
    for path in ["b_x/d~5F1_1", "b_x%2Fd~5F1_1"] {
        assert_eq!(app.get(&format!("/v1/default/chunks/{path}")).await.body, chunk, "{path}");
    }
    for path in ["b_x/d~5F1_2", "b_other_0", "none_d_0", "nonsense"] {
        let answer = app.get(&format!("/v1/default/chunks/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.get(&format!("{DOCUMENTS}/none/chunks")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_document_is_made_anew_from_its_text() {
    let app = TestApp::start().await;
    let item = json!({
        "content": "Anna moved to Rome yesterday", "document_id": "a/b", "tags": ["t"], "context": "chat",
        "metadata": {"k": "v"}, "timestamp": "2023-05-08T13:56:00Z", "entities": [{"text": "Anna"}],
    });
    let undated = json!({"content": "Bob plays the violin", "document_id": "u", "timestamp": "unset"});
    app.retain(json!([item, undated])).await;
    for (id, content, timestamp) in [
        ("a/b", "Anna moved to Rome yesterday", json!("2023-05-08T13:56:00+00:00")),
        ("u", "Bob plays the violin", json!("unset")),
    ] {
        let answer = app.post(&format!("/v1/default/banks/b/documents/{id}/reprocess"), json!({})).await;
        assert_eq!(
            (answer.status, &answer.body["items_count"]),
            (StatusCode::OK, &json!(1)),
            "{}",
            answer.body
        );
        let operations = "/v1/default/banks/b/operations";
        let parent = answer.body["operation_id"].as_str().unwrap();
        let parent = app.get(&format!("{operations}/{parent}")).await.body;
        assert_eq!(parent["operation_type"], "batch_retain");
        let child = parent["child_operations"][0]["operation_id"].as_str().unwrap();
        let child = app.get(&format!("{operations}/{child}?include_payload=true")).await.body;
        let item = &child["task_payload"]["items"][0];
        assert_eq!((&item["content"], &item["timestamp"]), (&json!(content), &timestamp));
        if id == "a/b" {
            assert_eq!((&item["tags"], &item["context"]), (&json!(["t"]), &json!("chat")));
            assert_eq!((&item["metadata"]["k"], &item["entities"][0]["text"]), (&json!("v"), &json!("Anna")));
        }
    }
    let missing = app.post("/v1/default/banks/b/documents/none/reprocess", json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let nothing = app.post("/v1/default/banks/b/documents/u", json!({})).await;
    assert_eq!(nothing.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(nothing.headers["allow"], "GET,HEAD,DELETE");
}
