//! Listings with their filters and orders.

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::TagFilter;
use crate::store::{BankKey, DocumentSummary, Store, StoreError, fact_type_code};

/// The time axis of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// When the row was made.
    CreatedAt,
    /// When the row last changed.
    UpdatedAt,
    /// When it was said.
    MentionedAt,
    /// Begin of what it tells of.
    OccurredStart,
    /// End of what it tells of.
    OccurredEnd,
}

impl TimeField {
    fn of_memory(self) -> &'static str {
        match self {
            Self::CreatedAt => "m.created_at",
            Self::UpdatedAt => "s.updated_at",
            Self::MentionedAt => "m.mentioned_at",
            Self::OccurredStart => "m.occurred_start",
            Self::OccurredEnd => "m.occurred_end",
        }
    }

    fn of_document(self) -> &'static str {
        match self {
            Self::CreatedAt => "d.created_at",
            _ => "d.updated_at",
        }
    }
}

/// Where a fact is on its way into observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsolidationState {
    /// It waits.
    Pending,
    /// It has been looked at.
    Done,
    /// A model could make nothing of it.
    Failed,
}

/// Which memories to list.
#[derive(Clone, Debug)]
pub struct MemoryFilter {
    /// A type.
    pub fact_type: Option<FactType>,
    /// A part of the text or context, in any case.
    pub search: Option<String>,
    /// A document.
    pub document_id: Option<String>,
    /// An entity they mention.
    pub entity_id: Option<Uuid>,
    /// Tags.
    pub tags: TagFilter,
    /// Time axis; rows without that time drop out.
    pub time_field: Option<TimeField>,
    /// First instant on the axis.
    pub from: Option<DateTime<Utc>>,
    /// First instant behind the span on the axis.
    pub until: Option<DateTime<Utc>>,
    /// Facts that are there on their way into observations.
    pub consolidation: Option<ConsolidationState>,
    /// Whether those that were declared invalid are listed, rather than the others.
    pub is_archived: bool,
}

/// A memory in a listing.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct MemoryRow {
    pub memory_id: Uuid,
    pub document_id: Option<String>,
    pub chunk_index: Option<i32>,
    pub fact_type: i16,
    pub body: String,
    pub context: Option<String>,
    pub metadata: Option<Value>,
    pub tags: Vec<String>,
    pub observation_scopes: Option<Value>,
    pub occurred_start: Option<DateTime<Utc>>,
    pub occurred_end: Option<DateTime<Utc>>,
    pub mentioned_at: Option<DateTime<Utc>>,
    pub edited_at: Option<DateTime<Utc>>,
    pub source_ids: Option<Vec<Uuid>>,
    pub proof_count: i32,
    pub consolidated_at: Option<DateTime<Utc>>,
    pub consolidation_failed_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub entities: Vec<String>,
    pub invalidation_reason: Option<String>,
    pub invalidated_at: Option<DateTime<Utc>>,
    pub attachments: Option<Value>,
}

/// Which documents to list.
#[derive(Clone, Debug)]
pub struct DocumentFilter {
    /// A part of the id or text, in any case.
    pub search: Option<String>,
    /// Tags.
    pub tags: TagFilter,
    /// Time axis: creation or last change.
    pub time_field: Option<TimeField>,
    /// First instant on the axis.
    pub from: Option<DateTime<Utc>>,
    /// First instant behind the span on the axis.
    pub until: Option<DateTime<Utc>>,
}

/// The columns of a [`MemoryRow`] up to what may be seen of the facts behind an observation...
const MEMORY_COLUMNS: &str = "select m.memory_id, m.document_id, m.chunk_index, m.fact_type, m.body, m.context, \
    m.metadata, m.tags, m.observation_scopes, m.occurred_start, m.occurred_end, m.mentioned_at, m.edited_at, \
    m.source_ids, s.proof_count, s.consolidated_at, s.consolidation_failed_at, s.updated_at, \
    array(select e.name from memory_entities me \
      join entities e on e.bank_key = me.bank_key and e.entity_id = me.entity_id \
      where me.bank_key = m.bank_key and me.memory_id = m.memory_id order by e.name) entities, \
    null::text invalidation_reason, null::timestamptz invalidated_at, \
    case when m.attachment_ids is not null or m.fact_type = 3 then (select jsonb_agg(distinct a.info) \
      from memories f join attachment_infos a on a.bank_key = m.bank_key and a.document_id = f.document_id \
        and a.attachment_id = any(f.attachment_ids) \
      where f.bank_key = m.bank_key and f.memory_id = any(m.memory_id || coalesce(m.source_ids, '{}')) \
        and f.attachment_ids is not null";
