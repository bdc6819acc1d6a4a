//! Counts of a bank.
//!
//! To count takes as long as a bank is large, so counts are kept for a while. They belong to a
//! version of the bank, which is asked for every time: what was written, by whatever process, is
//! never missing from an answer that begins after it. What changes without the bank being
//! written to, its operations above all, is counted every time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hindsight_types::banks::BankStatsResponse;
use hindsight_types::recall::FactType;
use hindsight_types::time;
use indexmap::IndexMap;
use moka::future::Cache;

use crate::config::StatsCacheSettings;
use crate::graph::NEIGHBOURS;
use crate::store::{BankKey, BankStats};
use crate::{Engine, EngineError};

/// A bank, its version, and how often links were written.
type Key = (BankKey, i64, u64);

/// Counts that are kept.
#[derive(Clone)]
pub(crate) struct StatsCache {
    /// None = nothing is kept.
    counts: Option<Cache<Key, Arc<BankStats>>>,
    /// Links are found later than what they join, which is no new version of a bank.
    linked: Arc<AtomicU64>,
}

impl StatsCache {
    pub(crate) fn new(settings: StatsCacheSettings) -> Self {
        let is_on = !settings.life.is_zero() && settings.banks > 0;
        let cache = || Cache::builder().max_capacity(settings.banks).time_to_live(settings.life).build();
        Self { counts: is_on.then(cache), linked: Arc::default() }
    }

    /// Says that links were written.
    pub(crate) fn links_changed(&self) {
        self.linked.fetch_add(1, Ordering::Release);
    }
}

impl Engine {
    /// Counts what the bank holds.
    pub async fn bank_stats(&self, bank_id: &str) -> Result<BankStatsResponse, EngineError> {
        self.bank_stats_of(bank_id, false).await
    }

    /// The same without anything that was counted before.
    pub async fn bank_stats_anew(&self, bank_id: &str) -> Result<BankStatsResponse, EngineError> {
        self.bank_stats_of(bank_id, true).await
    }

    async fn bank_stats_of(&self, bank_id: &str, anew: bool) -> Result<BankStatsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let linked = self.stats.linked.load(Ordering::Acquire);
        let state = self.store.bank_state(bank.key).await?;
        let counted = self.counted((bank.key, state.version, linked), anew).await?;
        let by_type: IndexMap<String, i64> = std::iter::zip(FactType::ALL, counted.memories)
            .filter(|(_, count)| *count > 0)
            .map(|(fact_type, count)| (fact_type.to_string(), count))
            .collect();
        let derived = [("temporal", counted.temporal_links), ("entity", counted.entity_links)];
        let links: IndexMap<String, i64> = (counted.links.iter())
            .map(|(kind, count)| (link_type(*kind), *count))
            .chain(derived)
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect();
        let operations: IndexMap<String, i64> = state.operations.into_iter().collect();
        let of_status = |status: &str| operations.get(status).copied().unwrap_or_default();
        // Where there are no observations nothing waits for them.
        let has_observations =
            self.llm.is_some() && self.settings.of_bank(&bank.config).consolidation.observations;
        Ok(BankStatsResponse {
            bank_id: bank.bank_id,
            total_nodes: counted.memories.iter().sum(),
            total_links: links.values().sum(),
            total_documents: counted.documents,
            nodes_by_fact_type: by_type,
            links_by_link_type: links,
            links_by_fact_type: IndexMap::new(),
            links_breakdown: IndexMap::new(),
            pending_operations: of_status("pending") + of_status("processing"),
            failed_operations: of_status("failed"),
            operations_by_status: operations,
            last_consolidated_at: counted.last_consolidated_at.map(time::format),
            last_memory_write_at: state.last_write_at.map(time::format),
            pending_consolidation: if has_observations { state.pending } else { 0 },
            failed_consolidation: counted.failed,
            total_observations: counted.memories[2],
        })
    }

    /// The counts of a version of a bank. Those who want the same at one time wait for one count.
    async fn counted(&self, key: Key, anew: bool) -> Result<Arc<BankStats>, EngineError> {
        let (bank, ..) = key;
        let neighbours = i64::try_from(NEIGHBOURS).unwrap_or(i64::MAX);
        let count = || async move { self.store.stats(bank, neighbours).await.map(Arc::new) };
        let Some(cache) = &self.stats.counts else { return Ok(count().await?) };
        if anew {
            cache.invalidate(&key).await;
        }
        match cache.try_get_with(key, count()).await {
            Ok(counted) => Ok(counted),
            Err(error) => match Arc::try_unwrap(error) {
                Ok(error) => Err(error.into()),
                // The error is somebody else's as well; theirs is to tell, ours is found out.
                Err(_) => Ok(count().await?),
            },
        }
    }
}

/// Word for the number of a stored link's kind.
fn link_type(kind: i16) -> &'static str {
    match kind {
        1 => "semantic",
        2 => "caused_by",
        3 => "causes",
        4 => "enables",
        _ => "prevents",
    }
}
