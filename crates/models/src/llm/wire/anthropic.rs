//! Messages of Anthropic.

use std::collections::BTreeSet;

use hindsight_engine::ports::{Message, Piece, Tool, ToolCall, ToolChoice};
use hindsight_types::retain::TokenUsage;
use serde_json::{Map, Value, json};

use super::{Answer, Question, Wanted, base64, is_image, system, tokens};
use crate::llm::options::{JsonMode, ModelOptions};

/// Version of the API that this is written for.
pub(super) const VERSION: &str = "2023-06-01";
/// Longest answer in tokens where nobody says: the call has to name one.
const MAX_TOKENS: u32 = 8192;
/// Keywords of a schema that the provider refuses.
const REFUSED: [&str; 8] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
];

pub(super) fn body(options: &ModelOptions, question: &Question, cache: bool) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put("model", json!(options.model));
    put("max_tokens", json!(question.max_tokens.unwrap_or(MAX_TOKENS)));
    if let Some(text) = system(&question.messages) {
        let mut block = json!({"type": "text", "text": text});
        if cache && let Some(block) = block.as_object_mut() {
            block.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
        }
        put("system", json!([block]));
    }
    put("messages", turns(&question.messages));
    if let Some(temperature) = question.temperature {
        // It goes up to 1 here.
        put("temperature", json!(temperature.min(1.0)));
    }
    let mut config = Map::new();
    if let Some(effort) = &options.reasoning_effort {
        config.insert("effort".to_owned(), json!(effort));
    }
    // Tools of calls that were made have to be there, whatever is wanted now.
    let called = called(&question.messages);
    match &question.output {
        Wanted::Text | Wanted::Json { mode: JsonMode::Prompt, .. } => {}
        Wanted::Json { mode: JsonMode::Schema, schema, .. } => {
            config.insert(
                "format".to_owned(),
                json!({"type": "json_schema", "schema": without_refused(schema)}),
            );
        }
        // A tool that has to be called takes the place of a mode.
        Wanted::Json { mode: JsonMode::Json, name, schema } => {
            let answer = json!({"name": name, "description": "Takes the answer.", "input_schema": schema});
            let others = called.iter().filter(|other| other.as_str() != *name).map(|name| stub(name));
            put("tools", std::iter::once(answer).chain(others).collect());
            put("tool_choice", json!({"type": "tool", "name": name}));
        }
        Wanted::Tools { tools, choice } => {
            put("tools", tools.iter().map(|offered| tool(offered)).collect());
            match choice {
                None => {}
                Some(ToolChoice::Auto) => put("tool_choice", json!({"type": "auto"})),
                Some(ToolChoice::Required) => put("tool_choice", json!({"type": "any"})),
                Some(ToolChoice::Named(name)) => put("tool_choice", json!({"type": "tool", "name": name})),
            }
        }
    }
    if !config.is_empty() {
        put("output_config", Value::Object(config));
    }
    if !called.is_empty() && !body.contains_key("tools") {
        body.insert("tools".to_owned(), called.iter().map(|name| stub(name)).collect());
        body.insert("tool_choice".to_owned(), json!({"type": "none"}));
    }
    body
}

/// Names of the tools that were called so far, each once.
fn called(messages: &[Message]) -> BTreeSet<&String> {
    let calls = messages.iter().filter_map(|message| match message {
        Message::Assistant { tool_calls, .. } => Some(tool_calls),
        _ => None,
    });
    calls.flatten().map(|call| &call.name).collect()
}

/// A tool of which the name is enough, since it is not to be called any more.
fn stub(name: &str) -> Value {
    json!({"name": name, "input_schema": {"type": "object"}})
}

/// The conversation without the system's part. What one side says in a row is one message.
fn turns(messages: &[Message]) -> Value {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks): (&str, Vec<Value>) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", vec![json!({"type": "text", "text": text})]),
            Message::Shown(pieces) => ("user", pieces.iter().map(piece).collect()),
            Message::ToolResult { call_id, content } => {
                ("user", vec![json!({"type": "tool_result", "tool_use_id": call_id, "content": content})])
            }
            Message::Assistant { text, tool_calls } => {
                let words = (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
                let calls = tool_calls.iter().map(|call| {
                    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": object(&call.arguments)})
                });
                ("assistant", words.into_iter().chain(calls).collect())
            }
        };
        // A message without content is refused.
        if blocks.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some((last, before)) if *last == role => before.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn piece(piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({"type": "text", "text": text}),
        Piece::Media(media) => {
            let source = json!({"type": "base64", "media_type": media.media_type, "data": base64(media)});
            if is_image(media) {
                return json!({"type": "image", "source": source});
            }
            let mut block = json!({"type": "document", "source": source});
            if let (Some(name), Some(block)) = (&media.filename, block.as_object_mut()) {
                block.insert("title".to_owned(), json!(name));
            }
            block
        }
    }
}

/// Arguments as an object, which they have to be here.
fn object(arguments: &Value) -> Value {
    if arguments.is_object() { arguments.clone() } else { json!({}) }
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
}

fn without_refused(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept =
                map.iter().filter(|(key, value)| !(REFUSED.contains(&key.as_str()) && value.is_number()));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_refused(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_refused).collect(),
        other => other.clone(),
    }
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let blocks = body.get("content").and_then(Value::as_array).ok_or("it has no content")?;
    let mut answer = Answer::default();
    for block in blocks {
        let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" => answer.text.push_str(text("text")),
            "tool_use" => answer.tool_calls.push(ToolCall {
                id: text("id").to_owned(),
                name: text("name").to_owned(),
                arguments: block.get("input").cloned().unwrap_or_default(),
            }),
            _ => {}
        }
    }
    match body.get("stop_reason").and_then(Value::as_str) {
        Some("max_tokens" | "model_context_window_exceeded") => answer.is_cut = true,
        Some("refusal") => {
            let words = Some(answer.text.trim()).filter(|words| !words.is_empty());
            answer.refusal = Some(words.unwrap_or("it gave no reason").to_owned());
        }
        _ => {}
    }
    answer.usage = body.get("usage").map(usage).unwrap_or_default();
    Ok(answer)
}

/// What was read from the cache or written to it is counted apart from the rest of the input.
fn usage(usage: &Value) -> TokenUsage {
    let cached = tokens(usage, "/cache_read_input_tokens");
    let input = tokens(usage, "/input_tokens") + cached + tokens(usage, "/cache_creation_input_tokens");
    let output = tokens(usage, "/output_tokens");
    let thoughts = tokens(usage, "/output_tokens_details/thinking_tokens").min(output);
    TokenUsage {
        input_tokens: input,
        output_tokens: output - thoughts,
        total_tokens: input + output,
        cached_tokens: cached,
        thoughts_tokens: thoughts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_content_are_left_out() {
        let silent = Message::Assistant { text: String::new(), tool_calls: Vec::new() };
        let said = turns(&[Message::User("one".to_owned()), silent, Message::User("two".to_owned())]);
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(said, json!([{"role": "user", "content": [text("one"), text("two")]}]));
    }
}
