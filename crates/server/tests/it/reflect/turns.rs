//! A question that is answered: what is searched, what it rests on, how many turns it takes.

use axum::http::StatusCode;
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{
    QUESTION, answered, asking, based_on, dialogue, done, hands_in, name_of, reflect, scopes, shown, tools,
};
use crate::support::TestApp;

#[tokio::test]
async fn a_question_is_searched_for_before_the_model_is_asked_and_answered_in_one_turn() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let name = name_of(request, "Berlin");
        let mut arguments = done("Alice lives in Berlin.", &[&name]);
        arguments["structured_output"] = json!({"city": "Berlin", "source": name});
        hands_in(&arguments)
    });
    let mut request = asking(QUESTION);
    request["response_schema"] =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let response = answered(&app, request).await;
    assert_eq!(response["text"], "Alice lives in Berlin.");
    assert_eq!(llm.asked(), 1, "one call is enough");
    let id = &response["based_on"]["memories"][0]["id"];
    assert_eq!(response["structured_output"], json!({"city": "Berlin", "source": id}));
    assert_eq!(response["structured_output_error"], Value::Null);
    assert_eq!(response["usage"]["total_tokens"], 15);
    let memories = response["based_on"]["memories"].as_array().unwrap();
    assert_eq!(memories.len(), 1, "exactly what is cited");
    let memory = &memories[0];
    assert_eq!(
        (&memory["text"], &memory["type"], &memory["document_id"], &memory["chunk_id"]),
        (
            &json!("Alice: I moved to Berlin, where I live now."),
            &json!("world"),
            &json!("2"),
            &json!("b_2_0")
        )
    );
    assert_eq!(
        (&memory["context"], &memory["metadata"], &memory["tags"], &memory["mentioned_at"]),
        (&json!("chat"), &json!({"source": "slack"}), &json!(["home"]), &json!("2024-03-01T10:00:30+00:00"))
    );
    assert_eq!(response["based_on"]["mental_models"], json!([]));
    assert_eq!(scopes(&response), ["agent_1"]);
    assert_eq!(tools(&response), [("search_observations", 0), ("recall", 0)]);
    let recall = &response["trace"]["tool_calls"][1];
    assert_eq!(recall["input"], json!({"query": QUESTION}));
    let raw = recall["output"]["memories"].as_array().unwrap();
    assert!(raw.iter().any(|raw| raw["id"] == memory["id"]), "the trace has ids as they are stored");
    let asked = llm.last_request();
    let told = Value::Array(shown(&asked).into_iter().map(Value::Object).collect()).to_string();
    assert!(!told.contains(memory["id"].as_str().unwrap()), "the model sees short names: {told}");
    assert!(told.contains(r#""mentioned_at":"2024-03-01T10:00Z""#), "{told}");
    assert_eq!(asked.tools(), ["search_observations", "recall", "expand", "done"]);
    assert_eq!((&asked.body["tool_choice"], &asked.body["temperature"]), (&json!("required"), &json!(0.9)));
    app.audit().await;
}

#[tokio::test]
async fn a_model_searches_on_and_looks_behind_what_it_found() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| match request.body["messages"].as_array().unwrap().len() {
        2 => Reply::calls([
            ("recall", json!({"query": "green tea", "max_tokens": "none", "reason": "what she drinks"})),
            (
                "functions.expand",
                json!({"memory_ids": [name_of(request, "Berlin"), "f99"], "depth": "document", "reason": "words"}),
            ),
        ]),
        _ => hands_in(&done("Berlin, with tea.", &[&name_of(request, "Berlin"), &name_of(request, "tea")])),
    });
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(
        based_on(&response),
        ["Alice: I moved to Berlin, where I live now.", "Bob: Alice likes green tea."]
    );
    assert_eq!(tools(&response), [("search_observations", 0), ("recall", 0), ("recall", 1), ("expand", 1)]);
    assert_eq!(scopes(&response), ["agent_1", "agent_2"]);
    let asked = llm.last_request();
    let messages = asked.body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool"], "results come in the order of calls");
    let calls = messages[2]["tool_calls"].as_array().unwrap();
    for (call, result) in calls.iter().zip(&messages[3..]) {
        assert_eq!(call["id"], result["tool_call_id"]);
    }
    assert_eq!(calls[1]["function"]["name"], "expand", "names are said back as they are known");
    let results = shown(&asked);
    let again = results[results.len() - 2]["already_shown"].as_array().unwrap();
    assert!(again.contains(&json!(name_of(&asked, "tea"))), "what is known is not said again: {again:?}");
    let expanded = &results[results.len() - 1]["results"];
    assert_eq!(expanded[0]["document"]["full_text"], "Alice: I moved to Berlin, where I live now.");
    assert_eq!(expanded[1], json!({"memory_id": "f99", "error": "not found"}));
    let raw = &response["trace"]["tool_calls"][3];
    assert_eq!(raw["input"]["memory_ids"][0], response["based_on"]["memories"][0]["id"]);
}

