//! Answers to questions from memory, by a scripted model over real HTTP.

mod bad_models;
mod calls;
mod evidence;
mod rules;
mod turns;
pub(crate) mod wording;

use axum::http::{Method, StatusCode};
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use serde_json::{Map, Value, json};

use crate::support::{Answer, TestApp};

const REFLECT: &str = "/v1/default/banks/b/reflect";
const DIRECTIVES: &str = "/v1/default/banks/b/directives";
const CONFIG: &str = "/v1/default/banks/b/config";
/// The question of most tests.
const QUESTION: &str = "Where does Alice live?";

/// A server whose facts are the texts themselves, and whose questions a scripted model answers.
async fn app(more: &[(&str, &str)]) -> (TestApp, ScriptedLlm) {
    let mut variables = vec![("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "chunks")];
    variables.extend_from_slice(more);
    TestApp::with_llm(&variables).await
}

/// The same with a dialogue in bank `b`.
async fn dialogue(more: &[(&str, &str)]) -> (TestApp, ScriptedLlm) {
    let (app, llm) = app(more).await;
    let items = json!([
        {"content": "Alice: I live in Rome.", "document_id": "1", "timestamp": "2023-05-08T10:00:00Z"},
        {
            "content": "Alice: I moved to Berlin, where I live now.", "document_id": "2", "context": "chat",
            "timestamp": "2024-03-01T10:00:30Z", "metadata": {"source": "slack"}, "tags": ["home"],
        },
        {"content": "Bob: Alice likes green tea.", "document_id": "3", "timestamp": "2024-03-02T10:00:00Z"},
    ]);
    let retained = app.retain(items).await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
    assert_eq!(llm.asked(), 0, "texts are facts as they are");
    (app, llm)
}

async fn reflect(app: &TestApp, request: Value) -> Answer {
    app.post(REFLECT, request).await
}

/// The response to a question that is answered.
async fn answered(app: &TestApp, request: Value) -> Value {
    let answer = reflect(app, request).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.body
}

async fn patch_config(app: &TestApp, updates: Value) {
    let answer = app.json(Method::PATCH, CONFIG, json!({ "updates": updates })).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

/// Results of searches that a model was shown in a conversation, oldest first.
fn shown(request: &LlmRequest) -> Vec<Map<String, Value>> {
    let messages = request.messages();
    let lines = messages.iter().filter(|(role, _)| role == "user" || role == "tool");
    let lines = lines.flat_map(|(_, text)| text.lines());
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The name under which a model was shown the memory with these words.
fn name_of(request: &LlmRequest, words: &str) -> String {
    let results = shown(request);
    let lists = ["memories", "observations", "source_facts"];
    let items =
        results.iter().flat_map(|result| lists.iter().filter_map(|list| result.get(*list)?.as_array()));
    let found = items.flatten().find(|item| item["text"].as_str().is_some_and(|text| text.contains(words)));
    let found = found.unwrap_or_else(|| panic!("nothing with '{words}' was shown: {results:?}"));
    found["id"].as_str().unwrap().to_owned()
}

/// An answer as models hand it in.
fn done(answer: &str, ids: &[&str]) -> Value {
    json!({"answer": answer, "answer_found": true, "memory_ids": ids, "observation_ids": []})
}

fn hands_in(arguments: &Value) -> Reply {
    Reply::calls([("done", arguments.clone())])
}

/// Texts of the memories that a response rests on.
fn based_on(response: &Value) -> Vec<&str> {
    let memories = response["based_on"]["memories"].as_array().unwrap();
    memories.iter().map(|memory| memory["text"].as_str().unwrap()).collect()
}

/// Scopes of the calls of a response.
fn scopes(response: &Value) -> Vec<&str> {
    let calls = response["trace"]["llm_calls"].as_array().unwrap();
    calls.iter().map(|call| call["scope"].as_str().unwrap()).collect()
}

/// Tools that were called, with the turn of each.
fn tools(response: &Value) -> Vec<(&str, i64)> {
    let calls = response["trace"]["tool_calls"].as_array().unwrap();
    calls.iter().map(|call| (call["tool"].as_str().unwrap(), call["iteration"].as_i64().unwrap())).collect()
}

/// A question with all that there is to see.
fn asking(query: &str) -> Value {
    json!({"query": query, "include": {"facts": {}, "tool_calls": {}}})
}
