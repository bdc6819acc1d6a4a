//! The shortest way to a scripted language model: one attempt, no dialects.

use async_trait::async_trait;
use hindsight_engine::ports::{
    LanguageModel, LlmError, LlmFailure, LlmOperation, Message, Output, Piece, Prompt, Reply, Tool, ToolCall,
};
use hindsight_types::retain::TokenUsage;
use serde_json::{Value, json};

use crate::support::{NOW, time};

pub(crate) struct HttpModel {
    url: String,
    client: reqwest::Client,
}

impl HttpModel {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: format!("{url}/chat/completions"), client: reqwest::Client::new() }
    }

    async fn answer(&self, prompt: &Prompt) -> Result<(Value, TokenUsage), LlmFailure> {
        let messages: Vec<Value> = prompt.messages.iter().map(message).collect();
        let mut body = json!({"model": "scripted", "messages": messages});
        if let Output::Json { name, schema } = &prompt.output {
            let schema = json!({"name": name, "strict": true, "schema": schema});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        if let Output::Tools { tools, .. } = &prompt.output {
            let tool = |tool: &Tool| json!({"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}});
            body["tools"] = tools.iter().map(tool).collect();
        }
        let failed = |error: reqwest::Error| LlmFailure::Failed(error.to_string());
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(failed)?;
        match status {
            200 => {}
            401 | 403 => return Err(LlmFailure::Denied(text)),
            429 if text.contains("quota") => {
                return Err(LlmFailure::QuotaUntil(time(NOW) + chrono::TimeDelta::hours(1)));
            }
            429 => return Err(LlmFailure::Busy(text)),
            400..=499 => return Err(LlmFailure::Rejected(text)),
            _ => return Err(LlmFailure::Failed(text)),
        }
        let answer: Value =
            serde_json::from_str(&text).map_err(|error| LlmFailure::Failed(error.to_string()))?;
        let tokens = |name: &str| answer["usage"][name].as_i64().unwrap_or_default();
        let usage = TokenUsage {
            input_tokens: tokens("prompt_tokens"),
            output_tokens: tokens("completion_tokens"),
            total_tokens: tokens("total_tokens"),
            ..TokenUsage::default()
        };
        Ok((answer["choices"][0].clone(), usage))
    }
}

#[async_trait]
impl LanguageModel for HttpModel {
    fn name(&self, _operation: LlmOperation) -> String {
        "testkit/scripted".to_owned()
    }

    async fn ask(&self, prompt: Prompt) -> Result<Reply, LlmError> {
        let unpaid = |failure| LlmError { failure, usage: TokenUsage::default() };
        let (choice, usage) = self.answer(&prompt).await.map_err(unpaid)?;
        let failed = |failure| Err(LlmError { failure, usage });
        if choice["finish_reason"] == "length" {
            return failed(LlmFailure::OutputTooLong);
        }
        if let Some(words) = choice["message"]["refusal"].as_str() {
            return failed(LlmFailure::Refused(words.to_owned()));
        }
        let text = choice["message"]["content"].as_str().unwrap_or_default().to_owned();
        if !matches!(prompt.output, Output::Json { .. }) {
            let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten().map(call);
            let (model, tool_calls) = (self.name(prompt.operation), calls.collect());
            return Ok(Reply { text, value: None, tool_calls, is_cut: false, model, usage });
        }
        let Ok(value) = serde_json::from_str(&text) else { return failed(LlmFailure::NotJson(text)) };
        let model = self.name(prompt.operation);
        Ok(Reply { text, value: Some(value), tool_calls: Vec::new(), is_cut: false, model, usage })
    }
}

fn call(call: &Value) -> ToolCall {
    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
    ToolCall {
        id: call["id"].as_str().unwrap_or_default().to_owned(),
        name: call["function"]["name"].as_str().unwrap_or_default().to_owned(),
        arguments: serde_json::from_str(arguments).unwrap_or_default(),
    }
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Shown(pieces) => {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => json!({"type": "text", "text": text}),
                Piece::Media(media) => json!({"type": media.media_type, "bytes": media.data.to_vec()}),
            };
            json!({"role": "user", "content": pieces.iter().map(piece).collect::<Vec<_>>()})
        }
        Message::Assistant { text, .. } => json!({"role": "assistant", "content": text}),
        Message::ToolResult { content, .. } => json!({"role": "tool", "content": content}),
    }
}
