//! What comes of every kind of answer, for each provider.

use std::time::Duration;

use chrono::TimeDelta;
use hindsight_engine::ports::{Clock, LanguageModel, LlmError, LlmFailure, Output, Prompt, Reply};
use hindsight_models::llm::ModelOptions;
use serde_json::json;

use super::player::{Play, Player};
use super::providers::{PROVIDERS, Provider};
use super::{Now, json as json_output, model, prompt};

const TOKENS_OF_ONE: i64 = 15;

/// What a provider with these answers leads to.
async fn outcome(
    provider: Provider,
    plays: Vec<Play>,
    prompt: Prompt,
    timeout: Duration,
) -> (Result<Reply, LlmError>, Player) {
    let player = Player::start(plays).await;
    let options = ModelOptions { timeout, ..provider.at(&player) };
    let outcome = model(options).ask(prompt).await;
    if let Err(error) = &outcome {
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    (outcome, player)
}

/// The same for all of the answers, and how often it was asked.
async fn asked(provider: Provider, plays: Vec<Play>, output: Output) -> (Result<Reply, LlmError>, usize) {
    let (outcome, player) = outcome(provider, plays, prompt(output), Duration::from_mins(5)).await;
    assert_eq!(player.left(), 0, "{provider:?}: {outcome:?}");
    (outcome, player.times())
}

async fn failure(provider: Provider, plays: Vec<Play>, output: Output) -> (LlmFailure, i64) {
    let (outcome, _) = asked(provider, plays, output).await;
    let error = outcome.unwrap_err();
    (error.failure, error.usage.total_tokens)
}

#[tokio::test]
async fn too_many_requests_are_waited_for_as_asked() {
    for provider in PROVIDERS {
        let later = provider.fails(429, "slow down").header("retry-after", "0.01");
        let (reply, times) = asked(provider, vec![later, provider.says("Hello.")], Output::Text).await;
        assert_eq!((reply.unwrap().text.as_str(), times), ("Hello.", 2), "{provider:?}");
    }
}

#[tokio::test]
async fn a_long_wait_is_told_instead_of_slept() {
    for provider in PROVIDERS {
        let later = provider.fails(429, "come back tomorrow").header("retry-after", "3600");
        let (failure, _) = failure(provider, vec![later], Output::Text).await;
        let at = Now.now() + TimeDelta::hours(1);
        assert_eq!(failure, LlmFailure::QuotaUntil(at), "{provider:?}");
    }
}

#[tokio::test]
async fn too_many_requests_after_all_attempts_is_busy() {
    for provider in PROVIDERS {
        for status in [429, 503, 529] {
            let plays = vec![provider.fails(status, "slow down"); 3];
            let (failure, _) = failure(provider, plays, Output::Text).await;
            assert!(matches!(failure, LlmFailure::Busy(_)), "{provider:?}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn a_server_error_is_tried_again() {
    for provider in PROVIDERS {
        let (reply, times) =
            asked(provider, vec![provider.fails(500, "oops"), provider.says("Hello.")], Output::Text).await;
        assert_eq!((reply.unwrap().text.as_str(), times), ("Hello.", 2), "{provider:?}");
        let (failure, _) = failure(provider, vec![provider.fails(500, "oops"); 3], Output::Text).await;
        let LlmFailure::Failed(reason) = &failure else { panic!("{provider:?}: {failure:?}") };
        assert_eq!(reason, "status 500: oops");
    }
}

#[tokio::test]
async fn a_bad_key_is_not_tried_again() {
    for provider in PROVIDERS {
        for status in [401, 402, 403] {
            let play = provider.fails(status, "this key is wrong");
            let (failure, _) = failure(provider, vec![play], Output::Text).await;
            assert_eq!(failure, LlmFailure::Denied(format!("status {status}: this key is wrong")));
        }
    }
    // A key that is sent back is not told on.
    let play = PROVIDERS[0].fails(401, "the key hush is wrong");
    let (failure, _) = failure(PROVIDERS[0], vec![play], Output::Text).await;
    assert_eq!(failure, LlmFailure::Denied("status 401: the key … is wrong".to_owned()));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_tried_again() {
    for provider in PROVIDERS {
        for status in [400, 404, 422] {
            for output in [Output::Text, json_output()] {
                let play = provider.fails(status, "no such model");
                let (failure, _) = failure(provider, vec![play], output).await;
                assert_eq!(
                    failure,
                    LlmFailure::Rejected(format!("status {status}: no such model")),
                    "{provider:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn silence_and_a_hang_in_the_middle_are_late() {
    let cases = PROVIDERS.into_iter().flat_map(|provider| {
        let hang = provider.says("Hello, this is an answer.").hanging();
        [(provider, Play::silence()), (provider, hang)]
    });
    let runs = cases.map(|(provider, play)| async move {
        let timeout = Duration::from_millis(100);
        let (outcome, _) = outcome(provider, vec![play; 3], prompt(Output::Text), timeout).await;
        assert_eq!(outcome.unwrap_err().failure, LlmFailure::Late, "{provider:?}");
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn the_time_for_a_call_ends_it_whatever_is_left_to_try() {
    for provider in PROVIDERS {
        let prompt = Prompt { budget: Some(Duration::from_millis(100)), ..prompt(Output::Text) };
        let silence = vec![Play::silence(); 3];
        let (outcome, player) = outcome(provider, silence, prompt.clone(), Duration::from_mins(5)).await;
        assert_eq!(outcome.unwrap_err().failure, LlmFailure::Late, "{provider:?}");
        assert!(player.times() <= 1, "{provider:?}");
        // Waiting would be longer than the call may take.
        let later = provider.fails(429, "slow down").header("retry-after", "1200");
        let player = Player::start([later]).await;
        let options = ModelOptions { max_backoff: Duration::from_mins(30), ..provider.at(&player) };
        let prompt = Prompt { budget: Some(Duration::from_mins(10)), ..prompt };
        let error = model(options).ask(prompt).await.unwrap_err();
        assert!(matches!(error.failure, LlmFailure::QuotaUntil(_)), "{provider:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_whole_is_tried_again() {
    for provider in PROVIDERS {
        let broken = provider.says("Hello.").truncated();
        let (reply, times) =
            asked(provider, vec![broken.clone(), provider.says("Hello.")], Output::Text).await;
        assert_eq!((reply.unwrap().text.as_str(), times), ("Hello.", 2), "{provider:?}");
        let (failure, _) = failure(provider, vec![broken; 3], Output::Text).await;
        assert!(matches!(failure, LlmFailure::Failed(_)), "{provider:?}: {failure:?}");
        let not_an_answer = Play::ok(&json!({"hello": 1}));
        let (failure, _) = self::failure(provider, vec![not_an_answer; 3], Output::Text).await;
        assert!(matches!(failure, LlmFailure::Failed(_)), "{provider:?}: {failure:?}");
    }
}

#[tokio::test]
async fn fences_and_thoughts_around_json_do_not_matter() {
    for provider in PROVIDERS {
        for text in ["```json\n{\"facts\": []}\n```", "<think>hm {</think>Here: {\"facts\": []}"] {
            let (reply, times) = asked(provider, vec![provider.says(text)], json_output()).await;
            assert_eq!((reply.unwrap().value, times), (Some(json!({"facts": []})), 1), "{provider:?}");
        }
    }
}

#[tokio::test]
async fn other_keys_than_asked_for_are_passed_on() {
    for provider in PROVIDERS {
        let value = json!({"results": [1]});
        let (reply, _) = asked(provider, vec![provider.says_json(&value)], json_output()).await;
        assert_eq!(reply.unwrap().value, Some(value), "{provider:?}");
    }
}

#[tokio::test]
async fn broken_json_is_sent_back_once() {
    for provider in PROVIDERS {
        let broken = provider.says("{\"facts\": [\"a\", ");
        let player = Player::start([broken.clone(), provider.says("{\"facts\": [\"a\"]}")]).await;
        let reply = model(provider.at(&player)).ask(prompt(json_output())).await.unwrap();
        assert_eq!(reply.value, Some(json!({"facts": ["a"]})), "{provider:?}");
        assert_eq!(reply.usage.total_tokens, 2 * TOKENS_OF_ONE, "both attempts are counted");
        let repair = player.asked()[1].body.to_string();
        assert!(
            repair.contains("{\\\"facts\\\": [\\\"a\\\", ") && repair.contains("not valid JSON"),
            "{repair}"
        );
        let (failure, tokens) = failure(provider, vec![broken; 2], json_output()).await;
        assert!(matches!(failure, LlmFailure::NotJson(_)), "{provider:?}: {failure:?}");
        assert_eq!(tokens, 2 * TOKENS_OF_ONE, "{provider:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_not_asked_again() {
    for provider in PROVIDERS {
        for output in [Output::Text, json_output()] {
            let (failure, tokens) = failure(provider, vec![provider.refuses()], output).await;
            let LlmFailure::Refused(reason) = &failure else { panic!("{provider:?}: {failure:?}") };
            assert!(!reason.is_empty());
            assert_eq!(tokens, TOKENS_OF_ONE, "{provider:?}");
        }
    }
    // The question itself is what this one does not want to read.
    let gemini = PROVIDERS[2];
    let blocked = Play::ok(
        &json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 15, "totalTokenCount": 15}}),
    );
    let outcome = failure(gemini, vec![blocked], Output::Text).await;
    assert_eq!(outcome, (LlmFailure::Refused("PROHIBITED_CONTENT".to_owned()), TOKENS_OF_ONE));
    // And this one says so with an error.
    let filtered = Play::status(400, &json!({"error": {"code": "content_filter", "message": "filtered"}}));
    let (failure, _) = failure(PROVIDERS[0], vec![filtered], Output::Text).await;
    assert_eq!(failure, LlmFailure::Refused("filtered".to_owned()));
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_again() {
    for provider in PROVIDERS {
        for output in [Output::Text, json_output()] {
            let plays = vec![provider.says_nothing(), provider.says("  "), provider.says("{}")];
            let (reply, times) = asked(provider, plays, output.clone()).await;
            let reply = reply.unwrap();
            assert_eq!((reply.text.as_str(), times), ("{}", 3), "{provider:?}");
            assert_eq!(reply.usage.total_tokens, 3 * TOKENS_OF_ONE);
            let (failure, tokens) = failure(provider, vec![provider.says_nothing(); 3], output).await;
            assert_eq!(failure, LlmFailure::Failed("the answer was empty".to_owned()), "{provider:?}");
            assert_eq!(tokens, 3 * TOKENS_OF_ONE);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_too_long_for_json_and_marked_in_text() {
    for provider in PROVIDERS {
        let cut = provider.is_cut("{\"facts\": [\"a\", \"b");
        let outcome = failure(provider, vec![cut.clone()], json_output()).await;
        assert_eq!(outcome, (LlmFailure::OutputTooLong, TOKENS_OF_ONE), "{provider:?}");
        let (reply, _) = asked(provider, vec![cut], Output::Text).await;
        assert!(reply.unwrap().is_cut, "{provider:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_names_the_place_and_no_key() {
    for provider in PROVIDERS {
        let player = Player::start([]).await;
        let mut options = provider.at(&player);
        options.url.set_port(Some(1)).unwrap();
        options.url.set_password(Some("hush")).unwrap();
        let error = model(options).ask(prompt(Output::Text)).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:1/") && !error.contains("hush"), "{error}");
    }
}
