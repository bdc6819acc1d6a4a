//! JSON out of a model: how it is asked for, and what is said when none came.

use hindsight_engine::ports::Message;
use serde_json::Value;

use super::json::value_in;
use super::options::SchemaKeywords;
use super::wire::Answer;

/// Characters of an answer that are shown to the model which is to put it right.
const MAX_SHOWN: usize = 24_000;

/// The conversation with the schema in the words of the system.
pub(super) fn with_schema(messages: &[Message], schema: &Value) -> Vec<Message> {
    let words = format!(
        "Answer with one JSON value that this JSON schema describes, and with nothing before or after it, no Markdown either:\n{schema}"
    );
    let mut messages = messages.to_vec();
    let last = messages.iter_mut().rev().find_map(|message| match message {
        Message::System(text) => Some(text),
        _ => None,
    });
    match last {
        Some(text) => {
            text.push_str("\n\n");
            text.push_str(&words);
        }
        None => messages.insert(0, Message::System(words)),
    }
    messages
}

/// The conversation with an answer that is no JSON, and what is wrong with it.
pub(super) fn with_complaint(messages: &[Message], answer: &str, problem: &str) -> Vec<Message> {
    let mut messages = messages.to_vec();
    let shown = answer.chars().take(MAX_SHOWN).collect();
    messages.push(Message::Assistant { text: shown, tool_calls: Vec::new() });
    messages.push(Message::User(format!(
        "That is not valid JSON ({problem}). Give the same answer once more, as one valid JSON value and nothing else."
    )));
    messages
}

/// The value of an answer: its text, or the arguments of the tool that stood for a mode.
pub(super) fn value_of(answer: &Answer, name: &str) -> Result<Value, String> {
    let called = answer.tool_calls.iter().find(|call| call.name == name);
    match called {
        Some(call) if answer.text.trim().is_empty() || !call.arguments.is_null() => {
            Ok(call.arguments.clone())
        }
        _ => value_in(&answer.text),
    }
}

/// The schema without keywords that a service does not take.
pub(super) fn without_keywords(schema: &Value, keywords: SchemaKeywords) -> Value {
    match schema {
        Value::Object(map) => {
            let is_kept = |key: &str, value: &Value| match key {
                // A property may have the name of a keyword; its value is a schema then.
                "maxItems" => keywords.max_items || !value.is_number(),
                "pattern" => keywords.pattern || !value.is_string(),
                _ => true,
            };
            let kept = map.iter().filter(|(key, value)| is_kept(key, value));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_keywords(value, keywords))).collect())
        }
        Value::Array(items) => items.iter().map(|item| without_keywords(item, keywords)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schema_joins_the_words_of_the_system() {
        let schema = json!({"type": "object"});
        let messages =
            with_schema(&[Message::System("Be good.".into()), Message::User("Hi".into())], &schema);
        let [Message::System(text), Message::User(_)] = messages.as_slice() else { panic!("{messages:?}") };
        assert!(
            text.starts_with("Be good.\n\nAnswer with one JSON value")
                && text.ends_with(r#"{"type":"object"}"#)
        );
        let messages = with_schema(&[Message::User("Hi".into())], &schema);
        assert!(matches!(messages.as_slice(), [Message::System(_), Message::User(_)]));
    }

    #[test]
    fn keywords_are_left_out_and_properties_of_their_name_are_not() {
        let schema =
            json!({"properties": {"pattern": {"type": "string", "pattern": "^a"}, "list": {"maxItems": 2}}});
        assert_eq!(
            without_keywords(&schema, SchemaKeywords { max_items: false, pattern: false }),
            json!({"properties": {"pattern": {"type": "string"}, "list": {}}})
        );
        assert_eq!(without_keywords(&schema, SchemaKeywords { max_items: true, pattern: true }), schema);
    }
}
