//! Text Embeddings Inference and servers that speak its `/rerank`.

use hindsight_engine::ports::RerankError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{RemoteReranker, RemoteRerankerOptions, Wire};

struct Tei;

#[derive(Deserialize)]
struct Rank {
    index: usize,
    score: f64,
}

impl Wire for Tei {
    fn body(&self, query: &str, documents: &[String]) -> Value {
        // Scores that are not raw went through the service's own sigmoid.
        json!({"query": query, "texts": documents, "raw_scores": false, "truncate": true})
    }

    fn scores(&self, answer: Value) -> Result<Vec<(usize, f64)>, serde_json::Error> {
        let ranks: Vec<Rank> = serde_json::from_value(answer)?;
        Ok(ranks.into_iter().map(|rank| (rank.index, rank.score)).collect())
    }
}

/// A reranker that a Text Embeddings Inference server serves at `options.endpoint`.
pub fn tei(options: RemoteRerankerOptions) -> Result<RemoteReranker, RerankError> {
    RemoteReranker::new(options, Tei)
}
