//! The embeddings call of OpenAI, which many others offer as well.

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteEmbedder, RemoteEmbedderOptions, Wire, join, service};
use crate::http::ApiKey;

struct OpenAi {
    endpoint: Url,
    model: String,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

impl Wire for OpenAi {
    fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    fn body(&self, _purpose: EmbedPurpose, texts: &[String]) -> Value {
        let mut body = json!({"model": self.model, "input": texts, "encoding_format": "float"});
        if let (Some(dimensions), Some(body)) = (self.dimensions, body.as_object_mut()) {
            body.insert("dimensions".to_owned(), json!(dimensions));
        }
        body
    }

    fn vectors(&self, answer: Value) -> Result<Vec<Vec<f32>>, String> {
        let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        let mut items = answer.data;
        items.sort_by_key(|item| item.index);
        if items.iter().enumerate().any(|(place, item)| item.index != place) {
            return Err("their numbers have gaps or are double".to_owned());
        }
        Ok(items.into_iter().map(|item| item.embedding).collect())
    }
}

/// A model with the call of OpenAI; the URL is that of the API, as `https://api.openai.com/v1`.
pub async fn openai(options: RemoteEmbedderOptions) -> Result<RemoteEmbedder, EmbedError> {
    let wire = OpenAi {
        endpoint: join(&options.url, "embeddings"),
        model: options.model.clone(),
        dimensions: options.dimensions,
    };
    let service = service(&options, ApiKey::bearer)?;
    RemoteEmbedder::connect("openai", options.model.clone(), options, service, wire).await
}
