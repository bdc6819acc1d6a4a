//! Times at both ends of the calendar, in every place that takes one: an answer or the
//! contract's error, never a failure; and what else is asked for with a wrong value.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// The first and the last moments there are, and what is just beyond them in UTC.
const EDGES: [&str; 10] = [
    "0001-01-01",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0001-01-02",
    "0001-12-31T23:59:59.999999Z",
    "9998-12-31",
    "9999-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
];

/// Questions whose dates lead away from the "now" of the question.
const QUESTIONS: [&str; 14] = [
    "What happens next year?",
    "What happened yesterday?",
    "What happened last week?",
    "What is planned for tomorrow?",
    "What will be next month?",
    "What was last month?",
    "What was last year?",
    "What happened 3000 years ago?",
    "What will be in 900000 days?",
    "What happened on 29 February?",
    "What happened in December?",
    "What happened in January?",
    "What happened last Monday?",
    "What will be next weekend?",
];

async fn app() -> TestApp {
    let app = TestApp::start().await;
    let items =
        json!([{"content": "The harvest feast was in the barn.", "timestamp": "2024-05-09T18:00:00Z"}]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    app
}

/// An answer, or an error of the request in a form of the contract.
fn assert_told(answer: &Answer, what: &str) {
    match answer.status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST => assert!(!answer.detail().is_empty(), "{what}"),
        StatusCode::UNPROCESSABLE_ENTITY => assert!(!answer.problems().is_empty(), "{what}"),
        status => panic!("{what}: {status} {}", answer.body),
    }
}

#[tokio::test]
async fn questions_at_the_ends_of_the_calendar() {
    let app = app().await;
    for time in EDGES {
        for query in QUESTIONS {
            let answer = app.recall(json!({"query": query, "query_timestamp": time})).await;
            assert_told(&answer, &format!("{query} at {time}"));
        }
    }
}

#[tokio::test]
async fn windows_at_the_ends_of_the_calendar() {
    let app = app().await;
    for start in EDGES {
        for end in EDGES {
            let window = json!({"start": start, "end": end});
            let answer = app.recall(json!({"query": "the harvest feast", "temporal_window": window})).await;
            assert_told(&answer, &format!("{start} to {end}"));
        }
    }
    let whole = json!({"start": "0002-01-01T00:00:00Z", "end": "9998-12-31T00:00:00Z"});
    let answer = app.recall(json!({"query": "the harvest feast", "temporal_window": whole})).await;
    assert_eq!(answer.body["results"].as_array().map(Vec::len), Some(1), "{}", answer.body);
}

#[tokio::test]
async fn lists_between_the_ends_of_the_calendar() {
    let app = app().await;
    for field in ["created_at", "updated_at", "mentioned_at", "occurred_start", "occurred_end"] {
        for time in EDGES {
            for name in ["start_date", "end_date"] {
                let encoded = time.replace('+', "%2B");
                let path = format!("/v1/default/banks/b/memories/list?time_field={field}&{name}={encoded}");
                assert_told(&app.get(&path).await, &path);
                let documents = format!("/v1/default/banks/b/documents?{name}={encoded}");
                assert_told(&app.get(&documents).await, &documents);
            }
        }
    }
    let all =
        "/v1/default/banks/b/memories/list?time_field=mentioned_at&start_date=0002-01-01&end_date=9998-12-31";
    assert_eq!(app.get(all).await.body["total"], 1);
}

#[tokio::test]
async fn times_that_are_none_are_named() {
    let app = app().await;
    for time in ["10000-01-01", "2024-02-30", "soon", "\u{0}"] {
        let answer = app.recall(json!({"query": "the feast", "query_timestamp": time})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{time}: {}", answer.body);
        assert!(answer.detail().starts_with("Invalid query_timestamp: "), "{}", answer.body);
        let window = json!({"start": time, "end": "2024-01-01"});
        let answer = app.recall(json!({"query": "the feast", "temporal_window": window})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{time}");
    }
    for time in ["10000-01-01", "2024-02-30", "soon"] {
        let path = format!("/v1/default/banks/b/memories/list?start_date={time}");
        let answer = app.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{time}: {}", answer.body);
        assert!(answer.detail().contains("start_date"), "{}", answer.body);
    }
}

#[tokio::test]
async fn chunks_are_counted_from_nothing() {
    let app = TestApp::start().await;
    let items = json!([{"content": "One sentence to keep.", "document_id": "d"}]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    let chunks = |query: &str| format!("/v1/default/banks/b/documents/d/chunks?{query}");
    for name in ["limit", "offset"] {
        for (value, kind) in [
            ("-1", "greater_than_equal"),
            ("-9223372036854775808", "greater_than_equal"),
            ("9223372036854775808", "int_parsing"),
            ("1.5", "int_parsing"),
            ("many", "int_parsing"),
        ] {
            let answer = app.get(&chunks(&format!("{name}={value}"))).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}={value}: {}", answer.body);
            assert_eq!(answer.problems(), [(kind.to_owned(), json!(["query", name]))]);
            assert_eq!(answer.body["detail"][0]["input"], value);
        }
    }
    for query in ["limit=0", "limit=9223372036854775807", "offset=9223372036854775807"] {
        let answer = app.get(&chunks(query)).await;
        assert_eq!((answer.status, &answer.body["total"]), (StatusCode::OK, &Value::from(1)), "{query}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_told_in_a_sentence() {
    let app = app().await;
    for path in ["memories/7", "memories/list?entity_id=7", "memories/not-a-uuid"] {
        let answer = app.get(&format!("/v1/default/banks/b/{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.body);
        let name = if path.contains("entity_id") { "entity_id" } else { "memory_id" };
        let value = if path.ends_with("uuid") { "not-a-uuid" } else { "7" };
        assert_eq!(answer.body, json!({"detail": format!("Invalid {name}: '{value}' is not a UUID.")}));
    }
}
