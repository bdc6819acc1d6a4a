//! Observations that went because a fact behind them was edited, until others take their place.
//!
//! Nothing shows them: what they say is not known to be true any more. An observation of the same
//! scope that is made of facts behind one of them is the same one in other words, so it takes
//! over its id and its former versions. No text outlives a fact that it rests on and that is
//! deleted, declared invalid or moved elsewhere.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::ObservationRow;
use crate::store::session::Session;
use crate::store::{BankKey, StoreError};

/// An observation whose place is taken.
#[derive(Debug)]
pub(super) struct Withdrawn {
    /// It, as it was in the end.
    pub(super) row: ObservationRow,
    /// How it was before, the oldest first.
    versions: Value,
}

/// Keeps who these observations are, which are about to be deleted. They are locked by the caller.
pub(in crate::store) async fn withdraw(
    transaction: &mut Session,
    bank: BankKey,
    observations: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if observations.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into withdrawn_observations (bank_key, memory_id, body, tags, occurred_start, occurred_end,
           mentioned_at, source_ids, versions, fact_ids, withdrawn_at)
         select m.bank_key, m.memory_id, m.body, m.tags, m.occurred_start, m.occurred_end, m.mentioned_at,
           m.source_ids,
           coalesce((select jsonb_agg(to_jsonb(h) - '{bank_key,memory_id,change}'::text[] order by h.change)
             from observation_history h where h.bank_key = $1 and h.memory_id = m.memory_id), '[]'),
           array(select unnest(m.source_ids) union
             select unnest(h.previous_source_ids) from observation_history h
             where h.bank_key = $1 and h.memory_id = m.memory_id),
           $3
         from memories m where m.bank_key = $1 and m.memory_id = any($2) and m.fact_type = 3
         order by m.memory_id",
        bank.0,
        observations,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Forgets every text that rests on one of these facts and is shown to nobody as what is true.
pub(in crate::store) async fn forget(
    transaction: &mut Session,
    bank: BankKey,
    facts: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!("delete from withdrawn_observations where bank_key = $1 and fact_ids && $2", bank.0, facts)
        .execute(&mut *transaction)
        .await?;
    // Behind it: whoever takes an observation's place writes its versions in the same transaction.
    sqlx::query!(
        "delete from observation_history where bank_key = $1 and previous_source_ids && $2",
        bank.0,
        facts
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Forgets all of a bank.
pub(in crate::store) async fn forget_all(transaction: &mut Session, bank: BankKey) -> Result<(), StoreError> {
    sqlx::query!("delete from withdrawn_observations where bank_key = $1", bank.0)
        .execute(&mut *transaction)
        .await?;
    Ok(())
}

/// Takes the observation of exactly this scope that shares most facts with these, if there is one.
pub(super) async fn take(
    transaction: &mut Session,
    bank: BankKey,
    scope: &[String],
    sources: &[Uuid],
) -> Result<Option<Withdrawn>, StoreError> {
    let taken = sqlx::query!(
        "delete from withdrawn_observations where bank_key = $1 and memory_id = (
           select memory_id from withdrawn_observations
           where bank_key = $1 and tags @> $2 and tags <@ $2 and source_ids && $3 and fact_ids && $3
           order by (select count(*) from unnest(source_ids) s(id) where s.id = any($3)) desc, memory_id
           limit 1)
         returning memory_id, body, tags, occurred_start, occurred_end, mentioned_at, source_ids, versions",
        bank.0,
        scope,
        sources
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(taken.map(|taken| Withdrawn {
        row: ObservationRow {
            memory_id: taken.memory_id,
            body: taken.body,
            tags: taken.tags,
            source_ids: taken.source_ids,
            occurred_start: taken.occurred_start,
            occurred_end: taken.occurred_end,
            mentioned_at: taken.mentioned_at,
        },
        versions: taken.versions,
    }))
}

/// Writes the former versions of an observation whose place was taken, which is there again.
pub(super) async fn restore_versions(
    transaction: &mut Session,
    bank: BankKey,
    withdrawn: &Withdrawn,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into observation_history (bank_key, memory_id, previous_text, previous_tags,
           previous_occurred_start, previous_occurred_end, previous_mentioned_at, previous_source_ids,
           new_source_ids, changed_at)
         select $1, $2, r.previous_text, r.previous_tags, r.previous_occurred_start, r.previous_occurred_end,
           r.previous_mentioned_at, r.previous_source_ids, r.new_source_ids, r.changed_at
         from jsonb_array_elements($3) with ordinality e(version, place)
         cross join lateral jsonb_to_record(e.version) as r(previous_text text, previous_tags text[],
           previous_occurred_start timestamptz, previous_occurred_end timestamptz,
           previous_mentioned_at timestamptz, previous_source_ids uuid[], new_source_ids uuid[],
           changed_at timestamptz)
         order by e.place",
        bank.0,
        withdrawn.row.memory_id,
        withdrawn.versions
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Forgets those of these facts of which nothing is left to be made: no fact behind them waits.
pub(super) async fn forget_settled(
    transaction: &mut Session,
    bank: BankKey,
    facts: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from withdrawn_observations w where w.bank_key = $1 and w.fact_ids && $2
           and not exists (select from memory_state s where s.bank_key = $1 and s.memory_id = any(w.source_ids)
             and s.consolidated_at is null and s.consolidation_failed_at is null)",
        bank.0,
        facts
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}
