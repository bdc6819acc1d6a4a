//! Models that answer badly: what becomes of it, and that nothing is ever cited that was not
//! found.

use axum::http::{StatusCode, header};
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{
    QUESTION, answered, asking, based_on, dialogue, done, hands_in, name_of, reflect, scopes, tools,
};

const INVENTED: &str = "9f8b7c6d-1234-4abc-8def-001122334455";

#[tokio::test]
async fn invented_ids_are_not_told_on() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let words = format!("Berlin, see {INVENTED} and [f77].");
        hands_in(&done(&words, &[&name_of(request, "Berlin"), INVENTED, "f77", "o1", "c1", ""]))
    });
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(based_on(&response), ["Alice: I moved to Berlin, where I live now."]);
    assert_eq!(response["text"], "Berlin, see [unverified id] and [f77].");
    assert!(!response["based_on"].to_string().contains(INVENTED));
    // One that cites nothing that was found rests on nothing.
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &[INVENTED])));
    assert_eq!(based_on(&answered(&app, asking(QUESTION)).await).len(), 0);
}

#[tokio::test]
async fn who_finds_nothing_is_sent_to_search_in_other_words_once() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        if request.tools() == ["recall"] {
            assert_eq!(request.body["tool_choice"], "required");
            return Reply::calls([("recall", json!({"query": "flat of Alice", "reason": "other words"}))]);
        }
        hands_in(&json!({"answer": "I do not know.", "answer_found": false}))
    });
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(response["text"], "I do not know.");
    assert_eq!(tools(&response), [("search_observations", 0), ("recall", 0), ("recall", 2)]);
    assert_eq!(llm.asked(), 3);
    let refused = llm.requests()[1].messages().pop().unwrap().1;
    assert!(refused.contains("search in other words with recall"), "{refused}");
    // Who insists is believed.
    llm.answer_with(|request: &LlmRequest| {
        if request.tools() == ["recall"] {
            return Reply::calls([("done", json!({"answer": "Still not.", "answer_found": "false"}))]);
        }
        hands_in(&json!({"answer": "I do not know.", "answer_found": false}))
    });
    assert_eq!(answered(&app, asking(QUESTION)).await["text"], "Still not.");
}

#[tokio::test]
async fn calls_that_cannot_be_answered_are_told_so_and_the_model_goes_on() {
    let (app, llm) = dialogue(&[]).await;
    for (reply, words) in [
        (
            Reply::calls([("drop_tables", json!({}))]),
            "there is no tool 'drop_tables'; call one of search_observations, recall, expand, done",
        ),
        (Reply::calls([("recall", json!({}))]), "'query' must be a text of at least one word"),
        (
            Reply::calls([("recall", json!({"query": "tea", "max_tokens": "many"}))]),
            "'max_tokens' must be a whole number",
        ),
        (Reply::call_of("recall", "{\"query\": \"te"), "'query' must be a text"),
        (
            Reply::calls([("expand", json!({"memory_ids": [], "depth": "chunk"}))]),
            "'memory_ids' must be a list of ids",
        ),
        (
            Reply::calls([("expand", json!({"memory_ids": ["f1"], "depth": "sea"}))]),
            "'depth' must be chunk or document",
        ),
        (
            Reply::call_of("done", "Berlin, I think"),
            "'answer' must be a text; 'answer_found' must be true or false",
        ),
        (hands_in(&json!({"answer": " ", "answer_found": true})), "'answer' must not be empty"),
        (hands_in(&json!({"answer": "Berlin."})), "'answer_found' must be true or false"),
        (hands_in(&done("Ber", &[])).finish("length"), "the answer was cut off at its longest"),
        (
            Reply::calls([("recall", json!({"query": "tea"})), ("done", done("Berlin.", &[]))]),
            "call done alone, once you have seen what your searches find",
        ),
    ] {
        llm.push(reply).push(hands_in(&done("Berlin.", &["f1"])));
        let response = answered(&app, asking(QUESTION)).await;
        assert_eq!(response["text"], "Berlin.");
        assert_eq!(scopes(&response), ["agent_1", "agent_2"], "{words}");
        let told: Vec<String> = llm.last_request().messages().into_iter().map(|(_, text)| text).collect();
        assert!(told.iter().any(|told| told.contains(words)), "{words}: {told:?}");
    }
    assert_eq!(llm.left(), 0);
}

