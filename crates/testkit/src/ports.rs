//! Doubles for the engine's ports: fast, deterministic, without files.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hindsight_engine::ports::{Clock, EmbedError, EmbedPurpose, Embedder, EmbeddingModel};

use crate::hashed::{self, DIMENSION, MODEL};

/// An embedder that adds up a fixed vector per word, so that texts with common words are
/// near each other. Queries and passages are treated alike.
#[derive(Clone, Debug)]
pub struct HashEmbedder {
    model: EmbeddingModel,
}

impl HashEmbedder {
    /// The embedder; all are the same.
    pub fn new() -> Self {
        Self {
            model: EmbeddingModel {
                provider: "testkit".to_owned(),
                name: MODEL.to_owned(),
                dimension: DIMENSION,
                normalized: true,
                query_prefix: String::new(),
                passage_prefix: String::new(),
            },
        }
    }

    /// The vector of a text, of length 1.
    pub fn vector(text: &str) -> Vec<f32> {
        hashed::vector(text)
    }
}

impl Default for HashEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Embedder for HashEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, _purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| Self::vector(text)).collect())
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(DateTime<Utc>);

impl FixedClock {
    /// A clock that always shows this instant.
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(instant)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}
