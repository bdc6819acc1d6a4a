//! Several models: who is asked, who follows, and how many at once.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, join_all};
use hindsight_engine::ports::{LanguageModel, LlmFailure, LlmOperation, Message, Output, Prompt};
use hindsight_models::llm::{ModelOptions, Order};

use super::player::{Play, Player};
use super::providers::{PROVIDERS, Provider};
use super::{json, prompt, route, router};

/// A model of a name of its own, asked once.
fn named(provider: &Provider, player: &Player, name: &str) -> ModelOptions {
    ModelOptions { model: name.to_owned(), retries: 0, ..provider.at(player) }
}

#[tokio::test]
async fn the_next_one_answers_where_one_fails_and_is_asked_first_for_a_while() {
    let [openai, anthropic, ..] = PROVIDERS;
    let first = Player::start([openai.fails(500, "oops"), openai.says("from the first")]).await;
    let second = Player::start(vec![anthropic.says("from the second"); 2]).await;
    let mut options = route(vec![named(&openai, &first, "a"), named(&anthropic, &second, "b")]);
    let model = router(&options);
    assert_eq!(model.name(LlmOperation::Reflect), "openai/a, anthropic/b");
    for _ in 0..2 {
        let reply = model.ask(prompt(Output::Text)).await.unwrap();
        assert_eq!((reply.text.as_str(), reply.model.as_str()), ("from the second", "anthropic/b"));
    }
    assert_eq!((first.times(), second.times()), (1, 2));

    // Without a pause the first is the first again.
    let first = Player::start([openai.fails(500, "oops"), openai.says("from the first")]).await;
    let second = Player::start([anthropic.says("from the second")]).await;
    options.models = vec![named(&openai, &first, "a"), named(&anthropic, &second, "b")];
    options.cooldown = Duration::ZERO;
    let model = router(&options);
    for expected in ["from the second", "from the first"] {
        assert_eq!(model.ask(prompt(Output::Text)).await.unwrap().text, expected);
    }
}

#[tokio::test]
async fn all_that_was_spent_is_counted_and_the_best_hope_is_told() {
    let openai = PROVIDERS[0];
    let first = Player::start([openai.fails(429, "later").header("retry-after", "3600")]).await;
    let second = Player::start([openai.refuses()]).await;
    let model = router(&route(vec![named(&openai, &first, "a"), named(&openai, &second, "b")]));
    let error = model.ask(prompt(Output::Text)).await.unwrap_err();
    assert!(matches!(error.failure, LlmFailure::QuotaUntil(_)), "{error:?}");
    assert_eq!(error.usage.total_tokens, 15);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_nobody_elses_matter() {
    let openai = PROVIDERS[0];
    let first = Player::start([openai.is_cut("{\"facts\": [")]).await;
    let second = Player::start([]).await;
    let model = router(&route(vec![named(&openai, &first, "a"), named(&openai, &second, "b")]));
    let error = model.ask(prompt(json())).await.unwrap_err();
    assert_eq!((error.failure, second.times()), (LlmFailure::OutputTooLong, 0));
}

#[tokio::test]
async fn turns_are_taken_by_weight() {
    let openai = PROVIDERS[0];
    let player = Player::start(vec![openai.says("Hello."); 6]).await;
    let names = ["a", "b", "c"];
    let mut options = route(names.map(|name| named(&openai, &player, name)).to_vec());
    options.order = Order::RoundRobin(vec![3, 1, 2]);
    let model = router(&options);
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(model.ask(prompt(Output::Text)).await.unwrap().model);
    }
    assert_eq!(order.join(" "), "openai/a openai/c openai/a openai/b openai/c openai/a");
}

#[tokio::test]
async fn calls_of_one_kind_wait_for_each_other_and_not_for_their_pauses() {
    let openai = PROVIDERS[0];
    // The only place is free while the first call waits for its second attempt.
    let busy = openai.fails(429, "later").header("retry-after", "0.3");
    let player = Player::start([busy, openai.says("Hello."), openai.says("Hello.")]).await;
    let mut model = openai.at(&player);
    model.max_backoff = Duration::from_secs(1);
    let mut options = route(vec![model]);
    options.max_concurrent = Some(1);
    let model = router(&options);
    let calls = ["one", "two"].map(|words| {
        let mut prompt = prompt(Output::Text);
        prompt.messages.push(Message::User(words.to_owned()));
        model.ask(prompt)
    });
    let replies = join_all(calls).await;
    assert!(replies.iter().all(Result::is_ok), "{replies:?}");
    let order: Vec<_> =
        player.asked().iter().map(|asked| asked.body["messages"][2]["content"].clone()).collect();
    assert_eq!(order, ["one", "two", "one"]);

    // A place that does not become free in time is as good as no answer.
    let player = Player::start([Play::silence()]).await;
    options.models = vec![openai.at(&player)];
    let model = router(&options);
    let short = Prompt { budget: Some(Duration::from_millis(50)), ..prompt(Output::Text) };
    let holds_the_place = model.ask(prompt(Output::Text));
    let waits_for_it = async {
        player.wait_until_asked(1).await;
        model.ask(short).await
    };
    tokio::select! {
        reply = holds_the_place => panic!("{reply:?}"),
        reply = waits_for_it => assert_eq!(reply.unwrap_err().failure, LlmFailure::Late),
    }
    assert_eq!(player.times(), 1, "only one was on its way");
}

#[tokio::test]
async fn who_waits_for_an_answer_overtakes_work_in_the_background() {
    let openai = PROVIDERS[0];
    let player = Player::start([Play::silence()].into_iter().chain(vec![openai.says("Hello."); 4])).await;
    let model = super::router_with(&route(vec![openai.at(&player)]), 1);
    let ask = |operation, words: &str| {
        let mut prompt = Prompt { operation, ..prompt(Output::Text) };
        prompt.messages.push(Message::User(words.to_owned()));
        model.ask(prompt)
    };
    let mut holds_the_place = Box::pin(ask(LlmOperation::Retain, "first"));
    tokio::select! {
        reply = &mut holds_the_place => panic!("{reply:?}"),
        () = player.wait_until_asked(1) => {}
    }
    let background = [LlmOperation::Retain, LlmOperation::Consolidation, LlmOperation::Retain]
        .map(|operation| ask(operation, "background"));
    // Polled in this order, so that the question comes last.
    let mut others = Box::pin(future::join(join_all(background), ask(LlmOperation::Reflect, "question")));
    assert!(others.as_mut().now_or_never().is_none());
    drop(holds_the_place);
    let (background, question) = others.await;
    assert!(question.is_ok() && background.iter().all(Result::is_ok));
    let order: Vec<_> =
        player.asked().iter().map(|asked| asked.body["messages"][2]["content"].clone()).collect();
    assert_eq!(order, ["first", "background", "question", "background", "background"]);
}
