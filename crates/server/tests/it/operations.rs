//! Operations over HTTP.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::TestApp;

const OPERATIONS: &str = "/v1/default/banks/b/operations";
const MEMORIES: &str = "/v1/default/banks/b/memories";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn submit(app: &TestApp) -> String {
    let body = json!({"async": true, "items": [{"content": "Anna moved to Rome", "document_id": "d"}]});
    let answer = app.post(MEMORIES, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["operation_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_operation_is_seen_and_changed() {
    let app = TestApp::start().await;
    let id = submit(&app).await;
    let one = format!("{OPERATIONS}/{id}");
    let operation = app.get(&one).await.body;
    assert_eq!((&operation["status"], &operation["id"]), (&json!("pending"), &json!(id)));
    assert_eq!(operation["child_operations"][0]["items_count"], 1);
    assert!(operation["task_payload"].is_null());
    let page = app.get(&format!("{OPERATIONS}?exclude_parents=true")).await.body;
    assert_eq!((&page["total"], &page["limit"]), (&json!(1), &json!(20)));
    let child = page["operations"][0]["id"].as_str().unwrap();
    let child = app.get(&format!("{OPERATIONS}/{child}?include_payload=true")).await.body;
    assert_eq!(child["task_payload"]["items"][0]["content"], "Anna moved to Rome");

    let too_early = app.delete(&format!("{one}/delete")).await;
    assert_eq!(too_early.status, StatusCode::CONFLICT);
    assert!(too_early.detail().contains("is pending"), "{}", too_early.detail());
    assert_eq!(app.post(&format!("{one}/retry"), json!({})).await.status, StatusCode::CONFLICT);
    let cancelled = app.delete(&one).await;
    assert_eq!((cancelled.status, &cancelled.body["success"]), (StatusCode::OK, &json!(true)));
    assert_eq!(app.delete(&one).await.status, StatusCode::CONFLICT);
    assert_eq!(app.get(&one).await.body["status"], "cancelled");
    assert_eq!(app.post(&format!("{one}/retry"), json!({})).await.status, StatusCode::OK);
    assert_eq!(app.get(&one).await.body["status"], "pending");
    app.delete(&one).await;
    assert_eq!(app.delete(&format!("{one}/delete")).await.status, StatusCode::OK);
    assert_eq!(app.get(&one).await.body["status"], "not_found");
    app.audit().await;
}

#[tokio::test]
async fn wrong_requests_are_answered_clearly() {
    let app = TestApp::start().await;
    submit(&app).await;
    for (path, problem) in [
        ("?limit=0", "greater_than_equal"),
        ("?limit=101", "less_than_equal"),
        ("?offset=-1", "greater_than_equal"),
        ("?exclude_parents=x", "bool_parsing"),
    ] {
        let answer = app.get(&format!("{OPERATIONS}{path}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(answer.problems()[0].0, problem);
    }
    assert_eq!(app.get(&format!("{OPERATIONS}?status=done")).await.status, StatusCode::BAD_REQUEST);
    for path in ["x", "x/retry", "x/delete"] {
        let answer = match path {
            "x/retry" => app.post(&format!("{OPERATIONS}/{path}"), json!({})).await,
            _ => app.delete(&format!("{OPERATIONS}/{path}")).await,
        };
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(app.get(&format!("{OPERATIONS}/{UNKNOWN}")).await.body["status"], "not_found");
    assert_eq!(
        app.get(&format!("/v1/default/banks/none/operations/{UNKNOWN}")).await.body["status"],
        "not_found"
    );
    for answer in [
        app.delete(&format!("{OPERATIONS}/{UNKNOWN}")).await,
        app.delete(&format!("{OPERATIONS}/{UNKNOWN}/delete")).await,
        app.post(&format!("{OPERATIONS}/{UNKNOWN}/retry"), json!({})).await,
        app.get("/v1/default/banks/none/operations").await,
    ] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_retain_for_later_is_checked_now() {
    let app = TestApp::start().await;
    let send = async |body| app.post(MEMORIES, body).await;
    let twice = json!({"async": true, "items": [{"content": "a", "document_id": "d"}, {"content": "b", "document_id": "d"}]});
    assert_eq!(send(twice).await.status, StatusCode::BAD_REQUEST);
    let no_uuid = json!({"async": true, "operation_id": "x", "items": [{"content": "a"}]});
    assert_eq!(send(no_uuid).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let body = json!({"async": true, "operation_id": UNKNOWN, "items": [{"content": "a"}]});
    assert_eq!(send(body.clone()).await.body["operation_id"], UNKNOWN);
    assert_eq!(send(body.clone()).await.body["operation_id"], UNKNOWN, "the same work again");
    assert_eq!(app.get(OPERATIONS).await.body["total"], 2);
    let elsewhere = app.post("/v1/default/banks/other/memories", body).await;
    assert_eq!(elsewhere.status, StatusCode::CONFLICT);
    let nothing = send(json!({"async": true, "items": []})).await;
    assert_eq!((&nothing.body["items_count"], &nothing.body["operation_id"]), (&json!(0), &json!(null)));
}