/// ... and those behind it, with the tables they come from.
const MEMORY_TABLES: &str =
    ") end attachments from memories m join memory_state s using (bank_key, memory_id)";

/// The same of a memory that was declared invalid.
const ARCHIVED_COLUMNS: &str = "select m.memory_id, m.document_id, m.chunk_index, m.fact_type, m.body, m.context, \
    m.metadata, m.tags, m.observation_scopes, m.occurred_start, m.occurred_end, m.mentioned_at, m.edited_at, \
    null::uuid[] source_ids, 1 proof_count, null::timestamptz consolidated_at, \
    null::timestamptz consolidation_failed_at, m.updated_at, \
    array(select e ->> 'name' from jsonb_array_elements(m.entities) e) entities, \
    m.reason invalidation_reason, m.invalidated_at, \
    (select jsonb_agg(a.info) from attachment_infos a where a.bank_key = m.bank_key \
      and a.document_id = m.document_id and a.attachment_id = any(m.attachment_ids)) attachments \
    from archived_memories m cross join lateral (select m.updated_at) s";

impl Store {
    /// One memory, whether it is valid or not.
    pub async fn memory(&self, bank: BankKey, memory_id: Uuid) -> Result<Option<MemoryRow>, StoreError> {
        // In one statement: a memory whose state changes meanwhile is found in either.
        let mut query = QueryBuilder::new("");
        for (words, is_archived) in [("", false), (" union all ", true)] {
            query.push(words);
            push_columns(&mut query, is_archived, &TagFilter::All);
            query.push(" where m.bank_key = ").push_bind(bank.0);
            query.push(" and m.memory_id = ").push_bind(memory_id);
        }
        Ok(query.build_query_as().fetch_optional(&mut self.session().await?).await?)
    }

    /// One page of memories and the number of all that match.
    pub async fn memories(
        &self,
        bank: BankKey,
        filter: &MemoryFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<MemoryRow>, i64), StoreError> {
        let counted = if filter.is_archived {
            "archived_memories m cross join lateral (select m.updated_at) s"
        } else {
            "memories m join memory_state s using (bank_key, memory_id)"
        };
        let mut count = QueryBuilder::new("select count(*) from ");
        count.push(counted);
        push_memory_filter(&mut count, bank, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&mut self.session().await?).await?;

        let mut query = QueryBuilder::new("");
        push_columns(&mut query, filter.is_archived, &filter.tags);
        push_memory_filter(&mut query, bank, filter);
        match filter.axis() {
            Some(axis) => query.push(" order by ").push(axis).push(" desc, m.memory_id desc"),
            None => {
                query.push(" order by m.mentioned_at desc nulls last, m.created_at desc, m.memory_id desc")
            }
        };
        query.push(" limit ").push_bind(limit).push(" offset ").push_bind(offset);
        let rows = query.build_query_as().fetch_all(&mut self.session().await?).await?;
        Ok((rows, total))
    }

    /// One page of documents, the last changed first, and the number of all that match.
    pub async fn documents(
        &self,
        bank: BankKey,
        filter: &DocumentFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<DocumentSummary>, i64), StoreError> {
        let mut count = QueryBuilder::new("select count(*) from documents d");
        push_document_filter(&mut count, bank, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&mut self.session().await?).await?;

        let mut query = QueryBuilder::new(
            "select d.document_id, d.content_hash, d.created_at, d.updated_at, d.body_length, d.retain_params, \
             d.tags, (select count(*) from memories m where m.bank_key = d.bank_key \
               and m.document_id = d.document_id) memories, ",
        );
        match &filter.search {
            Some(search) => {
                let search = search.to_lowercase();
                query
                    .push("strpos(lower(d.document_id), ")
                    .push_bind(search.clone())
                    .push(") > 0 id_matched, ");
                query
                    .push("coalesce(strpos(lower(d.body), ")
                    .push_bind(search)
                    .push(") > 0, false) body_matched");
            }
            None => {
                query.push("false id_matched, false body_matched");
            }
        }
        query.push(" from documents d");
        push_document_filter(&mut query, bank, filter);
        let axis = filter.time_field.unwrap_or(TimeField::UpdatedAt).of_document();
        query.push(" order by ").push(axis).push(" desc, d.document_id");
        query.push(" limit ").push_bind(limit).push(" offset ").push_bind(offset);
        let rows = query.build_query_as().fetch_all(&mut self.session().await?).await?;
        Ok((rows, total))
    }
}

