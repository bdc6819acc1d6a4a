//! Removing documents and banks, from every table that knows of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use uuid::Uuid;

use super::banks::hold;
use super::events::{self, Event};
use super::observations::withdrawn;
use super::relabel::Relabelled;
use super::session::Session;
use super::statistics::{Counts, write_statistics};
use super::{BankKey, Store, StoreError, consolidation, fact_type_code};
use crate::text::terms::{Language, analyze};

/// Number of the type of observations.
const OBSERVATION: i16 = 3;

/// What the removal of memories changes in the statistics; all numbers are negative.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Change of document frequency by term.
    pub(super) terms: BTreeMap<i64, i32>,
    /// Change of mentions by entity.
    pub(super) entities: BTreeMap<Uuid, i32>,
    /// Memories removed.
    pub(super) memories: i64,
    /// Whether facts that stay wait to be looked at again.
    pub(super) has_waiting: bool,
    term_length: i64,
    /// Number of facts by document.
    facts: BTreeMap<String, i32>,
    /// Observations, each with the documents of the facts behind it.
    observations: Vec<(Uuid, Vec<String>)>,
}

impl Removed {
    /// The change of the bank's counters.
    pub(super) fn counts(&self) -> Counts {
        Counts { memories: -self.memories, term_length: -self.term_length }
    }

    /// Documents that have lost facts.
    pub(super) fn documents(&self) -> impl Iterator<Item = &str> {
        self.facts.keys().map(String::as_str)
    }

    /// Documents with facts behind the observations that are gone.
    pub(super) fn observed_documents(&self) -> BTreeSet<&str> {
        self.observations.iter().flat_map(|(_, documents)| documents).map(String::as_str).collect()
    }

    /// By document how many of its facts are gone, and which observations that were made of them.
    pub(super) fn by_document(&self) -> HashMap<&str, (i32, BTreeSet<Uuid>)> {
        let facts = self.facts.iter().map(|(document, count)| (document.as_str(), (*count, BTreeSet::new())));
        let mut gone: HashMap<&str, (i32, BTreeSet<Uuid>)> = facts.collect();
        for (id, documents) in &self.observations {
            for document in documents {
                gone.entry(document).or_default().1.insert(*id);
            }
        }
        gone
    }
}

/// Memories that go, and those that are touched by it.
///
/// Observations made of facts that go, or whose scopes change, go too; the other facts they were
/// made of wait to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    memories: Vec<Uuid>,
    /// Facts that observations have to be made of again.
    waiting: Vec<Uuid>,
}

impl Outgoing {
    /// Observations that go by themselves. They are locked by the caller, and nothing waits.
    pub(super) fn of_observations(memories: Vec<Uuid>) -> Self {
        Self { memories, waiting: Vec::new() }
    }

    /// Finds what goes with `facts`, and with facts whose labels change, and locks what other
    /// documents' writers may want too: the facts first, then observations, then states, each in the
    /// order of their ids.
    pub(super) async fn find(
        transaction: &mut Session,
        bank: BankKey,
        facts: &[Uuid],
        relabelled: &[Relabelled],
    ) -> Result<Self, StoreError> {
        let mut sources: Vec<Uuid> = facts.to_vec();
        sources.extend(relabelled.iter().filter(|memory| memory.is_rescoped).map(Relabelled::memory_id));
        let relabelled: Vec<Uuid> = relabelled.iter().map(Relabelled::memory_id).collect();
        let outgoing = Self::collect(transaction, bank, facts, &sources, &relabelled).await?;
        if !sources.is_empty() {
            withdrawn::forget(transaction, bank, &sources).await?;
        }
        Ok(outgoing)
    }

    /// Keeps who the observations are that go, for those that are made in their place.
    pub(super) async fn withdraw(
        &self,
        transaction: &mut Session,
        bank: BankKey,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        withdrawn::withdraw(transaction, bank, &self.memories, now).await
    }

    /// Finds what was made of facts that change and stay, and locks it in the same order, the
    /// states of these facts too.
    pub(super) async fn made_of(
        transaction: &mut Session,
        bank: BankKey,
        facts: &[Uuid],
    ) -> Result<Self, StoreError> {
        Self::collect(transaction, bank, &[], facts, facts).await
    }

