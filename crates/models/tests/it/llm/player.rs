//! A provider for tests: real HTTP, answers from a list, and notes of what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    end: End,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    /// Half of it comes, as if that were all.
    Half,
    /// Half of it comes, and then nothing more.
    Hang,
    /// Nothing comes at all.
    Silence,
}

impl Play {
    pub(crate) fn status(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string(), end: End::Whole }
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn raw(status: u16, body: &str) -> Self {
        Self { body: body.to_owned(), ..Self::status(status, &Value::Null) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn truncated(self) -> Self {
        Self { end: End::Half, ..self }
    }

    pub(crate) fn hanging(self) -> Self {
        Self { end: End::Hang, ..self }
    }

    pub(crate) fn silence() -> Self {
        Self { end: End::Silence, ..Self::ok(&Value::Null) }
    }

    async fn send(self) -> Response {
        let bytes = Bytes::from(self.body);
        let half = bytes.slice(..bytes.len() / 2);
        let body = match self.end {
            End::Silence => std::future::pending().await,
            End::Whole => Body::from(bytes),
            End::Half => Body::from(half),
            End::Hang => {
                let first = stream::once(async { Ok::<_, Infallible>(half) });
                Body::from_stream(first.chain(stream::pending()))
            }
        };
        let mut response = (StatusCode::from_u16(self.status).unwrap(), body).into_response();
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}

/// One request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    /// Everything that says something, in an order of its own.
    pub(crate) fn shown(&self) -> Value {
        const OF_HTTP: [&str; 4] = ["host", "content-length", "accept", "accept-encoding"];
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !OF_HTTP.contains(&name.as_str()) && name.as_str() != "user-agent")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap().replace("hush", "[key]")))
            .collect();
        headers.sort();
        json!({"path": self.path, "headers": headers, "body": self.body})
    }
}

/// The provider; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Player {
    /// Without a path.
    pub(crate) url: String,
    plays: Arc<Mutex<VecDeque<Play>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Player {
    /// A provider with these answers, each for one request.
    pub(crate) async fn start(plays: impl IntoIterator<Item = Play>) -> Self {
        let plays = Arc::new(Mutex::new(plays.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let count = Arc::new(watch::Sender::new(0));
        let (next, notes, counter) = (Arc::clone(&plays), Arc::clone(&asked), Arc::clone(&count));
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            notes.lock().unwrap().push(Asked { path: uri.path().to_owned(), headers, body });
            counter.send_modify(|count| *count += 1);
            let play = next.lock().unwrap().pop_front();
            async move { play.unwrap_or_else(|| Play::raw(418, "nothing is to be played")).send().await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, plays, asked, count }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) async fn wait_until_asked(&self, times: usize) {
        self.count.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }

    pub(crate) fn left(&self) -> usize {
        self.plays.lock().unwrap().len()
    }
}
