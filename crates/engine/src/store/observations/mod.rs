//! Observations: what consolidation reads and writes.

mod history;
mod rows;
pub(super) mod withdrawn;
mod write;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pgvector::HalfVector;
use serde_json::Value;
use uuid::Uuid;

use super::{BankKey, Store, StoreError, WaitingFact};
use crate::text::terms::Terms;

pub use history::FormerObservation;

/// An observation as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationRow {
    /// Its id.
    pub memory_id: Uuid,
    /// Its text.
    pub body: String,
    /// Its tags: its scope.
    pub tags: Vec<String>,
    /// The facts behind it.
    pub source_ids: Vec<Uuid>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was last said.
    pub mentioned_at: Option<DateTime<Utc>>,
}

/// A fact behind an observation, as a model is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFact {
    /// Its id.
    pub memory_id: Uuid,
    /// Number of its type.
    pub fact_type: i16,
    /// Its text.
    pub body: String,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
}

/// The text of an observation with all that is kept of it.
#[derive(Clone, Debug)]
pub struct ObservationText {
    /// The text.
    pub body: String,
    /// Its vector.
    pub embedding: Vec<f32>,
    /// Its terms.
    pub terms: Terms,
    /// Hash of it; equal texts have equal ones.
    pub text_hash: i64,
    /// Its length in tokens.
    pub tokens: i32,
    /// Share of it that asks.
    pub question_share: f32,
    /// Whether it names a time.
    pub has_time: bool,
}

/// An observation to make.
#[derive(Clone, Debug)]
pub struct ObservationCreate {
    /// Its text.
    pub text: ObservationText,
    /// The facts behind it.
    pub sources: Vec<Uuid>,
}

/// An observation to change.
#[derive(Clone, Debug)]
pub struct ObservationChange {
    /// Which one.
    pub memory_id: Uuid,
    /// The text it is thought to have.
    pub expected: String,
    /// Its new text; none = it only gets more facts.
    pub text: Option<ObservationText>,
    /// The facts that come to it.
    pub sources: Vec<Uuid>,
}

/// An observation that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationRemoval {
    /// Which one.
    pub memory_id: Uuid,
    /// The text it is thought to have.
    pub expected: String,
    /// The one that its facts go to, which stays; none = nothing stands for it any more.
    pub merged_into: Option<Uuid>,
}

/// What changes in one scope.
#[derive(Clone, Debug, Default)]
pub struct ScopeWrite {
    /// The tags of its observations.
    pub scope: Vec<String>,
    /// Observations to make.
    pub creates: Vec<ObservationCreate>,
    /// Observations to change, each once.
    pub changes: Vec<ObservationChange>,
    /// Observations that go, none of which changes, or gets another's facts.
    pub removals: Vec<ObservationRemoval>,
}

/// What comes of some facts, in all scopes they go to.
#[derive(Clone, Copy, Debug)]
pub struct ConsolidationWrite<'w> {
    /// The facts as they were read.
    pub facts: &'w [WaitingFact],
    /// What changes.
    pub scopes: &'w [ScopeWrite],
    /// Those of the facts that are done.
    pub done: &'w [Uuid],
    /// Those that nothing could be made of.
    pub failed: &'w [Uuid],
    /// Former versions of an observation that are kept; none = all. 0 keeps none.
    pub kept_versions: Option<i64>,
    /// How far the work has come then.
    pub progress: &'w Value,
}

/// What became of a [`ConsolidationWrite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsolidationOutcome {
    /// It is stored.
    Written,
    /// Facts or observations have changed since they were read; nothing was written.
    Outdated,
}

impl Store {
    /// The observations of these ids, in no order; those deleted meanwhile are missing.
    pub async fn observations(&self, bank: BankKey, ids: &[Uuid]) -> Result<Vec<ObservationRow>, StoreError> {
        let rows = sqlx::query_as!(
            ObservationRow,
            r#"select memory_id, body, tags, coalesce(source_ids, '{}') as "source_ids!", occurred_start,
                 occurred_end, mentioned_at
               from memories where bank_key = $1 and fact_type = 3 and memory_id = any($2)"#,
            bank.0,
            ids
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows)
    }

    /// The facts of these ids, in no order; those deleted meanwhile are missing.
    pub async fn source_facts(&self, bank: BankKey, ids: &[Uuid]) -> Result<Vec<SourceFact>, StoreError> {
        let facts = sqlx::query_as!(
            SourceFact,
            "select memory_id, fact_type, body, context, occurred_start, occurred_end, mentioned_at
             from memories where bank_key = $1 and fact_type < 3 and memory_id = any($2)",
            bank.0,
            ids
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(facts)
    }

    /// The vectors of these memories; those deleted meanwhile have none.
    pub async fn vectors(&self, bank: BankKey, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<f32>>, StoreError> {
        let rows = sqlx::query!(
            r#"select memory_id, embedding as "embedding: HalfVector" from memory_vectors
               where bank_key = $1 and memory_id = any($2)"#,
            bank.0,
            ids
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let floats = |vector: &HalfVector| vector.as_slice().iter().map(|half| half.to_f32()).collect();
        Ok(rows.into_iter().map(|row| (row.memory_id, floats(&row.embedding))).collect())
    }

    /// The observations of exactly this scope that are nearest to a vector and at least so
    /// similar, but for some.
    pub async fn nearest_observations(
        &self,
        bank: BankKey,
        scope: &[String],
        vector: &[f32],
        least: f64,
        without: &[Uuid],
        limit: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select n.memory_id from (
               select memory_id, embedding <=> $3 as distance from memory_vectors
               where bank_key = $1 and fact_type = 3 and tags @> $2 and tags <@ $2 and memory_id <> all($5)
               order by distance, memory_id limit $6
             ) n where 1 - n.distance >= $4 order by n.distance, n.memory_id",
            bank.0,
            scope,
            HalfVector::from_f32_slice(vector) as HalfVector,
            least,
            without,
            limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(ids)
    }

    /// Number of a bank's observations whose tags contain a scope.
    pub async fn count_observations(&self, bank: BankKey, scope: &[String]) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"select count(*) as "count!" from memory_vectors
               where bank_key = $1 and fact_type = 3 and tags @> $2"#,
            bank.0,
            scope
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(count)
    }
}
