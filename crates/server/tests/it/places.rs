//! Routes under a path of their own, routes that are gone, and the pages about routes.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::TestApp;

const CONTRACT: &str = include_str!("../../openapi.json");

#[tokio::test]
async fn routes_answer_under_their_path_and_without_it() {
    let app = TestApp::with(&[("HINDSIGHT_API_BASE_PATH", "/memory/v2/")]).await;
    let retained = app
        .post(
            "/memory/v2/v1/default/banks/b%20c/memories",
            json!({"items": [{"content": "The door is blue"}]}),
        )
        .await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
    for prefix in ["", "/memory/v2"] {
        let found = app
            .post(&format!("{prefix}/v1/default/banks/b%20c/memories/recall"), json!({"query": "door"}))
            .await;
        assert_eq!(found.body["results"][0]["text"], "The door is blue", "{prefix}");
        assert_eq!(app.get(&format!("{prefix}/health")).await.status, StatusCode::OK);
        let missing = app.get(&format!("{prefix}/nothing")).await;
        assert_eq!((missing.status, missing.detail()), (StatusCode::NOT_FOUND, "Not Found"));
        let ignored = app.get(&format!("{prefix}/v1/default/banks?colour=blue")).await;
        assert_eq!(ignored.headers["x-ignored-params"], "colour");
    }
    assert_eq!(app.get("/memory/v3/health").await.status, StatusCode::NOT_FOUND);
    let contract = app.get("/memory/v2/openapi.json").await.body;
    assert_eq!(contract["servers"], json!([{"url": "/memory/v2"}]));
    assert_eq!(contract["info"]["version"], "1.1.0");
}

#[tokio::test]
async fn the_contract_is_served_byte_for_byte_and_shown_to_people() {
    let app = TestApp::start().await;
    let text = app.text("/openapi.json").await;
    assert!(text.1 == CONTRACT, "not the contract");
    assert_eq!(text.0, "application/json");
    for path in ["/docs", "/redoc"] {
        let (kind, page) = app.text(path).await;
        assert!(kind.starts_with("text/html") && page.contains("openapi.json"), "{path}: {kind}");
        // Nothing of it comes from elsewhere.
        assert!(!page.contains("http://") && !page.contains("https://"), "{path}");
    }
}

#[tokio::test]
async fn routes_that_are_gone_say_what_there_is_instead() {
    let app = TestApp::start().await;
    for (method, path, instead) in [
        (Method::GET, "profile", "GET /v1/default/banks"),
        (Method::PUT, "profile", "PATCH /v1/default/banks/{bank_id}"),
        (Method::POST, "background", "PATCH /v1/default/banks/{bank_id}"),
        (Method::GET, "document-transfer", "/transfer/export"),
        (Method::POST, "entities/e/regenerate", "memories/list"),
    ] {
        let answer = app.json(method, &format!("/v1/default/banks/b/{path}"), json!({})).await;
        assert_eq!(answer.status, StatusCode::GONE, "{path}");
        assert!(answer.detail().contains(instead), "{path}: {}", answer.detail());
    }
    let wrong = app.delete("/v1/default/banks/b/profile").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0, "none of them made the bank");
}

#[tokio::test]
async fn retains_take_turns_where_one_is_worked_on_at_a_time() {
    let app = TestApp::with(&[("HINDSIGHT_API_RETAIN_MAX_CONCURRENT", "1")]).await;
    let (first, second) =
        tokio::join!(app.retain(json!([{"content": "one"}])), app.retain(json!([{"content": "two"}])));
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(app.get("/v1/default/banks/b/memories/list").await.body["total"], 2);
}

#[tokio::test]
async fn a_retain_that_takes_too_long_is_given_up() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "one", "document_id": "d"}])).await;
    let hasty = app.beside(&[("HINDSIGHT_API_RETAIN_WALL_TIMEOUT", "1")]).await;
    let held = app.hold("hindsight.banks").await;
    let given_up = hasty.retain(json!([{"content": "two", "document_id": "d"}])).await;
    assert_eq!(given_up.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(given_up.detail().starts_with("not retained within 1 s"), "{}", given_up.detail());
    held.release().await;
    let listed = app.get("/v1/default/banks/b/memories/list").await;
    assert_eq!((&listed.body["total"], &listed.body["items"][0]["text"]), (&json!(1), &json!("one")));
}
