//! The memory engine: retain and recall over one PostgreSQL database.
//!
//! [`Engine`] is the whole public surface: it takes the request types of
//! `hindsight-types`, keeps facts in a [`store::Store`], and asks the outside world
//! through the traits of [`ports`]. It knows no HTTP, no argument vector, no
//! environment variable and no model provider.

mod banks;
mod browse;
pub mod config;
pub mod error;
mod hash;
pub mod ports;
pub mod recall;
pub mod retain;
pub mod store;
pub mod text;

use std::sync::Arc;

use config::Settings;
pub use error::EngineError;
use ports::{Clock, Embedder};
use store::{PoolHealth, Store, StoreError};

/// The engine over one database. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    embedder: Arc<dyn Embedder>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    queries: recall::QueryCache,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("model", self.embedder.model()).finish_non_exhaustive()
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
        Ok(Self { store, embedder, clock, settings: Arc::new(settings), queries: recall::QueryCache::new() })
    }

    /// Asks the database for an answer, to see how it is.
    pub async fn probe(&self) -> Result<PoolHealth, StoreError> {
        self.store.probe().await
    }

    /// True when no other process is known to use the database server.
    pub async fn is_alone(&self) -> bool {
        match self.store.is_alone().await {
            Ok(alone) => alone,
            // A server that does not answer serves nobody else either.
            Err(error) => {
                tracing::debug!(%error, "the database did not say who else uses it");
                true
            }
        }
    }

    /// Closes the connections to the database. Statements under way end first.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
