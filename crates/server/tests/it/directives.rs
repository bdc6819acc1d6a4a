//! Directives: kept, listed, changed, deleted; bad ones refused.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::TestApp;

const DIRECTIVES: &str = "/v1/default/banks/b/directives";

async fn bank() -> TestApp {
    let app = TestApp::start().await;
    assert_eq!(app.json(Method::PUT, "/v1/default/banks/b", json!({})).await.status, StatusCode::OK);
    app
}

async fn add(app: &TestApp, body: Value) -> String {
    let answer = app.post(DIRECTIVES, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("{DIRECTIVES}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn directives_live_from_making_to_deleting() {
    let app = bank().await;
    let id = add(&app, json!({"name": "tone", "content": "Be brief.\u{0}", "tags": ["a", "a"]})).await;
    let one = format!("{DIRECTIVES}/{id}");
    let expected = json!({
        "id": id, "bank_id": "b", "name": "tone", "content": "Be brief.", "priority": 0, "is_active": true,
        "tags": ["a"], "created_at": "2024-05-10T12:00:00+00:00", "updated_at": "2024-05-10T12:00:00+00:00",
    });
    assert_eq!(app.get(&one).await.body, expected);
    let answer = app.json(Method::PATCH, &one, json!({"name": null})).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &expected), "nothing given, nothing changed");
    let change = json!({"content": "Be long.", "priority": -3, "is_active": false, "tags": []});
    let changed = app.json(Method::PATCH, &one, change).await.body;
    assert_eq!(
        (
            &changed["name"],
            &changed["content"],
            &changed["priority"],
            &changed["is_active"],
            &changed["tags"]
        ),
        (&json!("tone"), &json!("Be long."), &json!(-3), &json!(false), &json!([]))
    );
    assert_eq!(app.get(&one).await.body, changed);
    let deleted = app.delete(&one).await;
    assert_eq!((deleted.status, deleted.body), (StatusCode::OK, json!({"status": "deleted"})));
    for answer in [
        app.get(&one).await,
        app.delete(&one).await,
        app.json(Method::PATCH, &one, json!({"name": "x"})).await,
        app.get(&format!("{DIRECTIVES}/nothing")).await,
    ] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.detail().starts_with("Directive '"), "{}", answer.detail());
    }
}

#[tokio::test]
async fn directives_are_listed_by_priority_and_tags() {
    let app = bank().await;
    add(&app, json!({"name": "plain", "content": "x"})).await;
    add(&app, json!({"name": "first", "content": "x", "priority": 9, "tags": ["a", "b"]})).await;
    add(&app, json!({"name": "last", "content": "x", "priority": -9, "tags": ["b"]})).await;
    add(&app, json!({"name": "off", "content": "x", "priority": 5, "is_active": false})).await;
    for (query, expected) in [
        ("", vec!["first", "plain", "last"]),
        ("?active_only=false", vec!["first", "off", "plain", "last"]),
        ("?tags=a", vec!["first", "plain"]),
        ("?tags=a&tags=b&tags_match=all", vec!["first", "plain"]),
        ("?tags=b&tags_match=exact", vec!["last"]),
        ("?tags_match=exact", vec!["plain"]),
        ("?tags_match=all", vec!["first", "plain", "last"]),
        ("?limit=1&offset=1", vec!["plain"]),
        ("?offset=9", vec![]),
    ] {
        assert_eq!(names(&app, query).await, expected, "{query}");
    }
    let page = app.get(&format!("{DIRECTIVES}?limit=1&offset=1")).await.body;
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(3), &json!(1), &json!(1)));
}

#[tokio::test]
async fn bad_directives_are_refused_and_leave_nothing_behind() {
    let app = bank().await;
    let id = add(&app, json!({"name": "tone", "content": "Be brief."})).await;
    let one = format!("{DIRECTIVES}/{id}");
    let before = app.get(&one).await.body;
    for body in [
        json!({}),
        json!({"name": "a"}),
        json!({"name": " ", "content": "x"}),
        json!({"name": "a", "content": ""}),
        json!({"name": "a", "content": "x", "priority": "high"}),
        json!({"name": "a", "content": "x", "tags": "t"}),
        json!([1]),
    ] {
        assert_eq!(
            app.post(DIRECTIVES, body.clone()).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}"
        );
    }
    for body in
        [json!({"name": ""}), json!({"priority": 1.5, "name": "b"}), json!({"tags": [1], "name": "b"})]
    {
        let answer = app.json(Method::PATCH, &one, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    for query in ["?limit=0", "?limit=1001", "?offset=-1", "?tags_match=any_strict", "?active_only=perhaps"] {
        let answer = app.get(&format!("{DIRECTIVES}{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    assert_eq!(app.get(&one).await.body, before);
    assert_eq!(names(&app, "?active_only=false").await, ["tone"]);
    let elsewhere = "/v1/default/banks/missing/directives";
    for answer in [
        app.get(elsewhere).await,
        app.post(elsewhere, json!({"name": "a", "content": "x"})).await,
        app.get(&format!("{elsewhere}/{id}")).await,
        app.delete(&format!("{elsewhere}/{id}")).await,
    ] {
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'missing' not found"));
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 1, "no bank is made for a directive");
}

#[tokio::test]
async fn banks_are_walls_for_directives_and_take_them_along() {
    let app = bank().await;
    assert_eq!(app.json(Method::PUT, "/v1/default/banks/c", json!({})).await.status, StatusCode::OK);
    let id = add(&app, json!({"name": "tone", "content": "Be brief."})).await;
    let other = format!("/v1/default/banks/c/directives/{id}");
    assert_eq!(app.get(&other).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(&other).await.status, StatusCode::NOT_FOUND);
    assert_eq!(names(&app, "").await, ["tone"]);
    app.delete("/v1/default/banks/b").await;
    assert_eq!(app.json(Method::PUT, "/v1/default/banks/b", json!({})).await.status, StatusCode::OK);
    assert_eq!(names(&app, "").await, Vec::<String>::new());
}
