//! An embedding service that costs next to nothing.

use std::net::{Ipv4Addr, SocketAddr};

use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::hashed;

/// Speaks like Text Embeddings Inference on 127.0.0.1, with vectors that are made of hashed
/// words: for measurements that leave the model out. Ends when it is dropped.
#[derive(Debug)]
pub struct EmbeddingService {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Request {
    inputs: Vec<String>,
}

impl EmbeddingService {
    /// A service on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new().route("/info", get(info)).route("/embed", post(embed));
        let serving = tokio::spawn(async move {
            // It fails only when the listener does, and then callers see it.
            let _ = axum::serve(listener, routes.layer(axum::extract::DefaultBodyLimit::disable())).await;
        });
        Ok(Self { address, serving })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for EmbeddingService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn info() -> Json<Value> {
    Json(json!({"model_id": hashed::MODEL}))
}

async fn embed(Json(request): Json<Request>) -> Json<Vec<Vec<f32>>> {
    Json(request.inputs.iter().map(|text| hashed::vector(text)).collect())
}
