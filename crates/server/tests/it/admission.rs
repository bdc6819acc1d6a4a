//! How much is taken at one time, over real HTTP: a request holds its place as long as its body
//! is on the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;

const BODY: &str = r#"{"items": [{"content": "The door is blue"}]}"#;

/// A retain whose server waits for its body: it has a place.
fn held(address: SocketAddr) -> TcpStream {
    let mut request = TcpStream::connect(address).unwrap();
    write!(
        request,
        "POST /v1/default/banks/b/memories HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        BODY.len()
    )
    .unwrap();
    let mut word = [0; 25];
    // Sent when the body is first read for, which is behind the wait for a place.
    request.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    request
}

fn finish(mut request: TcpStream) -> String {
    request.write_all(BODY.as_bytes()).unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_place_is_told_to_come_back() {
    let app = TestApp::with(&[
        ("HINDSIGHT_API_ADMISSION_RETAIN_MAX_IN_FLIGHT", "1"),
        ("HINDSIGHT_API_ADMISSION_RETAIN_MAX_WAIT_MS", "0"),
    ])
    .await;
    let address = app.listen().await;
    let first = tokio::task::spawn_blocking(move || held(address)).await.unwrap();
    let refused = app.retain(json!([{"content": "The lamp is green"}])).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.detail(), "the server is busy, try again");
    // Other routes have places of their own.
    assert_eq!(app.recall(json!({"query": "door"})).await.status, StatusCode::NOT_FOUND);
    let answer = tokio::task::spawn_blocking(move || finish(first)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(app.retain(json!([{"content": "The lamp is green"}])).await.status, StatusCode::OK);
    let found = app.recall(json!({"query": "lamp door"})).await;
    assert_eq!(found.body["results"].as_array().map(Vec::len), Some(2), "{:?}", found.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_frees_its_place() {
    let app = TestApp::with(&[
        ("HINDSIGHT_API_ADMISSION_RETAIN_MAX_IN_FLIGHT", "1"),
        ("HINDSIGHT_API_ADMISSION_RETAIN_MAX_WAIT_MS", "60000"),
    ])
    .await;
    let address = app.listen().await;
    let first = tokio::task::spawn_blocking(move || held(address)).await.unwrap();
    let waits = app.retain(json!([{"content": "The lamp is green"}]));
    drop(first);
    assert_eq!(waits.await.status, StatusCode::OK);
    let found = app.recall(json!({"query": "lamp door"})).await;
    let texts: Vec<_> =
        found.body["results"].as_array().unwrap().iter().map(|found| &found["text"]).collect();
    assert_eq!(texts, [&Value::from("The lamp is green")], "what was not sent was not retained");
}
