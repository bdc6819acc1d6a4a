//! The six providers as they are spoken to and as they answer.

use std::time::Duration;

use hindsight_models::ApiKey;
use hindsight_models::llm::{Dialect, JsonMode, ModelOptions};
use serde_json::{Map, Value, json};

use super::player::{Play, Player};

/// A provider and its place on the player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    model: &'static str,
    path: &'static str,
    dialect: Dialect,
    has_key: bool,
    json: &'static [JsonMode],
}

const NEARBY: Dialect = Dialect::OpenAi {
    completion_tokens: false,
    require_parameters: false,
    shows_schema: true,
    tool_choice: false,
};
const COMPLETION_TOKENS: Dialect = Dialect::OpenAi {
    completion_tokens: true,
    require_parameters: false,
    shows_schema: false,
    tool_choice: true,
};
const ALL_WAYS: &[JsonMode] = &[JsonMode::Schema, JsonMode::Json, JsonMode::Prompt];
const WITHOUT_MODE: &[JsonMode] = &[JsonMode::Schema, JsonMode::Prompt];

pub(crate) const PROVIDERS: [Provider; 6] = [
    Provider {
        name: "openai",
        model: "gpt-4o-mini",
        path: "/v1",
        dialect: COMPLETION_TOKENS,
        has_key: true,
        json: ALL_WAYS,
    },
    Provider {
        name: "anthropic",
        model: "claude-haiku-4-5",
        path: "",
        dialect: Dialect::Anthropic { cache: true },
        has_key: true,
        json: ALL_WAYS,
    },
    Provider {
        name: "gemini",
        model: "gemini-3.5-flash",
        path: "/v1beta",
        dialect: Dialect::Gemini,
        has_key: true,
        json: ALL_WAYS,
    },
    Provider {
        name: "groq",
        model: "openai/gpt-oss-120b",
        path: "/openai/v1",
        dialect: COMPLETION_TOKENS,
        has_key: true,
        json: ALL_WAYS,
    },
    Provider {
        name: "ollama",
        model: "gemma3:12b",
        path: "/v1",
        dialect: NEARBY,
        has_key: false,
        json: WITHOUT_MODE,
    },
    Provider {
        name: "lmstudio",
        model: "local-model",
        path: "/v1/",
        dialect: NEARBY,
        has_key: false,
        json: WITHOUT_MODE,
    },
];

impl Provider {
    /// How it is asked at the player, with tiny waits.
    pub(crate) fn at(&self, player: &Player) -> ModelOptions {
        ModelOptions {
            provider: self.name.to_owned(),
            model: self.model.to_owned(),
            dialect: self.dialect,
            url: format!("{}{}", player.url, self.path).parse().unwrap(),
            key: self.has_key.then(|| ApiKey::new("hush")),
            headers: Vec::new(),
            extra_body: Map::new(),
            reasoning_effort: None,
            json: self.json.to_vec(),
            timeout: Duration::from_mins(5),
            retries: 2,
            initial_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(50),
        }
    }

    /// Words, an end, and the tokens: 10 in, of which 4 from the cache, 5 out.
    fn answer(&self, text: &Value, end: &str) -> Value {
        match self.dialect {
            Dialect::OpenAi { .. } => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.model,
                "choices": [{"index": 0, "finish_reason": end, "message": {"role": "assistant", "content": text}}],
                "usage": {
                    "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                    "prompt_tokens_details": {"cached_tokens": 4},
                },
            }),
            Dialect::Anthropic { .. } => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": self.model,
                "content": if text.is_null() { json!([]) } else { json!([{"type": "text", "text": text}]) },
                "stop_reason": end, "stop_sequence": null,
                "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 5},
            }),
            Dialect::Gemini => json!({
                "candidates": [{
                    "content": {"role": "model", "parts": if text.is_null() { json!([]) } else { json!([{"text": text}]) }},
                    "finishReason": end, "index": 0,
                }],
                "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "totalTokenCount": 15},
                "modelVersion": self.model,
            }),
        }
    }

    fn word(&self, openai: &'static str, anthropic: &'static str, gemini: &'static str) -> &'static str {
        match self.dialect {
            Dialect::OpenAi { .. } => openai,
            Dialect::Anthropic { .. } => anthropic,
            Dialect::Gemini => gemini,
        }
    }

    pub(crate) fn says(&self, text: &str) -> Play {
        Play::ok(&self.answer(&json!(text), self.word("stop", "end_turn", "STOP")))
    }

    pub(crate) fn says_json(&self, value: &Value) -> Play {
        self.says(&value.to_string())
    }

    pub(crate) fn is_cut(&self, text: &str) -> Play {
        Play::ok(&self.answer(&json!(text), self.word("length", "max_tokens", "MAX_TOKENS")))
    }

    pub(crate) fn says_nothing(&self) -> Play {
        Play::ok(&self.answer(&Value::Null, self.word("stop", "end_turn", "STOP")))
    }

    pub(crate) fn refuses(&self) -> Play {
        let mut body = self.answer(&Value::Null, self.word("stop", "refusal", "SAFETY"));
        if matches!(self.dialect, Dialect::OpenAi { .. }) {
            body["choices"][0]["message"]["refusal"] = json!("I will not do that.");
        }
        Play::ok(&body)
    }

    pub(crate) fn calls(&self, name: &str, arguments: &Value) -> Play {
        let body = match self.dialect {
            Dialect::OpenAi { .. } => {
                let mut body = self.answer(&Value::Null, "tool_calls");
                body["choices"][0]["message"]["tool_calls"] = json!([{
                    "id": "call_a", "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()},
                }]);
                body
            }
            Dialect::Anthropic { .. } => {
                let mut body = self.answer(&Value::Null, "tool_use");
                body["content"] =
                    json!([{"type": "tool_use", "id": "toolu_a", "name": name, "input": arguments}]);
                body
            }
            Dialect::Gemini => {
                let mut body = self.answer(&Value::Null, "STOP");
                body["candidates"][0]["content"]["parts"] = json!([
                    {"text": "let me see", "thought": true},
                    {"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2lnbmVk"},
                ]);
                body
            }
        };
        Play::ok(&body)
    }

    /// An error in the provider's form.
    pub(crate) fn fails(&self, status: u16, message: &str) -> Play {
        Play::status(
            status,
            &match self.dialect {
                Dialect::OpenAi { .. } => {
                    json!({"error": {"message": message, "type": "error", "code": null}})
                }
                Dialect::Anthropic { .. } => {
                    json!({"type": "error", "error": {"type": "error", "message": message}})
                }
                Dialect::Gemini => {
                    json!({"error": {"code": status, "message": message, "status": "ERROR", "details": []}})
                }
            },
        )
    }
}
