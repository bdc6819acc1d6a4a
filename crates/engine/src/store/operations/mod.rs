//! Background work: what was handed over, who works on it, what came of it.
//!
//! Work is claimed under a lease. Every claim has a number of its own, the fence: what a worker
//! writes it writes only while its fence is the last one given out, so that a worker that was
//! taken for dead can do no harm when it comes back. Times are the database's own, one clock for
//! all workers.
//!
//! A parent stands for several children: it has no payload, is never claimed, and ends with the
//! last of them. Who changes both locks the parent first.

mod change;
mod claim;
mod listen;
mod read;
mod submit;

use std::time::Duration;

use hindsight_types::operations::OperationStatus;
use serde_json::Value;
use uuid::Uuid;

use super::BankKey;
use super::session::Session;
use crate::store::StoreError;

pub use change::Change;
pub use claim::ClaimedOperation;
pub use listen::{OperationSignal, OperationSignals};
pub use read::{OperationFilter, OperationRow};
pub(in crate::store) use submit::insert;
pub use submit::{NewOperation, Submission};

/// A right to work on an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationLease {
    /// The bank it belongs to.
    pub bank: BankKey,
    /// The operation.
    pub operation_id: Uuid,
    fence: i64,
}

impl OperationLease {
    /// Its number among the leases of the operation.
    pub(in crate::store) fn fence(self) -> i64 {
        self.fence
    }
}

/// How an attempt at an operation ends, unless its own writes have completed it.
#[derive(Clone, Debug)]
pub enum OperationEnd {
    /// It is given up.
    Failed {
        /// Why.
        error: String,
    },
    /// Another attempt is made.
    Again {
        /// How long from now.
        after: Duration,
        /// Why this one did not do.
        error: Option<String>,
        /// Whether this one counts as an attempt.
        counts: bool,
    },
}

/// The status in a row. The table allows only the known words.
fn status_of(word: &str) -> OperationStatus {
    word.parse().unwrap_or(OperationStatus::Failed)
}

/// Tells workers that something may be there for them.
const WAKE: &str = "hindsight_operations";

/// Wakes the workers of this schema when the transaction ends well.
pub(in crate::store) async fn wake(
    transaction: &mut Session,
    signal: OperationSignal,
) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        r#"select pg_notify($1, current_schema() || ' ' || $2) as "sent!: ()""#,
        WAKE,
        signal.to_string()
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(())
}

/// Locks the parent of an operation, if it has one: before the operation itself, as everybody
/// does who changes both.
async fn lock_parent(
    transaction: &mut Session,
    bank: BankKey,
    operation_id: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    let parent = sqlx::query_scalar!(
        "select p.operation_id from async_operations p where p.bank_key = $1 and p.operation_id =
           (select parent_id from async_operations where bank_key = $1 and operation_id = $2)
         for update",
        bank.0,
        operation_id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(parent)
}

/// Gives a parent the status that follows from its children.
async fn settle_parent(transaction: &mut Session, bank: BankKey, parent_id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update async_operations p set status = c.status, error = c.error, updated_at = now(),
           completed_at = case when c.status in ('completed', 'failed', 'cancelled') then now() end
         from (
           select case
               when count(*) = 0 then null
               when bool_or(status = 'processing') then 'processing'
               when bool_or(status = 'pending') and bool_or(status <> 'pending') then 'processing'
               when bool_or(status = 'pending') then 'pending'
               when bool_or(status = 'failed') then 'failed'
               when bool_or(status = 'cancelled') then 'cancelled'
               -- A part that was deleted was not done by that.
               when count(*) < (select (result ->> 'num_sub_batches')::int from async_operations
                                where bank_key = $1 and operation_id = $2) then 'failed'
               else 'completed'
             end status,
             case when count(*) filter (where status = 'failed') > 0 then
               format('%s of %s parts failed: %s', count(*) filter (where status = 'failed'), count(*),
                 (array_agg(error order by created_at, operation_id) filter (where status = 'failed'))[1])
             end error
           from async_operations where bank_key = $1 and parent_id = $2
         ) c
         where p.bank_key = $1 and p.operation_id = $2 and c.status is not null and p.status <> c.status",
        bank.0,
        parent_id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Completes the operation of this lease inside the transaction that did its work, so that both
/// count or neither. The texts that were handed over are not kept a second time. `result` is merged over what was known. Fails when the lease is another's by
/// now; then the transaction must not be ended.
pub(in crate::store) async fn complete(
    transaction: &mut Session,
    lease: OperationLease,
    result: &Value,
) -> Result<(), StoreError> {
    let parent = lock_parent(transaction, lease.bank, lease.operation_id).await?;
    let completed = sqlx::query!(
        "update async_operations set status = 'completed', result = coalesce(result, '{}') || $4, error = null,
           payload = payload - 'items', progress = null, lease_until = null, run_after = null, updated_at = now(), completed_at = now()
         where bank_key = $1 and operation_id = $2 and fence = $3 and status = 'processing'",
        lease.bank.0,
        lease.operation_id,
        lease.fence,
        result
    )
    .execute(&mut *transaction)
    .await?;
    if completed.rows_affected() == 0 {
        return Err(StoreError::LeaseLost);
    }
    if let Some(parent) = parent {
        settle_parent(transaction, lease.bank, parent).await?;
    }
    // What stood in line behind it may be next.
    wake(transaction, OperationSignal::Work).await
}

/// Gives an operation up inside of a transaction; `result` is merged over what was known. False when
/// the lease is another's by now.
pub(in crate::store) async fn fail(
    transaction: &mut Session,
    lease: OperationLease,
    error: &str,
    result: &Value,
) -> Result<bool, StoreError> {
    let failed = sqlx::query!(
        "update async_operations set status = 'failed', error = $4,
           result = coalesce(result, '{}') || $5, lease_until = null, updated_at = now(),
           completed_at = now()
         where bank_key = $1 and operation_id = $2 and fence = $3 and status = 'processing'",
        lease.bank.0,
        lease.operation_id,
        lease.fence,
        error,
        result
    )
    .execute(&mut *transaction)
    .await?;
    Ok(failed.rows_affected() > 0)
}
