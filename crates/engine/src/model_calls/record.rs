//! What is kept of a request, as texts of JSON.

use serde_json::{Map, Value, json};

use crate::ports::{Attempt, Message, Piece, Said, ToolCall};
use crate::text::sanitize;

/// The conversation, one object for each message.
pub(super) fn input(messages: &[Message], max_chars: usize) -> String {
    let messages: Vec<Value> = messages.iter().map(message).collect();
    cut(json!(messages).to_string(), max_chars)
}

/// What a model said: its words, or an object where it called tools.
pub(super) fn output(said: &Said<'_>, max_chars: usize) -> String {
    let said = if said.tool_calls.is_empty() {
        json!(said.text)
    } else {
        json!({"content": said.text, "tool_calls": calls(said.tool_calls)})
    };
    cut(said.to_string(), max_chars)
}

/// How a model was asked and how it ended.
pub(super) fn info(attempt: &Attempt<'_>) -> String {
    let mut info = Map::new();
    if let Some(said) = &attempt.said {
        let reason = match said {
            Said { is_cut: true, .. } => "length",
            Said { tool_calls: [_, ..], .. } => "tool_calls",
            Said { .. } => "stop",
        };
        info.insert("finish_reason".to_owned(), json!(reason));
    }
    let mut request = Map::new();
    request.extend(attempt.max_tokens.map(|most| ("max_completion_tokens".to_owned(), json!(most))));
    request.extend(attempt.temperature.map(|value| ("temperature".to_owned(), json!(value))));
    info.insert("request".to_owned(), Value::Object(request));
    Value::Object(info).to_string()
}

/// Why a request was of no use.
pub(super) fn error(failure: &str) -> String {
    sanitize(failure).into_owned()
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Shown(pieces) => {
            json!({"role": "user", "content": pieces.iter().map(piece).collect::<Vec<_>>()})
        }
        Message::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, tool_calls } => {
            json!({"role": "assistant", "content": text, "tool_calls": calls(tool_calls)})
        }
        Message::ToolResult { call_id, content } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": content})
        }
    }
}

/// Pictures and files without their bytes: those are stored where they belong.
fn piece(piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({"type": "text", "text": text}),
        Piece::Media(media) => {
            json!({"type": media.media_type, "filename": media.filename, "bytes": media.data.len()})
        }
    }
}

fn calls(calls: &[ToolCall]) -> Vec<Value> {
    calls.iter().map(|call| json!({"id": call.id, "name": call.name, "arguments": call.arguments})).collect()
}

/// The text of a JSON value, in an object with its beginning where it is too long.
fn cut(text: String, max_chars: usize) -> String {
    // Bytes are at least as many.
    if max_chars == 0 || text.len() <= max_chars {
        return text;
    }
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => {
            let chars = text.chars().count();
            let preview = text.get(..end).unwrap_or_default();
            json!({"_truncated": true, "_original_chars": chars, "preview": preview}).to_string()
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ports::Media;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn what_is_too_long_is_cut_and_stays_json() {
        let long = [Message::User("ü".repeat(500))];
        let whole = input(&long, 0);
        assert_eq!(input(&long, whole.chars().count()), whole);
        let shortened = value(&input(&long, 100));
        assert_eq!(shortened["_truncated"], true);
        assert_eq!(shortened["_original_chars"], whole.chars().count());
        assert_eq!(shortened["preview"].as_str().map(|text| text.chars().count()), Some(100));
        assert!(whole.starts_with(shortened["preview"].as_str().expect("a text")));
    }

    #[test]
    fn pictures_are_named_and_not_kept() {
        let media = Media {
            media_type: "image/png".to_owned(),
            filename: Some("a.png".to_owned()),
            data: Arc::from(&b"secret"[..]),
        };
        let shown = [Message::Shown(vec![Piece::Text("Look:".to_owned()), Piece::Media(media)])];
        let content = &value(&input(&shown, 0))[0]["content"];
        assert_eq!(content[0], json!({"type": "text", "text": "Look:"}));
        assert_eq!(content[1], json!({"type": "image/png", "filename": "a.png", "bytes": 6}));
    }

    #[test]
    fn calls_of_tools_are_part_of_the_answer() {
        let call =
            ToolCall { id: "1".to_owned(), name: "recall".to_owned(), arguments: json!({"query": "q"}) };
        let said = Said { text: "", tool_calls: &[call], is_cut: false };
        let told = value(&output(&said, 0));
        assert_eq!(told["tool_calls"][0], json!({"id": "1", "name": "recall", "arguments": {"query": "q"}}));
        assert_eq!(output(&Said { text: "Hi.", tool_calls: &[], is_cut: false }, 0), r#""Hi.""#);
    }
}
