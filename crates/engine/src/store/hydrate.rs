//! Recall's connection: statistics of the query's words, candidates, the chosen memories.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use half::f16;
use serde_json::Value;
use uuid::Uuid;

use super::attachments::infos_of;
use super::dynamic::{
    Candidate, CandidateQuery, Found, FoundBy, Posting, PostingsQuery, TagFilter, explain_few, fetch_all,
    fetch_chunks, fetch_few, fetch_visible,
};
use super::session::Session;
use super::{BankKey, Store, StoreError};
use crate::attachments::AttachmentInfo;

/// One connection for one recall, with one view of the data: a document that is replaced
/// meanwhile is seen whole, as it was before.
#[derive(Debug)]
pub struct RecallSession {
    transaction: Session,
    is_current: bool,
}

/// A bank as recall needs it.
#[derive(Clone, Debug)]
pub struct RecallBank {
    /// Its number.
    pub key: BankKey,
    /// Its settings.
    pub config: Value,
    /// Number of its memories.
    pub memories: i64,
    /// Sum of their lengths in terms.
    pub term_length: i64,
    /// Number of memories when its cells were made; 0 = it has none.
    pub cells: i64,
    /// How often its memories were changed: equal numbers mean equal memories and vectors.
    pub changes: i64,
    /// Document frequency of the query's terms: hash and number, unknown ones left out.
    pub frequencies: Vec<(i64, i32)>,
}

/// A memory with all a client sees of it.
#[derive(Clone, Debug)]
pub struct HydratedMemory {
    /// Its id.
    pub memory_id: Uuid,
    /// Its document.
    pub document_id: Option<String>,
    /// Place of its chunk in the document.
    pub chunk_index: Option<i32>,
    /// Number of its type.
    pub fact_type: i16,
    /// Its text.
    pub body: String,
    /// Where it comes from.
    pub context: Option<String>,
    /// The caller's metadata.
    pub metadata: Option<Value>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
    /// The facts behind an observation, as far as they may be seen.
    pub source_ids: Vec<Uuid>,
    /// Its entities; an observation has those of the facts behind it.
    pub entities: Vec<EntityName>,
    /// Attachments it was read from; an observation has those of the facts behind it.
    pub attachments: Vec<AttachmentInfo>,
}

/// The text of a memory.
#[derive(Clone, Debug)]
pub struct MemoryText {
    /// Its id.
    pub memory_id: Uuid,
    /// The text.
    pub body: String,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
}

/// An entity by id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityName {
    /// Its id.
    pub entity_id: Uuid,
    /// Its name.
    pub name: String,
}

/// A chunk.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ChunkRow {
    /// Its document.
    pub document_id: String,
    /// Its place in the document.
    pub chunk_index: i32,
    /// Its text.
    pub body: String,
    /// What its document has attached, if it names anything.
    pub attachments: Option<Value>,
}

/// A document with its text.
#[derive(Clone, Debug)]
pub struct DocumentText {
    /// Its id.
    pub document_id: String,
    /// Its text, when texts are kept and it was asked for.
    pub body: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it was retained with.
    pub retain_params: Option<Value>,
}

impl Store {
    /// A connection for one recall.
    pub async fn recall_session(&self) -> Result<RecallSession, StoreError> {
        Ok(RecallSession { transaction: self.begin_recall().await?, is_current: false })
    }

    /// The same over the database that is written to: a replica may lag behind.
    pub async fn current_session(&self) -> Result<RecallSession, StoreError> {
        Ok(RecallSession { transaction: self.begin_current().await?, is_current: true })
    }
}

impl RecallSession {
    /// Whether it is over the database that is written to, whatever replicas there are.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// The bank of this name, with what its words weigh.
    pub async fn bank(&mut self, bank_id: &str, terms: &[i64]) -> Result<Option<RecallBank>, StoreError> {
        let row = sqlx::query!(
            r#"select b.bank_key, b.config, s.memories, s.term_length, s.cells_made_at, s.changes,
                 array(select t.term from term_stats t
                   where t.bank_key = b.bank_key and t.term = any($2) order by t.term) as "terms!",
                 array(select t.df from term_stats t
                   where t.bank_key = b.bank_key and t.term = any($2) order by t.term) as "frequencies!"
               from banks b join bank_state s on s.bank_key = b.bank_key
               where b.bank_id = $1"#,
            bank_id,
            terms
        )
        .fetch_optional(&mut self.transaction)
        .await?;
        Ok(row.map(|row| RecallBank {
            key: BankKey(row.bank_key),
            config: row.config,
            memories: row.memories,
            term_length: row.term_length,
            cells: row.cells_made_at,
            changes: row.changes,
            frequencies: row.terms.into_iter().zip(row.frequencies).collect(),
        }))
    }

