//! A language model that says what a test wants, over real HTTP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::FaultProxy;
use crate::reply::Reply;

/// Model that [`ScriptedLlm`] lists; it answers to any other name as well.
pub const LLM_MODEL: &str = "scripted";

/// A server with the OpenAI-compatible routes `POST /v1/chat/completions` and
/// `GET /v1/models` on 127.0.0.1.
///
/// It answers with the replies of a [queue](Self::push) first, then with what a
/// [closure](Self::answer_with) makes of the request, and with 500 when there is neither.
/// Everything that was asked is [kept](Self::requests).
#[derive(Debug)]
pub struct ScriptedLlm {
    link: FaultProxy,
    script: Arc<Script>,
    serving: JoinHandle<()>,
}

/// One question to the model.
#[derive(Clone, Debug)]
pub struct LlmRequest {
    /// Headers of the request.
    pub headers: HeaderMap,
    /// Its body; a string when it was no JSON.
    pub body: Value,
}

type Answer = dyn Fn(&LlmRequest) -> Reply + Send + Sync;

struct Script {
    queue: Mutex<VecDeque<Reply>>,
    answer: Mutex<Option<Arc<Answer>>>,
    requests: Mutex<Vec<LlmRequest>>,
    /// How many have come.
    count: watch::Sender<usize>,
}

impl ScriptedLlm {
    /// A model that knows nothing yet.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::panic, reason = "a test without a model has failed, and this says why")]
    pub async fn start() -> Self {
        let script = Arc::new(Script {
            queue: Mutex::default(),
            answer: Mutex::default(),
            requests: Mutex::default(),
            count: watch::Sender::new(0),
        });
        match serve(Arc::clone(&script)).await {
            Ok((link, serving)) => Self { link, script, serving },
            Err(error) => panic!("cannot serve a scripted model: {error}"),
        }
    }

    /// Base URL as clients of OpenAI want it, with `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.link.address())
    }

    /// The link between clients and the model, to be made slow, cut or taken away.
    pub fn link(&self) -> &FaultProxy {
        &self.link
    }

    /// Adds a reply to the end of the queue. Each is given once.
    pub fn push(&self, reply: impl Into<Reply>) -> &Self {
        lock(&self.script.queue).push_back(reply.into());
        self
    }

    /// Adds several replies.
    pub fn push_all<R: Into<Reply>>(&self, replies: impl IntoIterator<Item = R>) -> &Self {
        lock(&self.script.queue).extend(replies.into_iter().map(Into::into));
        self
    }

    /// Replies of the queue that nobody has asked for yet.
    pub fn left(&self) -> usize {
        lock(&self.script.queue).len()
    }

    /// Answers every request for which the queue has nothing, in place of the closure before.
    pub fn answer_with<R: Into<Reply>>(
        &self,
        answer: impl Fn(&LlmRequest) -> R + Send + Sync + 'static,
    ) -> &Self {
        let answer: Arc<Answer> = Arc::new(move |request| answer(request).into());
        *lock(&self.script.answer) = Some(answer);
        self
    }

    /// What was asked so far, oldest first.
    pub fn requests(&self) -> Vec<LlmRequest> {
        lock(&self.script.requests).clone()
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.script.count.borrow()
    }

    /// The question asked last.
    ///
    /// # Panics
    ///
    /// When nobody has asked.
    #[expect(clippy::panic, reason = "a test that expects a question has failed without one")]
    pub fn last_request(&self) -> LlmRequest {
        lock(&self.script.requests).last().cloned().unwrap_or_else(|| panic!("the model was not asked"))
    }

    /// Waits until it was asked so often, in all.
    pub async fn wait_until_asked(&self, times: usize) {
        // The sender lives as long as this value.
        let _ = self.script.count.subscribe().wait_for(|count| *count >= times).await;
    }
}

impl Drop for ScriptedLlm {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl LlmRequest {
    /// The model that is asked.
    pub fn model(&self) -> &str {
        self.text("/model")
    }

    /// The messages in their order: who speaks, and the text. A content in parts is joined.
    pub fn messages(&self) -> Vec<(String, String)> {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let text = |content: &Value| match content {
            Value::Array(parts) => {
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
            }
            content => content.as_str().unwrap_or_default().to_owned(),
        };
        let read = |message: &Value| {
            let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
            (role.to_owned(), message.get("content").map(text).unwrap_or_default())
        };
        messages.into_iter().flatten().map(read).collect()
    }

    /// What the model is told to be; empty when it is not told.
    pub fn system(&self) -> String {
        self.said_by(&["system", "developer"])
    }

    /// What the user says, over all messages.
    pub fn user(&self) -> String {
        self.said_by(&["user"])
    }

    /// The JSON schema that the answer must have, if one is asked for.
    pub fn schema(&self) -> Option<&Value> {
        self.body.pointer("/response_format/json_schema/schema")
    }

    /// Names of the tools that the model may call.
    pub fn tools(&self) -> Vec<String> {
        let tools = self.body.get("tools").and_then(Value::as_array);
        let name = |tool: &Value| Some(tool.pointer("/function/name")?.as_str()?.to_owned());
        tools.into_iter().flatten().filter_map(name).collect()
    }

    /// The key it comes with.
    pub fn key(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn said_by(&self, roles: &[&str]) -> String {
        let messages = self.messages();
        let said = messages.iter().filter(|(role, _)| roles.contains(&role.as_str()));
        said.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

async fn serve(script: Arc<Script>) -> std::io::Result<(FaultProxy, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    let router = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .with_state(script);
    let serving = tokio::spawn(async move {
        // Ends with the test.
        let _ = axum::serve(listener, router).await;
    });
    Ok((FaultProxy::tcp(address).await?, serving))
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": LLM_MODEL, "object": "model", "owned_by": "testkit"}]}))
}

async fn complete(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    let request = LlmRequest { headers, body: serde_json::from_slice(&body).unwrap_or_else(|_| text()) };
    let number = {
        let mut requests = lock(&script.requests);
        requests.push(request.clone());
        requests.len()
    };
    let reply = lock(&script.queue).pop_front();
    let answer = lock(&script.answer).clone();
    let reply = reply.or_else(|| answer.map(|answer| answer(&request)));
    script.count.send_replace(number);
    let reply =
        reply.unwrap_or_else(|| Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "nothing is scripted"));
    let model = if request.model().is_empty() { LLM_MODEL } else { request.model() };
    reply.send(&format!("chatcmpl-{number}"), model).await
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("count", &*self.count.borrow()).finish_non_exhaustive()
    }
}