#[tokio::test]
async fn one_turn_answers_a_bounded_number_of_calls() {
    let (app, llm) = dialogue(&[]).await;
    let calls = (0..40).map(|number| ("recall", json!({"query": format!("tea {number}"), "reason": "r"})));
    llm.push(Reply::calls(calls)).push(hands_in(&done("Berlin.", &["f1"])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(tools(&response).iter().filter(|(_, turn)| *turn == 1).count(), 8);
    let results = llm.last_request().messages();
    let results: Vec<_> = results.iter().filter(|(role, _)| role == "tool").collect();
    assert_eq!(results.len(), 40, "every call has an answer");
    assert!(results[39].1.contains("too many calls in one turn"));
}

#[tokio::test]
async fn prose_in_place_of_calls_makes_the_answer_be_asked_for_as_json() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        if request.schema().is_none() {
            return Reply::text("Alice surely lives in Paris.");
        }
        Reply::json(&done("Alice lives in Berlin.", &[&name_of(request, "Berlin"), INVENTED]))
    });
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(response["text"], "Alice lives in Berlin.", "what was said before it counts for nothing");
    assert_eq!(based_on(&response), ["Alice: I moved to Berlin, where I live now."]);
    assert_eq!(scopes(&response), ["agent_1", "final"]);
    let asked = llm.last_request();
    assert_eq!(asked.tools(), Vec::<String>::new(), "it needs no tools");
    assert!(asked.system().contains("there is nothing more to search"));
    assert!(!asked.user().contains("Paris"));
}

