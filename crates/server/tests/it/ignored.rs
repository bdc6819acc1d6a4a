//! Unknown parameters are reported, never refused.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, TestApp};

fn ignored(answer: &Answer) -> Option<&str> {
    answer.headers.get("x-ignored-params").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn query_names_come_first_then_keys_of_the_body() {
    let app = TestApp::start().await;
    let answer = app
        .json(Method::PUT, "/v1/default/banks/b?x=1&x=2", json!({"name": "n", "colour": 1, "näme": 2}))
        .await;
    assert_eq!((answer.status, ignored(&answer)), (StatusCode::OK, Some("x, colour, n?me")));
    let answer = app.get("/v1/default/banks?limit=1&page=2").await;
    assert_eq!((answer.status, ignored(&answer)), (StatusCode::OK, Some("page")));
    let answer = app.get("/v1/default/banks?limit=1").await;
    assert_eq!(ignored(&answer), None);
}

#[tokio::test]
async fn they_are_reported_beside_errors_but_not_inside_objects() {
    let app = TestApp::start().await;
    let body = json!({"items": [{"content": "", "colour": 1}], "urgent": true});
    let answer = app.post("/v1/default/banks/b/memories?now=1", body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ignored(&answer), Some("now, urgent"));
    let answer = app.get("/v1/default/banks/none/stats?fresh=1").await;
    assert_eq!((answer.status, ignored(&answer)), (StatusCode::NOT_FOUND, Some("fresh")));
    let answer = app.get("/nowhere?x=1").await;
    assert_eq!((answer.status, ignored(&answer)), (StatusCode::NOT_FOUND, None));
}
