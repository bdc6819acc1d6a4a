//! A model service for tests: real HTTP, answers by script, and notes of what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// One call that came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// What the service does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Json(Value),
    Text(u16, &'static str),
    /// Status 429 and how long to wait.
    Later(&'static str),
    /// Never answers.
    Silence,
}

type Script = dyn Fn(usize, &Asked) -> Reply + Send + Sync;

/// The service; it ends with the test's runtime.
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// A service that answers its calls, counted from 0, by `script`.
    pub(crate) async fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let script: Arc<Script> = Arc::new(script);
        let notes = Arc::clone(&asked);
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (notes, script) = (Arc::clone(&notes), Arc::clone(&script));
            async move {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let call = Asked { path: uri.path().to_owned(), headers, body };
                let number = {
                    let mut notes = notes.lock().unwrap();
                    notes.push(call.clone());
                    notes.len() - 1
                };
                answer(script(number, &call)).await
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, asked }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(reply: Reply) -> Response {
    match reply {
        Reply::Json(value) => axum::Json(value).into_response(),
        Reply::Text(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Reply::Later(seconds) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds)]).into_response(),
        Reply::Silence => std::future::pending().await,
    }
}
