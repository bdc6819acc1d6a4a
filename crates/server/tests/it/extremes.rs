//! Requests that are large, deep, far off in time or both: taken whole or refused whole.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::TestApp;

/// Number of things in a list; 0 while the bank is not there.
async fn total(app: &TestApp, list: &str) -> i64 {
    app.get(&format!("/v1/default/banks/b/{list}")).await.body["total"].as_i64().unwrap_or_default()
}

#[tokio::test]
async fn a_text_of_ten_megabytes_is_kept_whole() {
    let app = TestApp::start().await;
    let sentence = "The weather on the island was grey and the boats stayed in the harbour all day. ";
    let end = "Only the ferryman Zacharias Quill rowed out.";
    let text = sentence.repeat((10 << 20) / sentence.len()) + end;
    let items = json!([{"content": text, "document_id": "log", "update_mode": "replace"}]);
    // By chunks, because a fact for each sentence would keep the models of tests busy for long.
    let bank = json!({"retain_extraction_mode": "chunks", "retain_chunk_size": 100_000});
    app.json(axum::http::Method::PUT, "/v1/default/banks/b", bank).await;
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    let document = app.get("/v1/default/banks/b/documents/log").await;
    assert_eq!(document.body["original_text"].as_str().map(str::len), Some(text.len()));
    let found = app.recall(json!({"query": "Zacharias Quill", "max_tokens": 100_000})).await;
    let first = found.body["results"][0]["text"].as_str().expect("a memory");
    assert!(first.ends_with(end), "{}", &first[first.len() - 100..]);
}

#[tokio::test]
async fn one_bad_item_among_ten_thousand_keeps_all_out() {
    let app = TestApp::start().await;
    let mut items: Vec<_> = (0..10_000).map(|number| json!({"content": format!("Note {number}")})).collect();
    items[7_777] = json!({"content": " "});
    let answer = app.retain(json!(items)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.problems()[0].1, json!(["body", "items", 7_777, "content"]));
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn times_are_real_or_refused() {
    let app = TestApp::start().await;
    for time in [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "10000-01-01",
        "0000-01-01",
        "-0044-03-15",
        "2024-02-30",
        "2024-13-01",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:00+99:00",
        "1e9",
        "NaN",
    ] {
        let answer = app.retain(json!([{"content": "The ides of March", "timestamp": time}])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{time}");
        assert_eq!(answer.problems()[0].1, json!(["body", "items", 0, "timestamp"]), "{time}");
    }
    for number in [json!(0), json!(-62_135_596_800_i64), json!(1e30)] {
        let answer = app.retain(json!([{"content": "The ides of March", "timestamp": number}])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
    // Words lead further than any calendar; the text is kept without a date for them.
    let words = "He will be back in 90000 years. It began 400000 weeks ago.";
    let answer = app.retain(json!([{"content": words, "timestamp": "9998-12-30"}])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    for time in ["9998-12-31", "0002-01-01", "2024-05-10T12:00:00+14:00"] {
        let found = app.recall(json!({"query": "back in years", "query_timestamp": time})).await;
        assert_eq!(found.status, StatusCode::OK, "{time}: {}", found.body);
    }
}

#[tokio::test]
async fn pages_are_counted_in_whole_numbers_from_nothing() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "The only note"}])).await;
    for list in ["memories/list", "documents"] {
        for page in
            ["limit=-1", "offset=-5", "limit=abc", "limit=99999999999999999999", "limit=1.5", "offset="]
        {
            let answer = app.get(&format!("/v1/default/banks/b/{list}?{page}")).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{list} {page}: {}", answer.body);
        }
        assert_eq!(total(&app, &format!("{list}?limit=0")).await, 1);
        assert_eq!(total(&app, &format!("{list}?offset=9223372036854775807")).await, 1);
    }
}

#[tokio::test]
async fn long_and_deep_things_are_taken_or_refused_whole() {
    let app = TestApp::start().await;
    let long = "l".repeat(100_000);
    let tags: Vec<_> = (0..10_000).map(|number| format!("tag-{number}")).collect();
    for (item, status) in [
        (json!({"content": "x", "document_id": long}), StatusCode::BAD_REQUEST),
        (json!({"content": "x", "tags": [long]}), StatusCode::OK),
        (json!({"content": "x", "tags": tags}), StatusCode::OK),
        (json!({"content": "x", "metadata": {long.as_str(): long}}), StatusCode::OK),
        (json!({"content": "x", "context": long}), StatusCode::OK),
    ] {
        let before = total(&app, "memories/list").await;
        let answer = app.retain(json!([item])).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        let more = i64::from(status == StatusCode::OK);
        assert_eq!(total(&app, "memories/list").await, before + more);
    }
    // A longer path is no URI.
    let bank = "l".repeat(10_000);
    assert_eq!(app.get(&format!("/v1/default/banks/{bank}/documents")).await.status, StatusCode::NOT_FOUND);
    let tokens = app.recall(json!({"query": "x", "max_tokens": -12})).await;
    assert_eq!(tokens.body["results"], json!([]));
}
