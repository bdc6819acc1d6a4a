//! Vectors of the banks that are asked often and changed seldom, kept in this process.
//!
//! To read every vector of a bank is a third of what a recall costs the database. Vectors are good
//! for as long as the bank counts the changes at which they were read; a recall sees that count, and
//! all else, in one state of the database, so it finds what the database would have found.

use std::sync::Arc;

use moka::future::Cache;

use super::scan::BankVectors;
use crate::store::{BankKey, RecallBank, RecallSession, StoreError};

/// Banks whose recalls are counted.
const COUNTED_BANKS: u64 = 10_000;
/// Recalls of an unchanged bank after which its vectors are read: to read them costs about as much
/// as so many recalls save. A power of two.
const RECALLS: u32 = 8;

/// The vectors of some banks.
#[derive(Clone)]
pub(crate) struct HotBanks {
    /// Recalls of a bank since its last change, with its count of changes.
    recalls: Cache<BankKey, (i64, u32)>,
    vectors: Cache<BankKey, Arc<BankVectors>>,
    /// Bytes of all vectors together.
    room: u64,
}

impl HotBanks {
    /// For vectors of so many bytes together; 0 = none are kept.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |_: &BankKey, vectors: &Arc<BankVectors>| vectors.bytes();
        Self {
            recalls: Cache::new(COUNTED_BANKS),
            vectors: Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            room: bytes,
        }
    }

    /// The vectors of a bank in the state that the session sees, if they are held or it is time to
    /// read them.
    pub(super) async fn of(
        &self,
        session: &mut RecallSession,
        bank: &RecallBank,
        dimension: usize,
    ) -> Result<Option<Arc<BankVectors>>, StoreError> {
        let bytes =
            BankVectors::bytes_of_one(dimension).saturating_mul(u64::try_from(bank.memories).unwrap_or(0));
        if bytes > self.room {
            return Ok(None);
        }
        if let Some(held) = self.vectors.get(&bank.key).await {
            if held.changes == bank.changes {
                return Ok(Some(held));
            }
            // A session that began before the last change, or on a replica, may see an older state.
            if held.changes < bank.changes {
                self.vectors.invalidate(&bank.key).await;
            }
        }
        let recalls = match self.recalls.get(&bank.key).await {
            Some((changes, recalls)) if changes == bank.changes => recalls + 1,
            _ => 1,
        };
        self.recalls.insert(bank.key, (bank.changes, recalls)).await;
        // Where there is no room for all, each further reading waits twice as long.
        if recalls < RECALLS || !recalls.is_power_of_two() {
            return Ok(None);
        }
        let mut read = BankVectors::new(bank.changes);
        session.vectors(bank.key, |id, fact_type, vector| read.push(id, fact_type, vector)).await?;
        let read = Arc::new(read);
        self.vectors.insert(bank.key, read.clone()).await;
        Ok(Some(read))
    }
}
