//! Files over HTTP: taken, read in the background, found again.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use hindsight_engine::jobs::{Worker, WorkerSettings};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, TestApp};

const FILES: &str = "/v1/default/banks/b/files/retain";
const OPERATIONS: &str = "/v1/default/banks/b/operations";
const LETTER: &[u8] = include_bytes!("../../../files/tests/data/letter.pdf");
const REPORT: &[u8] = include_bytes!("../../../files/tests/data/report.docx");
const BOUNDARY: &str = "boundary-of-the-form";

/// A form as clients send it: files with their names, and what is said about them.
fn form(files: &[(&str, &[u8])], said: Option<&str>) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, bytes) in files {
        form.extend(head("files", Some(name)).into_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    }
    if let Some(said) = said {
        form.extend(head("request", None).into_bytes());
        form.extend_from_slice(said.as_bytes());
        form.extend_from_slice(b"\r\n");
    }
    form.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    form
}

fn head(field: &str, file: Option<&str>) -> String {
    let mut head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"");
    if let Some(file) = file {
        let _ = write!(head, "; filename=\"{file}\"\r\ncontent-type: application/octet-stream");
    }
    head + "\r\n\r\n"
}

impl TestApp {
    /// Sends a form to a bank that is there.
    async fn send_form(&self, body: impl Into<Body>) -> Answer {
        let made = self.json(Method::PUT, "/v1/default/banks/b", json!({})).await;
        assert_eq!(made.status, StatusCode::OK, "{:?}", made.body);
        let request = Request::post(FILES)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body.into())
            .expect("a request");
        self.send(request).await
    }

    async fn send_files(&self, files: &[(&str, &[u8])], said: Value) -> Answer {
        self.send_form(form(files, Some(&said.to_string()))).await
    }

    /// Works until an operation, and what it has handed on, has come to its end.
    async fn finish(&self, operation: &Value) -> Value {
        let (stop, stopped) = watch::channel(false);
        let (busy, _) = watch::channel(false);
        let settings = WorkerSettings { poll: Duration::from_millis(20), ..WorkerSettings::default() };
        let worker = tokio::spawn(Worker::new(self.engine.clone(), settings).run(stopped, busy));
        let mut id = operation.as_str().expect("an id").to_owned();
        let ended = loop {
            let status = self.get(&format!("{OPERATIONS}/{id}")).await.body;
            match (
                status["status"].as_str().unwrap(),
                status["result_metadata"]["retain_operation_id"].as_str(),
            ) {
                ("pending" | "processing", _) => tokio::time::sleep(Duration::from_millis(10)).await,
                ("completed", Some(next)) => next.clone_into(&mut id),
                _ => break status,
            }
        };
        stop.send_replace(true);
        worker.await.expect("the worker ends");
        ended
    }
}