    /// Finds the observations made of `sources`, beside the facts that go; `touched` are facts
    /// whose states are locked in any case.
    async fn collect(
        transaction: &mut Session,
        bank: BankKey,
        facts: &[Uuid],
        sources: &[Uuid],
        touched: &[Uuid],
    ) -> Result<Self, StoreError> {
        let mut outgoing = Self { memories: facts.to_vec(), waiting: Vec::new() };
        if sources.is_empty() && touched.is_empty() {
            return Ok(outgoing);
        }
        // Whoever makes observations of these facts holds them meanwhile: what it has made is seen.
        sqlx::query!(
            "select memory_id from memories where bank_key = $1 and memory_id = any($2) and fact_type < 3
             order by memory_id for update",
            bank.0,
            sources
        )
        .fetch_all(&mut *transaction)
        .await?;
        let observations = sqlx::query!(
            r#"select memory_id, source_ids as "source_ids!" from memories
               where bank_key = $1 and fact_type = 3 and (source_ids && $2 or memory_id = any($2))
               order by memory_id for update"#,
            bank.0,
            sources
        )
        .fetch_all(&mut *transaction)
        .await?;
        let gone: BTreeSet<Uuid> = facts.iter().copied().collect();
        let others = observations.iter().flat_map(|observation| &observation.source_ids);
        outgoing.waiting = others.filter(|id| !gone.contains(id)).copied().collect();
        outgoing.waiting.sort_unstable();
        outgoing.waiting.dedup();
        outgoing.memories.extend(observations.iter().map(|observation| observation.memory_id));
        let mut states = outgoing.waiting.clone();
        states.extend_from_slice(touched);
        sqlx::query!(
            "select memory_id from memory_state where bank_key = $1 and memory_id = any($2)
             order by memory_id for update",
            bank.0,
            &states
        )
        .fetch_all(&mut *transaction)
        .await?;
        Ok(outgoing)
    }
}

/// Removes memories with their postings, mentions and links.
pub(super) async fn remove_memories(
    transaction: &mut Session,
    bank: BankKey,
    outgoing: &Outgoing,
    language: Language,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    if outgoing.memories.is_empty() {
        return Ok(removed);
    }
    let facts = sqlx::query!(
        "select memory_id, body, document_id, fact_type from memories where bank_key = $1 and memory_id = any($2)",
        bank.0,
        &outgoing.memories
    )
    .fetch_all(&mut *transaction)
    .await?;
    let observations: Vec<Uuid> =
        facts.iter().filter(|fact| fact.fact_type == OBSERVATION).map(|fact| fact.memory_id).collect();
    removed.observations = documents_behind(transaction, bank, &observations).await?;
    // Postings have no index by memory: their keys are computed again from the texts.
    let (mut terms, mut holders) = (Vec::new(), Vec::new());
    for fact in &facts {
        let analyzed = analyze(&fact.body, language);
        removed.memories += 1;
        if let Some(document_id) = &fact.document_id {
            *removed.facts.entry(document_id.clone()).or_default() += 1;
        }
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
    // That they wait is no change of them.
    sqlx::query!(
        "update memory_state set consolidated_at = null, consolidation_failed_at = null
         where bank_key = $1 and memory_id = any($2)",
        bank.0,
        &outgoing.waiting
    )
    .execute(&mut *transaction)
    .await?;
    removed.has_waiting = !outgoing.waiting.is_empty();
    Ok(removed)
}

/// For each of these observations the documents of the facts behind it.
async fn documents_behind(
    transaction: &mut Session,
    bank: BankKey,
    observations: &[Uuid],
) -> Result<Vec<(Uuid, Vec<String>)>, StoreError> {
    if observations.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"select o.memory_id, array(select distinct m.document_id from memories m
             where m.bank_key = $1 and m.memory_id = any(o.source_ids) and m.document_id is not null)
             as "documents!"
           from memories o where o.bank_key = $1 and o.memory_id = any($2)"#,
        bank.0,
        observations
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(rows.into_iter().map(|row| (row.memory_id, row.documents)).collect())
}

/// The memories read from chunks, given by document and place.
pub(super) async fn memories_of_chunks(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    chunks: &[i32],
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select m.memory_id from unnest($2::text[], $3::int[]) u(document_id, chunk_index)
         join memories m on m.bank_key = $1 and m.document_id = u.document_id
           and m.chunk_index = u.chunk_index",
        bank.0,
        documents,
        chunks
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(ids)
}

