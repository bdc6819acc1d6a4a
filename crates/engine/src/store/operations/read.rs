//! Looking at background work.

use chrono::{DateTime, Utc};
use hindsight_types::operations::OperationStatus;
use serde_json::Value;
use uuid::Uuid;

use super::status_of;
use crate::store::{BankKey, Store, StoreError};

/// An operation as stored.
#[derive(Clone, Debug)]
pub struct OperationRow {
    /// Its id.
    pub operation_id: Uuid,
    /// What it does.
    pub operation_type: String,
    /// Where it is in its life.
    pub status: OperationStatus,
    /// What is known of it, an object.
    pub result: Option<Value>,
    /// Why it failed, or why its last attempt did.
    pub error: Option<String>,
    /// Attempts that were begun.
    pub attempts: i32,
    /// When the next one may begin.
    pub run_after: Option<DateTime<Utc>>,
    /// How far it has come.
    pub progress: Option<Value>,
    /// When it was handed over.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it came to its end.
    pub completed_at: Option<DateTime<Utc>>,
    /// What was handed over; none for a parent.
    pub payload: Option<Value>,
}

/// Which operations to list.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Only those with this status.
    pub status: Option<OperationStatus>,
    /// Only those that do this.
    pub operation_type: Option<String>,
    /// Without those that only stand for others.
    pub exclude_parents: bool,
}

/// Makes an [`OperationRow`] of a row with its columns.
macro_rules! operation {
    ($row:expr) => {{
        let row = $row;
        OperationRow {
            operation_id: row.operation_id,
            operation_type: row.operation_type,
            status: status_of(&row.status),
            result: row.result,
            error: row.error,
            attempts: row.attempts,
            run_after: row.run_after,
            progress: row.progress,
            created_at: row.created_at,
            updated_at: row.updated_at,
            completed_at: row.completed_at,
            payload: row.payload,
        }
    }};
}

impl Store {
    /// One page of a bank's operations, the newest first and without what was handed over, and
    /// the number of all.
    pub async fn operations(
        &self,
        bank: BankKey,
        filter: &OperationFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<OperationRow>, i64), StoreError> {
        let status = filter.status.map(OperationStatus::as_str);
        let total = sqlx::query_scalar!(
            r#"select count(*) as "count!" from async_operations
               where bank_key = $1 and ($2::text is null or status = $2)
                 and ($3::text is null or operation_type = $3) and not ($4 and payload is null)"#,
            bank.0,
            status,
            filter.operation_type,
            filter.exclude_parents
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let rows = sqlx::query!(
            r#"select operation_id, operation_type, status, result, error, attempts, run_after, progress,
                 created_at, updated_at, completed_at, null::jsonb as payload
               from async_operations
               where bank_key = $1 and ($2::text is null or status = $2)
                 and ($3::text is null or operation_type = $3) and not ($4 and payload is null)
               order by created_at desc, operation_id desc limit $5 offset $6"#,
            bank.0,
            status,
            filter.operation_type,
            filter.exclude_parents,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok((rows.into_iter().map(|row| operation!(row)).collect(), total))
    }

    /// One operation.
    pub async fn operation(
        &self,
        bank: BankKey,
        operation_id: Uuid,
    ) -> Result<Option<OperationRow>, StoreError> {
        let row = sqlx::query!(
            "select operation_id, operation_type, status, result, error, attempts, run_after, progress,
               created_at, updated_at, completed_at, payload
             from async_operations where bank_key = $1 and operation_id = $2",
            bank.0,
            operation_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(row.map(|row| operation!(row)))
    }

    /// The parts of an operation in the order they were made, without what was handed over.
    pub async fn operation_parts(
        &self,
        bank: BankKey,
        parent_id: Uuid,
    ) -> Result<Vec<OperationRow>, StoreError> {
        let rows = sqlx::query!(
            "select operation_id, operation_type, status, result, error, attempts, run_after, progress,
               created_at, updated_at, completed_at, null::jsonb as payload
             from async_operations where bank_key = $1 and parent_id = $2 order by created_at, operation_id",
            bank.0,
            parent_id
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.into_iter().map(|row| operation!(row)).collect())
    }

    /// Those of these operations, of any bank, that are this one or parts of it and called off.
    /// Ids count in all banks.
    pub async fn cancelled_of(&self, operation_id: Uuid, among: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select operation_id from async_operations
             where operation_id = any($2) and status = 'cancelled' and (operation_id = $1 or parent_id = $1)",
            operation_id,
            among
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(ids)
    }
}