#[tokio::test]
async fn files_are_read_and_found_again() {
    let app = TestApp::start().await;
    let said = json!({"files_metadata": [
        {"document_id": "report", "context": "travels", "tags": ["t"], "metadata": {"k": "v"}, "timestamp": "2024-05-01T10:00:00Z"},
        {"parser": ["markitdown"], "context": null},
    ], "parser": "markitdown"});
    let answer = app.send_files(&[("report.docx", REPORT), ("letter.pdf", LETTER)], said).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let ids = answer.body["operation_ids"].as_array().unwrap().clone();
    let listed = app.get(&format!("{OPERATIONS}?type=file_convert_retain")).await.body;
    let names: Vec<_> =
        listed["operations"].as_array().unwrap().iter().map(|operation| &operation["filename"]).collect();
    assert_eq!(names, ["letter.pdf", "report.docx"], "an operation for each, the newest first");
    for id in &ids {
        let ended = app.finish(id).await;
        assert_eq!(
            (&ended["status"], &ended["operation_type"]),
            (&json!("completed"), &json!("batch_retain"))
        );
    }
    let document = app.get("/v1/default/banks/b/documents/report").await.body;
    let text = document["original_text"].as_str().unwrap();
    assert!(text.contains("# Travel report") && text.contains("Anna moved to Rome in May 2024."), "{text}");
    assert_eq!(document["tags"], json!(["t"]));
    let found = app.recall(json!({"query": "When is the concert?"})).await.body;
    assert!(
        found["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|memory| { memory["text"].as_str().unwrap().contains("concert is on Friday") }),
        "{found}"
    );
    app.audit().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_why() {
    let app = TestApp::start().await;
    let files: [(&str, &[u8]); 3] =
        [("photo.pdf", b"\x89PNG\r\n\x1a\n"), ("half.pdf", &LETTER[..300]), ("none.docx", b"PK\x03\x04")];
    let answer = app.send_files(&files, json!({})).await;
    for (id, reason) in answer.body["operation_ids"].as_array().unwrap().iter().zip([
        "cannot read photo.pdf: it is a PNG picture",
        "cannot read half.pdf: it is broken",
        "cannot read none.docx: its zip archive is broken",
    ]) {
        let ended = app.finish(id).await;
        assert_eq!((&ended["status"], &ended["retry_count"]), (&json!("failed"), &json!(0)));
        let error = ended["error_message"].as_str().unwrap();
        assert!(error.starts_with(reason), "{error}");
    }
    let memories = app.get("/v1/default/banks/b/memories/list").await.body;
    assert_eq!(memories["total"], 0);
}

#[tokio::test]
async fn wrong_forms_are_refused_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let file: &[(&str, &[u8])] = &[("a.txt", b"text")];
    let eleven = vec![("a.txt", &b"text"[..]); 11];
    for (files, said, part) in [
        (file, "{", "is not JSON"),
        (file, r#"{"document_id": "d"}"#, "'document_id' belongs to a file"),
        (file, r#"{"update_mode": "append"}"#, "'update_mode' is not for files"),
        (file, r#"{"files_metadata": [{"update_mode": "append"}]}"#, "'update_mode' is not for files"),
        (file, r#"{"files_metadata": []}"#, "has 0 entries for 1 files"),
        (file, r#"{"files_metadata": [{}, {}]}"#, "has 2 entries for 1 files"),
        (file, r#"{"parser": "iris"}"#, "parser 'iris' is not allowed; give markitdown"),
        (file, r#"{"files_metadata": [{"parser": ["markitdown", "x"]}]}"#, "parser 'x' is not allowed"),
        (file, r#"{"files_metadata": [{"strategy": "none"}]}"#, "strategy"),
        (&eleven, "{}", "more than 10 files"),
    ] {
        let answer = app.send_form(form(files, Some(said))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{said}: {}", answer.body);
        assert!(answer.detail().contains(part), "{}", answer.detail());
    }
    for (files, said, kind, place) in [
        (file, None, "missing", json!(["body", "request"])),
        (&[][..], Some("{}"), "missing", json!(["body", "files"])),
        (&[("", &b"text"[..])][..], Some("{}"), "value_error", json!(["body", "files", 0])),
        (file, Some("[]"), "model_attributes_type", json!(["body", "request"])),
        (
            file,
            Some(r#"{"files_metadata": [{"tags": 1}]}"#),
            "list_type",
            json!(["body", "request", "files_metadata", 0, "tags"]),
        ),
        (
            file,
            Some(r#"{"files_metadata": [{"timestamp": "soon"}]}"#),
            "value_error",
            json!(["body", "request", "files_metadata", 0, "timestamp"]),
        ),
    ] {
        let answer = app.send_form(form(files, said)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{said:?}: {}", answer.body);
        assert_eq!(answer.problems(), [(kind.to_owned(), place)]);
    }
    let no_form = app.post(FILES, json!({})).await;
    assert_eq!(no_form.problems().len(), 2);
    let cut_off = app.send_form(form(file, Some("{}"))[..40].to_vec()).await;
    assert_eq!(cut_off.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get(OPERATIONS).await.body["total"], 0, "nothing is stored");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_all_there() {
    let app = TestApp::start().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let mebibyte = Bytes::from(vec![b'x'; 1 << 20]);
    let begin = head("files", Some("large.txt"));
    let body = futures_body(begin.into(), move || {
        (counted.fetch_add(1, Ordering::Relaxed) < 200).then(|| mebibyte.clone())
    });
    let answer = app.send_form(body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.body);
    assert!(answer.detail().contains("larger than 100 MB together"), "{}", answer.detail());
    let parts = sent.load(Ordering::Relaxed);
    assert!((100..110).contains(&parts), "{parts} MB were taken");

    let told = Request::post(FILES)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .header(header::CONTENT_LENGTH, 200 << 20)
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.send(told).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let app = TestApp::with(&[
        ("HINDSIGHT_API_FILE_CONVERSION_MAX_BATCH_SIZE", "1"),
        ("HINDSIGHT_API_FILE_CONVERSION_MAX_BATCH_SIZE_MB", "1"),
    ])
    .await;
    let large = vec![b'x'; (1 << 20) + 1];
    let answer = app.send_files(&[("a.txt", &large)], json!({})).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = app.send_files(&[("a.txt", b"a"), ("b.txt", b"b")], json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

/// A body of a beginning and as many parts as there are.
fn futures_body(begin: Bytes, mut next: impl FnMut() -> Option<Bytes> + Send + 'static) -> Body {
    let mut begin = Some(begin);
    Body::from_stream(futures::stream::iter(std::iter::from_fn(move || {
        begin.take().or_else(&mut next).map(Ok::<_, std::io::Error>)
    })))
}

#[tokio::test]
async fn where_no_files_are_taken_there_is_no_route() {
    let app = TestApp::with(&[("HINDSIGHT_API_ENABLE_FILE_UPLOAD_API", "false")]).await;
    let answer = app.send_files(&[("a.txt", b"text")], json!({})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/version").await.body["features"]["file_upload_api"], false);
    let app = TestApp::start().await;
    assert_eq!(app.get("/version").await.body["features"]["file_upload_api"], true);
}

#[tokio::test]
async fn only_allowed_parsers_may_be_asked() {
    let app = TestApp::with(&[("HINDSIGHT_API_FILE_PARSER_ALLOWLIST", "iris")]).await;
    let asked = app.send_files(&[("a.txt", b"text")], json!({"parser": "markitdown"})).await;
    assert_eq!(asked.status, StatusCode::BAD_REQUEST);
    let not_asked = app.send_files(&[("a.txt", b"text")], json!({})).await;
    assert_eq!(not_asked.status, StatusCode::OK, "{}", not_asked.body);
}
