//! Statistics of a bank: document frequencies, mentions, counters.
//!
//! They are written in the transaction of the facts they count, last and each table in the
//! order of its keys, so that concurrent writers wait for one another but never in a circle.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::session::Session;
use super::{BankKey, StoreError};

/// Changes of a bank's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Change of the number of memories.
    pub(super) memories: i64,
    /// Change of the sum of their lengths in terms.
    pub(super) term_length: i64,
}

/// Applies changes to the statistics of a bank. Whatever adds, removes or changes a memory calls it,
/// also where no number changes: the bank counts its changes with it.
pub(super) async fn write_statistics(
    transaction: &mut Session,
    bank: BankKey,
    terms: &BTreeMap<i64, i32>,
    entities: &BTreeMap<Uuid, i32>,
    counts: Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (hashes, changes): (Vec<i64>, Vec<i32>) =
        terms.iter().filter(|(_, change)| **change != 0).map(|(term, change)| (*term, *change)).unzip();
    sqlx::query!(
        "insert into term_stats as s (bank_key, term, df)
         select $1, u.term, u.change from unnest($2::bigint[], $3::int[]) u(term, change) order by u.term
         on conflict (bank_key, term) do update set df = s.df + excluded.df",
        bank.0,
        &hashes,
        &changes
    )
    .execute(&mut *transaction)
    .await?;
    let (ids, changes): (Vec<Uuid>, Vec<i32>) =
        entities.iter().filter(|(_, change)| **change != 0).map(|(id, change)| (*id, *change)).unzip();
    sqlx::query!(
        "insert into entity_stats as s (bank_key, entity_id, mentions, last_seen)
         select $1, u.entity_id, u.change, $4
         from unnest($2::uuid[], $3::int[]) u(entity_id, change) order by u.entity_id
         on conflict (bank_key, entity_id) do update set mentions = s.mentions + excluded.mentions,
           last_seen = case when excluded.mentions > 0 then excluded.last_seen else s.last_seen end",
        bank.0,
        &ids,
        &changes,
        now
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update bank_state set memories = memories + $2, term_length = term_length + $3, last_write_at = $4,
           changes = changes + 1
         where bank_key = $1",
        bank.0,
        counts.memories,
        counts.term_length,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}
