//! Routes of banks.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_new_bank_has_the_contracts_defaults() {
    let app = TestApp::start().await;
    let answer = app.json(Method::PUT, "/v1/default/banks/my-bank", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({
        "bank_id": "my-bank", "name": "my-bank", "mission": "", "background": "",
        "disposition": {"skepticism": 3, "literalism": 3, "empathy": 3},
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn a_put_changes_what_is_given_and_nothing_else() {
    let app = TestApp::start().await;
    let whole = json!({
        "name": "Assistant", "mission": "help", "background": "old",
        "disposition": {"skepticism": 1, "literalism": 2, "empathy": 5}, "disposition_empathy": 4,
    });
    app.json(Method::PUT, "/v1/default/banks/b", whole).await;
    let nulls = json!({"name": null, "mission": null, "disposition_skepticism": 2});
    let answer = app.json(Method::PUT, "/v1/default/banks/b", nulls).await;
    let expected = json!({
        "bank_id": "b", "name": "Assistant", "mission": "help", "background": "help",
        "disposition": {"skepticism": 2, "literalism": 2, "empathy": 4},
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn traits_outside_their_bounds_are_refused() {
    let app = TestApp::start().await;
    let body =
        json!({"disposition_skepticism": 0, "disposition_empathy": 6, "disposition": {"literalism": 3}});
    let answer = app.json(Method::PUT, "/v1/default/banks/b", body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let kinds: Vec<String> = answer.problems().into_iter().map(|problem| problem.0).collect();
    assert_eq!(kinds, ["missing", "missing", "greater_than_equal", "less_than_equal"]);
    assert_eq!(answer.body["detail"][2]["ctx"], json!({"ge": 1}));
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0, "nothing was made");
}

#[tokio::test]
async fn unusable_settings_and_names_are_refused() {
    let app = TestApp::start().await;
    for (path, body) in [
        ("/v1/default/banks/b", json!({"retain_extraction_mode": "short"})),
        ("/v1/default/banks/b", json!({"retain_chunk_size": 0})),
        ("/v1/default/banks/_b", json!({})),
    ] {
        let answer = app.json(Method::PUT, path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn listing_pages_and_searches() {
    let app = TestApp::start().await;
    for (bank, name) in [("alpha", "First"), ("beta", "Second"), ("gamma", "third ALPHA")] {
        app.json(Method::PUT, &format!("/v1/default/banks/{bank}"), json!({"name": name})).await;
    }
    let answer = app.get("/v1/default/banks?limit=2&offset=1").await;
    assert_eq!((answer.body["total"].as_i64(), answer.body["banks"].as_array().unwrap().len()), (Some(3), 2));
    let answer = app.get("/v1/default/banks?q=ALPH").await;
    assert_eq!(answer.body["total"], 2);
    let answer = app.get("/v1/default/banks?limit=0").await;
    assert_eq!((&answer.body["banks"], &answer.body["total"]), (&json!([]), &json!(3)));
    let answer = app.get("/v1/default/banks?limit=-1&offset=x").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = [
        ("greater_than_equal".to_owned(), json!(["query", "limit"])),
        ("int_parsing".to_owned(), json!(["query", "offset"])),
    ];
    assert_eq!(answer.problems(), expected);
}

#[tokio::test]
async fn deleting_counts_what_went_and_never_fails() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "one fact", "entities": [{"text": "Zoe"}]}])).await;
    let answer = app.delete("/v1/default/banks/b").await;
    assert_eq!((answer.status, &answer.body["deleted_count"]), (StatusCode::OK, &json!(3)));
    let answer = app.delete("/v1/default/banks/b").await;
    assert_eq!((answer.status, &answer.body["deleted_count"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn a_bank_id_may_hold_any_printable_character() {
    let app = TestApp::start().await;
    let answer = app.json(Method::PUT, "/v1/default/banks/a%2Fb%20%C3%A9%3F", json!({})).await;
    assert_eq!((answer.status, &answer.body["bank_id"]), (StatusCode::OK, &json!("a/b é?")));
}

#[tokio::test]
async fn a_patch_changes_a_bank_that_exists() {
    let app = TestApp::start().await;
    let answer = app.json(Method::PATCH, "/v1/default/banks/b", json!({"name": "n"})).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"));
    app.json(Method::PUT, "/v1/default/banks/b", json!({"mission": "m"})).await;
    let answer = app.json(Method::PATCH, "/v1/default/banks/b", json!({"name": "n"})).await;
    assert_eq!((&answer.body["name"], &answer.body["mission"]), (&json!("n"), &json!("m")));
}

#[tokio::test]
async fn stats_count_what_a_bank_holds() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/v1/default/banks/b/stats").await.status, StatusCode::NOT_FOUND);
    let zoe = json!([{"text": "Zoe"}]);
    let items = json!([
        {"content": "one thing", "document_id": "1", "entities": zoe},
        {"content": "assistant: two", "document_id": "2", "entities": zoe},
        {"content": "three things", "document_id": "3", "entities": zoe},
    ]);
    app.retain(items).await;
    let stats = app.get("/v1/default/banks/b/stats?refresh=true").await.body;
    assert_eq!((&stats["total_nodes"], &stats["total_documents"]), (&json!(3), &json!(3)));
    assert_eq!(stats["nodes_by_fact_type"], json!({"world": 2, "experience": 1}));
    assert_eq!(stats["links_by_link_type"], json!({"temporal": 1, "entity": 3}));
    assert_eq!((&stats["total_links"], &stats["pending_consolidation"]), (&json!(4), &json!(0)));
    assert_eq!(stats["last_memory_write_at"], "2024-05-10T12:00:00+00:00");
    let answer = app.get("/v1/default/banks/b/stats?refresh=perhaps").await;
    assert_eq!(answer.problems(), [("bool_parsing".to_owned(), json!(["query", "refresh"]))]);
}

#[tokio::test]
async fn only_changes_of_a_bank_may_be_large() {
    let app = TestApp::start().await;
    app.json(Method::PUT, "/v1/default/banks/b", json!({"name": "small"})).await;
    let send = |method: Method, size: usize| {
        let body = format!("{{\"name\": \"large\"{}}}", " ".repeat(size));
        let request = Request::builder()
            .method(method)
            .uri("/v1/default/banks/b")
            .header("content-type", "application/json");
        app.send(request.body(Body::from(body)).unwrap())
    };
    assert_eq!(send(Method::PATCH, 3 << 20).await.status, StatusCode::OK);
    for (method, size) in [(Method::PUT, 3 << 20), (Method::PATCH, 129 << 20)] {
        let answer = send(method, size).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.detail(), "the request body is too large");
    }
    assert_eq!(app.get("/v1/default/banks").await.body["banks"][0]["name"], "large");
}
