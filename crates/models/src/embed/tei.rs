//! Text Embeddings Inference.

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteEmbedder, RemoteEmbedderOptions, Wire, failed, join, service};
use crate::http::ApiKey;

struct Tei {
    endpoint: Url,
}

/// What a server says of itself.
#[derive(Deserialize)]
struct Info {
    model_id: String,
}

impl Wire for Tei {
    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    fn body(&self, _purpose: EmbedPurpose, texts: &[String]) -> Value {
        json!({"inputs": texts, "truncate": true, "normalize": true})
    }

    fn vectors(&self, answer: Value) -> Result<Vec<Vec<f32>>, String> {
        serde_json::from_value(answer).map_err(|error| error.to_string())
    }
}

/// The model of a Text Embeddings Inference server, which says itself what it is called.
pub async fn tei(options: RemoteEmbedderOptions) -> Result<RemoteEmbedder, EmbedError> {
    let service = service(&options, ApiKey::bearer)?;
    let info: Info = service.get(&join(&options.url, "info"), None).await.map_err(failed)?;
    let wire = Tei { endpoint: join(&options.url, "embed") };
    RemoteEmbedder::connect("tei", info.model_id, options, service, wire).await
}
