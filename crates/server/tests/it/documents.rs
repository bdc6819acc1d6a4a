//! Routes of documents.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

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
    assert_eq!(nothing.headers["allow"], "GET,HEAD,PATCH,DELETE");
}

#[tokio::test]
async fn tags_of_a_document_are_replaced_where_they_are_used() {
    let app = TestApp::start().await;
    let items = json!([{"content": "Alice likes tea", "document_id": "x/1", "tags": ["Old", "user:ann"]}]);
    app.retain(items).await;
    let path = format!("{DOCUMENTS}/x/1");
    let answer = app.json(Method::PATCH, &path, json!({"tags": ["new"]})).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({"success": true})));
    assert_eq!(app.get(&path).await.body["tags"], json!(["new"]));
    let recalled = app.recall(json!({"query": "tea", "tags": ["new"], "tags_match": "all_strict"})).await;
    assert_eq!(recalled.body["results"][0]["tags"], json!(["new"]));
    let answer = app.json(Method::PATCH, &path, json!({"observation_scopes": "shared"})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(app.get(&path).await.body["observation_scopes"], "shared");

    for body in [json!({}), json!({"tags": null, "observation_scopes": null})] {
        let answer = app.json(Method::PATCH, &path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.problems(), [("value_error".to_owned(), json!(["body"]))]);
    }
    let answer = app.json(Method::PATCH, &path, json!({"tags": [1]})).await;
    assert_eq!(answer.problems(), [("string_type".to_owned(), json!(["body", "tags", 0]))]);
    let answer = app.json(Method::PATCH, &format!("{DOCUMENTS}/none"), json!({"tags": []})).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Document 'none' not found"));
    app.audit().await;
}

#[tokio::test]
async fn tags_are_counted_and_searched() {
    let app = TestApp::start().await;
    let items = json!([
        {"content": "one", "document_id": "1", "tags": ["user:ann", "100%"]},
        {"content": "two", "document_id": "2", "tags": ["User:Bob", "user:ann"]},
    ]);
    app.retain(items).await;
    let tags = "/v1/default/banks/b/tags";
    let answer = app.get(tags).await;
    let items = json!([{"tag": "user:ann", "count": 2}, {"tag": "100%", "count": 1}, {"tag": "User:Bob", "count": 1}]);
    assert_eq!(answer.body, json!({"items": items, "total": 3, "limit": 100, "offset": 0}));
    for (query, found) in [
        ("?q=USER:*", json!(["user:ann", "User:Bob"])),
        ("?q=user:ann", json!(["user:ann"])),
        ("?q=user", json!([])),
        ("?q=*%25", json!(["100%"])),
        ("?q=u_er*", json!([])),
        ("?q=*b*&limit=1", json!(["User:Bob"])),
        ("?source=mental_models", json!([])),
        ("?limit=0", json!([])),
        ("?offset=2", json!(["User:Bob"])),
    ] {
        let answer = app.get(&format!("{tags}{query}")).await;
        let names: Value =
            answer.body["items"].as_array().unwrap().iter().map(|item| item["tag"].clone()).collect();
        assert_eq!(names, found, "{query}");
    }
    assert_eq!(app.get(&format!("{tags}?limit=0")).await.body["total"], 3);
    assert_eq!(app.get(&format!("{tags}?source=x")).await.problems()[0].0, "literal_error");
    assert_eq!(app.get("/v1/default/banks/none/tags").await.status, StatusCode::NOT_FOUND);

    let scopes = "/v1/default/banks/b/observations/scopes";
    let empty = json!({"scopes": [], "total": 0, "limit": 100, "offset": 0});
    assert_eq!(app.get(scopes).await.body, empty);
    assert_eq!(app.get(&format!("{scopes}?limit=1001")).await.problems()[0].0, "less_than_equal");
    assert_eq!(app.get("/v1/default/banks/none/observations/scopes").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn memories_are_deleted_and_documents_stay() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "user: tea is good\nassistant: I agree", "document_id": "d"}])).await;
    let memories = "/v1/default/banks/b/memories";
    let answer = app.delete(&format!("{memories}?type=nonsense")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = app.delete(&format!("{memories}?type=experience")).await;
    assert_eq!((answer.status, &answer.body["deleted_count"]), (StatusCode::OK, &json!(1)));
    assert_eq!(app.delete(memories).await.body["deleted_count"], 1);
    assert_eq!(app.get(&format!("{DOCUMENTS}/d")).await.body["memory_unit_count"], 0);
    let answer = app.delete("/v1/default/banks/none/memories").await;
    assert_eq!((answer.status, &answer.body["deleted_count"]), (StatusCode::OK, &json!(0)));
    app.audit().await;
}

#[tokio::test]
async fn appends_are_kept_or_refused_with_the_reason() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "first", "document_id": "d"}])).await;
    let more = json!([{"content": "second", "document_id": "d", "update_mode": "append"}]);
    assert_eq!(app.retain(more).await.status, StatusCode::OK);
    assert_eq!(app.get(&format!("{DOCUMENTS}/d")).await.body["original_text"], "first\nsecond");
    let answer = app.retain(json!([{"content": "third", "update_mode": "append"}])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.detail(), "items[0]: update_mode 'append' requires a document_id");
}
