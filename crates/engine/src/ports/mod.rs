//! What the engine asks of the outside world: vectors, scores, answers, texts of files and the time.
//!
//! The engine knows these traits only; who implements them (a local model, a
//! remote service, a test double) is decided by whoever builds the [`crate::Engine`].

mod files;
mod llm;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use files::{ConvertError, FileConverter, SentFile};
pub use llm::{
    About, Attempt, LanguageModel, Listener, LlmError, LlmFailure, LlmOperation, Media, Message, Output,
    Piece, Prompt, Reply, Said, Tool, ToolCall, ToolChoice,
};

/// Identity of an embedding model, recorded with the database.
///
/// Vectors of two models cannot be compared, so a database keeps the identity of
/// the model that filled it and refuses another one at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingModel {
    /// Who computes the vectors, for example `local`.
    pub provider: String,
    /// Name of the model in the provider's words.
    pub name: String,
    /// Number of dimensions of every vector.
    pub dimension: u32,
    /// True when vectors have length 1, so that cosine and inner product agree.
    pub normalized: bool,
    /// Text put before a query.
    pub query_prefix: String,
    /// Text put before a stored passage.
    pub passage_prefix: String,
}

impl fmt::Display for EmbeddingModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({} dimensions)", self.provider, self.name, self.dimension)
    }
}

/// What a text is embedded for: some models want another prefix for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedPurpose {
    /// A question to search with. Goes before passages that wait.
    Query,
    /// A fact to store.
    Passage,
}

/// Why no vectors came back.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model has more work than it may queue; a later try can succeed.
    #[error("the embedding model is busy, try again in a moment")]
    Busy,
    /// The model answered, but not with usable vectors, or not at all.
    #[error("the embedding model failed: {0}")]
    Failed(String),
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Identity of the model behind this embedder; constant for its life.
    fn model(&self) -> &EmbeddingModel;

    /// One vector of `model().dimension` finite numbers per text, in the order of `texts`.
    ///
    /// Dropping the future abandons the work.
    async fn embed(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Why no scores came back.
#[derive(Debug, thiserror::Error)]
pub enum RerankError {
    /// The model has more work than it may queue; a later try can succeed.
    #[error("the reranker is busy, try again in a moment")]
    Busy,
    /// The model answered, but not with usable scores, or not at all.
    #[error("the reranker failed: {0}")]
    Failed(String),
}

/// Says how well documents answer a query, reading both together.
#[async_trait]
pub trait Reranker: Send + Sync {
    /// Who scores, for logs and traces, for example `local/ms-marco-MiniLM-L-6-v2`.
    fn name(&self) -> &str;

    /// One score from 0 to 1 for each document, in the order of `documents`.
    ///
    /// `None` = not scored within `budget`, which counts from the call. Documents come best
    /// first, so those in front are scored first. Dropping the future abandons the work.
    async fn rerank(
        &self,
        query: &str,
        documents: &[String],
        budget: Duration,
    ) -> Result<Vec<Option<f64>>, RerankError>;
}

/// Tells the time. Tests give a fixed one.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
