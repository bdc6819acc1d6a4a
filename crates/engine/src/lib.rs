//! The memory engine: retain and recall over one PostgreSQL database.
//!
//! [`Engine`] is the whole public surface: it takes the request types of
//! `hindsight-types`, keeps facts in a [`store::Store`], and asks the outside world
//! through the traits of [`ports`]. It knows no HTTP, no argument vector, no
//! environment variable and no model provider.

mod attachments;
mod bank_config;
mod banks;
mod browse;
mod browse_entities;
mod cells;
mod character;
pub mod config;
mod consolidate;
mod curate;
mod directives;
mod document;
pub mod error;
pub mod graph;
mod hash;
pub mod jobs;
pub mod labels;
mod links;
mod mental_models;
mod model_calls;
pub mod ports;
pub mod recall;
mod reflect;
pub mod retain;
mod series;
mod stats;
pub mod store;
pub mod text;

use std::sync::Arc;

use config::Settings;
pub use error::EngineError;
use ports::{Clock, EmbedError, EmbedPurpose, Embedder, FileConverter, LanguageModel, Reranker};
use store::{PoolHealth, Store, StoreError};

/// The engine over one database. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    embedder: Arc<dyn Embedder>,
    reranker: Option<Arc<dyn Reranker>>,
    llm: Option<Arc<dyn LanguageModel>>,
    files: Option<Arc<dyn FileConverter>>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    queries: recall::QueryCache,
    stats: stats::StatsCache,
    hot: recall::HotBanks,
    model_calls: model_calls::Queue,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("model", self.embedder.model())
            .field("reranker", &self.reranker().map(Reranker::name))
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over `store`. Fails when the database was filled with another embedding
    /// model than `embedder`'s: their vectors cannot be compared.
    pub async fn new(
        store: Store,
        embedder: Arc<dyn Embedder>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        store.claim_model(embedder.model()).await?;
        Ok(Self {
            embedder,
            reranker: None,
            llm: None,
            files: None,
            clock,
            stats: stats::StatsCache::new(settings.stats_cache),
            queries: recall::QueryCache::new(),
            hot: recall::HotBanks::new(settings.vector_cache),
            model_calls: model_calls::Queue::new(store.clone(), settings.llm_trace.queue),
            settings: Arc::new(settings),
            store,
        })
    }

    /// The same engine with a reranker. Without one, recall keeps the order of its own scores.
    #[must_use]
    pub fn with_reranker(self, reranker: Arc<dyn Reranker>) -> Self {
        Self { reranker: Some(reranker), ..self }
    }

    /// The same engine with a language model. Without one, retain makes facts by rules, and there
    /// are no observations.
    #[must_use]
    pub fn with_llm(self, llm: Arc<dyn LanguageModel>) -> Self {
        let store = self.store.with_consolidation(self.settings.consolidation.defaults());
        Self { llm: Some(llm), store, ..self }
    }

    /// The same engine with somebody who reads files. Without one, none are taken.
    #[must_use]
    pub fn with_files(self, converter: Arc<dyn FileConverter>) -> Self {
        Self { files: Some(converter), ..self }
    }

    /// The language model, if there is one.
    pub fn llm(&self) -> Option<&Arc<dyn LanguageModel>> {
        self.llm.as_ref()
    }

    /// The reranker, if there is one.
    pub fn reranker(&self) -> Option<&dyn Reranker> {
        self.reranker.as_deref()
    }

    /// The settings this engine was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One usable vector for each text: what a model sends is checked before it is stored or
    /// compared, since one vector of another length would make every later search fail.
    async fn vectors(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let (wanted, dimension) = (texts.len(), self.embedder.model().dimension as usize);
        let vectors = self.embedder.embed(purpose, texts).await?;
        let is_sound = |vector: &Vec<f32>| {
            vector.len() == dimension
                && vector.iter().all(|number| number.is_finite())
                && vector.iter().any(|number| *number != 0.0)
        };
        if vectors.len() == wanted && vectors.iter().all(is_sound) {
            return Ok(vectors);
        }
        Err(EmbedError::Failed(format!(
            "it did not send {wanted} vectors of {dimension} finite numbers, not all of them 0"
        )))
    }

    /// Asks the database for an answer, to see how it is.
    pub async fn probe(&self) -> Result<PoolHealth, StoreError> {
        self.store.probe().await
    }

    /// Writes the records of model calls that are on their way, and closes the connections to the
    /// database. Statements under way end first.
    pub async fn close(&self) {
        self.model_calls.close().await;
        self.store.close().await;
    }
}
