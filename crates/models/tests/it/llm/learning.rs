//! What a service does not take is asked for once only.

use hindsight_engine::ports::{LanguageModel, LlmFailure, Output, Prompt, ToolChoice};
use hindsight_models::llm::RouteOptions;
use serde_json::{Value, json};

use super::player::{Play, Player};
use super::providers::PROVIDERS;
use super::{json as json_output, model, prompt, route, router, tools};

#[tokio::test]
async fn ways_of_asking_for_json_are_given_up_one_after_the_other() {
    let [openai, anthropic, gemini, _, _, lmstudio] = PROVIDERS;
    for (provider, ways, complaint) in [
        (
            openai,
            vec!["/response_format/json_schema", "/response_format", ""],
            "response_format is not supported",
        ),
        (
            anthropic,
            vec!["/output_config/format", "/tool_choice", ""],
            "output_config: Extra inputs are not permitted; tool_choice too",
        ),
        (
            gemini,
            vec!["/generationConfig/responseJsonSchema", "/generationConfig/responseMimeType", ""],
            "Unknown name \"responseJsonSchema\"",
        ),
        (lmstudio, vec!["/response_format/json_schema", ""], ""),
    ] {
        let value = json!({"facts": []});
        let mut plays: Vec<_> = ways.iter().skip(1).map(|_| provider.fails(400, complaint)).collect();
        if complaint.is_empty() {
            plays = vec![Play::raw(400, ""); ways.len() - 1];
        }
        plays.extend([provider.says_json(&value), provider.says_json(&value)]);
        let player = Player::start(plays).await;
        let model = model(provider.at(&player));
        for _ in 0..2 {
            assert_eq!(
                model.ask(prompt(json_output())).await.unwrap().value,
                Some(value.clone()),
                "{provider:?}"
            );
        }
        let asked = player.asked();
        assert_eq!(asked.len(), ways.len() + 1, "the second call knows it: {provider:?}");
        for (way, asked) in ways.iter().zip(&asked) {
            let body = &asked.body;
            assert!(body.pointer(way).is_some_and(|found| *found != Value::Null), "{way}: {body}");
            let has_schema_in_prompt = body.to_string().contains("Answer with one JSON value");
            let wants_it = provider == lmstudio
                || way.is_empty()
                || matches!(*way, "/response_format" | "/generationConfig/responseMimeType");
            assert_eq!(has_schema_in_prompt, wants_it, "{way}: {body}");
        }
        assert_eq!(asked.last().map(|last| &last.body), asked.get(ways.len() - 1).map(|last| &last.body));
    }
}

#[tokio::test]
async fn the_tool_that_stands_for_a_mode_carries_the_value() {
    let anthropic = PROVIDERS[1];
    let value = json!({"facts": ["a"]});
    let player = Player::start([
        anthropic.fails(400, "output_config is not supported"),
        anthropic.calls("facts", &value),
    ])
    .await;
    let reply = model(anthropic.at(&player)).ask(prompt(json_output())).await.unwrap();
    assert_eq!((reply.value, reply.tool_calls.len()), (Some(value), 0));
}

#[tokio::test]
async fn json_that_is_never_taken_is_rejected() {
    for provider in PROVIDERS {
        let plays = vec![
            provider.fails(400, "response_format: json_schema is not supported");
            provider.at(&Player::start([]).await).json.len()
        ];
        let player = Player::start(plays).await;
        let error = model(provider.at(&player)).ask(prompt(json_output())).await.unwrap_err();
        assert!(matches!(error.failure, LlmFailure::Rejected(_)), "{provider:?}: {error:?}");
        assert_eq!(player.left(), 0);
    }
}

#[tokio::test]
async fn bounds_names_and_temperatures_are_learned() {
    let openai = PROVIDERS[0];
    let player = Player::start([
        openai.fails(
            400,
            "max_tokens is too large: 20000. This model supports at most 16384 completion tokens",
        ),
        openai.fails(400, "Unsupported value: 'temperature' does not support 0.1 with this model"),
        openai.fails(400, "Unsupported parameter: 'max_completion_tokens'"),
        openai.says("Hello."),
        openai.says("Hello."),
    ])
    .await;
    let model = model(openai.at(&player));
    for _ in 0..2 {
        assert_eq!(model.ask(prompt(Output::Text)).await.unwrap().text, "Hello.");
    }
    let bodies: Vec<_> = player.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        (&bodies[0]["max_completion_tokens"], &bodies[0]["temperature"]),
        (&json!(20000), &json!(0.1))
    );
    for body in &bodies[3..] {
        assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(16384), &Value::Null), "{body}");
    }
}

