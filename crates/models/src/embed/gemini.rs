//! The Gemini API of Google.

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteEmbedder, RemoteEmbedderOptions, Wire, join, service};

struct Gemini {
    endpoint: Url,
    model: String,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vec<f32>,
}

impl Wire for Gemini {
    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    fn body(&self, purpose: EmbedPurpose, texts: &[String]) -> Value {
        let task = match purpose {
            EmbedPurpose::Query => "RETRIEVAL_QUERY",
            EmbedPurpose::Passage => "RETRIEVAL_DOCUMENT",
        };
        let request = |text: &String| {
            let mut request = json!({
                "model": format!("models/{}", self.model),
                "content": {"parts": [{"text": text}]},
                "taskType": task,
            });
            if let (Some(dimensions), Some(request)) = (self.dimensions, request.as_object_mut()) {
                request.insert("outputDimensionality".to_owned(), json!(dimensions));
            }
            request
        };
        json!({"requests": texts.iter().map(request).collect::<Vec<_>>()})
    }

    fn vectors(&self, answer: Value) -> Result<Vec<Vec<f32>>, String> {
        let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        Ok(answer.embeddings.into_iter().map(|embedding| embedding.values).collect())
    }
}

/// A model of the Gemini API; the URL is that of its version, as
/// `https://generativelanguage.googleapis.com/v1beta`.
pub async fn gemini(options: RemoteEmbedderOptions) -> Result<RemoteEmbedder, EmbedError> {
    let wire = Gemini {
        endpoint: join(&options.url, &format!("models/{}:batchEmbedContents", options.model)),
        model: options.model.clone(),
        dimensions: options.dimensions,
    };
    let service = service(&options, |key| key.header("x-goog-api-key"))?;
    RemoteEmbedder::connect("google", options.model.clone(), options, service, wire).await
}