#[tokio::test]
async fn budgets_bound_the_turns_and_the_last_one_only_answers() {
    for (budget, turns) in [("low", 5), ("mid", 10), ("high", 20)] {
        let (app, llm) = dialogue(&[]).await;
        llm.answer_with(|request: &LlmRequest| {
            if request.tools() == ["done"] {
                return hands_in(&done("Berlin.", &[&name_of(request, "Berlin")]));
            }
            Reply::calls([("recall", json!({"query": "Alice", "reason": "more"}))])
        });
        let mut request = asking(QUESTION);
        request["budget"] = json!(budget);
        let response = answered(&app, request).await;
        assert_eq!(llm.asked(), turns, "{budget}");
        assert_eq!(scopes(&response).last(), Some(&"closing_done"));
        let (tool, turn) = tools(&response).pop().unwrap();
        assert_eq!((tool, usize::try_from(turn).unwrap()), ("recall", turns - 1));
        assert_eq!(based_on(&response).len(), 1);
        let (system, closing) = (llm.requests()[0].system(), llm.last_request().user());
        assert!(system.contains(&format!("You have {} turns at most.", turns - 1)), "{system}");
        assert!(closing.contains("Searching is over."), "{closing}");
    }
}

#[tokio::test]
async fn the_number_of_turns_can_be_set() {
    let (app, llm) = dialogue(&[("HINDSIGHT_API_REFLECT_MAX_ITERATIONS", "1")]).await;
    llm.answer_with(|request: &LlmRequest| hands_in(&done("Berlin.", &[&name_of(request, "Berlin")])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["closing_done"], "what was searched for first is there");
    assert_eq!(based_on(&response).len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_written_anew_once() {
    let (app, llm) = dialogue(&[]).await;
    let long = "Alice lives in Berlin. ".repeat(30);
    for (rewritten, expected) in [("Berlin [f1].", None), ("", Some(long.trim()))] {
        let words = long.clone();
        llm.push(hands_in(&done(&words, &["f1"])));
        llm.push(if rewritten.is_empty() { Reply::server_error() } else { Reply::text(rewritten) });
        llm.push(Reply::server_error());
        let mut request = asking(QUESTION);
        request["max_tokens"] = json!(20);
        let response = answered(&app, request).await;
        let id = response["based_on"]["memories"][0]["id"].as_str().unwrap();
        match expected {
            Some(long) => assert_eq!(response["text"], long, "one that cannot be had shorter stays"),
            None => assert_eq!(response["text"], format!("Berlin [{id}].")),
        }
        assert!(llm.last_request().user().contains("at most 20 tokens"));
        while llm.left() > 0 {
            llm.answer_with(|_: &LlmRequest| Reply::server_error());
            reflect(&app, asking("drain")).await;
        }
    }
}

#[tokio::test]
async fn values_of_a_schema_that_did_not_come_along_are_asked_for() {
    let (app, llm) = dialogue(&[]).await;
    let mut request = asking(QUESTION);
    request["response_schema"] = json!({"properties": {"city": {"type": "string"}}, "required": ["city"]});
    // Nothing, and then something else, came along.
    for along in [Value::Null, json!({"city": 7})] {
        let mut arguments = done("Berlin.", &["f1"]);
        arguments["structured_output"] = along;
        llm.push(hands_in(&arguments));
        llm.push(Reply::json(&json!({"town": "Berlin"})));
        llm.push(Reply::json(&json!({"city": "Berlin"})));
        let response = answered(&app, request.clone()).await;
        assert_eq!(response["structured_output"], json!({"city": "Berlin"}));
        assert_eq!(scopes(&response), ["agent_1", "structured_output", "structured_output"]);
        let asked = llm.last_request();
        assert_eq!(asked.body["temperature"], 0.0);
        assert_eq!(asked.body["max_completion_tokens"], 4096);
        assert!(asked.user().contains("the value lacks 'city'"));
    }
    // When none come at all the answer stands, and the reason beside it.
    llm.push(hands_in(&done("Berlin.", &["f1"])));
    llm.push_all([Reply::json(&json!({"city": 1})), Reply::json(&json!({"city": 2}))]);
    let response = answered(&app, request).await;
    assert_eq!((&response["text"], &response["structured_output"]), (&json!("Berlin."), &Value::Null));
    assert_eq!(response["structured_output_error"], "ValidationError: 'city' must be of type string");
    assert_eq!(llm.left(), 0);
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_there() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &["f1"])));
    let response = answered(&app, json!({"query": QUESTION, "context": "She travels."})).await;
    assert_eq!(response["text"], "Berlin.");
    for key in ["based_on", "structured_output", "structured_output_error", "trace"] {
        assert_eq!(response[key], Value::Null, "{key}");
    }
    assert!(llm.last_request().user().contains(&format!("{QUESTION}\n\nAdditional context: She travels.")));
    let quiet = json!({"query": QUESTION, "include": {"tool_calls": {"output": false}}});
    let response = answered(&app, quiet).await;
    assert_eq!(response["trace"]["tool_calls"][0]["output"], Value::Null);
    assert_eq!(response["based_on"], Value::Null);
}