/// Those memories of chunks, given by document and place, that nobody has edited.
pub(super) async fn unchanged_memories(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    chunks: &[i32],
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select m.memory_id from unnest($2::text[], $3::int[]) u(document_id, chunk_index)
         join memories m on m.bank_key = $1 and m.document_id = u.document_id
           and m.chunk_index = u.chunk_index and m.edited_at is null",
        bank.0,
        documents,
        chunks
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(ids)
}

/// Waits for writers of a bank under way, and lets none begin: each holds a share of its row. False
/// when there is no such bank.
async fn hold_alone(transaction: &mut Session, bank: BankKey) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!("select bank_key from banks where bank_key = $1 for update", bank.0)
        .fetch_optional(&mut *transaction)
        .await?;
    Ok(held.is_some())
}

/// Observations have to be made of every fact of a bank again.
async fn wait_again(transaction: &mut Session, bank: BankKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update memory_state set consolidated_at = null, consolidation_failed_at = null, updated_at = $2
         where bank_key = $1 and (consolidated_at is not null or consolidation_failed_at is not null)",
        bank.0,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
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
        let facts = sqlx::query_scalar!(
            "select memory_id from memories where bank_key = $1 and document_id = $2",
            bank.0,
            document_id
        )
        .fetch_all(&mut transaction)
        .await?;
        let outgoing = Outgoing::find(&mut transaction, bank, &facts, &[]).await?;
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        sqlx::query!("delete from documents where bank_key = $1 and document_id = $2", bank.0, document_id)
            .execute(&mut transaction)
            .await?;
        let counts = removed.counts();
        write_statistics(&mut transaction, bank, &removed.terms, &removed.entities, counts, now).await?;
        if removed.has_waiting {
            consolidation::request(&mut transaction, bank, self.consolidation).await?;
        }
        transaction.end().await?;
        Ok(i64::try_from(facts.len()).ok())
    }

    /// Deletes the memories of a bank, or those of one type and the observations made of them, the
    /// invalid ones too; documents and entities stay. Returns the number of those that were valid.
    pub async fn delete_memories(
        &self,
        bank: BankKey,
        fact_type: Option<FactType>,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        if !hold_alone(&mut transaction, bank).await? {
            return Ok(0);
        }
        let code = fact_type.map(fact_type_code);
        let facts = sqlx::query_scalar!(
            "select memory_id from memories where bank_key = $1 and ($2::smallint is null or fact_type = $2)",
            bank.0,
            code
        )
        .fetch_all(&mut transaction)
        .await?;
        let outgoing = Outgoing::find(&mut transaction, bank, &facts, &[]).await?;
        if fact_type.is_none_or(|fact_type| fact_type == FactType::Observation) {
            withdrawn::forget_all(&mut transaction, bank).await?;
        }
        // What was read from the chunks is not there any more: the next retain reads them anew. Those
        // that lose nothing keep what somebody has changed in them.
        sqlx::query!(
            "update chunks c set provenance = null where bank_key = $1 and provenance is not null and (
               $2::smallint is null
               or exists (select from memories m where m.bank_key = $1 and m.document_id = c.document_id
                            and m.chunk_index = c.chunk_index and m.fact_type = $2)
               or exists (select from archived_memories a where a.bank_key = $1 and a.document_id = c.document_id
                            and a.chunk_index = c.chunk_index and a.fact_type = $2))",
            bank.0,
            code
        )
        .execute(&mut transaction)
        .await?;
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        sqlx::query!(
            "delete from archived_memories where bank_key = $1 and ($2::smallint is null or fact_type = $2)",
            bank.0,
            code
        )
        .execute(&mut transaction)
        .await?;
        if fact_type == Some(FactType::Observation) {
            wait_again(&mut transaction, bank, now).await?;
        }
        let of_facts = removed.documents().map(|document| Event::new(document, "fact_deleted"));
        let of_observations = removed.observed_documents().into_iter();
        let of_observations = of_observations.map(|document| Event::new(document, "observations_cleared"));
        let events: Vec<Event<'_>> = match fact_type {
            Some(FactType::Observation) => of_observations.collect(),
            _ => of_facts.collect(),
        };
        events::record(&mut transaction, bank, &events, &removed, now).await?;
        let counts = removed.counts();
        write_statistics(&mut transaction, bank, &removed.terms, &removed.entities, counts, now).await?;
        if removed.has_waiting || fact_type == Some(FactType::Observation) {
            consolidation::request(&mut transaction, bank, self.consolidation).await?;
        }
        transaction.end().await?;
        Ok(removed.memories)
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
