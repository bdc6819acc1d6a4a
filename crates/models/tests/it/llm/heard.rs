//! Who listens hears of every request, with what came of it.

use std::sync::Mutex;

use hindsight_engine::ports::{Attempt, LanguageModel, Listener, Output};
use hindsight_models::llm::ModelOptions;
use serde_json::json;

use super::player::Player;
use super::providers::PROVIDERS;
use super::{json as json_output, prompt, route, router};

/// Who was asked, what was said, what was wrong, and the tokens of both.
type Heard = (String, Option<String>, Option<String>, Option<i64>);

#[derive(Default)]
struct Ear(Mutex<Vec<Heard>>);

impl Listener for Ear {
    fn hear(&self, attempt: &Attempt<'_>) {
        let who = format!("{}/{}", attempt.provider, attempt.model);
        let said = attempt.said.map(|said| said.text.to_owned());
        let tokens = attempt.usage.map(|usage| usage.total_tokens);
        self.0.lock().unwrap().push((who, said, attempt.failure.clone(), tokens));
    }
}

#[tokio::test]
async fn failures_repairs_and_the_next_model_are_heard_of() {
    let openai = PROVIDERS[0];
    let first = Player::start([openai.fails(401, "the key sesame is wrong")]).await;
    let good = openai.says_json(&json!({"facts": ["Alice"]}));
    let second = Player::start([openai.fails(500, "oops"), openai.says("Alice"), good]).await;
    let models = [(&first, "first"), (&second, "second")]
        .map(|(player, name)| ModelOptions { model: name.to_owned(), ..openai.at(player) });
    let (ear, router) = (Ear::default(), router(&route(models.to_vec())));
    let reply = router.ask_heard(prompt(json_output()), &ear).await.unwrap();
    assert_eq!(reply.value, Some(json!({"facts": ["Alice"]})));
    let heard = ear.0.into_inner().unwrap();
    let [denied, broken, words, good] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((denied.0.as_str(), &denied.1, denied.3), ("openai/first", &None, None));
    assert!(denied.2.as_ref().unwrap().starts_with("status 401"), "{denied:?}");
    assert_eq!((broken.0.as_str(), broken.2.as_deref()), ("openai/second", Some("status 500: oops")));
    assert_eq!((words.1.as_deref(), words.3), (Some("Alice"), Some(15)));
    assert!(words.2.as_ref().unwrap().starts_with("the answer was no JSON"), "{words:?}");
    assert_eq!((&good.2, good.3), (&None, Some(15)));
    assert_eq!(reply.usage.total_tokens, 30);
}

#[tokio::test]
async fn an_empty_answer_and_a_refusal_are_heard_of() {
    let openai = PROVIDERS[0];
    let player = Player::start([openai.says(" "), openai.says("Yes.")]).await;
    let (ear, router) = (Ear::default(), router(&route(vec![openai.at(&player)])));
    assert_eq!(router.ask_heard(prompt(Output::Text), &ear).await.unwrap().text, "Yes.");
    let heard = ear.0.into_inner().unwrap();
    let failures: Vec<_> = heard.iter().map(|heard| heard.2.as_deref()).collect();
    assert_eq!(failures, [Some("the answer was empty"), None]);
}
