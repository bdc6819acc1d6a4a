//! `generateContent` of Gemini.

use std::collections::HashMap;

use hindsight_engine::ports::{Message, Piece, Tool, ToolCall, ToolChoice};
use hindsight_types::retain::TokenUsage;
use serde_json::{Map, Value, json};

use super::{Answer, Question, Wanted, base64, system, tokens};
use crate::llm::options::{JsonMode, ModelOptions};

/// Between the number of a call and what the model wants to be given back with it.
const SIGNED: char = '~';
/// Reasons for an end at which the provider kept the rest to itself.
const REFUSALS: [&str; 8] = [
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
];

pub(super) fn body(options: &ModelOptions, question: &Question) -> Map<String, Value> {
    let mut body = Map::new();
    let mut generation = Map::new();
    if let Some(text) = system(&question.messages) {
        body.insert("systemInstruction".to_owned(), json!({"parts": [{"text": text}]}));
    }
    body.insert("contents".to_owned(), turns(&question.messages));
    if let Some(temperature) = question.temperature {
        generation.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(max) = question.max_tokens {
        generation.insert("maxOutputTokens".to_owned(), json!(max));
    }
    if let Some(effort) = &options.reasoning_effort {
        generation.insert("thinkingConfig".to_owned(), json!({"thinkingLevel": effort}));
    }
    match &question.output {
        Wanted::Text | Wanted::Json { mode: JsonMode::Prompt, .. } => {}
        Wanted::Json { mode, schema, .. } => {
            generation.insert("responseMimeType".to_owned(), json!("application/json"));
            if *mode == JsonMode::Schema {
                generation.insert("responseJsonSchema".to_owned(), schema.clone());
            }
        }
        Wanted::Tools { tools, choice } => {
            let tools: Vec<_> = tools.iter().map(|offered| tool(offered)).collect();
            body.insert("tools".to_owned(), json!([{"functionDeclarations": tools}]));
            let config = match choice {
                None => None,
                Some(ToolChoice::Auto) => Some(json!({"mode": "AUTO"})),
                Some(ToolChoice::Required) => Some(json!({"mode": "ANY"})),
                Some(ToolChoice::Named(name)) => Some(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
            };
            if let Some(config) = config {
                body.insert("toolConfig".to_owned(), json!({"functionCallingConfig": config}));
            }
        }
    }
    if !generation.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(generation));
    }
    body
}

/// The conversation without the system's part. What one side says in a row is one turn.
fn turns(messages: &[Message]) -> Value {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, parts) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", vec![json!({"text": text})]),
            Message::Shown(pieces) => ("user", pieces.iter().map(piece).collect()),
            Message::ToolResult { call_id, content } => {
                let name = names.get(call_id.as_str()).copied().unwrap_or_default();
                ("user", vec![json!({"functionResponse": {"name": name, "response": {"result": content}}})])
            }
            Message::Assistant { text, tool_calls } => {
                names.extend(tool_calls.iter().map(|call| (call.id.as_str(), call.name.as_str())));
                let words = (!text.is_empty()).then(|| json!({"text": text}));
                ("model", words.into_iter().chain(tool_calls.iter().map(call)).collect())
            }
        };
        match turns.last_mut() {
            Some((last, before)) if *last == role => before.extend(parts),
            _ => turns.push((role, parts)),
        }
    }
    turns.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect()
}

fn piece(piece: &Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({"text": text}),
        Piece::Media(media) => {
            json!({"inlineData": {"mimeType": media.media_type, "data": base64(media)}})
        }
    }
}

/// A call that the model has made, with its signature, without which newer models refuse it.
fn call(call: &ToolCall) -> Value {
    let mut part = json!({"functionCall": {"name": call.name, "args": call.arguments}});
    if let (Some((_, signature)), Some(part)) = (call.id.split_once(SIGNED), part.as_object_mut()) {
        part.insert("thoughtSignature".to_owned(), json!(signature));
    }
    part
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters})
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let usage = body.get("usageMetadata").map(usage).unwrap_or_default();
    let Some(candidate) = body.pointer("/candidates/0") else {
        let reason = body.pointer("/promptFeedback/blockReason").and_then(Value::as_str);
        let reason = reason.ok_or("it has no candidates")?;
        return Ok(Answer { refusal: Some(reason.to_owned()), usage, ..Answer::default() });
    };
    let mut answer = Answer { usage, ..Answer::default() };
    let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        if part.get("thought") == Some(&Value::Bool(true)) {
            continue;
        }
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            answer.text.push_str(text);
        }
        if let Some(call) = part.get("functionCall") {
            let number = answer.tool_calls.len();
            let signature = part.get("thoughtSignature").and_then(Value::as_str);
            let signature = signature.map(|signature| format!("{SIGNED}{signature}")).unwrap_or_default();
            answer.tool_calls.push(ToolCall {
                id: format!("call_{number}{signature}"),
                name: call.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                arguments: call.get("args").cloned().unwrap_or_else(|| json!({})),
            });
        }
    }
    match candidate.get("finishReason").and_then(Value::as_str) {
        Some("MAX_TOKENS") => answer.is_cut = true,
        Some(reason) if REFUSALS.contains(&reason) => answer.refusal = Some(reason.to_owned()),
        // It wanted to call a tool and did not manage to write the call.
        Some("MALFORMED_FUNCTION_CALL") => return Err("the model wrote a broken call of a tool".to_owned()),
        _ => {}
    }
    Ok(answer)
}

fn usage(usage: &Value) -> TokenUsage {
    let (input, output) = (tokens(usage, "/promptTokenCount"), tokens(usage, "/candidatesTokenCount"));
    let thoughts = tokens(usage, "/thoughtsTokenCount");
    TokenUsage {
        input_tokens: input,
        output_tokens: output,
        total_tokens: tokens(usage, "/totalTokenCount").max(input + output + thoughts),
        cached_tokens: tokens(usage, "/cachedContentTokenCount"),
        thoughts_tokens: thoughts,
    }
}
