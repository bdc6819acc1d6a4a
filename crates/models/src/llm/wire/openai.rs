//! Chat completions of OpenAI, which most others offer as well.

use hindsight_engine::ports::{Message, Piece, Tool, ToolCall, ToolChoice};
use hindsight_types::retain::TokenUsage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Question, Wanted, base64, is_image, tokens};
use crate::llm::json::value_in;
use crate::llm::options::{JsonMode, ModelOptions};

pub(super) fn body(
    options: &ModelOptions,
    question: &Question,
    require_parameters: bool,
) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put("model", json!(options.model));
    put("messages", question.messages.iter().map(message).collect());
    if let Some(temperature) = question.temperature {
        put("temperature", json!(temperature));
    }
    if let Some(max) = question.max_tokens {
        put(if question.completion_tokens { "max_completion_tokens" } else { "max_tokens" }, json!(max));
    }
    if let Some(effort) = &options.reasoning_effort {
        put("reasoning_effort", json!(effort));
    }
    match &question.output {
        Wanted::Text | Wanted::Json { mode: JsonMode::Prompt, .. } => {}
        Wanted::Json { mode: JsonMode::Json, .. } => {
            put("response_format", json!({"type": "json_object"}));
        }
        Wanted::Json { mode: JsonMode::Schema, name, schema } => {
            let schema = json!({"name": name, "strict": is_strict(schema), "schema": schema});
            put("response_format", json!({"type": "json_schema", "json_schema": schema}));
        }
        Wanted::Tools { tools, choice } => {
            put("tools", tools.iter().map(|offered| tool(offered)).collect());
            match choice {
                None => {}
                Some(ToolChoice::Auto) => put("tool_choice", json!("auto")),
                Some(ToolChoice::Required) => put("tool_choice", json!("required")),
                Some(ToolChoice::Named(name)) => {
                    put("tool_choice", json!({"type": "function", "function": {"name": name}}));
                }
            }
        }
    }
    if require_parameters && matches!(question.output, Wanted::Json { mode: JsonMode::Schema, .. }) {
        put("provider", json!({"require_parameters": true}));
    }
    body
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
            let call = |call: &ToolCall| {
                let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
                json!({"id": call.id, "type": "function", "function": function})
            };
            let calls: Vec<_> = tool_calls.iter().map(call).collect();
            let content = Some(text).filter(|text| !text.is_empty());
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        Message::ToolResult { call_id, content } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": content})
        }
    }
}

fn piece(piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({"type": "text", "text": text}),
        Piece::Media(media) => {
            let data = format!("data:{};base64,{}", media.media_type, base64(media));
            if is_image(media) {
                return json!({"type": "image_url", "image_url": {"url": data}});
            }
            // A file has to have a name here.
            let name = media.filename.as_deref().unwrap_or("document.pdf");
            json!({"type": "file", "file": {"filename": name, "file_data": data}})
        }
    }
}

fn tool(tool: &Tool) -> Value {
    let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
    json!({"type": "function", "function": function})
}

/// Whether every object says `additionalProperties: false` and requires all it has, without
/// which strict mode refuses a schema.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let is_sound = map.get("properties").and_then(Value::as_object).is_none_or(|properties| {
                let required = map.get("required").and_then(Value::as_array);
                let is_required =
                    |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name.as_str()));
                map.get("additionalProperties") == Some(&Value::Bool(false))
                    && properties.keys().all(is_required)
            });
            let is_open =
                map.get("type").and_then(Value::as_str) == Some("object") && !map.contains_key("properties");
            is_sound && !is_open && map.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let choice = body.pointer("/choices/0").ok_or("it has no choices")?;
    let Choice { message, finish_reason } = Choice::deserialize(choice).map_err(|error| error.to_string())?;
    let refusal = message.refusal.filter(|words| !words.trim().is_empty());
    let refusal = match finish_reason.as_deref() {
        Some("content_filter") => Some(refusal.unwrap_or_else(|| "its content filter".to_owned())),
        Some("error") => return Err("the model broke off".to_owned()),
        _ => refusal,
    };
    let calls = message.tool_calls.into_iter().flatten().enumerate();
    Ok(Answer {
        text: text(message.content),
        tool_calls: calls.filter_map(|(number, call)| called(number, &call)).collect(),
        is_cut: finish_reason.as_deref() == Some("length"),
        refusal,
        usage: body.get("usage").map(usage).unwrap_or_default(),
    })
}

/// A content, which some send in parts.
fn text(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

fn called(number: usize, call: &Value) -> Option<ToolCall> {
    let name = call.pointer("/function/name")?.as_str()?.to_owned();
    let arguments = match call.pointer("/function/arguments") {
        Some(Value::String(text)) if text.trim().is_empty() => json!({}),
        Some(Value::String(text)) => value_in(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => json!({}),
    };
    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    Some(ToolCall { id: id.map_or_else(|| format!("call_{number}"), str::to_owned), name, arguments })
}

/// Visible output is what remains of all without question and reasoning, whether or not the
/// provider counts reasoning as output.
fn usage(usage: &Value) -> TokenUsage {
    let (prompt, completion) = (tokens(usage, "/prompt_tokens"), tokens(usage, "/completion_tokens"));
    let reasoning = tokens(usage, "/completion_tokens_details/reasoning_tokens");
    let total = tokens(usage, "/total_tokens").max(prompt + completion);
    let cached =
        tokens(usage, "/prompt_tokens_details/cached_tokens").max(tokens(usage, "/prompt_cache_hit_tokens"));
    TokenUsage {
        input_tokens: prompt,
        output_tokens: (total - prompt - reasoning).clamp((completion - reasoning).max(0), completion),
        total_tokens: total,
        cached_tokens: cached,
        thoughts_tokens: reasoning,
    }
}
