//! What recall refuses and what it takes, in the words of the contract.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;

/// With one memory, which has tags.
async fn app() -> TestApp {
    let app = TestApp::start().await;
    let items = json!([{"content": "The lighthouse burns whale oil", "tags": ["project:apollo", "sea"]}]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    app
}

/// Number of results of a recall that is taken.
async fn results(app: &TestApp, request: Value) -> usize {
    let answer = app.recall(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["results"].as_array().expect("results").len()
}

#[tokio::test]
async fn what_is_out_of_shape_is_named_with_its_place() {
    let app = app().await;
    let leaf = json!({"tags": ["sea"]});
    let deep = (0..40).fold(leaf.clone(), |tree, _| json!({"and": [tree, leaf]}));
    let reversed = json!({"start": "2024-05-02", "end": "2024-05-01"});
    for (request, kind, place, words) in [
        (json!({}), "missing", json!(["body", "query"]), "Field required"),
        (json!({"query": 7}), "string_type", json!(["body", "query"]), "string"),
        (json!({"query": ""}), "value_error", json!(["body", "query"]), "Value error, "),
        (json!({"query": "?! …"}), "value_error", json!(["body", "query"]), "Value error, "),
        (
            json!({"query": "x", "types": ["world", "dream"]}),
            "value_error",
            json!(["body", "types", 1]),
            "Value error, ",
        ),
        (
            json!({"query": "x", "budget": "extreme"}),
            "enum",
            json!(["body", "budget"]),
            "'low', 'mid' or 'high'",
        ),
        (
            json!({"query": "x", "max_tokens": 1.5}),
            "int_from_float",
            json!(["body", "max_tokens"]),
            "integer",
        ),
        (
            json!({"query": "x", "temporal_window": reversed}),
            "value_error",
            json!(["body", "temporal_window"]),
            "Value error, end must not be before start",
        ),
        (
            json!({"query": "x", "tags": ["sea"], "tag_groups": [leaf]}),
            "value_error",
            json!(["body"]),
            "Value error, send either tags or tag_groups",
        ),
        (
            json!({"query": "x", "tags": ["sea"], "tags_match": "most"}),
            "literal_error",
            json!(["body", "tags_match"]),
            "'exact'",
        ),
    ] {
        let answer = app.recall(request.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{request}: {}", answer.body);
        assert_eq!(answer.problems(), [(kind.to_owned(), place)], "{request}");
        let problem = &answer.body["detail"][0];
        let text = problem["msg"].as_str().expect("words");
        assert!(text.contains(words), "{request}: {text}");
        assert!(problem.get("input").is_some(), "{request}");
        if kind == "value_error" {
            assert_eq!(problem["ctx"], json!({"error": {}}), "{request}");
        }
    }
    let answer = app.recall(json!({"query": "x", "tag_groups": [deep]})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert_eq!(answer.body["detail"][0]["msg"], "Value error, tag groups are nested deeper than 32 levels");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_sentence() {
    let app = app().await;
    let answer = app.post("/v1/default/banks/nobody/memories/recall", json!({"query": "oil"})).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'nobody' not found"));
    let answer = app.recall(json!({"query": "oil", "min_scores": {"reranker": 0.5}})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert!(answer.detail().starts_with("min_scores.reranker needs a reranker"), "{}", answer.body);
    let answer = app.recall(json!({"query": "oil", "query_timestamp": "yesterday"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert!(answer.detail().starts_with("Invalid query_timestamp: 'yesterday'"), "{}", answer.body);
    // A bank is not made by a question.
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 1);
}

#[tokio::test]
async fn what_is_only_unusual_is_answered() {
    let app = app().await;
    let long = format!("whale oil {}", "lighthouse ".repeat(96_000));
    assert!(long.len() > 1 << 20);
    assert_eq!(results(&app, json!({"query": long})).await, 1);
    for (tokens, expected) in [(-1, 0), (0, 0), (i64::MIN, 0), (i64::MAX, 1)] {
        assert_eq!(results(&app, json!({"query": "oil", "max_tokens": tokens})).await, expected, "{tokens}");
    }
    let day = json!({"start": "2024-05-01", "end": "2024-05-01"});
    assert_eq!(results(&app, json!({"query": "oil", "temporal_window": day})).await, 1);
    assert_eq!(results(&app, json!({"query": "oil", "types": []})).await, 1);
    assert_eq!(results(&app, json!({"query": "oil", "types": ["opinion"]})).await, 0);
    assert_eq!(
        results(&app, json!({"query": "oil", "tags": null, "tag_groups": null, "budget": null})).await,
        1
    );
}

#[tokio::test]
async fn tags_may_be_written_nearly_right() {
    let app = app().await;
    let group = |tag: &str, resolve: &str| json!({"query": "oil", "tag_groups": [{"tags": [tag], "match": "any_strict", "resolve": resolve}]});
    for (tag, resolve, expected) in [
        ("project:apolo", "fuzzy", 1),
        ("PROJECT:Apollo", "fuzzy", 1),
        ("project:apolo", "exact", 0),
        // Likeness does not leave the part before the colon.
        ("team:apollo", "fuzzy", 0),
        ("project:zeppelin", "fuzzy", 0),
    ] {
        assert_eq!(results(&app, group(tag, resolve)).await, expected, "{tag}, {resolve}");
    }
    let answer = app.recall(group("sea", "vague")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
}
