//! Cohere.

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteEmbedder, RemoteEmbedderOptions, Wire, join, service};
use crate::http::ApiKey;

struct Cohere {
    endpoint: Url,
    model: String,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Embeddings,
}

#[derive(Deserialize)]
struct Embeddings {
    float: Vec<Vec<f32>>,
}

impl Wire for Cohere {
    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    fn body(&self, purpose: EmbedPurpose, texts: &[String]) -> Value {
        let kind = match purpose {
            EmbedPurpose::Query => "search_query",
            EmbedPurpose::Passage => "search_document",
        };
        let mut body = json!({
            "model": self.model,
            "texts": texts,
            "input_type": kind,
            "embedding_types": ["float"],
            "truncate": "END",
        });
        if let (Some(dimensions), Some(body)) = (self.dimensions, body.as_object_mut()) {
            body.insert("output_dimension".to_owned(), json!(dimensions));
        }
        body
    }

    fn vectors(&self, answer: Value) -> Result<Vec<Vec<f32>>, String> {
        let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        Ok(answer.embeddings.float)
    }
}

/// A model of Cohere; the URL is that of its host, as `https://api.cohere.com`.
pub async fn cohere(options: RemoteEmbedderOptions) -> Result<RemoteEmbedder, EmbedError> {
    let wire = Cohere {
        endpoint: join(&options.url, "v2/embed"),
        model: options.model.clone(),
        dimensions: options.dimensions,
    };
    let service = service(&options, ApiKey::bearer)?;
    RemoteEmbedder::connect("cohere", options.model.clone(), options, service, wire).await
}