    /// Which memories hold the query's words.
    pub async fn postings(&mut self, query: &PostingsQuery<'_>) -> Result<Vec<Posting>, StoreError> {
        query.fetch(&mut self.transaction).await
    }

    /// Hands over every memory of a bank with its vector, as a candidate that nothing has found.
    pub async fn every_memory(
        &mut self,
        bank: BankKey,
        take: impl FnMut(Candidate, &[f16]),
    ) -> Result<(), StoreError> {
        fetch_all(&mut self.transaction, bank, take).await
    }

    /// What the arms find that go by relations and times, from the nearest memories and their
    /// distances, the nearest first. A memory may come several times.
    pub async fn related(
        &mut self,
        query: &CandidateQuery<'_>,
        nearest: impl Iterator<Item = (Uuid, f64)>,
    ) -> Result<Vec<(Uuid, FoundBy)>, StoreError> {
        query.fetch_related(&mut self.transaction, nearest).await
    }

    /// Which of the probed terms these memories hold, by place in the query and count, and the length
    /// of each in terms.
    pub async fn matches(
        &mut self,
        query: &CandidateQuery<'_>,
        memories: impl Iterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, (Vec<(usize, i16)>, i16)>, StoreError> {
        query.fetch_matches(&mut self.transaction, memories).await
    }

    /// All memories that a filter lets through; none where they may be more than `most`.
    pub async fn few(
        &mut self,
        bank: BankKey,
        tags: &TagFilter,
        most: i64,
    ) -> Result<Option<Vec<Uuid>>, StoreError> {
        fetch_few(&mut self.transaction, bank, tags, most).await
    }

    /// The candidates of every arm.
    pub async fn candidates(&mut self, query: &CandidateQuery<'_>) -> Result<Found, StoreError> {
        query.fetch(&mut self.transaction).await
    }

    /// How the database finds the candidates, in its own words; for tests.
    #[doc(hidden)]
    pub async fn explain_candidates(
        &mut self,
        query: &CandidateQuery<'_>,
    ) -> Result<serde_json::Value, StoreError> {
        query.explain(&mut self.transaction).await
    }

    /// The same of what a bank is asked that is held in the process.
    #[doc(hidden)]
    pub async fn explain_held(
        &mut self,
        query: &CandidateQuery<'_>,
        memories: &[Uuid],
    ) -> Result<[serde_json::Value; 2], StoreError> {
        query.explain_held(&mut self.transaction, memories).await
    }

    /// The same of the look for few memories.
    #[doc(hidden)]
    pub async fn explain_few(
        &mut self,
        bank: BankKey,
        tags: &TagFilter,
    ) -> Result<serde_json::Value, StoreError> {
        explain_few(&mut self.transaction, bank, tags).await
    }

    /// The same of the lists of words.
    #[doc(hidden)]
    pub async fn explain_postings(
        &mut self,
        query: &PostingsQuery<'_>,
    ) -> Result<serde_json::Value, StoreError> {
        query.explain(&mut self.transaction).await
    }

    /// The memories of these ids, in no order; those deleted meanwhile are missing. Of the facts
    /// behind an observation only those that the filter lets through are told of.
    pub async fn hydrate(
        &mut self,
        bank: BankKey,
        ids: &[Uuid],
        tags: &TagFilter,
    ) -> Result<Vec<HydratedMemory>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let shown = if tags.passes_all() {
            None
        } else {
            let sources = self.sources(bank, ids).await?;
            Some(if sources.is_empty() { sources } else { self.visible(bank, &sources, tags).await? })
        };
        let is_shown = |id: &Uuid| shown.as_ref().is_none_or(|shown| shown.contains(id));
        let rows = sqlx::query!(
            // Row by row, and each entity once: a join would read all entities of the bank.
            r#"with wanted as materialized (
                 select memory_id, document_id, chunk_index, fact_type, body, context, metadata, tags,
                   occurred_start, occurred_end, mentioned_at, source_ids, attachment_ids
                 from memories where bank_key = $1 and memory_id = any($2)
               ), held as materialized (
                 select w.memory_id, me.entity_id from wanted w cross join lateral (
                   select entity_id from memory_entities
                   where bank_key = $1 and memory_id = w.memory_id offset 0
                 ) me
                 union all
                 select w.memory_id, me.entity_id
                 from wanted w cross join unnest(w.source_ids) source cross join lateral (
                   select entity_id from memory_entities where bank_key = $1 and memory_id = source offset 0
                 ) me where $3::uuid[] is null or source = any($3)
               ), named as materialized (
                 select e.entity_id, e.name from (select distinct entity_id from held) d cross join lateral (
                   select entity_id, name from entities
                   where bank_key = $1 and entity_id = d.entity_id offset 0
                 ) e
               ), listed as (
                 select held.memory_id, array_agg(named.entity_id) ids, array_agg(named.name) names
                 from held join named using (entity_id) group by held.memory_id
               )
               select w.memory_id as "memory_id!", w.document_id, w.chunk_index, w.fact_type as "fact_type!",
                 w.body as "body!", w.context, w.metadata, w.tags as "tags!",
                 w.occurred_start, w.occurred_end, w.mentioned_at, coalesce(w.source_ids, '{}') as "source_ids!",
                 coalesce(l.ids, '{}') as "entity_ids!", coalesce(l.names, '{}') as "entity_names!",
                 -- Looked for where there may be some; most memories have none.
                 case when w.attachment_ids is not null or w.fact_type = 3 then (
                   select jsonb_agg(distinct a.info)
                   from memories f join attachment_infos a on a.bank_key = $1
                     and a.document_id = f.document_id and a.attachment_id = any(f.attachment_ids)
                   where f.bank_key = $1 and f.memory_id = any(w.memory_id || coalesce(w.source_ids, '{}'))
                     and f.attachment_ids is not null
                     and ($3 is null or f.memory_id = w.memory_id or f.memory_id = any($3))
                 ) end as attachments
               from wanted w left join listed l using (memory_id)"#,
            bank.0,
            ids,
            shown.as_deref()
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| HydratedMemory {
                memory_id: row.memory_id,
                document_id: row.document_id,
                chunk_index: row.chunk_index,
                fact_type: row.fact_type,
                body: row.body,
                context: row.context,
                metadata: row.metadata,
                tags: row.tags,
                occurred_start: row.occurred_start,
                occurred_end: row.occurred_end,
                mentioned_at: row.mentioned_at,
                source_ids: row.source_ids.into_iter().filter(is_shown).collect(),
                entities: by_name(row.entity_ids, row.entity_names),
                attachments: infos_of(row.attachments),
            })
            .collect())
    }

    /// The chunks that these memories come from, in the order of the memories, each once;
    /// with a tag filter only those whose document passes it.
    pub async fn chunks(
        &mut self,
        bank: BankKey,
        memories: &[Uuid],
        tags: &TagFilter,
    ) -> Result<Vec<ChunkRow>, StoreError> {
        fetch_chunks(&mut self.transaction, bank, memories, tags).await
    }

    /// The documents of these ids, in no order, with their texts if those are wanted.
    pub async fn document_texts(
        &mut self,
        bank: BankKey,
        ids: &[String],
        with_texts: bool,
    ) -> Result<Vec<DocumentText>, StoreError> {
        let documents = sqlx::query_as!(
            DocumentText,
            "select document_id, case when $3 then body end as body, tags, retain_params from documents
             where bank_key = $1 and document_id = any($2)",
            bank.0,
            ids,
            with_texts
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(documents)
    }

    /// The texts of these memories, in no order.
    pub async fn texts(&mut self, bank: BankKey, ids: &[Uuid]) -> Result<Vec<MemoryText>, StoreError> {
        let texts = sqlx::query_as!(
            MemoryText,
            "select memory_id, body, context, occurred_start from memories
             where bank_key = $1 and memory_id = any($2)",
            bank.0,
            ids
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(texts)
    }

    /// The facts behind these observations.
    pub async fn sources(&mut self, bank: BankKey, observations: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        let sources = sqlx::query_scalar!(
            r#"select distinct unnest(source_ids) as "source!" from memories
               where bank_key = $1 and memory_id = any($2)"#,
            bank.0,
            observations
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(sources)
    }

    /// The tags of a bank's memories, at most `limit` of them.
    pub async fn tags(&mut self, bank: BankKey, limit: usize) -> Result<Vec<String>, StoreError> {
        let tags = sqlx::query_scalar!(
            r#"select distinct unnest(tags) as "tag!" from memory_vectors where bank_key = $1 limit $2"#,
            bank.0,
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(tags)
    }

    /// Those of these memories that a filter lets through.
    pub async fn visible(
        &mut self,
        bank: BankKey,
        ids: &[Uuid],
        tags: &TagFilter,
    ) -> Result<Vec<Uuid>, StoreError> {
        fetch_visible(&mut self.transaction, bank, ids, tags).await
    }
}

/// Entities by their names, each once: several facts behind an observation may mention it.
fn by_name(ids: Vec<Uuid>, names: Vec<String>) -> Vec<EntityName> {
    let named = std::iter::zip(ids, names).map(|(entity_id, name)| EntityName { entity_id, name });
    let mut entities: Vec<EntityName> = named.collect();
    entities.sort_unstable_by(|one, other| (&one.name, one.entity_id).cmp(&(&other.name, other.entity_id)));
    entities.dedup_by_key(|entity| entity.entity_id);
    entities
}
