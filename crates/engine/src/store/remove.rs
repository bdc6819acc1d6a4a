//! Removing documents and banks, from every table that knows of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::banks::hold;
use super::session::Session;
use super::statistics::{Counts, write_statistics};
use super::{BankKey, Store, StoreError};
use crate::text::terms::{Language, analyze};

/// What the removal of facts changes in the statistics; all numbers are negative.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Change of document frequency by term.
    pub(super) terms: BTreeMap<i64, i32>,
    /// Change of mentions by entity.
    pub(super) entities: BTreeMap<Uuid, i32>,
    /// Facts removed.
    pub(super) memories: i64,
    term_length: i64,
}

impl Removed {
    /// The change of the bank's counters.
    pub(super) fn counts(&self) -> Counts {
        Counts { memories: -self.memories, term_length: -self.term_length }
    }
}

/// Removes facts, chunks, postings, mentions and links of documents; their rows stay, and
/// must be locked by the caller.
pub(super) async fn remove_contents(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    language: Language,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    if documents.is_empty() {
        return Ok(removed);
    }
    let facts = sqlx::query!(
        "select memory_id, body from memories where bank_key = $1 and document_id = any($2)",
        bank.0,
        documents
    )
    .fetch_all(&mut *transaction)
    .await?;
    // Postings have no index by memory: their keys are computed again from the texts.
    let (mut terms, mut holders) = (Vec::new(), Vec::new());
    for fact in &facts {
        let analyzed = analyze(&fact.body, language);
        removed.memories += 1;
        removed.term_length += i64::from(analyzed.length);
        for term in analyzed.terms {
            *removed.terms.entry(term.hash).or_default() -= 1;
            terms.push(term.hash);
            holders.push(fact.memory_id);
        }
    }
    let ids: Vec<Uuid> = facts.into_iter().map(|fact| fact.memory_id).collect();
    sqlx::query!(
        "delete from memory_terms t using unnest($2::bigint[], $3::uuid[]) u(term, memory_id)
         where t.bank_key = $1 and t.term = u.term and t.memory_id = u.memory_id",
        bank.0,
        &terms,
        &holders
    )
    .execute(&mut *transaction)
    .await?;
    let mentions = sqlx::query_scalar!(
        "delete from memory_entities where bank_key = $1 and memory_id = any($2) returning entity_id",
        bank.0,
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    for entity in mentions {
        *removed.entities.entry(entity).or_default() -= 1;
    }
    // Takes the memory's state and vector along.
    sqlx::query!("delete from memories where bank_key = $1 and memory_id = any($2)", bank.0, &ids)
        .execute(&mut *transaction)
        .await?;
    // After the memories: whoever links them holds them until the links are there.
    sqlx::query!(
        "delete from memory_links where bank_key = $1 and (memory_id = any($2) or other_id = any($2))",
        bank.0,
        &ids
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("delete from chunks where bank_key = $1 and document_id = any($2)", bank.0, documents)
        .execute(&mut *transaction)
        .await?;
    Ok(removed)
}

impl Store {
    /// Deletes a document with all that was read from it. Returns the number of memories
    /// that went, or `None` when there is no such document.
    pub async fn delete_document(
        &self,
        bank: BankKey,
        document_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.begin().await?;
        match hold(&mut transaction, bank).await {
            Err(StoreError::BankVanished) => return Ok(None),
            held => held?,
        }
        let locked = sqlx::query_scalar!(
            "select document_id from documents where bank_key = $1 and document_id = $2 for update",
            bank.0,
            document_id
        )
        .fetch_optional(&mut transaction)
        .await?;
        if locked.is_none() {
            return Ok(None);
        }
        let removed =
            remove_contents(&mut transaction, bank, &[document_id.to_owned()], self.language).await?;
        sqlx::query!("delete from documents where bank_key = $1 and document_id = $2", bank.0, document_id)
            .execute(&mut transaction)
            .await?;
        let counts = removed.counts();
        write_statistics(&mut transaction, bank, &removed.terms, &removed.entities, counts, now).await?;
        transaction.end().await?;
        Ok(Some(removed.memories))
    }

    /// Deletes a bank with everything in it. Returns the number of its memories, entities
    /// and documents together; 0 when there is no such bank.
    pub async fn delete_bank(&self, bank_id: &str) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        // Waits for writers under way: each holds a share of this row.
        let bank = sqlx::query_scalar!("select bank_key from banks where bank_id = $1 for update", bank_id)
            .fetch_optional(&mut transaction)
            .await?;
        let Some(bank) = bank else {
            return Ok(0);
        };
        let count = sqlx::query_scalar!(
            r#"select (select count(*) from memories where bank_key = $1)
                 + (select count(*) from entities where bank_key = $1)
                 + (select count(*) from documents where bank_key = $1) as "count!""#,
            bank
        )
        .fetch_one(&mut transaction)
        .await?;
        // Tables without a foreign key; the others follow the bank's row.
        sqlx::query!("delete from memory_terms where bank_key = $1", bank).execute(&mut transaction).await?;
        sqlx::query!("delete from term_stats where bank_key = $1", bank).execute(&mut transaction).await?;
        sqlx::query!("delete from memory_entities where bank_key = $1", bank)
            .execute(&mut transaction)
            .await?;
        sqlx::query!("delete from memory_links where bank_key = $1", bank).execute(&mut transaction).await?;
        sqlx::query!("delete from link_queue where bank_key = $1", bank).execute(&mut transaction).await?;
        sqlx::query!("delete from memories where bank_key = $1", bank).execute(&mut transaction).await?;
        sqlx::query!("delete from banks where bank_key = $1", bank).execute(&mut transaction).await?;
        transaction.end().await?;
        Ok(count)
    }
}
