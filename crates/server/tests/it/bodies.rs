//! Requests that are no good, for every route that takes a body.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const ROUTES: [(Method, &str); 3] = [
    (Method::PUT, "/v1/default/banks/b"),
    (Method::POST, "/v1/default/banks/b/memories"),
    (Method::POST, "/v1/default/banks/b/memories/recall"),
];

async fn raw(app: &TestApp, method: &Method, path: &str, label: Option<&str>, body: &str) -> Answer {
    let mut request = Request::builder().method(method.clone()).uri(path);
    if let Some(label) = label {
        request = request.header(header::CONTENT_TYPE, label);
    }
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn broken_json_is_told_with_its_offset() {
    let app = TestApp::start().await;
    for (method, path) in &ROUTES {
        let answer = raw(&app, method, path, Some("application/json"), "{\"a\": nope}").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.problems(), [("json_invalid".to_owned(), json!(["body", 7]))], "{path}");
    }
}

#[tokio::test]
async fn an_empty_or_unlabelled_body_is_told_at_the_body() {
    let app = TestApp::start().await;
    for (method, path) in &ROUTES {
        let answer = raw(&app, method, path, Some("application/json; charset=utf-8"), "").await;
        assert_eq!(answer.problems(), [("missing".to_owned(), json!(["body"]))], "{path}");
        for label in [None, Some("text/plain")] {
            let answer = raw(&app, method, path, label, "{}").await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(answer.problems(), [("model_attributes_type".to_owned(), json!(["body"]))], "{path}");
        }
    }
}

#[tokio::test]
async fn invalid_utf8_is_broken_json() {
    let app = TestApp::start().await;
    let request =
        Request::post("/v1/default/banks/b/memories").header(header::CONTENT_TYPE, "application/json");
    let answer = app.send(request.body(Body::from(&b"{\"items\": [\"\xff\"]}"[..])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.problems()[0].0, "json_invalid");
}

#[tokio::test]
async fn characters_no_database_holds_are_dropped_everywhere() {
    let app = TestApp::start().await;
    let body = r#"{"items": [{"content": "cut \ud83d off \u0000here", "tags": ["t\u0000"]}]}"#;
    let answer =
        raw(&app, &Method::POST, "/v1/default/banks/b/memories", Some("application/json"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let recalled =
        app.recall(json!({"query": "cut\u{0}", "tags": ["t\u{0}"], "tags_match": "all_strict"})).await;
    assert_eq!(recalled.body["results"][0]["text"], "cut  off here");
    for (path, status) in [
        ("/v1/default/banks/b/memories/list?q=%00cut&tags=t%00&document_id=%00", StatusCode::OK),
        ("/v1/default/banks?q=%00", StatusCode::OK),
        ("/v1/default/banks/%00/documents", StatusCode::BAD_REQUEST),
        ("/v1/default/banks/b/documents/a%00b", StatusCode::BAD_REQUEST),
        ("/v1/default/banks/b/documents/%FF", StatusCode::BAD_REQUEST),
        ("/v1/default/banks/b/memories/list?start_date=-5000-01-01", StatusCode::BAD_REQUEST),
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn wrong_types_are_all_told_at_once_and_nothing_is_written() {
    let app = TestApp::start().await;
    let items: Value = json!([
        {"content": "sound"},
        {"content": 5, "metadata": {"a": 1}, "tags": [true]},
        {"context": "no content", "timestamp": "yesterday"},
        {"content": "  "},
        {"content": "x", "timestamp": "0001-01-01T00:00:00Z", "update_mode": "merge"},
    ]);
    let answer = app.retain(items).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let places: Vec<(String, String)> =
        answer.problems().into_iter().map(|(kind, loc)| (kind, loc.to_string())).collect();
    let expected = [
        ("string_type", r#"["body","items",1,"content"]"#),
        ("string_type", r#"["body","items",1,"metadata","a"]"#),
        ("string_type", r#"["body","items",1,"tags",0]"#),
        ("missing", r#"["body","items",2,"content"]"#),
        ("value_error", r#"["body","items",2,"timestamp"]"#),
        ("value_error", r#"["body","items",3,"content"]"#),
        ("value_error", r#"["body","items",4,"timestamp"]"#),
        ("literal_error", r#"["body","items",4,"update_mode"]"#),
    ];
    for (kind, place) in expected {
        assert!(places.contains(&(kind.to_owned(), place.to_owned())), "{kind} {place} in {places:?}");
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn blank_content_is_refused() {
    let app = TestApp::start().await;
    for content in [json!(""), json!(" \n"), json!([]), json!([{"type": "text", "text": " "}])] {
        let answer = app.retain(json!([{"content": content}])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.problems(), [("value_error".to_owned(), json!(["body", "items", 0, "content"]))]);
        assert_eq!(answer.body["detail"][0]["ctx"], json!({"error": {}}));
        let message = answer.body["detail"][0]["msg"].as_str().unwrap();
        assert!(message.starts_with("Value error, "), "{message}");
    }
}

#[tokio::test]
async fn recall_checks_every_field() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "a fact"}])).await;
    for (request, kind, place) in [
        (json!({}), "missing", json!(["body", "query"])),
        (json!({"query": "?! …"}), "value_error", json!(["body", "query"])),
        (json!({"query": "x", "types": ["world", "dream"]}), "value_error", json!(["body", "types", 1])),
        (json!({"query": "x", "budget": "huge"}), "enum", json!(["body", "budget"])),
        (json!({"query": "x", "max_tokens": "many"}), "int_parsing", json!(["body", "max_tokens"])),
        (json!({"query": "x", "tags_match": "some"}), "literal_error", json!(["body", "tags_match"])),
        (json!({"query": "x", "tags": [], "tag_groups": []}), "value_error", json!(["body"])),
        (
            json!({"query": "x", "tag_groups": [{"and": 1}]}),
            "list_type",
            json!(["body", "tag_groups", 0, "and"]),
        ),
        (
            json!({"query": "x", "include": {"chunks": 1}}),
            "model_attributes_type",
            json!(["body", "include", "chunks"]),
        ),
        (
            json!({"query": "x", "temporal_window": {"start": "2024-02-01", "end": "2024-01-01"}}),
            "value_error",
            json!(["body", "temporal_window"]),
        ),
        (
            json!({"query": "x", "temporal_window": {"start": "x", "end": "2024-01-01"}}),
            "datetime_parsing",
            json!(["body", "temporal_window", "start"]),
        ),
    ] {
        let answer = app.recall(request.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{request}");
        assert_eq!(answer.problems(), [(kind.to_owned(), place)], "{request}");
    }
    let answer = app.recall(json!({"query": "x", "query_timestamp": "x"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn trees_nested_without_end_are_refused() {
    let app = TestApp::start().await;
    let mut tree = json!({"tags": ["a"]});
    for _ in 0..100 {
        tree = json!({"not": tree});
    }
    let answer = app.recall(json!({"query": "x", "tag_groups": [tree]})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
}

#[tokio::test]
async fn a_body_over_its_limit_is_too_large() {
    let app = TestApp::start().await;
    let query = "x ".repeat(2 << 20);
    let answer = app.recall(json!({"query": query})).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.detail(), "the request body is too large");
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_json() {
    let app = TestApp::start().await;
    let answer = app.get("/v1/default/nothing").await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Not Found"));
    let answer = app.delete("/v1/default/banks").await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
    assert!(answer.headers.contains_key(header::ALLOW));
}