#[tokio::test]
async fn only_types_that_are_asked_for_are_searched() {
    let (app, llm) = dialogue(&[("HINDSIGHT_API_STORE_DOCUMENT_TEXT", "false")]).await;
    llm.answer_with(|_: &LlmRequest| hands_in(&done("I do not know.", &[])));
    for (types, expected) in [
        (json!(["observation"]), vec!["search_observations", "done"]),
        (json!(["world", "experience"]), vec!["recall", "done"]),
        (Value::Null, vec!["search_observations", "recall", "done"]),
    ] {
        let mut request = asking(QUESTION);
        request["fact_types"] = types;
        let response = answered(&app, request).await;
        let asked = llm.last_request();
        assert_eq!(asked.tools(), expected);
        let searched: Vec<_> = tools(&response).into_iter().map(|(tool, _)| tool).collect();
        assert_eq!(searched, expected[..expected.len() - 1]);
        assert_eq!(
            asked.system().contains("`recall`"),
            expected.contains(&"recall"),
            "no other tool is named"
        );
    }
}

#[tokio::test]
async fn without_a_model_there_are_no_answers_and_no_bank_is_made() {
    let app = TestApp::start().await;
    let answer = reflect(&app, json!({"query": "who?"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.detail().contains("HINDSIGHT_API_LLM_PROVIDER"), "{}", answer.detail());
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn a_missing_bank_is_made_and_knows_nothing() {
    let (app, llm) = super::app(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let found = json!({"answer": "That is not known.", "answer_found": false});
        if request.tools() == ["recall"] {
            return Reply::calls([("recall", json!({"query": "home of Alice", "reason": "other words"}))]);
        }
        hands_in(&found)
    });
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!((response["text"].as_str(), based_on(&response).len()), (Some("That is not known."), 0));
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 1);
}
