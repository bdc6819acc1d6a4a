//! Which memories mental models are made of, and which mental models a question is about.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use pgvector::HalfVector;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::TagFilter;
use crate::store::{BankKey, Store, StoreError, fact_type_code};

/// Mental models that one statement asks about.
const AT_ONCE: usize = 100;

/// Memories of a mental model.
#[derive(Clone, Debug)]
pub struct MemoryScope {
    /// Which there are by their tags.
    pub tags: TagFilter,
    /// Of which types; not empty.
    pub types: Vec<FactType>,
}

impl MemoryScope {
    /// Appends the memories of a bank that are in it, `s` their states and `m` themselves.
    fn push_memories(&self, query: &mut QueryBuilder<Postgres>, bank: BankKey) {
        query.push(" from memory_state s join memories m on m.bank_key = ").push_bind(bank.0);
        query.push(" and m.memory_id = s.memory_id where s.bank_key = ").push_bind(bank.0);
        let codes: Vec<i16> = self.types.iter().map(|kind| fact_type_code(*kind)).collect();
        query.push(" and m.fact_type = any(").push_bind(codes).push(")");
        self.tags.push(query, "m.tags");
    }
}

/// What a refresh of a mental model may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPoint {
    /// When it was looked.
    pub at: DateTime<Utc>,
    /// When the newest memory that can be seen was written; none when there is none. Never later than
    /// the begin of a write that cannot be seen yet.
    pub newest: Option<DateTime<Utc>>,
}

/// A memory that is new to a mental model.
#[derive(Clone, Debug)]
pub struct NewMemory {
    /// Its id.
    pub memory_id: Uuid,
    /// Its text.
    pub body: String,
    /// Number of its type.
    pub fact_type: i16,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Which of these have memories that were written after a time; none = any memory does. In their
    /// order.
    pub async fn have_new_memories(
        &self,
        bank: BankKey,
        scopes: &[(MemoryScope, Option<DateTime<Utc>>)],
    ) -> Result<Vec<bool>, StoreError> {
        self.have_memories(bank, scopes, |query, after| {
            if let Some(after) = after {
                query.push(" and s.written_at > ").push_bind(*after);
            }
        })
        .await
    }

    /// Which of these have memories that a filter holds back. In their order.
    pub async fn have_hidden_memories(
        &self,
        bank: BankKey,
        filter: &TagFilter,
        scopes: &[(MemoryScope, ())],
    ) -> Result<Vec<bool>, StoreError> {
        self.have_memories(bank, scopes, |query, ()| filter.push_opposite(query, "m.tags")).await
    }

    /// Which of these have memories that pass what else is asked of them.
    async fn have_memories<More>(
        &self,
        bank: BankKey,
        scopes: &[(MemoryScope, More)],
        push_more: impl Fn(&mut QueryBuilder<Postgres>, &More),
    ) -> Result<Vec<bool>, StoreError> {
        let mut found: Vec<bool> = Vec::with_capacity(scopes.len());
        for scopes in scopes.chunks(AT_ONCE) {
            let mut query = QueryBuilder::new("select place from (");
            for (place, (scope, more)) in scopes.iter().enumerate() {
                query.push(if place == 0 { "select " } else { " union all select " });
                query.push_bind(i64::try_from(place).unwrap_or(i64::MAX));
                query.push("::bigint as place where exists (select");
                scope.push_memories(&mut query, bank);
                push_more(&mut query, more);
                query.push(")");
            }
            query.push(") found");
            let places: Vec<i64> = query.build_query_scalar().fetch_all(&mut self.session().await?).await?;
            let places: BTreeSet<usize> =
                places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect();
            found.extend((0..scopes.len()).map(|place| places.contains(&place)));
        }
        Ok(found)
    }

