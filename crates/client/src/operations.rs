//! Operations: work that was handed to the background.

use std::time::Duration;

use hindsight_types::operations::{
    OperationChangeResponse, OperationStatus, OperationStatusResponse, OperationsListResponse,
};
use reqwest::Method;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Shortest and longest time between two looks at an operation that is waited for.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LATER_LOOKS: Duration = Duration::from_secs(2);

/// Which operations to list.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Only those with this status.
    pub status: Option<OperationStatus>,
    /// Only those of this type, for example `retain`.
    pub operation_type: Option<String>,
    /// Without those that only stand for others.
    pub exclude_parents: bool,
    /// Page size, 1 to 100.
    pub limit: Option<i64>,
    /// Operations to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists operations, the newest first.
    pub async fn list_operations(
        &self,
        bank_id: &str,
        filter: &OperationFilter,
    ) -> Result<OperationsListResponse, ClientError> {
        let query = Query::default()
            .add("status", filter.status.map(OperationStatus::as_str))
            .add("type", filter.operation_type.as_ref())
            .add("exclude_parents", filter.exclude_parents.then_some("true"))
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/operations")?, &query).await
    }

    /// Looks at one operation. One that nobody knows is no error: its status says so.
    pub async fn get_operation(
        &self,
        bank_id: &str,
        operation_id: &str,
    ) -> Result<OperationStatusResponse, ClientError> {
        self.send(Method::GET, &operation_path(bank_id, operation_id, "")?, &Query::default()).await
    }

    /// Waits until an operation has come to its end, well or badly, and says how. `look` hears of
    /// every look on the way.
    pub async fn wait_for_operation(
        &self,
        bank_id: &str,
        operation_id: &str,
        mut look: impl FnMut(&OperationStatusResponse),
    ) -> Result<OperationStatusResponse, ClientError> {
        let mut pause = FIRST_LOOK;
        loop {
            let operation = self.get_operation(bank_id, operation_id).await?;
            look(&operation);
            if operation.status.is_terminal() || operation.status == OperationStatus::NotFound {
                return Ok(operation);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LATER_LOOKS);
        }
    }

    /// Calls off an operation that has not come to its end.
    pub async fn cancel_operation(
        &self,
        bank_id: &str,
        operation_id: &str,
    ) -> Result<OperationChangeResponse, ClientError> {
        self.send(Method::DELETE, &operation_path(bank_id, operation_id, "")?, &Query::default()).await
    }

    /// Lets an operation begin anew that failed, was called off, or waits for a later attempt.
    pub async fn retry_operation(
        &self,
        bank_id: &str,
        operation_id: &str,
    ) -> Result<OperationChangeResponse, ClientError> {
        self.send(Method::POST, &operation_path(bank_id, operation_id, "/retry")?, &Query::default()).await
    }

    /// Forgets an operation that has come to its end; what it did stays.
    pub async fn delete_operation(
        &self,
        bank_id: &str,
        operation_id: &str,
    ) -> Result<OperationChangeResponse, ClientError> {
        self.send(Method::DELETE, &operation_path(bank_id, operation_id, "/delete")?, &Query::default()).await
    }
}

fn operation_path(bank_id: &str, operation_id: &str, rest: &str) -> Result<String, ClientError> {
    bank_path(bank_id, &format!("/operations/{}{rest}", segment(operation_id)?))
}
