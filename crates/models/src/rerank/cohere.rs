//! The rerank call of Cohere, which others offer as well.

use hindsight_engine::ports::RerankError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteReranker, RemoteRerankerOptions, Wire};

struct Cohere {
    model: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Rank>,
}

#[derive(Deserialize)]
struct Rank {
    index: usize,
    relevance_score: f64,
}

impl Wire for Cohere {
    fn body(&self, query: &str, documents: &[String]) -> Value {
        let mut body = json!({"query": query, "documents": documents, "top_n": documents.len()});
        if let (Some(model), Some(body)) = (&self.model, body.as_object_mut()) {
            body.insert("model".to_owned(), json!(model));
        }
        body
    }

    fn scores(&self, answer: Value) -> Result<Vec<(usize, f64)>, serde_json::Error> {
        let answer: Answer = serde_json::from_value(answer)?;
        Ok(answer.results.into_iter().map(|rank| (rank.index, rank.relevance_score)).collect())
    }
}

/// A reranker with Cohere's call at `options.endpoint`. Its scores are from 0 to 1.
pub fn cohere(options: RemoteRerankerOptions) -> Result<RemoteReranker, RerankError> {
    let model = options.model.clone();
    RemoteReranker::new(options, Cohere { model })
}
