//! Mental models over HTTP, written by a scripted model.

mod changes;
mod crud;
mod questions;
mod schedule;
mod whole;
mod wording;

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use hindsight_engine::jobs::{Worker, WorkerSettings};
use hindsight_testkit::{LLM_MODEL, LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{PATIENCE, TestApp};

const MODELS: &str = "/v1/default/banks/b/mental-models";
const CONFIG: &str = "/v1/default/banks/b/config";

/// A server whose facts are the texts themselves, with a model that is scripted.
async fn app(more: &[(&str, &str)]) -> (TestApp, ScriptedLlm) {
    let llm = ScriptedLlm::start().await;
    let url = llm.url();
    let mut variables = vec![
        ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
        ("HINDSIGHT_API_LLM_BASE_URL", url.as_str()),
        ("HINDSIGHT_API_LLM_MODEL", LLM_MODEL),
        ("HINDSIGHT_API_LLM_API_KEY", "hush"),
        ("HINDSIGHT_API_LLM_MAX_RETRIES", "0"),
        ("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "chunks"),
        ("HINDSIGHT_API_ENABLE_OBSERVATIONS", "false"),
    ];
    variables.extend_from_slice(more);
    (TestApp::with(&variables).await, llm)
}

/// Retains a text as one fact.
async fn remember(app: &TestApp, text: &str, tags: &[&str]) {
    let retained = app.retain(json!([{"content": text, "document_id": text, "tags": tags}])).await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
}

/// Makes a mental model; its answer names it and its first operation.
async fn create(app: &TestApp, request: Value) -> Value {
    let made = app.post(MODELS, request).await;
    assert_eq!(made.status, StatusCode::OK, "{:?}", made.body);
    made.body
}

async fn read(app: &TestApp, id: &str) -> Value {
    let read = app.get(&format!("{MODELS}/{id}")).await;
    assert_eq!(read.status, StatusCode::OK, "{:?}", read.body);
    read.body
}

async fn patch(app: &TestApp, id: &str, change: Value) -> Value {
    let changed = app.json(Method::PATCH, &format!("{MODELS}/{id}"), change).await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    changed.body
}

/// Requests a refresh.
async fn refresh(app: &TestApp, id: &str, request: Value) -> Value {
    let requested = app.post(&format!("{MODELS}/{id}/refresh"), request).await;
    assert_eq!(requested.status, StatusCode::OK, "{:?}", requested.body);
    assert_eq!(requested.body["status"], "queued");
    requested.body
}

/// Works on everything until the operation that an answer names has come to its end.
async fn ended(app: &TestApp, requested: &Value) -> Value {
    let (stop, stopped) = watch::channel(false);
    let (busy, _) = watch::channel(false);
    let settings = WorkerSettings { retries: 0, ..WorkerSettings::default() };
    let worker = tokio::spawn(Worker::new(app.engine.clone(), settings).run(stopped, busy));
    let path = format!("/v1/default/banks/b/operations/{}", requested["operation_id"].as_str().unwrap());
    let begin = Instant::now();
    let operation = loop {
        let operation = app.get(&path).await.body;
        if ["completed", "failed", "cancelled"].contains(&operation["status"].as_str().unwrap()) {
            break operation;
        }
        assert!(begin.elapsed() < PATIENCE, "it never ends: {operation}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    // What comes next is not to meet a worker on its way out.
    stop.send_replace(true);
    worker.await.expect("the worker ends");
    operation
}

/// Refreshes a mental model; how that ended.
async fn refreshed(app: &TestApp, id: &str, request: Value) -> Value {
    let requested = refresh(app, id, request).await;
    ended(app, &requested).await
}

/// The name under which a model was shown the memory with these words.
fn name_of(request: &LlmRequest, words: &str) -> String {
    let user = request.user();
    let lines = user.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut items: Vec<Value> = Vec::new();
    for line in lines {
        for list in ["memories", "observations", "mental_models"] {
            items.extend(line[list].as_array().into_iter().flatten().cloned());
        }
        items.push(line);
    }
    let says = |item: &&Value| {
        ["text", "name"].iter().any(|field| item[*field].as_str().is_some_and(|text| text.contains(words)))
    };
    let found = items.iter().find(says).unwrap_or_else(|| panic!("nothing with '{words}' was shown: {user}"));
    found["id"].as_str().unwrap().to_owned()
}

/// A document as models hand it in.
fn document(sections: Value, ids: &[String]) -> Value {
    let document = serde_json::Map::from_iter([("sections".to_owned(), sections)]);
    json!({
        "document": document, "answer_found": true, "memory_ids": ids, "observation_ids": [],
        "mental_model_ids": [],
    })
}

fn hands_in(document: &Value) -> Reply {
    Reply::calls([("done", document.clone())])
}

/// A model that writes down what it is shown with these words.
fn writes(llm: &ScriptedLlm, words: &'static str) {
    llm.answer_with(move |request: &LlmRequest| {
        let name = name_of(request, words);
        let sections = json!([
            {"heading": "", "level": 1, "blocks": [format!("It is said: {words}.")]},
            {"heading": "More", "level": 2, "blocks": ["- one\n- two", "The end."]},
        ]);
        hands_in(&document(sections, &[name]))
    });
}

/// A bank with a fact and a mental model `m` that was written from it.
async fn written(trigger: Value) -> (TestApp, ScriptedLlm) {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &[]).await;
    writes(&llm, "Ann drinks tea");
    let made = create(
        &app,
        json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?", "trigger": trigger}),
    )
    .await;
    let operation = ended(&app, &made).await;
    assert_eq!(operation["status"], "completed", "{operation}");
    (app, llm)
}

/// Texts of the memories that the content rests on.
fn based_on(model: &Value) -> Vec<&str> {
    let memories = model["reflect_response"]["based_on"]["memories"].as_array().unwrap();
    memories.iter().map(|memory| memory["text"].as_str().unwrap()).collect()
}
