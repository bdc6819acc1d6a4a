//! What clients see of operations and may do with them.

use hindsight_types::operations::{
    ChildOperationStatus, OperationChangeResponse, OperationProgress, OperationResponse,
    OperationStatusResponse, OperationsListResponse,
};
use hindsight_types::time;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::BATCH_RETAIN;
use crate::store::{Change, OperationFilter, OperationRow};
use crate::{Engine, EngineError};

impl Engine {
    /// One page of a bank's operations, the newest first.
    pub async fn list_operations(
        &self,
        bank_id: &str,
        filter: &OperationFilter,
        limit: i64,
        offset: i64,
    ) -> Result<OperationsListResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.operations(bank.key, filter, limit, offset).await?;
        let operations = rows.into_iter().map(list_item).collect();
        Ok(OperationsListResponse { bank_id: bank.bank_id, total, limit, offset, operations })
    }

    /// One operation with its parts. One that is not known, as one of a bank that does not exist,
    /// has a status that says so.
    pub async fn operation(
        &self,
        bank_id: &str,
        operation_id: Uuid,
        with_payload: bool,
    ) -> Result<OperationStatusResponse, EngineError> {
        let unknown = || OperationStatusResponse::not_found(operation_id.to_string());
        let Some(bank) = self.store.bank(bank_id).await? else { return Ok(unknown()) };
        let Some(row) = self.store.operation(bank.key, operation_id).await? else { return Ok(unknown()) };
        let children = if row.operation_type == BATCH_RETAIN {
            let parts = self.store.operation_parts(bank.key, operation_id).await?;
            Some(parts.into_iter().map(child).collect())
        } else {
            None
        };
        Ok(status(row, children, with_payload))
    }

    /// Calls off an operation and its parts; what has been done already stays.
    pub async fn cancel_operation(
        &self,
        bank_id: &str,
        operation_id: Uuid,
    ) -> Result<OperationChangeResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let change = self.store.cancel_operation(bank.key, operation_id).await?;
        changed(change, operation_id, "cancelled", "only pending and processing ones can be cancelled")
    }

    /// Lets an operation begin anew, or those of its parts that are not done.
    pub async fn retry_operation(
        &self,
        bank_id: &str,
        operation_id: Uuid,
    ) -> Result<OperationChangeResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let change = self.store.retry_operation(bank.key, operation_id).await?;
        changed(
            change,
            operation_id,
            "queued for retry",
            "only failed and cancelled ones, and those that wait for a later attempt, can be retried",
        )
    }

    /// Forgets an operation that has come to its end.
    pub async fn delete_operation(
        &self,
        bank_id: &str,
        operation_id: Uuid,
    ) -> Result<OperationChangeResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let change = self.store.delete_operation(bank.key, operation_id).await?;
        changed(
            change,
            operation_id,
            "deleted",
            "only completed, failed and cancelled ones can be deleted; cancel it first",
        )
    }

    /// Forgets operations of all banks that came to their end more than so many days ago.
    pub async fn sweep_operations(&self, days: i32) -> Result<(), EngineError> {
        let mut all = 0;
        loop {
            match self.store.sweep_operations(days).await? {
                0 => break,
                swept => all += swept,
            }
        }
        if all > 0 {
            tracing::info!(operations = all, "old operations forgotten");
        }
        Ok(())
    }
}

fn changed(
    change: Change,
    operation_id: Uuid,
    done: &str,
    rule: &str,
) -> Result<OperationChangeResponse, EngineError> {
    match change {
        Change::Done => Ok(OperationChangeResponse {
            success: true,
            message: format!("Operation {operation_id} {done}"),
            operation_id: operation_id.to_string(),
        }),
        Change::Unknown => Err(EngineError::NotFound { kind: "Operation", id: operation_id.to_string() }),
        Change::Refused(status) => {
            Err(EngineError::Conflict(format!("Operation '{operation_id}' is {status}: {rule}")))
        }
    }
}

/// Attempts after the first.
fn retries(row: &OperationRow) -> i64 {
    i64::from(row.attempts.saturating_sub(1).max(0))
}

fn progress(row: &OperationRow) -> Option<OperationProgress> {
    serde_json::from_value(row.progress.clone()?).ok()
}

fn number(result: Option<&Value>, name: &str) -> Option<i64> {
    result?.get(name)?.as_i64()
}

fn word(result: Option<&Value>, name: &str) -> Option<String> {
    result?.get(name)?.as_str().map(str::to_owned)
}

fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn list_item(row: OperationRow) -> OperationResponse {
    let result = row.result.as_ref();
    OperationResponse {
        id: row.operation_id.to_string(),
        task_type: row.operation_type.clone(),
        operation_id: Some(row.operation_id.to_string()),
        items_count: number(result, "items_count").unwrap_or_default(),
        document_id: word(result, "document_id"),
        filename: word(result, "filename"),
        mental_model_id: word(result, "mental_model_id"),
        details: result.and_then(|result| result.get("details")).cloned(),
        created_at: time::format(row.created_at),
        updated_at: Some(time::format(row.updated_at)),
        status: row.status,
        retry_count: Some(retries(&row)),
        next_retry_at: row.run_after.map(time::format),
        progress: progress(&row),
        error_message: row.error,
        operation_type: Some(row.operation_type),
    }
}

fn child(row: OperationRow) -> ChildOperationStatus {
    ChildOperationStatus {
        operation_id: row.operation_id.to_string(),
        status: row.status,
        sub_batch_index: number(row.result.as_ref(), "sub_batch_index"),
        items_count: number(row.result.as_ref(), "items_count"),
        error_message: row.error,
    }
}

fn status(
    row: OperationRow,
    child_operations: Option<Vec<ChildOperationStatus>>,
    with_payload: bool,
) -> OperationStatusResponse {
    let result = row.result.as_ref();
    OperationStatusResponse {
        operation_id: row.operation_id.to_string(),
        status: row.status,
        operation_type: Some(row.operation_type.clone()),
        id: Some(row.operation_id.to_string()),
        task_type: Some(row.operation_type.clone()),
        mental_model_id: word(result, "mental_model_id"),
        details: result.and_then(|result| result.get("details")).cloned(),
        created_at: Some(time::format(row.created_at)),
        updated_at: Some(time::format(row.updated_at)),
        completed_at: row.completed_at.map(time::format),
        retry_count: Some(retries(&row)),
        next_retry_at: row.run_after.map(time::format),
        progress: progress(&row),
        error_message: row.error,
        result_metadata: object(row.result),
        child_operations,
        task_payload: object(row.payload.filter(|_| with_payload)),
    }
}
