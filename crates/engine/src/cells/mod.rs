//! Cells: how the vectors of a large bank are found without looking at each.
//!
//! An inverted file kept as plain rows: every vector of a bank above the exact limit is in
//! the cell of its nearest centre, and recall looks into the cells nearest to the query. A
//! vector that was just stored is in cell 0, into which recall always looks; so nothing is
//! hidden while this work waits. It runs beside requests, in one process at a time for each
//! bank, and may end at any point.

mod kmeans;

use std::sync::Arc;

use uuid::Uuid;

use self::kmeans::{Groups, group, nearest};
pub(crate) use self::kmeans::{dot, scaled};
use crate::store::{CellLease, CellWork, PlacedVector, VectorRow};
use crate::{Engine, EngineError};

/// Sampled vectors for each cell to be made.
const SAMPLE_PER_CELL: i64 = 40;
/// Most cells of a bank.
const MOST_CELLS: i64 = 4096;
/// Vectors put into cells in one transaction.
const STEP: i64 = 1000;
/// Most vectors that wait in cell 0 until they are put into cells: they cost recall less than a
/// millisecond.
const MOST_WAITING: i64 = 1000;

/// The cells of a bank: their numbers and, in the same order, their centres.
struct Cells {
    numbers: Vec<i32>,
    centres: Vec<Vec<f32>>,
}

impl Engine {
    /// Does what the cells of large banks want: makes them for banks that have outgrown the
    /// exact scan, anew when a bank has doubled since, and puts new vectors into theirs.
    /// Returns the number of banks that were worked on.
    pub async fn tend_cells(&self) -> Result<usize, EngineError> {
        let mut tended = 0;
        for work in self.store.large_banks(self.settings.exact_limit).await? {
            let Some(lease) = self.store.lease_cells(work.bank).await? else { continue };
            let done = self.tend(work, lease).await;
            self.store.release_cells(lease).await?;
            tended += usize::from(done?);
        }
        Ok(tended)
    }

    async fn tend(&self, work: CellWork, lease: CellLease) -> Result<bool, EngineError> {
        if work.made_at == 0 || work.memories >= work.made_at.saturating_mul(2) {
            self.make_cells(work, lease).await?;
            return Ok(true);
        }
        self.fill_cells(lease).await
    }

    /// New cells for all vectors of a bank.
    async fn make_cells(&self, work: CellWork, lease: CellLease) -> Result<(), EngineError> {
        let wanted = cells_for(work.memories);
        let every = work.memories / (wanted * SAMPLE_PER_CELL).max(1);
        let sample = self.store.sample_vectors(work.bank, every).await?;
        if sample.is_empty() {
            return Ok(());
        }
        let wanted = usize::try_from(wanted).unwrap_or(1);
        let Groups { centres, sizes } = tokio::task::spawn_blocking(move || group(&sample, wanted)).await?;
        let sizes: Vec<i32> = sizes.iter().map(|size| i32::try_from(*size).unwrap_or(i32::MAX)).collect();
        let Some(first) = self.store.add_cells(lease, &centres, &sizes).await? else { return Ok(()) };
        let last = first + i32::try_from(centres.len()).unwrap_or(i32::MAX) - 1;
        let cells = Arc::new(Cells { numbers: (first..=last).collect(), centres });
        let mut after = Uuid::nil();
        loop {
            let rows = self.store.vectors_outside(work.bank, (first, last), after, STEP).await?;
            let Some(behind) = rows.last().map(|row| row.memory_id) else { break };
            if !self.put_into_cells(lease, rows, &cells).await? {
                return Ok(());
            }
            after = behind;
        }
        if self.store.finish_cells(lease, (first, last), work.memories).await? {
            tracing::info!(bank = %work.bank, cells = cells.numbers.len(), "the vectors of a large bank are in cells");
        }
        Ok(())
    }

    /// Puts the vectors of cell 0 into the cells there are, if they are many.
    async fn fill_cells(&self, lease: CellLease) -> Result<bool, EngineError> {
        // A twentieth of what is scanned without cells.
        let waiting = (self.settings.exact_limit / 20).clamp(1, MOST_WAITING);
        let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
        let mut cells: Option<Arc<Cells>> = None;
        let mut filled = false;
        loop {
            let rows = self.store.vectors_unassigned(lease.bank, STEP).await?;
            if rows.len() < waiting {
                return Ok(filled);
            }
            let cells = match &cells {
                Some(cells) => Arc::clone(cells),
                None => {
                    let (numbers, centres) = self.store.cells(lease.bank).await?.into_iter().unzip();
                    Arc::clone(cells.insert(Arc::new(Cells { numbers, centres })))
                }
            };
            if cells.numbers.is_empty() || !self.put_into_cells(lease, rows, &cells).await? {
                return Ok(filled);
            }
            filled = true;
        }
    }

    /// False when the lease was lost.
    async fn put_into_cells(
        &self,
        lease: CellLease,
        rows: Vec<VectorRow>,
        cells: &Arc<Cells>,
    ) -> Result<bool, EngineError> {
        let cells = Arc::clone(cells);
        let placed: Vec<PlacedVector> = tokio::task::spawn_blocking(move || {
            let place = |row: &VectorRow| {
                let cell =
                    nearest(&row.embedding, &cells.centres).and_then(|at| cells.numbers.get(at).copied())?;
                Some(PlacedVector { memory_id: row.memory_id, version: row.version, cell })
            };
            rows.iter().filter_map(place).collect()
        })
        .await?;
        Ok(self.store.assign_cells(lease, &placed).await?)
    }
}

/// About 1.3·√n cells: then a recall looks at as many centres as vectors, within a small factor.
pub(crate) fn cells_for(memories: i64) -> i64 {
    let root = (memories.max(1) as f64).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "the root of a 63-bit number, then bounded")]
    let cells = (1.3 * root) as i64;
    cells.clamp(1, MOST_CELLS)
}

#[cfg(test)]
mod tests {
    use super::cells_for;

    #[test]
    fn cells_grow_with_the_root_of_the_bank() {
        assert_eq!([cells_for(0), cells_for(100_000), cells_for(1_000_000)], [1, 411, 1300]);
        assert_eq!(cells_for(i64::MAX), 4096);
    }
}
