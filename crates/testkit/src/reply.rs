//! What a scripted model answers, well or badly.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// One answer of a [`ScriptedLlm`](crate::ScriptedLlm).
///
/// Made from what the model says ([`text`](Self::text), [`json`](Self::json),
/// [`calls`](Self::calls)) or from what goes wrong instead, and changed by the methods that
/// take it. A text becomes one by `into`.
#[derive(Clone, Debug)]
pub struct Reply {
    content: Content,
    finish: Option<String>,
    usage: Option<Value>,
    status: StatusCode,
    retry_after: Option<u64>,
    delay: Duration,
    gate: Option<Gate>,
    body: Delivery,
}

#[derive(Clone, Debug)]
enum Content {
    /// A message of the assistant.
    Message(Value),
    /// A body as it is.
    Raw(String),
}

/// How much of the body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Whole,
    /// The first half, as if that were all.
    Half,
    /// The first half, then the connection is closed.
    Cut,
    /// The first half, then nothing more.
    Hang,
    /// Nothing, not even a status.
    Silence,
}

impl Reply {
    /// The model says a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::message(json!({"role": "assistant", "content": text.into()}))
    }

    /// The model says a value as JSON text.
    pub fn json(value: &impl Serialize) -> Self {
        // A value without a text form has none in the answer either.
        Self::text(serde_json::to_string(value).unwrap_or_default())
    }

    /// The model calls tools: names and arguments.
    pub fn calls<'n>(calls: impl IntoIterator<Item = (&'n str, Value)>) -> Self {
        let call = |(number, (name, arguments)): (usize, (&str, Value))| {
            let function = json!({"name": name, "arguments": arguments.to_string()});
            json!({"id": format!("call_{number}"), "type": "function", "function": function})
        };
        let calls: Vec<_> = calls.into_iter().enumerate().map(call).collect();
        let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
        Self::message(message).finish("tool_calls")
    }

    /// The model calls a tool with arguments that are this text, JSON or not.
    pub fn call_of(name: &str, arguments: &str) -> Self {
        let function = json!({"name": name, "arguments": arguments});
        let call = json!({"id": "call_0", "type": "function", "function": function});
        Self::message(json!({"role": "assistant", "content": null, "tool_calls": [call]}))
            .finish("tool_calls")
    }

    /// A body of status 200 that is no answer of a model.
    pub fn malformed(body: impl Into<String>) -> Self {
        Self { content: Content::Raw(body.into()), ..Self::text("") }
    }

    /// An error in OpenAI's form.
    pub fn error(status: StatusCode, message: &str) -> Self {
        let body = json!({"error": {"message": message, "type": "scripted_error", "code": null}});
        Self { status, ..Self::malformed(body.to_string()) }
    }

    /// 429: too many requests; come back after so many seconds.
    pub fn rate_limited(seconds: u64) -> Self {
        let error = Self::error(StatusCode::TOO_MANY_REQUESTS, "too many requests");
        Self { retry_after: Some(seconds), ..error }
    }

    /// 500.
    pub fn server_error() -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, "the server had an error")
    }

    /// The model does not want to: a message with a refusal instead of a content.
    pub fn refusal(words: &str) -> Self {
        Self::message(json!({"role": "assistant", "content": null, "refusal": words}))
    }

    /// Nothing ever comes, and the connection stays open.
    pub fn silence() -> Self {
        Self { body: Delivery::Silence, ..Self::text("") }
    }

    fn message(message: Value) -> Self {
        Self {
            content: Content::Message(message),
            finish: None,
            usage: Some(usage(10, 5)),
            status: StatusCode::OK,
            retry_after: None,
            delay: Duration::ZERO,
            gate: None,
            body: Delivery::Whole,
        }
    }

    /// Tokens of the question and of the answer; 10 and 5 if nobody says.
    #[must_use]
    pub fn usage(self, prompt: u64, completion: u64) -> Self {
        Self { usage: Some(usage(prompt, completion)), ..self }
    }

    /// As a server that does not count tokens.
    #[must_use]
    pub fn without_usage(self) -> Self {
        Self { usage: None, ..self }
    }

    /// Why the model stopped: `stop` if nobody says, `length` for one that ran out of tokens.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        Self { finish: Some(reason.to_owned()), ..self }
    }

    /// The answer comes late.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The answer comes when the gate is opened.
    #[must_use]
    pub fn behind(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }

    /// Half of the body comes as if it were all: broken JSON in sound HTTP.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self { body: Delivery::Half, ..self }
    }

    /// Half of the body comes, then the connection is closed.
    #[must_use]
    pub fn cut(self) -> Self {
        Self { body: Delivery::Cut, ..self }
    }

    /// Half of the body comes, then nothing more; the connection stays open.
    #[must_use]
    pub fn hanging(self) -> Self {
        Self { body: Delivery::Hang, ..self }
    }

    pub(crate) async fn send(self, id: &str, model: &str) -> Response {
        if self.body == Delivery::Silence {
            std::future::pending::<()>().await;
        }
        if let Some(gate) = &self.gate {
            gate.opened().await;
        }
        tokio::time::sleep(self.delay).await;
        let bytes = Bytes::from(self.bytes(id, model));
        let half = bytes.slice(..bytes.len() / 2);
        let first = |half| stream::once(async { Ok::<_, io::Error>(half) });
        let body = match self.body {
            Delivery::Whole | Delivery::Silence => Body::from(bytes),
            Delivery::Half => Body::from(half),
            Delivery::Cut => {
                let end = stream::once(async { Err(io::ErrorKind::ConnectionAborted.into()) });
                Body::from_stream(first(half).chain(end))
            }
            Delivery::Hang => Body::from_stream(first(half).chain(stream::pending())),
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn bytes(&self, id: &str, model: &str) -> Vec<u8> {
        let message = match &self.content {
            Content::Raw(body) => return body.clone().into_bytes(),
            Content::Message(message) => message,
        };
        let finish = self.finish.as_deref().unwrap_or("stop");
        let mut answer = json!({
            "id": id,
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        });
        if let (Some(answer), Some(usage)) = (answer.as_object_mut(), &self.usage) {
            answer.insert("usage".to_owned(), usage.clone());
        }
        answer.to_string().into_bytes()
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self::json(&value)
    }
}

/// Holds replies back until a test lets them go, however long that takes.
#[derive(Clone, Debug)]
pub struct Gate {
    is_open: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate. Clones are the same gate.
    pub fn closed() -> Self {
        Self { is_open: watch::Sender::new(false) }
    }

    /// Lets everything go that is held, and that will be.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    async fn opened(&self) {
        // This value holds a sender itself.
        let _ = self.is_open.subscribe().wait_for(|is_open| *is_open).await;
    }
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}
