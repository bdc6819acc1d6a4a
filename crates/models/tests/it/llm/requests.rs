//! What each provider is sent, to the letter.

use hindsight_engine::ports::{
    LanguageModel, LlmOperation, Media, Message, Output, Piece, Prompt, ToolCall, ToolChoice,
};
use serde_json::{Value, json};

use super::player::Player;
use super::providers::PROVIDERS;
use super::{json as json_output, model, prompt, tools};

#[tokio::test]
async fn questions_are_put_in_the_words_of_the_provider() {
    for provider in PROVIDERS {
        let value = json!({"facts": ["Alice moved to Berlin"]});
        let player = Player::start([
            provider.says("Hello."),
            provider.says_json(&value),
            provider.calls("recall", &json!({"query": "Berlin"})),
            provider.says("Done."),
            provider.says("In words."),
        ])
        .await;
        let model = model(provider.at(&player));

        let text = model.ask(prompt(Output::Text)).await.unwrap();
        assert_eq!((text.text.as_str(), text.value, text.is_cut), ("Hello.", None, false), "{provider:?}");
        let json = model.ask(prompt(json_output())).await.unwrap();
        assert_eq!(json.value, Some(value), "{provider:?}");
        let called = model.ask(prompt(tools(ToolChoice::Required))).await.unwrap();
        let [call] = called.tool_calls.as_slice() else { panic!("{called:?}") };
        assert_eq!((call.name.as_str(), &call.arguments), ("recall", &json!({"query": "Berlin"})));
        assert_eq!(called.text, "", "thoughts are no words: {provider:?}");
        let more = continued(call);
        let done = model.ask(more).await.unwrap();
        assert_eq!(done.text, "Done.");
        let without_tools = Prompt { output: Output::Text, ..continued(call) };
        assert_eq!(model.ask(without_tools).await.unwrap().text, "In words.");
        for reply in [&text.usage, &json.usage, &called.usage, &done.usage] {
            let tokens = (reply.input_tokens, reply.output_tokens, reply.total_tokens, reply.cached_tokens);
            assert_eq!(tokens, (10, 5, 15, 4), "{provider:?}");
        }

        let names = ["text", "json", "tools", "result of a tool", "no more tools"];
        let shown =
            names.into_iter().zip(player.asked()).map(|(name, asked)| (name.to_owned(), asked.shown()));
        insta::assert_json_snapshot!(provider.name, Value::Object(shown.collect()));
    }
}

#[tokio::test]
async fn pictures_and_files_are_shown_in_the_words_of_the_provider() {
    for provider in PROVIDERS {
        let player = Player::start([provider.says("A cat.")]).await;
        let model = model(provider.at(&player));
        let media = |media_type: &str, filename: Option<&str>| {
            let (media_type, filename) = (media_type.to_owned(), filename.map(str::to_owned));
            Piece::Media(Media { media_type, filename, data: [0, 1, 2, 253].into() })
        };
        let mut prompt = prompt(Output::Text);
        prompt.operation = LlmOperation::RetainWithMedia;
        prompt.messages.push(Message::Shown(vec![
            Piece::Text("A picture:".to_owned()),
            media("image/png", None),
            Piece::Text("and two files:".to_owned()),
            media("application/pdf", Some("letter.pdf")),
            media("application/pdf", None),
        ]));
        assert_eq!(model.ask(prompt).await.unwrap().text, "A cat.", "{provider:?}");
        let asked = player.asked().into_iter().next().expect("a question");
        insta::assert_json_snapshot!(format!("{}_media", provider.name), asked.shown());
    }
}

/// The conversation after a call of a tool, with the next one named.
fn continued(call: &ToolCall) -> Prompt {
    let mut prompt = prompt(tools(ToolChoice::Named("done".to_owned())));
    prompt.messages.extend([
        Message::Assistant { text: "I look.".to_owned(), tool_calls: vec![call.clone()] },
        Message::ToolResult { call_id: call.id.clone(), content: "nothing".to_owned() },
        Message::User("Go on.".to_owned()),
    ]);
    prompt
}
