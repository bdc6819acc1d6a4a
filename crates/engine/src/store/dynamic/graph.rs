//! Which memories a graph shows, and the facts behind its observations.

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::TagFilter;
use super::listing::{MemoryFilter, push_memory_filter};
use crate::store::{BankKey, Store, StoreError};

/// Which memories a graph shows.
#[derive(Clone, Debug)]
pub struct GraphFilter {
    /// A type.
    pub fact_type: Option<FactType>,
    /// A part of the text or context, in any case.
    pub search: Option<String>,
    /// A document.
    pub document_id: Option<String>,
    /// The place of a chunk in the document.
    pub chunk_index: Option<i32>,
    /// Tags.
    pub tags: TagFilter,
}

impl GraphFilter {
    /// The same as a filter of listings, which has no chunks, and asks nothing of the states here.
    fn listed(&self) -> MemoryFilter {
        MemoryFilter {
            fact_type: self.fact_type,
            search: self.search.clone(),
            document_id: self.document_id.clone(),
            entity_id: None,
            tags: self.tags.clone(),
            time_field: None,
            from: None,
            until: None,
            consolidation: None,
            is_archived: false,
        }
    }
}

/// A memory of a graph.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct GraphMemory {
    /// Its id.
    pub memory_id: Uuid,
    /// Number of its type.
    pub fact_type: i16,
    /// When it happened, or when it was said.
    pub event_at: Option<DateTime<Utc>>,
}

/// An observation, and a fact behind it.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct ObservedFact {
    /// The observation.
    pub observation_id: Uuid,
    /// The fact.
    pub memory_id: Uuid,
}

impl Store {
    /// The memories that a filter lets through, the latest first, at most `limit`, and the number
    /// of all.
    pub async fn graph_memories(
        &self,
        bank: BankKey,
        filter: &GraphFilter,
        limit: i64,
    ) -> Result<(Vec<GraphMemory>, i64), StoreError> {
        let select = |columns: &'static str| {
            let mut query = QueryBuilder::new(columns);
            query.push(" from memories m");
            push_memory_filter(&mut query, bank, &filter.listed());
            if let Some(chunk) = filter.chunk_index {
                query.push(" and m.chunk_index = ").push_bind(chunk);
            }
            query
        };
        let mut session = self.session().await?;
        let total = select("select count(*)").build_query_scalar().fetch_one(&mut session).await?;
        let mut query =
            select("select m.memory_id, m.fact_type, coalesce(m.occurred_start, m.mentioned_at) event_at");
        query.push(" order by m.mentioned_at desc nulls last, m.created_at desc, m.memory_id desc limit ");
        query.push_bind(limit);
        let memories = query.build_query_as().fetch_all(&mut session).await?;
        Ok((memories, total))
    }

    /// The facts behind these observations that a filter lets through.
    pub async fn observed_facts(
        &self,
        bank: BankKey,
        observations: &[Uuid],
        tags: &TagFilter,
    ) -> Result<Vec<ObservedFact>, StoreError> {
        let mut query = QueryBuilder::new(
            "select o.memory_id observation_id, f.memory_id from memories o \
             cross join unnest(o.source_ids) s(memory_id) \
             join memories f on f.bank_key = o.bank_key and f.memory_id = s.memory_id where o.bank_key = ",
        );
        query.push_bind(bank.0).push(" and o.fact_type = 3 and o.memory_id = any(");
        query.push_bind(observations.to_vec()).push(")");
        tags.push(&mut query, "f.tags");
        Ok(query.build_query_as().fetch_all(&mut self.session().await?).await?)
    }
}
