//! Rows of one fact: text, vector, terms and mentions, and what that changes in the statistics.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use pgvector::HalfVector;
use uuid::Uuid;

use super::curation::FactChange;
use super::remove::Removed;
use super::session::Session;
use super::statistics::Counts;
use super::{BankKey, EntityMention, StoreError, entities, fact_type_code};
use crate::text::terms::Terms;

/// What changes in the statistics of a bank.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Change of document frequency by term.
    pub(super) terms: BTreeMap<i64, i32>,
    /// Change of mentions by entity.
    pub(super) entities: BTreeMap<Uuid, i32>,
    /// Changes of the bank's counters.
    pub(super) counts: Counts,
}

impl Changes {
    /// Adds what is gone.
    pub(super) fn add(&mut self, removed: &Removed) {
        let counts = removed.counts();
        self.counts.memories += counts.memories;
        self.counts.term_length += counts.term_length;
        removed.terms.iter().for_each(|(term, change)| *self.terms.entry(*term).or_default() += change);
        removed.entities.iter().for_each(|(id, change)| self.mention(*id, *change));
    }

    /// Adds a text that comes (`sign` 1) or goes (-1).
    pub(super) fn text(&mut self, terms: &Terms, sign: i32) {
        for term in &terms.terms {
            *self.terms.entry(term.hash).or_default() += sign;
        }
        self.counts.term_length += i64::from(terms.length) * i64::from(sign);
    }

    fn mention(&mut self, entity: Uuid, change: i32) {
        *self.entities.entry(entity).or_default() += change;
    }
}

/// Writes the row of an edited fact; observations have to be made of it again.
pub(super) async fn write_fact(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    change: &FactChange,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // What it was read as is what it was before its first edit; so before the vector changes.
    sqlx::query!(
        "update memories m set fact_type = $3, body = coalesce($4, m.body), context = $5, occurred_start = $6,
           occurred_end = $7, mentioned_at = $8, edited_at = $9,
           read_hash = case when m.edited_at is null then v.text_hash else m.read_hash end,
           read_mentioned_at = case when m.edited_at is null then m.mentioned_at else m.read_mentioned_at end
         from memory_vectors v
         where m.bank_key = $1 and m.memory_id = $2 and v.bank_key = $1 and v.memory_id = $2",
        bank.0,
        memory_id,
        fact_type_code(change.fact_type),
        change.text.as_ref().map(|(body, _)| body),
        change.context,
        change.occurred_start,
        change.occurred_end,
        change.mentioned_at,
        now
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update memory_state set consolidated_at = null, consolidation_failed_at = null, updated_at = $3,
           written_at = clock_timestamp()
         where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Writes what ranking knows of an edited fact; after its row, which remembers the text it had.
pub(super) async fn write_vector(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    change: &FactChange,
) -> Result<(), StoreError> {
    let event_at = change.occurred_start.or(change.mentioned_at);
    let event_end = change.occurred_start.and(change.occurred_end);
    sqlx::query!(
        "update memory_vectors set fact_type = $3, event_at = $4, event_end = $5, author = $6
         where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        fact_type_code(change.fact_type),
        event_at,
        event_end,
        change.author
    )
    .execute(&mut *transaction)
    .await?;
    let Some((_, features)) = &change.text else { return Ok(()) };
    sqlx::query!(
        "update memory_vectors set embedding = $3, cell = 0, tokens = $4, question_share = $5, has_time = $6,
           text_hash = $7
         where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        HalfVector::from_f32_slice(&features.embedding) as HalfVector,
        features.tokens,
        features.question_share,
        features.has_time,
        features.text_hash
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Takes these terms from a fact.
pub(super) async fn remove_postings(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    terms: &Terms,
) -> Result<(), StoreError> {
    let hashes: Vec<i64> = terms.terms.iter().map(|term| term.hash).collect();
    sqlx::query!(
        "delete from memory_terms where bank_key = $1 and memory_id = $2 and term = any($3)",
        bank.0,
        memory_id,
        &hashes
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Gives a fact its terms.
pub(super) async fn insert_postings(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    fact_type: i16,
    terms: &Terms,
) -> Result<(), StoreError> {
    let count = |count: u16| i16::try_from(count).unwrap_or(i16::MAX);
    let (hashes, counts): (Vec<i64>, Vec<i16>) =
        terms.terms.iter().map(|term| (term.hash, count(term.count))).unzip();
    sqlx::query!(
        "insert into memory_terms (bank_key, term, memory_id, fact_type, tf, length)
         select $1, u.term, $2, $3, u.tf, $4 from unnest($5::bigint[], $6::smallint[]) u(term, tf)",
        bank.0,
        memory_id,
        fact_type,
        count(terms.length),
        &hashes,
        &counts
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Ties a fact, given by id and type, to these entities in place of those it is tied to.
pub(super) async fn replace_mentions(
    transaction: &mut Session,
    bank: BankKey,
    fact: (Uuid, i16),
    mentions: &[EntityMention],
    changes: &mut Changes,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let names = mentions.iter().map(|mention| (mention.name.as_str(), mention.is_label)).collect();
    let ids = entities::resolve(transaction, bank, &names, now).await?;
    let gone = sqlx::query_scalar!(
        "delete from memory_entities where bank_key = $1 and memory_id = $2 returning entity_id",
        bank.0,
        fact.0
    )
    .fetch_all(&mut *transaction)
    .await?;
    for entity in gone {
        changes.mention(entity, -1);
    }
    let ids: BTreeSet<Uuid> = ids.into_values().collect();
    insert_mentions(transaction, bank, fact, &ids, changes).await
}

/// Ties a fact to entities that it was not tied to.
pub(super) async fn insert_mentions(
    transaction: &mut Session,
    bank: BankKey,
    (memory_id, fact_type): (Uuid, i16),
    entities: &BTreeSet<Uuid>,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = entities.iter().copied().collect();
    sqlx::query!(
        "insert into memory_entities (bank_key, entity_id, memory_id, fact_type)
         select $1, u.entity_id, $2, $3 from unnest($4::uuid[]) u(entity_id)",
        bank.0,
        memory_id,
        fact_type,
        &ids
    )
    .execute(&mut *transaction)
    .await?;
    for entity in ids {
        changes.mention(entity, 1);
    }
    Ok(())
}
