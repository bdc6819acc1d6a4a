//! What was said between the model and its tools, and how long it has become.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::ports::{Message, Piece, Reply, ToolCall};
use crate::text::tokens;

/// Longest name of a tool that is said back to a model.
const MAX_NAME: usize = 64;
/// Tokens that a message costs besides its text.
const FRAME: usize = 8;

/// What one search has brought, as the model sees it.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// The tool.
    pub(super) tool: String,
    /// What it answered.
    pub(super) shown: Map<String, Value>,
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    tokens: usize,
    evidence: Vec<Evidence>,
    call_ids: HashSet<String>,
}

impl Conversation {
    /// A conversation that begins with these words.
    pub(super) fn new(system: String) -> Self {
        let mut conversation =
            Self { messages: Vec::new(), tokens: 0, evidence: Vec::new(), call_ids: HashSet::new() };
        conversation.push(Message::System(system));
        conversation
    }

    /// All that was said.
    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Its size in tokens.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// What was found, in order.
    pub(super) fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Keeps what was found.
    pub(super) fn keep(&mut self, evidence: Evidence) {
        self.evidence.push(evidence);
    }

    /// The user says something.
    pub(super) fn user(&mut self, text: String) {
        self.push(Message::User(text));
    }

    /// The model has called tools; every one of them has to be answered. The calls as they were
    /// said, with ids and names that any provider takes back.
    pub(super) fn called(&mut self, text: &str, calls: Vec<ToolCall>) -> Vec<ToolCall> {
        let turn = self.messages.len();
        let calls: Vec<ToolCall> = calls
            .into_iter()
            .enumerate()
            .map(|(number, call)| {
                // What stands behind in an id may be the provider's own and has to stay.
                let is_new = !call.id.is_empty() && !self.call_ids.contains(&call.id);
                let id = if is_new { call.id } else { format!("t{turn}_{number}_{}", call.id) };
                self.call_ids.insert(id.clone());
                let arguments =
                    if call.arguments.is_object() { call.arguments } else { Value::Object(Map::new()) };
                ToolCall { id, name: speakable(&call.name), arguments }
            })
            .collect();
        self.push(Message::Assistant { text: text.to_owned(), tool_calls: calls.clone() });
        calls
    }

    /// The answer to a call.
    pub(super) fn answer(&mut self, call_id: String, content: String) {
        self.push(Message::ToolResult { call_id, content });
    }

    fn push(&mut self, message: Message) {
        self.tokens += FRAME
            + match &message {
                Message::System(text) | Message::User(text) => tokens::count(text),
                Message::ToolResult { content, .. } => tokens::count(content),
                Message::Shown(pieces) => pieces.iter().map(words).sum(),
                Message::Assistant { text, tool_calls } => {
                    let calls = tool_calls.iter();
                    let calls = calls.map(|call| {
                        tokens::count(&call.name) + tokens::count(&call.arguments.to_string()) + FRAME
                    });
                    tokens::count(text) + calls.sum::<usize>()
                }
            };
        self.messages.push(message);
    }
}

/// Tokens of the words of a piece. What a picture costs, only its provider knows.
fn words(piece: &Piece) -> usize {
    match piece {
        Piece::Text(text) => tokens::count(text),
        Piece::Media(_) => 0,
    }
}

/// What a model has said that was to answer in JSON. There are no words where the value came
/// another way, and a message without content is refused by some providers.
pub(crate) fn said(reply: &Reply) -> String {
    match &reply.value {
        Some(value) if reply.text.trim().is_empty() => value.to_string(),
        _ => reply.text.clone(),
    }
}

/// The name of a tool without what models put around it.
pub(super) fn tool_name(said: &str) -> String {
    let name = said.split("<|").next().unwrap_or_default().trim();
    let name = name.strip_prefix("call=").unwrap_or(name);
    let name = name.strip_prefix("functions.").unwrap_or(name);
    name.trim().to_owned()
}

/// A name of the form that every provider takes.
fn speakable(name: &str) -> String {
    let name = tool_name(name);
    let plain = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let plain: String = plain.take(MAX_NAME).collect();
    if plain.is_empty() { "unknown".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_lose_what_models_put_around_them() {
        for said in ["recall", " recall ", "functions.recall", "call=recall", "recall<|channel|>json"] {
            assert_eq!(tool_name(said), "recall");
        }
        assert_eq!(speakable("läuft: <b>"), "luftb");
        assert_eq!(speakable("<|x|>"), "unknown");
    }

    #[test]
    fn every_call_has_an_id_of_its_own() {
        let mut conversation = Conversation::new(String::new());
        let call =
            |id: &str| ToolCall { id: id.to_owned(), name: "recall".to_owned(), arguments: json!(null) };
        let first = conversation.called("", vec![call("call_0~sig"), call("")]);
        let second = conversation.called("", vec![call("call_0~sig"), call("call_1")]);
        let ids: HashSet<_> = first.iter().chain(&second).map(|call| call.id.clone()).collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(first[0].id, "call_0~sig");
        assert!(second[0].id.ends_with("call_0~sig"), "what belongs to the provider stays");
        assert_eq!(first[0].arguments, json!({}), "arguments are an object");
    }

    #[test]
    fn its_size_grows_with_what_is_said() {
        let mut conversation = Conversation::new("one two three".to_owned());
        let before = conversation.tokens();
        conversation.user("four five".to_owned());
        assert!(conversation.tokens() > before + 1);
    }
}
