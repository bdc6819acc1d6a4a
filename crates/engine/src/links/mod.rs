//! Semantic links: which memories are alike.
//!
//! To look for the neighbours of a fact costs many times what it costs to write it, so they are
//! found after the retain, in rounds. For many memories at once it is cheapest to read all
//! vectors of a bank and to compare them here; a large bank is searched by its cells.

mod nearest;

use uuid::Uuid;

use self::nearest::Nearest;
use crate::cells::cells_for;
use crate::store::{BankKey, LinkRound, SemanticLink};
use crate::{Engine, EngineError};

/// Memories of one round where all vectors of a bank are read.
const ROUND: i64 = 500;
/// Memories of one round where a bank has cells: each costs a search of its own.
const ROUND_BY_CELLS: i64 = 50;
/// Vectors that are read at once.
const PAGE: i64 = 500;
/// Rounds of a bank before other work has its turn.
const ROUNDS: usize = 4;
/// Most links that begin at a memory.
const MOST: usize = 20;

impl Engine {
    /// Finds the semantic links of memories that have been written, of each bank so many that
    /// the others do not wait long. Returns the number of memories that are done.
    pub async fn tend_links(&self) -> Result<usize, EngineError> {
        let mut done = 0;
        for bank in self.store.banks_to_link().await? {
            for _ in 0..ROUNDS {
                match self.link_some(bank).await {
                    Ok(0) => break,
                    Ok(taken) => done += taken,
                    // Others need not wait for this one.
                    Err(error) => {
                        tracing::warn!(%bank, %error, "memories of a bank were not linked; it is tried again");
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    /// One round; the number of memories that it took.
    async fn link_some(&self, bank: BankKey) -> Result<usize, EngineError> {
        let has_cells = self.store.has_cells(bank, self.settings.exact_limit).await?;
        let limit = if has_cells { ROUND_BY_CELLS } else { ROUND };
        let Some(mut round) = self.store.begin_links(bank, limit).await? else { return Ok(0) };
        let taken = round.taken;
        let links = if round.seeds.is_empty() {
            Vec::new()
        } else if has_cells {
            let cells = cells_for(round.cells);
            let [fewest, ..] = self.settings.scanned;
            let probes = fewest.saturating_mul(cells).div_euclid(round.memories.max(1)).clamp(1, cells);
            let most = i64::try_from(MOST).unwrap_or(i64::MAX);
            round.nearest_in_cells(probes, most, self.settings.link_min_similarity).await?
        } else {
            self.compare_round(&mut round).await?
        };
        round.finish(&links).await?;
        self.stats.links_changed();
        Ok(taken)
    }

    /// Compares the memories of a round with every one of the bank.
    async fn compare_round(&self, round: &mut LinkRound) -> Result<Vec<SemanticLink>, EngineError> {
        let mut nearest =
            Nearest::new(std::mem::take(&mut round.seeds), MOST, self.settings.link_min_similarity);
        let mut after = Uuid::nil();
        loop {
            let page = round.vectors(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.memory_id;
            nearest = tokio::task::spawn_blocking(move || {
                nearest.look_at(&page);
                nearest
            })
            .await?;
        }
        Ok(nearest.links())
    }
}