    /// What a refresh that begins now may look at.
    pub async fn refresh_point(
        &self,
        bank: BankKey,
        scope: &MemoryScope,
    ) -> Result<RefreshPoint, StoreError> {
        // Before the memories are looked at: who writes them now, and began before this, holds it back.
        // The begin of the statement: who begins while it looks around may be overlooked.
        let at = sqlx::query_scalar!(
            r#"select least(statement_timestamp(), min(xact_start)) as "at!" from pg_stat_activity
               where datname = current_database() and backend_xid is not null"#
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let mut query = QueryBuilder::new("select s.written_at");
        scope.push_memories(&mut query, bank);
        query.push(" and s.written_at <= ").push_bind(at);
        query.push(" order by s.written_at desc limit 1");
        let newest = query.build_query_scalar().fetch_optional(&mut self.session().await?).await?;
        Ok(RefreshPoint { at, newest })
    }

    /// Memories that were written after one time and not after another, nearest to a vector first,
    /// and the number of all.
    pub async fn new_memories(
        &self,
        bank: BankKey,
        scope: &MemoryScope,
        (after, until): (Option<DateTime<Utc>>, DateTime<Utc>),
        vector: &[f32],
        limit: i64,
    ) -> Result<(Vec<NewMemory>, i64), StoreError> {
        let mut query = QueryBuilder::new(
            "select n.*, count(*) over () from (select m.memory_id, m.body, m.fact_type, m.context, m.occurred_start, \
             m.occurred_end, m.mentioned_at",
        );
        scope.push_memories(&mut query, bank);
        if let Some(after) = after {
            query.push(" and s.written_at > ").push_bind(after);
        }
        query.push(" and s.written_at <= ").push_bind(until);
        query.push(") n join memory_vectors v on v.bank_key = ").push_bind(bank.0);
        query.push(" and v.memory_id = n.memory_id order by v.embedding <=> ");
        query.push_bind(HalfVector::from_f32_slice(vector));
        query.push(", n.memory_id limit ").push_bind(limit);
        let rows = query.build().fetch_all(&mut self.session().await?).await?;
        let mut memories = Vec::with_capacity(rows.len());
        let mut total = 0;
        for row in rows {
            memories.push(NewMemory {
                memory_id: row.try_get(0)?,
                body: row.try_get(1)?,
                fact_type: row.try_get(2)?,
                context: row.try_get(3)?,
                occurred_start: row.try_get(4)?,
                occurred_end: row.try_get(5)?,
                mentioned_at: row.try_get(6)?,
            });
            total = row.try_get(7)?;
        }
        Ok((memories, total))
    }

    /// Whether there is a mental model with an answer that a filter lets through, but for these.
    pub async fn has_other_mental_models(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        without: &[String],
    ) -> Result<bool, StoreError> {
        let mut query = QueryBuilder::new("select exists (select");
        push_others(&mut query, bank, tags, without);
        query.push(")");
        Ok(query.build_query_scalar().fetch_one(&mut self.session().await?).await?)
    }

    /// Ids of the mental models with an answer that a filter lets through, but for these.
    pub async fn other_mental_models(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        without: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut query = QueryBuilder::new("select model_id");
        push_others(&mut query, bank, tags, without);
        query.push(" order by model_id");
        Ok(query.build_query_scalar().fetch_all(&mut self.session().await?).await?)
    }

    /// Mental models with an answer that a filter lets through, nearest to a vector first, each with
    /// its likeness to it.
    pub async fn search_mental_models(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        without: &[String],
        vector: &[f32],
        limit: i64,
    ) -> Result<Vec<(String, f64)>, StoreError> {
        let mut query = QueryBuilder::new("select model_id, 1 - (embedding <=> ");
        query.push_bind(HalfVector::from_f32_slice(vector));
        query.push(") as likeness");
        push_others(&mut query, bank, tags, without);
        query.push(" and embedding is not null order by likeness desc, model_id limit ").push_bind(limit);
        Ok(query.build_query_as().fetch_all(&mut self.session().await?).await?)
    }
}

/// Appends the mental models with an answer that a filter lets through, but for these.
fn push_others(query: &mut QueryBuilder<Postgres>, bank: BankKey, tags: &TagFilter, without: &[String]) {
    query.push(" from mental_models where bank_key = ").push_bind(bank.0);
    query.push(" and content <> '' and model_id <> all(").push_bind(without.to_vec()).push(")");
    tags.push(query, "tags");
}
