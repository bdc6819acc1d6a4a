//! Refreshes of mental models: requested, written, given up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pgvector::HalfVector;
use serde_json::{Value, json};
use uuid::Uuid;

use super::MentalModelRow;
use super::history::{self, HistoryKept};
use crate::store::banks::hold;
use crate::store::operations::{NewOperation, OperationSignal, complete, fail, insert, wake};
use crate::store::session::Session;
use crate::store::{BankKey, OperationLease, Store, StoreError};

/// The type of a refresh's operation.
pub(crate) const REFRESH_MENTAL_MODEL: &str = "refresh_mental_model";

/// What refreshes of a mental model stand in line by. No document is called that: names have no
/// such character.
pub(super) fn line(model_id: &str) -> String {
    format!("\u{1f}mental_model:{model_id}")
}

/// How a refresh is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshRequest {
    /// Whether it is written as a whole whatever its trigger says.
    pub is_full: bool,
    /// Whether nobody has asked for it.
    pub is_automatic: bool,
    /// How long it is put off.
    pub after: Duration,
}

impl RefreshRequest {
    /// The operation for it.
    pub fn operation(self, model_id: &str) -> NewOperation {
        NewOperation {
            operation_id: Uuid::now_v7(),
            parent_id: None,
            operation_type: REFRESH_MENTAL_MODEL,
            serialization_key: Some(line(model_id)),
            payload: Some(json!({
                "mental_model_id": model_id,
                "mode": self.is_full.then_some("full"),
                "automatic": self.is_automatic,
            })),
            result: json!({"mental_model_id": model_id}),
        }
    }
}

/// A new answer.
#[derive(Clone, Debug)]
pub struct ModelWrite<'w> {
    /// The mental model as it was read before.
    pub before: &'w MentalModelRow,
    /// The answer.
    pub content: &'w str,
    /// The answer as sections and blocks.
    pub structure: &'w Value,
    /// What it rests on and how it came about.
    pub reflect_response: &'w Value,
    /// Vector of name and answer.
    pub embedding: &'w [f32],
    /// The newest memory that was seen.
    pub seen_at: Option<DateTime<Utc>>,
    /// Whether it was written as a whole.
    pub is_full: bool,
    /// What is kept of how it was.
    pub kept: HistoryKept,
    /// What the operation came to.
    pub result: &'w Value,
}

/// What became of a new answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelOutcome {
    /// It is written.
    Written,
    /// Something else is asked by now; nothing was written.
    Outdated,
}

/// Why no new answer came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshFailure {
    /// What it came to.
    pub outcome: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in words.
    pub message: String,
    /// Whether refreshes that nobody asks for stop until one was asked for: not when the reason
    /// passes by itself.
    pub pauses: bool,
}

