//! How observations were before they changed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ObservationRow;
use crate::store::session::Session;
use crate::store::{BankKey, Store, StoreError};

/// An observation before a change.
#[derive(Clone, Debug, PartialEq)]
pub struct FormerObservation {
    /// Its text.
    pub previous_text: String,
    /// Its tags.
    pub previous_tags: Vec<String>,
    /// Begin of what it told of.
    pub previous_occurred_start: Option<DateTime<Utc>>,
    /// End of what it told of.
    pub previous_occurred_end: Option<DateTime<Utc>>,
    /// When it was last said.
    pub previous_mentioned_at: Option<DateTime<Utc>>,
    /// The facts behind it.
    pub previous_source_ids: Vec<Uuid>,
    /// The facts that came to it with the change.
    pub new_source_ids: Vec<Uuid>,
    /// When it changed.
    pub changed_at: DateTime<Utc>,
}

impl FormerObservation {
    /// All facts that were behind it after the change.
    pub fn source_ids(&self) -> impl Iterator<Item = Uuid> {
        self.previous_source_ids.iter().chain(&self.new_source_ids).copied()
    }
}

/// Keeps how an observation is now, before it changes, and lets go of what is too old.
pub(super) async fn keep(
    transaction: &mut Session,
    bank: BankKey,
    before: &ObservationRow,
    new_sources: &[Uuid],
    now: DateTime<Utc>,
    most: Option<i64>,
) -> Result<(), StoreError> {
    if most == Some(0) {
        return Ok(());
    }
    sqlx::query!(
        "insert into observation_history (bank_key, memory_id, previous_text, previous_tags,
           previous_occurred_start, previous_occurred_end, previous_mentioned_at, previous_source_ids,
           new_source_ids, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        bank.0,
        before.memory_id,
        before.body,
        &before.tags,
        before.occurred_start,
        before.occurred_end,
        before.mentioned_at,
        &before.source_ids,
        new_sources,
        now
    )
    .execute(&mut *transaction)
    .await?;
    if let Some(most) = most {
        sqlx::query!(
            "delete from observation_history where bank_key = $1 and memory_id = $2 and change <= (
               select change from observation_history where bank_key = $1 and memory_id = $2
               order by change desc offset $3 limit 1)",
            bank.0,
            before.memory_id,
            most
        )
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

impl Store {
    /// The former versions of an observation, the oldest first.
    pub async fn observation_history(
        &self,
        bank: BankKey,
        memory_id: Uuid,
    ) -> Result<Vec<FormerObservation>, StoreError> {
        let versions = sqlx::query_as!(
            FormerObservation,
            "select previous_text, previous_tags, previous_occurred_start, previous_occurred_end,
               previous_mentioned_at, previous_source_ids, new_source_ids, changed_at
             from observation_history where bank_key = $1 and memory_id = $2 order by change",
            bank.0,
            memory_id
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(versions)
    }
}
