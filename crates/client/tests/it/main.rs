//! The client against a server that says what the test wants to hear.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::time::Duration;

use hindsight_client::types::banks::CreateBankRequest;
use hindsight_client::types::memories::{FieldChange, UpdateMemoryRequest};
use hindsight_client::types::recall::FactType;
use hindsight_client::{
    Client, ClientError, ClientOptions, GraphFilter, MemoryFilter, Method, RawBody, RawFile, RawRequest,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Answers one request and hands back its head and body.
async fn answer_once(status: &str, body: &str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 64 * 1024];
        let read = stream.read(&mut request).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    (url, request)
}

#[tokio::test]
async fn a_listing_sends_only_what_is_asked_for() {
    let (url, request) = answer_once("200 OK", r#"{"items":[],"total":0,"limit":5,"offset":0}"#).await;
    let filter = MemoryFilter {
        search: Some("a b&c".into()),
        tags: vec!["x".into(), "y".into()],
        limit: Some(5),
        ..MemoryFilter::default()
    };
    let page = Client::new(&url).unwrap().list_memories("team/one", &filter).await.unwrap();
    assert_eq!(page.limit, 5);
    let request = request.await.unwrap();
    let expected = "GET /v1/default/banks/team%2Fone/memories/list?q=a+b%26c&tags=x&tags=y&limit=5 HTTP/1.1";
    assert!(request.starts_with(expected), "{request}");
}

#[tokio::test]
async fn a_graph_is_asked_for_by_what_it_shows() {
    let answer = r#"{"nodes":[],"edges":[{"data":{"id":"a-b-semantic","source":"a","target":"b"}}],
        "table_rows":[],"total_units":0,"limit":3}"#;
    let (url, request) = answer_once("200 OK", answer).await;
    let filter = GraphFilter {
        fact_type: Some(FactType::World),
        document_id: Some("d/1".into()),
        limit: Some(3),
        ..GraphFilter::default()
    };
    let graph = Client::new(&url).unwrap().graph("b", &filter).await.unwrap();
    assert_eq!(graph.edges[0].data.link_type, "", "servers may leave out what is not needed");
    let request = request.await.unwrap();
    let expected = "GET /v1/default/banks/b/graph?type=world&document_id=d%2F1&limit=3 HTTP/1.1";
    assert!(request.starts_with(expected), "{request}");
}

#[tokio::test]
async fn a_change_sends_only_what_changes() {
    let (url, request) = answer_once("404 Not Found", r#"{"detail":"Memory 'm' not found"}"#).await;
    let change = UpdateMemoryRequest {
        text: Some("x".into()),
        occurred_start: FieldChange::to(""),
        mentioned_at: FieldChange::to("2024-01-01"),
        ..UpdateMemoryRequest::default()
    };
    let error = Client::new(&url).unwrap().update_memory("b", "m", &change).await.unwrap_err();
    assert_eq!(error.status(), Some(404));
    let request = request.await.unwrap();
    assert!(request.starts_with("PATCH /v1/default/banks/b/memories/m HTTP/1.1"), "{request}");
    let body = r#"{"text":"x","occurred_start":"","mentioned_at":"2024-01-01","resolve_entities":true}"#;
    assert!(request.ends_with(body), "{request}");
}

#[tokio::test]
async fn the_key_is_sent_as_a_bearer_token() {
    let (url, request) = answer_once("401 Unauthorized", r#"{"detail":"Authentication failed"}"#).await;
    let options = ClientOptions { api_key: Some("k-1".into()), ..ClientOptions::default() };
    let client = Client::with_options(&url, &options).unwrap();
    let error = client.create_bank("b", &CreateBankRequest::default()).await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(error.to_string(), "Authentication failed (status 401)");
    assert!(request.await.unwrap().contains("authorization: Bearer k-1"));
}

#[tokio::test]
async fn field_errors_read_like_a_sentence() {
    let detail = r#"{"detail":[{"type":"missing","loc":["body","items",0,"content"],"msg":"Field required","input":{}}]}"#;
    let (url, _request) = answer_once("422 Unprocessable Entity", detail).await;
    let error = Client::new(&url).unwrap().version().await.unwrap_err();
    assert_eq!(error.to_string(), "body.items.0.content: Field required (status 422)");
}

#[tokio::test]
async fn a_server_that_is_loading_has_a_health() {
    let body = r#"{"status":"unhealthy","reason":"not_initialized","phase":"starting"}"#;
    let (url, _request) = answer_once("503 Service Unavailable", body).await;
    let health = Client::new(&url).unwrap().health().await.unwrap();
    assert_eq!(health.reason.as_deref(), Some("not_initialized"));
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_an_error_of_its_own() {
    let (url, _request) = answer_once("200 OK", "<html>").await;
    let error = Client::new(&url).unwrap().version().await.unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error:?}");

    let (url, _request) = answer_once("502 Bad Gateway", "upstream is away").await;
    let error = Client::new(&url).unwrap().version().await.unwrap_err();
    assert_eq!(error.to_string(), "upstream is away (status 502)");
}

#[tokio::test]
async fn silence_and_absence_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = ClientOptions { timeout: Duration::from_millis(50), ..ClientOptions::default() };
    let client = Client::with_options(&url, &options).unwrap();
    assert!(matches!(client.version().await, Err(ClientError::Timeout { .. })));

    drop(listener);
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("no server at {url}"));
}

#[tokio::test]
async fn any_route_can_be_asked_and_a_refusal_is_an_answer() {
    let (url, request) = answer_once("409 Conflict", r#"{"detail":"it is there already"}"#).await;
    let options = ClientOptions { user_agent: Some("mine/1".into()), ..ClientOptions::default() };
    let client = Client::with_options(&url, &options).unwrap();
    let asked = RawRequest {
        method: Method::POST,
        path: ["v1", "a/b", "c d"].map(str::to_owned).to_vec(),
        query: [("tags", "x"), ("tags", "y&z")].map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        body: RawBody::Json(br#"{"n":1}"#.to_vec()),
    };
    let answer = client.raw(&asked).await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (409, Some("close")));
    assert_eq!(answer.error().unwrap().to_string(), "it is there already (status 409)");
    let request = request.await.unwrap();
    assert!(request.starts_with("POST /v1/a%2Fb/c%20d?tags=x&tags=y%26z HTTP/1.1"), "{request}");
    assert!(request.contains("user-agent: mine/1") && request.ends_with(r#"{"n":1}"#), "{request}");
    assert!(!request.contains("accept-encoding"), "nothing is compressed on this machine: {request}");

    let dots = RawRequest { path: vec!["..".to_owned()], ..asked };
    assert!(matches!(client.raw(&dots).await, Err(ClientError::InvalidId { .. })));
}

#[tokio::test]
async fn files_go_in_a_form() {
    let (url, request) = answer_once("200 OK", "bytes").await;
    let file = RawFile { field: "files".into(), name: "a.txt".into(), bytes: b"hello".to_vec() };
    let asked = RawRequest {
        method: Method::POST,
        path: vec!["upload".to_owned()],
        query: Vec::new(),
        body: RawBody::Form { fields: vec![("request".into(), "{}".into())], files: vec![file] },
    };
    let answer = Client::new(&url).unwrap().raw(&asked).await.unwrap();
    assert_eq!((answer.body, answer.status), (b"bytes".to_vec(), 200));
    let request = request.await.unwrap();
    assert!(request.contains("content-type: multipart/form-data; boundary="), "{request}");
}
