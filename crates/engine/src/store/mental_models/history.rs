//! How mental models were before they changed, and changes that did not come about.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::refresh::RefreshFailure;
use crate::store::session::Session;
use crate::store::{BankKey, Store, StoreError};

/// Entries of each kind that are kept for a mental model; none = all. 0 keeps none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryKept(pub Option<i64>);

/// How a mental model was, or what did not become of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Whether it is a change that did not come about.
    pub is_failure: bool,
    /// Its content before.
    pub previous_content: Option<String>,
    /// What that rested on.
    pub previous_reflect_response: Option<Value>,
    /// What the change came to.
    pub outcome: Option<String>,
    /// Why, in one word.
    pub failure_reason: Option<String>,
    /// Why, in words.
    pub error_message: Option<String>,
    /// When it changed, or was to.
    pub changed_at: DateTime<Utc>,
}

/// Keeps how a mental model is now, before its content changes to another one; one without content
/// leaves nothing.
pub(super) async fn keep(
    transaction: &mut Session,
    bank: BankKey,
    model_id: &str,
    content: &str,
    kept: HistoryKept,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if kept.0 == Some(0) {
        return Ok(());
    }
    let added = sqlx::query!(
        "insert into mental_model_history (bank_key, model_id, is_failure, previous_content,
           previous_reflect_response, changed_at)
         select bank_key, model_id, false, content, reflect_response, $4
         from mental_models where bank_key = $1 and model_id = $2 and content not in ('', $3)",
        bank.0,
        model_id,
        content,
        now
    )
    .execute(&mut *transaction)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    let_go(transaction, bank, model_id, false, kept).await
}

/// Keeps that a change did not come about.
pub(super) async fn keep_failure(
    transaction: &mut Session,
    bank: BankKey,
    model_id: &str,
    failure: &RefreshFailure,
    kept: HistoryKept,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if kept.0 == Some(0) {
        return Ok(());
    }
    sqlx::query!(
        "insert into mental_model_history (bank_key, model_id, is_failure, outcome, failure_reason, error_message,
           changed_at)
         values ($1, $2, true, $3, $4, $5, $6)",
        bank.0,
        model_id,
        failure.outcome,
        failure.reason,
        failure.message,
        now
    )
    .execute(&mut *transaction)
    .await?;
    let_go(transaction, bank, model_id, true, kept).await
}

/// Lets go of what is too old.
async fn let_go(
    transaction: &mut Session,
    bank: BankKey,
    model_id: &str,
    is_failure: bool,
    kept: HistoryKept,
) -> Result<(), StoreError> {
    let Some(most) = kept.0 else { return Ok(()) };
    sqlx::query!(
        "delete from mental_model_history where bank_key = $1 and model_id = $2 and is_failure = $3 and entry <= (
           select entry from mental_model_history where bank_key = $1 and model_id = $2 and is_failure = $3
           order by entry desc offset $4 limit 1)",
        bank.0,
        model_id,
        is_failure,
        most
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

impl Store {
    /// How a mental model was, and what did not become of it, the newest first.
    pub async fn mental_model_history(
        &self,
        bank: BankKey,
        model_id: &str,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let rows = sqlx::query_as!(
            HistoryRow,
            "select is_failure, previous_content, previous_reflect_response, outcome, failure_reason, error_message,
               changed_at
             from mental_model_history where bank_key = $1 and model_id = $2 order by entry desc",
            bank.0,
            model_id
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows)
    }
}