#[tokio::test]
async fn a_tool_that_has_to_be_called_is_asked_for_in_words_that_are_taken() {
    let [openai, anthropic, gemini, _, _, lmstudio] = PROVIDERS;
    let complaint = "tool_choice: forced tool use is not supported by this model";
    let (any, one) = (json!({"type": "any"}), json!({"type": "tool", "name": "done"}));
    for (provider, choice, ways) in [
        // In OpenAI's words a tool is named by being the only one.
        (openai, "/tool_choice", vec![(json!("required"), 1), (Value::Null, 1)]),
        (anthropic, "/tool_choice", vec![(one, 2), (any, 1), (Value::Null, 1)]),
        (gemini, "/toolConfig/functionCallingConfig/mode", vec![(json!("ANY"), 2)]),
        // It is known not to listen.
        (lmstudio, "/tool_choice", vec![(Value::Null, 1)]),
    ] {
        let mut plays: Vec<_> = ways.iter().skip(1).map(|_| provider.fails(400, complaint)).collect();
        plays.extend([provider.calls("done", &json!({})), provider.calls("done", &json!({}))]);
        let player = Player::start(plays).await;
        let model = model(provider.at(&player));
        for _ in 0..2 {
            let named = prompt(tools(ToolChoice::Named("done".to_owned())));
            assert_eq!(model.ask(named).await.unwrap().tool_calls[0].name, "done", "{provider:?}");
        }
        let asked = player.asked();
        assert_eq!(asked.len(), ways.len() + 1, "the second call knows it: {provider:?}");
        let told = |body: &Value| {
            let list = body.pointer("/tools/0/functionDeclarations").unwrap_or(&body["tools"]);
            (body.pointer(choice).cloned().unwrap_or_default(), list.as_array().unwrap().len())
        };
        for (way, asked) in ways.iter().zip(&asked) {
            assert_eq!(told(&asked.body), *way, "{provider:?}");
        }
        assert_eq!(asked.last().map(|last| told(&last.body)), ways.last().cloned());
    }
}

#[tokio::test]
async fn a_call_may_have_a_temperature_of_its_own() {
    let player = Player::start([PROVIDERS[0].says("Hello."), PROVIDERS[0].says("Hello.")]).await;
    let steady = || Prompt { temperature: Some(0.0), ..prompt(Output::Text) };
    model(PROVIDERS[0].at(&player)).ask(steady()).await.unwrap();
    let without = RouteOptions { temperature: None, ..route(vec![PROVIDERS[0].at(&player)]) };
    router(&without).ask(steady()).await.unwrap();
    let told: Vec<_> = player.asked().iter().map(|asked| asked.body["temperature"].clone()).collect();
    assert_eq!(told, [json!(0.0), Value::Null], "where none is to be sent, none is");
}

#[tokio::test]
async fn models_that_think_have_room_and_no_temperature() {
    let player = Player::start([PROVIDERS[0].says("Hello."), PROVIDERS[0].says("Hello.")]).await;
    for (name, temperature) in [("gpt-5-mini", Value::Null), ("openai/gpt-oss-20b", json!(0.1))] {
        let mut options = PROVIDERS[0].at(&player);
        options.model = name.to_owned();
        options.reasoning_effort = Some("low".to_owned());
        let short = Prompt { max_tokens: Some(100), ..prompt(Output::Text) };
        model(options).ask(short).await.unwrap();
        let body = player.asked().pop().unwrap().body;
        assert_eq!(
            (&body["max_completion_tokens"], &body["reasoning_effort"]),
            (&json!(16000), &json!("low"))
        );
        assert_eq!(body["temperature"], temperature);
    }
}

#[tokio::test]
async fn errors_that_come_as_answers_and_bills_are_seen_for_what_they_are() {
    let openai = PROVIDERS[0];
    let overloaded = Play::ok(&json!({"error": {"code": 503, "message": "no provider is free"}}));
    let player = Player::start([overloaded, openai.says("Hello.")]).await;
    assert_eq!(model(openai.at(&player)).ask(prompt(Output::Text)).await.unwrap().text, "Hello.");
    let unpaid = Play::status(429, &json!({"error": {"code": "insufficient_quota", "message": "pay"}}));
    let player = Player::start([unpaid]).await;
    let error = model(openai.at(&player)).ask(prompt(Output::Text)).await.unwrap_err();
    assert_eq!(error.failure, LlmFailure::Denied("status 429: pay".to_owned()));
    let wrong_key = json!([{"error": {"code": 400, "message": "API key not valid", "details": [{"reason": "API_KEY_INVALID"}]}}]);
    let player = Player::start([Play::status(400, &wrong_key)]).await;
    let error = model(PROVIDERS[2].at(&player)).ask(prompt(Output::Text)).await.unwrap_err();
    assert_eq!(error.failure, LlmFailure::Denied("status 400: API key not valid".to_owned()));
}
