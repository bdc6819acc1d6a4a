//! The rows of an observation in every table that knows of it.

use chrono::{DateTime, Utc};
use pgvector::HalfVector;
use uuid::Uuid;

use super::{ObservationRow, ObservationText};
use crate::store::session::Session;
use crate::store::{BankKey, StoreError, links};

/// Number of the type of observations.
const OBSERVATION: i16 = 3;

/// Writes a new observation.
pub(super) async fn insert(
    transaction: &mut Session,
    bank: BankKey,
    row: &ObservationRow,
    text: &ObservationText,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into memories (bank_key, memory_id, ordinal, fact_type, body, tags, occurred_start, occurred_end,
           mentioned_at, source_ids, created_at)
         values ($1, $2, 0, 3, $3, $4, $5, $6, $7, $8, $9)",
        bank.0,
        row.memory_id,
        row.body,
        &row.tags,
        row.occurred_start,
        row.occurred_end,
        row.mentioned_at,
        &row.source_ids,
        now
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "insert into memory_state (bank_key, memory_id, proof_count, consolidated_at, updated_at)
         values ($1, $2, $3, $4, $4)",
        bank.0,
        row.memory_id,
        proof_count(row),
        now
    )
    .execute(&mut *transaction)
    .await?;
    let (event_at, event_end) = event(row);
    sqlx::query!(
        "insert into memory_vectors (bank_key, memory_id, fact_type, embedding, event_at, event_end, tokens,
           question_share, has_time, tags, text_hash)
         values ($1, $2, 3, $3, $4, $5, $6, $7, $8, $9, $10)",
        bank.0,
        row.memory_id,
        HalfVector::from_f32_slice(&text.embedding) as HalfVector,
        event_at,
        event_end,
        text.tokens,
        text.question_share,
        text.has_time,
        &row.tags,
        text.text_hash
    )
    .execute(&mut *transaction)
    .await?;
    insert_terms(transaction, bank, row.memory_id, text).await?;
    links::queue(transaction, bank, row.memory_id).await
}

/// Writes what an observation is from now on, but for its text.
pub(super) async fn update(
    transaction: &mut Session,
    bank: BankKey,
    row: &ObservationRow,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update memories set body = $3, occurred_start = $4, occurred_end = $5, mentioned_at = $6, source_ids = $7
         where bank_key = $1 and memory_id = $2",
        bank.0,
        row.memory_id,
        row.body,
        row.occurred_start,
        row.occurred_end,
        row.mentioned_at,
        &row.source_ids
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update memory_state set proof_count = $3, consolidated_at = $4, updated_at = $4,
           written_at = clock_timestamp()
         where bank_key = $1 and memory_id = $2",
        bank.0,
        row.memory_id,
        proof_count(row),
        now
    )
    .execute(&mut *transaction)
    .await?;
    let (event_at, event_end) = event(row);
    sqlx::query!(
        "update memory_vectors set event_at = $3, event_end = $4 where bank_key = $1 and memory_id = $2
           and (event_at is distinct from $3 or event_end is distinct from $4)",
        bank.0,
        row.memory_id,
        event_at,
        event_end
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Writes what follows from the new text of an observation, in place of what followed from the
/// terms of the old one. That its links are to be found has been said.
pub(super) async fn replace_text(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    old_terms: &[i64],
    text: &ObservationText,
) -> Result<(), StoreError> {
    // Its place among the cells of a large bank is found anew.
    sqlx::query!(
        "update memory_vectors set embedding = $3, cell = 0, tokens = $4, question_share = $5, has_time = $6,
           text_hash = $7 where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        HalfVector::from_f32_slice(&text.embedding) as HalfVector,
        text.tokens,
        text.question_share,
        text.has_time,
        text.text_hash
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "delete from memory_terms where bank_key = $1 and term = any($2) and memory_id = $3",
        bank.0,
        old_terms,
        memory_id
    )
    .execute(&mut *transaction)
    .await?;
    insert_terms(transaction, bank, memory_id, text).await?;
    links::remove_semantic(transaction, bank, memory_id).await
}

async fn insert_terms(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    text: &ObservationText,
) -> Result<(), StoreError> {
    let bounded = |count: u16| i16::try_from(count).unwrap_or(i16::MAX);
    let (hashes, counts): (Vec<i64>, Vec<i16>) =
        text.terms.terms.iter().map(|term| (term.hash, bounded(term.count))).unzip();
    sqlx::query!(
        "insert into memory_terms (bank_key, term, memory_id, fact_type, tf, length)
         select $1, u.term, $2, $3, u.tf, $4 from unnest($5::bigint[], $6::smallint[]) u(term, tf)
         order by u.term",
        bank.0,
        memory_id,
        OBSERVATION,
        bounded(text.terms.length),
        &hashes,
        &counts
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

fn proof_count(row: &ObservationRow) -> i32 {
    i32::try_from(row.source_ids.len()).unwrap_or(i32::MAX)
}

/// When what it tells of happened, or when it was told; and the end, if it has one.
fn event(row: &ObservationRow) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    (row.occurred_start.or(row.mentioned_at), row.occurred_end.filter(|_| row.occurred_start.is_some()))
}
