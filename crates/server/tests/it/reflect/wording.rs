//! Everything a model is told, to the letter. Whoever changes a word here gives the words another
//! number.

use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{CONFIG, DIRECTIVES, answered, app, done, hands_in};
use crate::support::TestApp;

/// What a model was told, and what it could answer with.
pub(crate) fn told(request: &LlmRequest) -> Value {
    let messages: Vec<_> = request
        .messages()
        .into_iter()
        .map(|(role, text)| {
            // Results hold ids of chunks and so on; the words around them are what is looked at.
            let lines = text.lines().map(|line| if line.starts_with('{') { "{…}" } else { line });
            json!({ role: lines.collect::<Vec<_>>() })
        })
        .collect();
    json!({
        "messages": messages, "tools": request.body["tools"], "choice": request.body["tool_choice"],
        "schema": request.schema(),
    })
}

async fn configured(updates: Value) -> (TestApp, hindsight_testkit::ScriptedLlm) {
    let (app, llm) = app(&[]).await;
    let answer = app.json(axum::http::Method::PATCH, CONFIG, json!({ "updates": updates })).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    (app, llm)
}

#[tokio::test]
async fn words_for_a_bank_that_has_said_nothing_about_itself() {
    let (app, llm) = app(&[]).await;
    llm.push(hands_in(&done("That is not known.", &[])));
    answered(&app, json!({"query": "Where does Alice live?"})).await;
    insta::assert_json_snapshot!("plain", told(&llm.last_request()));
}

#[tokio::test]
async fn words_for_a_bank_with_a_mission_a_character_and_directives() {
    let (app, llm) = configured(json!({
        "reflect_mission": "Help the family to plan.", "disposition_skepticism": 5, "disposition_empathy": 1,
    }))
    .await;
    let rule = json!({"name": "tone", "content": "Be brief."});
    assert_eq!(app.post(DIRECTIVES, rule).await.status, 200);
    // Prose first, so that every kind of call is made; the answer is too long, and brings no values.
    llm.push(Reply::text("I guess Paris."));
    llm.push(Reply::json(&done("That is not known to anybody at all.", &[])));
    llm.push(Reply::text("Not known."));
    llm.push(Reply::json(&json!({"city": "none"})));
    let request = json!({
        "query": "Where does Alice live?", "context": "It is about May.", "max_tokens": 5,
        "response_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    });
    let response = answered(&app, request).await;
    assert_eq!(response["text"], "Not known.");
    let requests = llm.requests();
    for (name, request) in ["turn", "evidence", "shorter", "values"].into_iter().zip(&requests) {
        insta::assert_json_snapshot!(name, told(request));
    }
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn words_for_the_last_call_and_for_parts() {
    let settings =
        [("HINDSIGHT_API_REFLECT_MAX_ITERATIONS", "1"), ("HINDSIGHT_API_LLM_OUTPUT_LANGUAGE", "German")];
    let (app, llm) = super::app(&settings).await;
    llm.push(hands_in(&done("Nicht bekannt.", &[])));
    answered(&app, json!({"query": "Where does Alice live?"})).await;
    insta::assert_json_snapshot!("closing", told(&llm.last_request()));

    let (app, llm) = super::app(&[("HINDSIGHT_API_REFLECT_MAX_CONTEXT_TOKENS", "1")]).await;
    let long = format!("Alice: {}", "the sea is wide and the sky is high ".repeat(300));
    assert_eq!(app.retain(json!([{"content": long, "document_id": "long"}])).await.status, 200);
    llm.answer_with(|request: &LlmRequest| match request.schema() {
        Some(_) => Reply::json(&done("That is not known.", &[])),
        None => Reply::text("NOTHING RELEVANT."),
    });
    answered(&app, json!({"query": "Where does Alice live?"})).await;
    let requests = llm.requests();
    let first = requests.iter().find(|request| request.schema().is_none()).expect("a part");
    let system: Vec<_> = first.system().lines().map(str::to_owned).collect();
    insta::assert_json_snapshot!("part", system);
    insta::assert_json_snapshot!("claims", told(&llm.last_request()));
}
