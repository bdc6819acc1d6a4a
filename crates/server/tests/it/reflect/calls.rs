//! Requests that are no questions, clients that leave, and how many are taken at one time.

use std::io::{Read, Write};
use std::net::TcpStream;

use axum::http::StatusCode;
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{QUESTION, REFLECT, answered, app, asking, dialogue, done, hands_in, reflect};

#[tokio::test]
async fn bad_requests_are_refused_before_anything_is_asked_or_made() {
    let (app, llm) = app(&[]).await;
    for (body, place) in [
        (json!({}), json!(["body", "query"])),
        (json!({"query": 7}), json!(["body", "query"])),
        (json!({"query": " ", "context": ""}), json!(["body", "query"])),
        (json!({"query": "q", "budget": "huge"}), json!(["body", "budget"])),
        (json!({"query": "q", "max_tokens": 0}), json!(["body", "max_tokens"])),
        (json!({"query": "q", "include": {"facts": true}}), json!(["body", "include", "facts"])),
        (json!({"query": "q", "tags": ["a"], "tag_groups": []}), json!(["body"])),
        (json!({"query": "q", "tags_match": "some"}), json!(["body", "tags_match"])),
        (json!({"query": "q", "tag_groups": [{"or": 1}]}), json!(["body", "tag_groups", 0, "or"])),
        (json!({"query": "q", "fact_types": []}), json!(["body", "fact_types"])),
        (json!({"query": "q", "fact_types": ["opinion"]}), json!(["body", "fact_types", 0])),
        (json!({"query": "q", "response_schema": []}), json!(["body", "response_schema"])),
        (json!({"query": "q", "response_schema": {"type": "array"}}), json!(["body", "response_schema"])),
        (
            json!({"query": "q", "response_schema": {"properties": {"a": {"type": "x"}}}}),
            json!(["body", "response_schema"]),
        ),
        (
            json!({"query": "q", "reflect_search_observations_max_tokens": 0}),
            json!(["body", "reflect_search_observations_max_tokens"]),
        ),
        (json!({"query": "q", "exclude_mental_model_ids": "x"}), json!(["body", "exclude_mental_model_ids"])),
        (json!([]), json!(["body"])),
    ] {
        let answer = reflect(&app, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {:?}", answer.body);
        assert_eq!(answer.problems()[0].1, place, "{body}");
    }
    let unnamed = app.post("/v1/default/banks/_x/reflect", json!({"query": "q"})).await;
    assert_eq!(unnamed.status, StatusCode::BAD_REQUEST);
    assert_eq!(llm.asked(), 0);
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn nulls_count_as_not_given_and_unknown_fields_are_named() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &[])));
    let request = json!({
        "query": QUESTION, "budget": null, "context": null, "max_tokens": null, "include": null,
        "response_schema": null, "tags": null, "tags_match": null, "tag_groups": null, "fact_types": null,
        "apply_all_directives": null, "exclude_mental_models": null, "exclude_mental_model_ids": null,
        "reflect_search_observations_max_tokens": null, "mood": "good",
    });
    let answer = reflect(&app, request).await;
    assert_eq!((answer.status, &answer.body["text"]), (StatusCode::OK, &json!("Berlin.")));
    assert_eq!(answer.headers["x-ignored-params"], "mood");
}

/// A question over a connection of its own, whose answer nobody has read yet.
fn ask(address: std::net::SocketAddr) -> TcpStream {
    let body = json!({ "query": QUESTION }).to_string();
    let mut request = TcpStream::connect(address).unwrap();
    write!(
        request,
        "POST {REFLECT} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_its_question() {
    let (app, llm) = dialogue(&[
        ("HINDSIGHT_API_ADMISSION_REFLECT_MAX_IN_FLIGHT", "1"),
        ("HINDSIGHT_API_ADMISSION_REFLECT_MAX_WAIT_MS", "60000"),
    ])
    .await;
    let address = app.listen().await;
    llm.push(Reply::silence());
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &[])));
    let first = tokio::task::spawn_blocking(move || ask(address)).await.unwrap();
    llm.wait_until_asked(1).await;
    drop(first);
    // There is one place, which the first question would hold for five minutes.
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(response["text"], "Berlin.");
    assert_eq!(llm.asked(), 2, "nothing was asked for who has left");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_place_is_told_to_come_back() {
    let (app, llm) = dialogue(&[
        ("HINDSIGHT_API_ADMISSION_REFLECT_MAX_IN_FLIGHT", "1"),
        ("HINDSIGHT_API_ADMISSION_REFLECT_MAX_WAIT_MS", "0"),
    ])
    .await;
    let address = app.listen().await;
    let gate = hindsight_testkit::Gate::closed();
    llm.push(hands_in(&done("Berlin.", &[])).behind(&gate));
    let mut first = tokio::task::spawn_blocking(move || ask(address)).await.unwrap();
    llm.wait_until_asked(1).await;
    let refused = reflect(&app, json!({"query": QUESTION})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    // Other routes have places of their own.
    assert_eq!(app.recall(json!({"query": "Alice"})).await.status, StatusCode::OK);
    gate.open();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        first.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = answer.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["text"], "Berlin.");
}