/// Locks a mental model, and tells its revision; none when there is no such one.
pub(super) async fn lock(
    transaction: &mut Session,
    bank: BankKey,
    model_id: &str,
) -> Result<Option<i64>, StoreError> {
    let revision = sqlx::query_scalar!(
        "select revision from mental_models where bank_key = $1 and model_id = $2 for update",
        bank.0,
        model_id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(revision)
}

impl Store {
    /// Requests a refresh of a mental model. One that is pending does for that, as a whole if one of
    /// both is to be, and goes on at once if this one is asked for. One that nobody asks for is not
    /// requested while one is under way.
    ///
    /// Returns the operation, and whether it is a new one; none when there is no such mental model or
    /// nothing is requested.
    pub async fn request_refresh(
        &self,
        bank: BankKey,
        model_id: &str,
        request: RefreshRequest,
    ) -> Result<Option<(Uuid, bool)>, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        if lock(&mut transaction, bank, model_id).await?.is_none() {
            return Ok(None);
        }
        let line = line(model_id);
        let pending = sqlx::query_scalar!(
            "select operation_id from async_operations
             where bank_key = $1 and serialization_key = $2 and status = 'pending'
             order by created_at, operation_id limit 1 for update",
            bank.0,
            line
        )
        .fetch_optional(&mut transaction)
        .await?;
        if let Some(pending) = pending {
            if !request.is_automatic || request.is_full {
                sqlx::query!(
                    r#"update async_operations set
                         payload = payload || case when $3 then '{"mode": "full"}'::jsonb else '{}' end
                           || case when $4 then '{}'::jsonb else '{"automatic": false}' end,
                         run_after = case when $4 then run_after end, updated_at = now()
                       where bank_key = $1 and operation_id = $2"#,
                    bank.0,
                    pending,
                    request.is_full,
                    request.is_automatic
                )
                .execute(&mut transaction)
                .await?;
                wake(&mut transaction, OperationSignal::Work).await?;
                transaction.end().await?;
            }
            return Ok(Some((pending, false)));
        }
        if request.is_automatic {
            let is_busy = sqlx::query_scalar!(
                r#"select exists (select from async_operations
                     where bank_key = $1 and serialization_key = $2 and status = 'processing') as "busy!""#,
                bank.0,
                line
            )
            .fetch_one(&mut transaction)
            .await?;
            if is_busy {
                return Ok(None);
            }
        }
        let operation = request.operation(model_id);
        insert(&mut transaction, bank, &operation).await?;
        if !request.after.is_zero() {
            sqlx::query!(
                "update async_operations set run_after = now() + make_interval(secs => $3)
                 where bank_key = $1 and operation_id = $2",
                bank.0,
                operation.operation_id,
                request.after.as_secs_f64()
            )
            .execute(&mut transaction)
            .await?;
        }
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok(Some((operation.operation_id, true)))
    }

    /// Writes a new answer and completes the operation, while both are what they were.
    pub async fn write_mental_model(
        &self,
        lease: OperationLease,
        write: &ModelWrite<'_>,
        now: DateTime<Utc>,
    ) -> Result<ModelOutcome, StoreError> {
        let bank = lease.bank;
        let before = write.before;
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        // With a mental model its refreshes are called off.
        let id = &before.state.model_id;
        let revision = lock(&mut transaction, bank, id).await?.ok_or(StoreError::LeaseLost)?;
        if revision != before.revision {
            return Ok(ModelOutcome::Outdated);
        }
        history::keep(&mut transaction, bank, id, write.content, write.kept, now).await?;
        sqlx::query!(
            "update mental_models set content = $3, structure = $4, reflect_response = $5, embedding = $6,
               last_refreshed_at = $7, last_memory_seen_at = greatest(last_memory_seen_at, $8),
               last_refresh_failed_at = null, last_refreshed_source_query = $9,
               last_full_refreshed_at = case when $10 then $7 else last_full_refreshed_at end
             where bank_key = $1 and model_id = $2",
            bank.0,
            id,
            write.content,
            write.structure,
            write.reflect_response,
            HalfVector::from_f32_slice(write.embedding) as HalfVector,
            now,
            write.seen_at,
            before.state.source_query,
            write.is_full
        )
        .execute(&mut transaction)
        .await?;
        complete(&mut transaction, lease, write.result).await?;
        transaction.end().await?;
        Ok(ModelOutcome::Written)
    }

    /// Completes a refresh that had nothing to write.
    pub async fn finish_refresh(&self, lease: OperationLease, result: &Value) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, lease.bank).await?;
        complete(&mut transaction, lease, result).await?;
        transaction.end().await
    }

    /// Gives a refresh up: the mental model stays as it is, but for the note of it.
    pub async fn fail_refresh(
        &self,
        lease: OperationLease,
        model_id: &str,
        failure: &RefreshFailure,
        kept: HistoryKept,
        result: &Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let bank = lease.bank;
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        if lock(&mut transaction, bank, model_id).await?.is_some() {
            if failure.pauses {
                sqlx::query!(
                    "update mental_models set last_refresh_failed_at = $3 where bank_key = $1 and model_id = $2",
                    bank.0,
                    model_id,
                    now
                )
                .execute(&mut transaction)
                .await?;
            }
            history::keep_failure(&mut transaction, bank, model_id, failure, kept, now).await?;
        }
        if !fail(&mut transaction, lease, &failure.message, result).await? {
            return Err(StoreError::LeaseLost);
        }
        // What stood in line behind it may be next.
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await
    }
}
