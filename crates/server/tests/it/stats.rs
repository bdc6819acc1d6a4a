//! Counts of a bank: kept as long as nothing is written, and over time.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;

const STATS: &str = "/v1/default/banks/b/stats";
const SERIES: &str = "/v1/default/banks/b/stats/memories-timeseries";

async fn stats(app: &TestApp) -> Value {
    let answer = app.get(STATS).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.body
}

#[tokio::test]
async fn counts_are_kept_until_something_is_written() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "one thing", "document_id": "1"}])).await;
    let before = stats(&app).await;
    assert_eq!(before["total_nodes"], 1);
    {
        // Whoever counts the memories now would wait for ever.
        let _held = app.hold("memories").await;
        assert_eq!(stats(&app).await, before);
        let later = json!({"items": [{"content": "later", "document_id": "2"}], "async": true});
        let accepted = app.post("/v1/default/banks/b/memories", later).await;
        assert_eq!(accepted.status, StatusCode::OK, "{:?}", accepted.body);
        let now = stats(&app).await;
        let counts = (&now["pending_operations"], &now["total_nodes"]);
        assert_eq!(counts, (&json!(2), &json!(1)), "the whole and its only part wait");
    }
    app.retain(json!([{"content": "another thing", "document_id": "3"}])).await;
    let now = stats(&app).await;
    assert_eq!((&now["total_nodes"], &now["total_documents"]), (&json!(2), &json!(2)));
    app.delete("/v1/default/banks/b/documents/1").await;
    let now = stats(&app).await;
    assert_eq!((&now["total_nodes"], &now["total_documents"]), (&json!(1), &json!(1)));
    let list = app.get("/v1/default/banks/b/memories/list").await.body;
    let id = list["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/default/banks/b/memories/{id}");
    app.json(axum::http::Method::PATCH, &path, json!({"state": "invalidated"})).await;
    assert_eq!(stats(&app).await["total_nodes"], 0);
    app.delete("/v1/default/banks/b").await;
    assert_eq!(app.get(STATS).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_bank_of_the_same_name_is_another_bank() {
    let app = TestApp::start().await;
    for expected in [2, 1] {
        let items: Value =
            (0..expected).map(|number| json!({"content": format!("thing {number}")})).collect();
        app.retain(items).await;
        assert_eq!(stats(&app).await["total_nodes"], expected);
        app.delete("/v1/default/banks/b").await;
    }
}

#[tokio::test]
async fn links_of_all_kinds_are_counted_as_the_graph_shows_them() {
    let app = TestApp::start().await;
    let note = |number: usize, time: &str| {
        json!({
            "content": format!("the cat sleeps on stove {number}"), "document_id": number.to_string(),
            "timestamp": time, "entities": [{"text": "Cat"}],
        })
    };
    let items = json!([
        note(1, "2024-03-01T00:00:00Z"),
        note(2, "2024-03-01T12:00:00Z"),
        note(3, "2024-03-02T12:00:00Z"),
        note(4, "2024-03-02T12:00:00Z"),
        note(5, "2024-03-09T00:00:00Z"),
        note(6, "unset"),
    ]);
    app.retain(items).await;
    assert_eq!(stats(&app).await["links_by_link_type"], json!({"temporal": 4, "entity": 15}));
    app.engine.tend_links().await.unwrap();
    let stats = stats(&app).await;
    let links = stats["links_by_link_type"].as_object().unwrap();
    assert!(links["semantic"].as_i64().is_some_and(|count| count > 0), "links that are found later count");
    let sum: i64 = links.values().filter_map(Value::as_i64).sum();
    assert_eq!(stats["total_links"], sum);
    let graph = app.get("/v1/default/banks/b/graph").await.body;
    let shown = |kind: &str| {
        let edges = graph["edges"].as_array().unwrap();
        edges.iter().filter(|edge| edge["data"]["linkType"] == kind).count()
    };
    assert_eq!((shown("temporal"), shown("entity")), (4, 15));
}

/// Counts of the buckets with memories: begin, world, experience, observations.
fn filled(series: &Value) -> Vec<(&str, [i64; 3])> {
    let buckets = series["buckets"].as_array().unwrap();
    let count = |bucket: &Value, name: &str| bucket[name].as_i64().unwrap();
    buckets
        .iter()
        .map(|bucket| {
            let counts = ["world", "experience", "observation"].map(|name| count(bucket, name));
            (bucket["time"].as_str().unwrap(), counts)
        })
        .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
        .collect()
}

#[tokio::test]
async fn a_series_counts_memories_by_type_in_every_span() {
    let app = TestApp::start().await;
    // The clock stands at 12:00 on 2024-05-10.
    let items = json!([
        {"content": "one", "timestamp": "2024-05-10T11:30:59Z"},
        {"content": "assistant: two", "timestamp": "2024-05-10T11:30:00Z"},
        {"content": "three", "timestamp": "2024-05-09T11:59:00Z"},
        {"content": "four", "timestamp": "2024-02-12T00:00:00Z"},
        {"content": "five", "timestamp": "unset"},
        {"content": "six", "timestamp": "2024-06-01T00:00:00Z"},
    ]);
    app.retain(items).await;
    let series = app.get(SERIES).await;
    assert_eq!(series.status, StatusCode::OK, "{:?}", series.body);
    let series = series.body;
    assert_eq!((&series["bank_id"], &series["period"]), (&json!("b"), &json!("7d")));
    assert_eq!((&series["trunc"], &series["time_field"]), (&json!("day"), &json!("created_at")));
    assert_eq!(series["buckets"].as_array().unwrap().len(), 7);
    assert_eq!(filled(&series), [("2024-05-10T00:00:00+00:00", [5, 1, 0])]);

    for (period, trunc, count, first, expected) in [
        (
            "1h",
            "minute",
            60,
            "2024-05-10T11:01:00+00:00",
            &[("2024-05-10T11:30:00+00:00", [1, 1, 0]), ("2024-05-10T12:00:00+00:00", [1, 0, 0])][..],
        ),
        (
            "12h",
            "hour",
            12,
            "2024-05-10T01:00:00+00:00",
            &[("2024-05-10T11:00:00+00:00", [1, 1, 0]), ("2024-05-10T12:00:00+00:00", [1, 0, 0])],
        ),
        (
            "1d",
            "hour",
            24,
            "2024-05-09T13:00:00+00:00",
            &[("2024-05-10T11:00:00+00:00", [1, 1, 0]), ("2024-05-10T12:00:00+00:00", [1, 0, 0])],
        ),
        (
            "30d",
            "day",
            30,
            "2024-04-11T00:00:00+00:00",
            &[("2024-05-09T00:00:00+00:00", [1, 0, 0]), ("2024-05-10T00:00:00+00:00", [2, 1, 0])],
        ),
        (
            "90d",
            "day",
            90,
            "2024-02-11T00:00:00+00:00",
            &[
                ("2024-02-12T00:00:00+00:00", [1, 0, 0]),
                ("2024-05-09T00:00:00+00:00", [1, 0, 0]),
                ("2024-05-10T00:00:00+00:00", [2, 1, 0]),
            ],
        ),
    ] {
        let series = app.get(&format!("{SERIES}?period={period}&time_field=mentioned_at")).await.body;
        assert_eq!((&series["period"], &series["trunc"]), (&json!(period), &json!(trunc)));
        assert_eq!(series["buckets"].as_array().unwrap().len(), count, "{period}");
        assert_eq!(series["buckets"][0]["time"], first, "{period}");
        assert_eq!(filled(&series), expected, "{period}: what has no such time counts when it was stored");
    }
    let series = app.get(&format!("{SERIES}?time_field=occurred_start")).await.body;
    assert_eq!(filled(&series), [("2024-05-10T00:00:00+00:00", [5, 1, 0])]);
}

#[tokio::test]
async fn unknown_words_of_a_series_are_as_good_as_none() {
    let app = TestApp::start().await;
    let answer = app.get(SERIES).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"));
    app.retain(json!([{"content": "here"}])).await;
    let answer = app.get(&format!("{SERIES}?period=1y&time_field=updated_at")).await;
    assert_eq!(answer.status, StatusCode::OK, "the documentation of the contract says so");
    let told = (&answer.body["period"], &answer.body["time_field"]);
    assert_eq!(told, (&json!("7d"), &json!("created_at")));
}