impl MemoryFilter {
    /// The column of the time axis, when one is asked for; a span without one is over
    /// creation times.
    fn axis(&self) -> Option<&'static str> {
        let spanned = self.from.is_some() || self.until.is_some();
        self.time_field.or(spanned.then_some(TimeField::CreatedAt)).map(TimeField::of_memory)
    }
}

/// Appends the columns of a [`MemoryRow`], with their tables. Of the facts behind an observation
/// only what a filter lets through is told.
fn push_columns(query: &mut QueryBuilder<Postgres>, is_archived: bool, tags: &TagFilter) {
    if is_archived {
        query.push(ARCHIVED_COLUMNS);
    } else {
        query.push(MEMORY_COLUMNS);
        tags.push(query, "f.tags");
        query.push(MEMORY_TABLES);
    }
}

/// Appends the conditions of a filter over the tables `m` and `s` of memories and their states.
pub(super) fn push_memory_filter(query: &mut QueryBuilder<Postgres>, bank: BankKey, filter: &MemoryFilter) {
    query.push(" where m.bank_key = ").push_bind(bank.0);
    if let Some(fact_type) = filter.fact_type {
        query.push(" and m.fact_type = ").push_bind(fact_type_code(fact_type));
    }
    if let Some(search) = &filter.search {
        let search = search.to_lowercase();
        query.push(" and (strpos(lower(m.body), ").push_bind(search.clone());
        query.push(") > 0 or strpos(lower(m.context), ").push_bind(search).push(") > 0)");
    }
    if let Some(document_id) = &filter.document_id {
        query.push(" and m.document_id = ").push_bind(document_id.clone());
    }
    if let Some(entity_id) = filter.entity_id.filter(|_| filter.is_archived) {
        query
            .push(" and m.entities @> jsonb_build_array(jsonb_build_object('id', ")
            .push_bind(entity_id)
            .push("))");
    } else if let Some(entity_id) = filter.entity_id {
        query.push(" and exists (select 1 from memory_entities me where me.bank_key = m.bank_key and me.memory_id = m.memory_id and me.entity_id = ");
        query.push_bind(entity_id).push(")");
    }
    match filter.consolidation {
        None => {}
        // What was declared invalid is on no way.
        Some(_) if filter.is_archived => {
            query.push(" and false");
        }
        Some(state) => {
            query.push(" and m.fact_type < 3").push(match state {
                ConsolidationState::Pending => {
                    " and s.consolidated_at is null and s.consolidation_failed_at is null"
                }
                ConsolidationState::Done => " and s.consolidated_at is not null",
                ConsolidationState::Failed => " and s.consolidation_failed_at is not null",
            });
        }
    }
    filter.tags.push(query, "m.tags");
    if let Some(axis) = filter.axis() {
        query.push(" and ").push(axis).push(" is not null");
        push_span(query, axis, filter.from, filter.until);
    }
}

fn push_document_filter(query: &mut QueryBuilder<Postgres>, bank: BankKey, filter: &DocumentFilter) {
    query.push(" where d.bank_key = ").push_bind(bank.0);
    if let Some(search) = &filter.search {
        let search = search.to_lowercase();
        query.push(" and (strpos(lower(d.document_id), ").push_bind(search.clone());
        query.push(") > 0 or strpos(lower(d.body), ").push_bind(search).push(") > 0)");
    }
    filter.tags.push(query, "d.tags");
    let axis = filter.time_field.unwrap_or(TimeField::CreatedAt).of_document();
    push_span(query, axis, filter.from, filter.until);
}

fn push_span(
    query: &mut QueryBuilder<Postgres>,
    axis: &'static str,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) {
    if let Some(from) = from {
        query.push(" and ").push(axis).push(" >= ").push_bind(from);
    }
    if let Some(until) = until {
        query.push(" and ").push(axis).push(" < ").push_bind(until);
    }
}
