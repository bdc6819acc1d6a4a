//! The scripted model, asked by a real HTTP client.

use std::time::Duration;

use hindsight_testkit::{Fault, Gate, LLM_MODEL, Reply, ScriptedLlm};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// Asks with a message of the user.
async fn ask(llm: &ScriptedLlm, text: &str) -> reqwest::Result<Response> {
    let body = json!({
        "model": "some-model",
        "messages": [
            {"role": "system", "content": "You extract facts."},
            {"role": "user", "content": [{"type": "text", "text": text}]},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "tools": [{"type": "function", "function": {"name": "recall", "parameters": {}}}],
    });
    let request = Client::new().post(format!("{}/chat/completions", llm.url())).bearer_auth("secret");
    request.json(&body).send().await
}

async fn said(response: Response) -> Value {
    response.json::<Value>().await.unwrap()["choices"][0]["message"]["content"].clone()
}

#[tokio::test]
async fn the_queue_is_answered_first_then_the_closure_then_nothing() {
    let llm = ScriptedLlm::start().await;
    llm.push("one").push(json!({"facts": []}));
    assert_eq!((said(ask(&llm, "a").await.unwrap()).await, llm.left()), ("one".into(), 1));
    assert_eq!(said(ask(&llm, "b").await.unwrap()).await, r#"{"facts":[]}"#);
    let unscripted = ask(&llm, "c").await.unwrap();
    assert_eq!(unscripted.status(), StatusCode::INTERNAL_SERVER_ERROR);
    llm.answer_with(|request| format!("you said {}", request.user()));
    assert_eq!(said(ask(&llm, "d").await.unwrap()).await, "you said d");
    llm.push_all(["first"]);
    assert_eq!(said(ask(&llm, "e").await.unwrap()).await, "first");
}

#[tokio::test]
async fn an_answer_has_the_form_of_openai() {
    let llm = ScriptedLlm::start().await;
    llm.push(Reply::text("hello").usage(120, 7).finish("length"));
    let answer: Value = ask(&llm, "a").await.unwrap().json().await.unwrap();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "some-model");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["choices"][0]["message"], json!({"role": "assistant", "content": "hello"}));
    assert_eq!(answer["usage"], json!({"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}));
    llm.push(Reply::calls([("recall", json!({"query": "x"}))]).without_usage());
    let answer: Value = ask(&llm, "b").await.unwrap().json().await.unwrap();
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "recall", "arguments": "{\"query\":\"x\"}"}));
    assert_eq!((&answer["choices"][0]["finish_reason"], answer.get("usage")), (&"tool_calls".into(), None));
    llm.push(Reply::refusal("no"));
    let answer: Value = ask(&llm, "c").await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["refusal"], "no");
    let models: Value = reqwest::get(format!("{}/models", llm.url())).await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["id"], LLM_MODEL);
}

#[tokio::test]
async fn what_was_asked_is_kept() {
    let llm = ScriptedLlm::start().await;
    llm.answer_with(|_| "yes");
    ask(&llm, "What is it?").await.unwrap();
    ask(&llm, "And now?").await.unwrap();
    llm.wait_until_asked(2).await;
    let requests = llm.requests();
    assert_eq!((requests.len(), llm.asked()), (2, 2));
    assert_eq!((requests[0].user().as_str(), requests[1].user().as_str()), ("What is it?", "And now?"));
    let last = llm.last_request();
    assert_eq!((last.model(), last.system().as_str()), ("some-model", "You extract facts."));
    assert_eq!(last.schema(), Some(&json!({"type": "object"})));
    assert_eq!((last.tools(), last.key()), (vec!["recall".to_owned()], Some("secret")));
    assert_eq!(last.messages().len(), 2);
}

#[tokio::test]
async fn errors_have_their_status_and_their_headers() {
    let llm = ScriptedLlm::start().await;
    llm.push_all([
        Reply::rate_limited(7),
        Reply::server_error(),
        Reply::error(StatusCode::BAD_REQUEST, "no"),
    ]);
    let limited = ask(&llm, "a").await.unwrap();
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers()["retry-after"], "7");
    assert_eq!(ask(&llm, "b").await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    let refused = ask(&llm, "c").await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["message"], "no");
}

#[tokio::test]
async fn bodies_that_are_no_answers() {
    let llm = ScriptedLlm::start().await;
    llm.push_all([Reply::malformed("<html>"), Reply::text("a long story").truncated()]);
    assert_eq!(ask(&llm, "a").await.unwrap().text().await.unwrap(), "<html>");
    let half = ask(&llm, "b").await.unwrap().text().await.unwrap();
    assert!(half.starts_with("{\"id\"") && serde_json::from_str::<Value>(&half).is_err(), "{half}");
    llm.push(Reply::text("a long story").cut());
    let cut = match ask(&llm, "c").await {
        Ok(response) => response.text().await,
        Err(error) => Err(error),
    };
    assert!(cut.is_err(), "{cut:?}");
}

#[tokio::test]
async fn answers_that_do_not_come() {
    let llm = ScriptedLlm::start().await;
    llm.push_all([Reply::text("x").hanging(), Reply::silence()]);
    for _ in 0..2 {
        // Long enough for the request to be there, on a busy machine too.
        let client = Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
        let request = client.post(format!("{}/chat/completions", llm.url())).body("not JSON");
        let text = match request.send().await {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        };
        assert!(text.unwrap_err().is_timeout());
    }
    assert_eq!(llm.last_request().body, "not JSON");
}

#[tokio::test]
async fn answers_that_come_late() {
    let llm = ScriptedLlm::start().await;
    let gate = Gate::closed();
    llm.push(Reply::text("held").behind(&gate)).push(Reply::text("late").after(Duration::from_millis(1)));
    let (held, late) = tokio::join!(ask(&llm, "a"), async {
        llm.wait_until_asked(1).await;
        let late = ask(&llm, "b").await;
        gate.open();
        late
    });
    assert_eq!((said(held.unwrap()).await, said(late.unwrap()).await), ("held".into(), "late".into()));
}

#[tokio::test]
async fn the_link_to_the_model_breaks_and_heals() {
    let llm = ScriptedLlm::start().await;
    llm.answer_with(|_| "yes");
    llm.link().set(Fault::Refuse).await;
    assert!(ask(&llm, "a").await.unwrap_err().is_connect());
    llm.link().set(Fault::Reset { after: 50 }).await;
    assert!(ask(&llm, "b").await.is_err());
    assert_eq!(llm.asked(), 0);
    llm.link().heal().await;
    assert_eq!(said(ask(&llm, "c").await.unwrap()).await, "yes");
}
