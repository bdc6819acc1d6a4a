//! Which banks are held in this process: those that are asked often and changed seldom.
//!
//! To read the vectors of a bank, and the rows around what was found, is most of what a recall costs
//! the database. What is held is good for as long as the bank counts the changes at which it was
//! read; a recall sees that count, and all else, in one state of the database, so it finds what the
//! database would have found.

use std::sync::Arc;

use moka::future::Cache;

use super::held::HeldBank;
use crate::store::{BankKey, RecallBank, RecallSession, StoreError};

/// Banks whose recalls are counted.
const COUNTED_BANKS: u64 = 10_000;
/// Recalls of an unchanged bank after which it is read: to read it costs about as much as so many
/// recalls save. A power of two.
const RECALLS: u32 = 8;

/// Some banks.
#[derive(Clone)]
pub(crate) struct HotBanks {
    /// Recalls of a bank since its last change, with its count of changes.
    recalls: Cache<BankKey, (i64, u32)>,
    banks: Cache<BankKey, Arc<HeldBank>>,
    /// Bytes of all together.
    room: u64,
}

impl HotBanks {
    /// For banks of so many bytes together; 0 = none are held.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |_: &BankKey, bank: &Arc<HeldBank>| bank.bytes();
        Self {
            recalls: Cache::new(COUNTED_BANKS),
            banks: Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            room: bytes,
        }
    }

    /// A bank in the state that the session sees, if it is held or it is time to read it.
    pub(super) async fn of(
        &self,
        session: &mut RecallSession,
        bank: &RecallBank,
        dimension: usize,
    ) -> Result<Option<Arc<HeldBank>>, StoreError> {
        let bytes =
            HeldBank::bytes_of_one(dimension).saturating_mul(u64::try_from(bank.memories).unwrap_or(0));
        if bytes > self.room {
            return Ok(None);
        }
        if let Some(held) = self.banks.get(&bank.key).await {
            if held.changes == bank.changes {
                return Ok(Some(held));
            }
            // A session that began before the last change, or on a replica, may see an older state.
            if held.changes < bank.changes {
                self.banks.invalidate(&bank.key).await;
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
        let read = Arc::new(HeldBank::read(session, bank).await?);
        self.banks.insert(bank.key, read.clone()).await;
        Ok(Some(read))
    }
}