#[tokio::test]
async fn a_model_without_tools_answers_from_what_was_found() {
    let (app, llm) = dialogue(&[]).await;
    llm.push(Reply::error(StatusCode::BAD_REQUEST, "scripted does not support tools"));
    llm.answer_with(|request: &LlmRequest| Reply::json(&done("Berlin.", &[&name_of(request, "Berlin")])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["agent_1_err", "final"]);
    assert_eq!(based_on(&response), ["Alice: I moved to Berlin, where I live now."]);
    // What it does not take either is an error of the set-up.
    llm.answer_with(|_: &LlmRequest| Reply::error(StatusCode::NOT_FOUND, "no such model"));
    let answer = reflect(&app, asking(QUESTION)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.detail().contains("no such model"), "{}", answer.detail());
}

#[tokio::test]
async fn a_model_that_writes_nothing_usable_is_an_error_and_no_answer() {
    let (app, llm) = dialogue(&[]).await;
    for (reply, calls, words) in [
        // No calls and no JSON either; the models' layer asks again for JSON by itself.
        (Reply::text("Paris, of course!"), None, "no answer: the answer was no JSON"),
        (
            Reply::json(&json!({"answer": "", "answer_found": true})),
            None,
            "no answer: the language model wrote nothing that can be used: 'answer' must not be empty",
        ),
        // Empty answers to the end: turns, two closing calls, and prose where JSON is wanted.
        (hands_in(&json!({"answer": "", "answer_found": true})), Some(4 + 2), "no answer: "),
    ] {
        let before = llm.asked();
        llm.answer_with(move |_: &LlmRequest| reply.clone());
        let answer = reflect(&app, asking(QUESTION)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{:?}", answer.body);
        assert!(answer.detail().starts_with(words), "{}", answer.detail());
        if let Some(calls) = calls {
            let with_tools =
                llm.requests()[before..].iter().filter(|asked| !asked.tools().is_empty()).count();
            assert_eq!(with_tools, calls);
        }
    }
}

#[tokio::test]
async fn a_closing_call_that_brings_nothing_is_followed_by_the_evidence() {
    let (app, llm) = dialogue(&[("HINDSIGHT_API_REFLECT_MAX_ITERATIONS", "1")]).await;
    for closing in [Reply::text("Berlin!"), Reply::calls([("recall", json!({"query": "tea"}))])] {
        llm.push(closing);
        llm.push(Reply::json(&done("Berlin.", &["f1"])));
        let response = answered(&app, asking(QUESTION)).await;
        assert_eq!(scopes(&response), ["closing_done", "final"]);
        assert_eq!(based_on(&response).len(), 1);
    }
    // One that is only out of form is asked for once more.
    llm.push(hands_in(&json!({"answer": 7}))).push(hands_in(&done("Berlin.", &["f1"])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["closing_done", "closing_done"]);
    assert_eq!(llm.left(), 0);
}

#[tokio::test]
async fn errors_of_a_model_are_tried_once_more_and_then_said() {
    let (app, llm) = dialogue(&[]).await;
    llm.push(Reply::server_error()).push(hands_in(&done("Berlin.", &["f1"])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["agent_1_err", "agent_1"]);
    // A turn that brings nothing may only mean that the model has no calls to make.
    llm.push_all([Reply::malformed("no JSON"), Reply::malformed("no JSON")]);
    llm.push(Reply::json(&done("Berlin.", &["f1"])));
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["agent_1_err", "agent_1_err", "final"]);
    assert_eq!(based_on(&response).len(), 1);
    // One that fails at everything is asked for the answer from the evidence too, in vain.
    for (reply, calls, status, words) in [
        (Reply::server_error(), 4, StatusCode::INTERNAL_SERVER_ERROR, "could not be asked"),
        (Reply::malformed("no JSON"), 4, StatusCode::INTERNAL_SERVER_ERROR, "could not be asked"),
        (Reply::server_error().truncated(), 4, StatusCode::INTERNAL_SERVER_ERROR, "could not be asked"),
        (Reply::text("half").cut(), 4, StatusCode::INTERNAL_SERVER_ERROR, "could not be asked"),
        (Reply::rate_limited(1), 2, StatusCode::SERVICE_UNAVAILABLE, "too much to do"),
        (Reply::rate_limited(900), 1, StatusCode::SERVICE_UNAVAILABLE, "quota resets"),
        (Reply::refusal("not that"), 1, StatusCode::INTERNAL_SERVER_ERROR, "the model refused"),
        (
            Reply::error(StatusCode::UNAUTHORIZED, "bad key"),
            1,
            StatusCode::INTERNAL_SERVER_ERROR,
            "denied access",
        ),
    ] {
        let before = llm.asked();
        llm.answer_with(move |_: &LlmRequest| reply.clone());
        let answer = reflect(&app, asking(QUESTION)).await;
        assert_eq!((answer.status, llm.asked() - before), (status, calls), "{words}: {:?}", answer.body);
        assert!(answer.detail().contains(words) && !answer.detail().contains("hush"), "{}", answer.detail());
        let retry = answer.headers.contains_key(header::RETRY_AFTER);
        assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE);
    }
}

/// Times for an answer, from the shortest that does to those for a machine so busy that the time is
/// over before the model is asked, or before its first answer is there.
const SECONDS: [&str; 3] = ["3", "15", "75"];

#[tokio::test]
async fn a_model_that_is_silent_ends_with_the_time_for_the_answer() {
    let mut asked = 0;
    for seconds in SECONDS {
        let (app, llm) = dialogue(&[("HINDSIGHT_API_REFLECT_WALL_TIMEOUT", seconds)]).await;
        llm.push(Reply::silence());
        let answer = reflect(&app, asking(QUESTION)).await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{:?}", answer.body);
        asked = llm.asked();
        if asked > 0 {
            break;
        }
    }
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn an_answer_is_not_lost_for_what_it_can_do_without() {
    let long = "Alice lives in Berlin. ".repeat(20);
    let mut request = asking(QUESTION);
    request["max_tokens"] = json!(20);
    request["response_schema"] = json!({"properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut answer = None;
    for seconds in SECONDS {
        let (app, llm) = dialogue(&[("HINDSIGHT_API_REFLECT_WALL_TIMEOUT", seconds)]).await;
        llm.push(hands_in(&done(&long, &["f1"])));
        // Neither a shorter answer nor values for the schema come.
        llm.answer_with(|_: &LlmRequest| Reply::silence());
        let given = reflect(&app, request.clone()).await;
        let is_late = given.status == StatusCode::GATEWAY_TIMEOUT;
        answer = Some(given);
        if !is_late {
            break;
        }
    }
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let response = answer.body;
    assert_eq!(response["text"], long.trim());
    assert_eq!(response["structured_output"], Value::Null);
    assert_eq!(response["structured_output_error"], "TimeoutError: the model did not answer in time");
    assert_eq!(based_on(&response).len(), 1);
}

#[tokio::test]
async fn a_conversation_that_is_too_long_for_the_model_is_answered_from_the_evidence() {
    let (app, llm) = dialogue(&[]).await;
    let overflow =
        || Reply::error(StatusCode::BAD_REQUEST, "This model's maximum context length is 512 tokens");
    llm.push(overflow()).push(overflow());
    let tea: Value = done("Berlin, with tea.", &[]);
    llm.answer_with(move |request: &LlmRequest| {
        let mut answer = tea.clone();
        answer["memory_ids"] = json!([name_of(request, "Berlin"), name_of(request, "tea")]);
        Reply::json(&answer)
    });
    let answer = reflect(&app, asking(QUESTION)).await;
    // The evidence is as small as it gets, and the model does not take it either.
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{:?}", answer.body);
    assert!(answer.detail().contains("longer than the language model takes"));
    llm.push(overflow());
    let response = answered(&app, asking(QUESTION)).await;
    assert_eq!(scopes(&response), ["agent_1_err", "final"]);
    assert_eq!(based_on(&response).len(), 2);
}
