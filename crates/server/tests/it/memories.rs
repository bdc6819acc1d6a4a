//! Retain, recall and list over the routes.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn a_retain_answers_as_the_contract_says() {
    let app = TestApp::start().await;
    let answer = app.retain(json!([{"content": "Alice works at Google"}])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let usage = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "cached_tokens": 0, "thoughts_tokens": 0});
    let expected = json!({
        "success": true, "bank_id": "b", "items_count": 1, "async": false,
        "operation_id": null, "operation_ids": null, "usage": usage,
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn nulls_are_always_written() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "plain words only"}])).await;
    let answer = app.recall(json!({"query": "words"})).await;
    let body = answer.body.as_object().unwrap();
    let keys: Vec<&str> = body.keys().map(String::as_str).collect();
    assert_eq!(keys, ["results", "trace", "entities", "chunks", "source_facts", "source_facts_truncated"]);
    assert!(keys[1..].iter().all(|key| body[*key].is_null()));
    let result = body["results"][0].as_object().unwrap();
    let keys: Vec<&str> = result.keys().map(String::as_str).collect();
    let expected = [
        "id",
        "text",
        "type",
        "entities",
        "context",
        "occurred_start",
        "occurred_end",
        "mentioned_at",
        "document_id",
        "metadata",
        "chunk_id",
        "tags",
        "source_fact_ids",
        "scores",
        "attachments",
    ];
    assert_eq!(keys, expected);
    assert_eq!(result["mentioned_at"], "2024-05-10T12:00:00+00:00");
}

#[tokio::test]
async fn a_missing_bank_is_404_for_readers() {
    let app = TestApp::start().await;
    for answer in [
        app.recall(json!({"query": "x"})).await,
        app.get("/v1/default/banks/b/memories/list").await,
        app.get("/v1/default/banks/b/documents").await,
        app.get("/v1/default/banks/b/documents/d").await,
    ] {
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"));
    }
}

async fn texts(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/v1/default/banks/b/memories/list{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let items: &Vec<Value> = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_list_filters_orders_and_pages() {
    let app = TestApp::start().await;
    let items = json!([
        {"content": "alpha", "document_id": "1", "timestamp": "2024-01-01", "tags": ["x"], "context": "Ctx"},
        {"content": "beta", "document_id": "2", "timestamp": "2024-03-01", "tags": ["y"], "entities": [{"text": "Zoe"}]},
        {"content": "gamma", "document_id": "3", "timestamp": "2024-02-01"},
        {"content": "delta", "document_id": "4", "timestamp": "unset"},
    ]);
    app.retain(items).await;
    assert_eq!(texts(&app, "").await, ["beta", "gamma", "alpha", "delta"]);
    assert_eq!(texts(&app, "?limit=2&offset=1").await, ["gamma", "alpha"]);
    assert_eq!(texts(&app, "?q=ALPH").await, ["alpha"]);
    assert_eq!(texts(&app, "?q=ctx").await, ["alpha"]);
    assert_eq!(texts(&app, "?document_id=3").await, ["gamma"]);
    assert_eq!(texts(&app, "?type=world").await.len(), 4);
    assert_eq!(texts(&app, "?type=experience").await.len(), 0);
    assert_eq!(texts(&app, "?tags=x&tags=y&tags_match=any_strict").await, ["beta", "alpha"]);
    assert_eq!(texts(&app, "?tags=x&tags_match=any").await, ["gamma", "alpha", "delta"]);
    assert_eq!(texts(&app, "?tags_match=exact").await, ["gamma", "delta"]);
    let span = "?time_field=mentioned_at&start_date=2024-01-01&end_date=2024-03-01";
    assert_eq!(texts(&app, span).await, ["gamma", "alpha"]);
    assert_eq!(texts(&app, "?state=invalidated").await.len(), 0);
    assert_eq!(texts(&app, "?consolidation_state=pending").await.len(), 4);

    let answer = app.recall(json!({"query": "beta", "include": {"entities": {}}})).await;
    let entity = answer.body["entities"]["Zoe"]["entity_id"].as_str().unwrap();
    assert_eq!(texts(&app, &format!("?entity_id={entity}")).await, ["beta"]);
    assert_eq!(app.get("/v1/default/banks/b/memories/list?limit=0").await.body["total"], 4);
}

#[tokio::test]
async fn unusable_list_parameters_are_named() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "x"}])).await;
    for query in [
        "type=dream",
        "state=old",
        "consolidation_state=x",
        "entity_id=7",
        "time_field=when",
        "start_date=soon",
        "start_date=2024-02-01&end_date=2024-02-01",
    ] {
        let answer = app.get(&format!("/v1/default/banks/b/memories/list?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(!answer.detail().is_empty());
    }
    let answer = app.get("/v1/default/banks/b/memories/list?tags_match=some").await;
    assert_eq!(answer.problems(), [("literal_error".to_owned(), json!(["query", "tags_match"]))]);
}

#[tokio::test]
async fn one_memory_is_read_by_its_id() {
    let app = TestApp::start().await;
    let item = json!({"content": "a thing", "document_id": "d", "entities": [{"text": "Zoe"}], "observation_scopes": "shared"});
    app.retain(json!([item])).await;
    let id = app.get("/v1/default/banks/b/memories/list").await.body["items"][0]["id"].clone();
    let answer = app.get(&format!("/v1/default/banks/b/memories/{}", id.as_str().unwrap())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        (&answer.body["id"], &answer.body["text"], &answer.body["type"]),
        (&id, &json!("a thing"), &json!("world"))
    );
    assert_eq!((&answer.body["entities"], &answer.body["state"]), (&json!(["Zoe"]), &json!("valid")));
    assert_eq!(
        (&answer.body["chunk_id"], &answer.body["observation_scopes"]),
        (&json!("b_d_0"), &json!("shared"))
    );
    let answer = app.get("/v1/default/banks/b/memories/7").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = app.get("/v1/default/banks/b/memories/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    app.json(axum::http::Method::PUT, "/v1/default/banks/other", json!({})).await;
    let answer = app.get(&format!("/v1/default/banks/other/memories/{}", id.as_str().unwrap())).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "another bank's memory");
}
