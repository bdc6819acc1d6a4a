//! Operations: work that was handed to the background.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where an operation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Waiting for its turn.
    Pending,
    /// Being worked on.
    Processing,
    /// Done, all of it.
    Completed,
    /// Given up; the error says why.
    Failed,
    /// Called off.
    Cancelled,
    /// No operation of this id is known. Only a look at a single one says so.
    NotFound,
}

impl OperationStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NotFound => "not_found",
        }
    }

    /// Whether nothing happens to it any more unless somebody asks.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for OperationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for OperationStatus {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "pending" => Ok(Self::Pending),
            "processing" => Ok(Self::Processing),
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(format!("'{word}' is not one of pending, processing, completed, failed, cancelled")),
        }
    }
}

/// How far an operation has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationProgress {
    /// What is being done.
    pub stage: String,
    /// When this was noted.
    pub at: String,
    /// Parts that are done.
    pub processed: Option<i64>,
    /// Parts there are.
    pub total: Option<i64>,
    /// Other counts.
    pub detail: Option<IndexMap<String, i64>>,
}

/// An operation in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationResponse {
    /// Its id.
    pub id: String,
    /// What it does.
    pub task_type: String,
    /// Its id once more.
    pub operation_id: Option<String>,
    /// What it does once more.
    pub operation_type: Option<String>,
    /// Items that were handed over.
    pub items_count: i64,
    /// The document it works on, when it is one.
    pub document_id: Option<String>,
    /// Name of the file it works on.
    pub filename: Option<String>,
    /// The mental model it works on.
    pub mental_model_id: Option<String>,
    /// What a refresh of a mental model came to.
    pub details: Option<Value>,
    /// When it was handed over.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: Option<String>,
    /// Where it is in its life.
    pub status: OperationStatus,
    /// Why it failed, or why its last attempt did.
    pub error_message: Option<String>,
    /// Attempts after the first.
    pub retry_count: Option<i64>,
    /// When the next attempt may begin.
    pub next_retry_at: Option<String>,
    /// How far it has come.
    pub progress: Option<OperationProgress>,
}

/// Answer to `GET operations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationsListResponse {
    /// The bank.
    pub bank_id: String,
    /// Number of operations in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Operations skipped.
    pub offset: i64,
    /// One page of operations, the newest first.
    pub operations: Vec<OperationResponse>,
}

/// A part of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildOperationStatus {
    /// Its id.
    pub operation_id: String,
    /// Where it is in its life.
    pub status: OperationStatus,
    /// Its place among the parts, from 1.
    pub sub_batch_index: Option<i64>,
    /// Items in it.
    pub items_count: Option<i64>,
    /// Why it failed.
    pub error_message: Option<String>,
}

/// Answer to `GET operations/{operation_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationStatusResponse {
    /// Its id.
    pub operation_id: String,
    /// Where it is in its life.
    pub status: OperationStatus,
    /// What it does.
    pub operation_type: Option<String>,
    /// Its id once more.
    pub id: Option<String>,
    /// What it does once more.
    pub task_type: Option<String>,
    /// The mental model it works on.
    pub mental_model_id: Option<String>,
    /// When it was handed over.
    pub created_at: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
    /// When it came to its end.
    pub completed_at: Option<String>,
    /// Why it failed, or why its last attempt did.
    pub error_message: Option<String>,
    /// Attempts after the first.
    pub retry_count: Option<i64>,
    /// When the next attempt may begin.
    pub next_retry_at: Option<String>,
    /// How far it has come.
    pub progress: Option<OperationProgress>,
    /// What it came to.
    pub result_metadata: Option<Map<String, Value>>,
    /// What a refresh of a mental model came to.
    pub details: Option<Value>,
    /// Its parts in order.
    pub child_operations: Option<Vec<ChildOperationStatus>>,
    /// What was handed over, when asked for.
    pub task_payload: Option<Map<String, Value>>,
}

impl OperationStatusResponse {
    /// What is said of an operation that nobody knows.
    pub fn not_found(operation_id: String) -> Self {
        Self {
            operation_id,
            status: OperationStatus::NotFound,
            operation_type: None,
            id: None,
            task_type: None,
            mental_model_id: None,
            created_at: None,
            updated_at: None,
            completed_at: None,
            error_message: None,
            retry_count: None,
            next_retry_at: None,
            progress: None,
            result_metadata: None,
            details: None,
            child_operations: None,
            task_payload: None,
        }
    }
}

/// Answer to a cancel, a retry or a delete of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationChangeResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
    /// What was done, in words.
    pub message: String,
    /// Id of the operation.
    pub operation_id: String,
}
