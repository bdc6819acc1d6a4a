//! Calling work off, trying it again, forgetting it.

use hindsight_types::operations::OperationStatus;
use uuid::Uuid;

use super::{OperationSignal, lock_parent, settle_parent, status_of, wake};
use crate::store::banks::hold;
use crate::store::session::Session;
use crate::store::{BankKey, Store, StoreError};

/// What became of a wish to change an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is done.
    Done,
    /// There is no such operation.
    Unknown,
    /// The operation is in a state that does not allow it.
    Refused(OperationStatus),
}

/// An operation that is locked, and its parent with it.
struct Locked {
    status: OperationStatus,
    is_deferred: bool,
    is_parent: bool,
    parent: Option<Uuid>,
}

async fn lock(
    transaction: &mut Session,
    bank: BankKey,
    operation_id: Uuid,
) -> Result<Option<Locked>, StoreError> {
    match hold(transaction, bank).await {
        Err(StoreError::BankVanished) => return Ok(None),
        held => held?,
    }
    let parent = lock_parent(transaction, bank, operation_id).await?;
    let row = sqlx::query!(
        r#"select status, payload is null as "is_parent!",
             coalesce(run_after > now(), false) or exists (
               select 1 from async_operations c where c.bank_key = $1 and c.parent_id = $2
                 and c.status = 'pending' and c.run_after > now()
             ) as "is_deferred!"
           from async_operations where bank_key = $1 and operation_id = $2 for update"#,
        bank.0,
        operation_id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(row.map(|row| Locked {
        status: status_of(&row.status),
        is_deferred: row.is_deferred,
        is_parent: row.is_parent,
        parent,
    }))
}

impl Store {
    /// Calls off an operation that has not come to its end, with all its parts. From now on no
    /// worker can write for it.
    pub async fn cancel_operation(&self, bank: BankKey, operation_id: Uuid) -> Result<Change, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(locked) = lock(&mut transaction, bank, operation_id).await? else {
            return Ok(Change::Unknown);
        };
        if locked.status.is_terminal() {
            return Ok(Change::Refused(locked.status));
        }
        sqlx::query!(
            "with parts as (
               select operation_id from async_operations
               where bank_key = $1 and (operation_id = $2 or parent_id = $2)
                 and status in ('pending', 'processing')
               order by operation_id for update
             )
             update async_operations o set status = 'cancelled', lease_until = null, run_after = null,
               updated_at = now(), completed_at = now()
             from parts where o.bank_key = $1 and o.operation_id = parts.operation_id",
            bank.0,
            operation_id
        )
        .execute(&mut transaction)
        .await?;
        if let Some(parent) = locked.parent {
            settle_parent(&mut transaction, bank, parent).await?;
        }
        wake(&mut transaction, OperationSignal::Cancelled(operation_id)).await?;
        transaction.end().await?;
        Ok(Change::Done)
    }

    /// Lets an operation begin anew that failed, was called off, or waits for a later attempt; of
    /// one with parts those that are not done.
    pub async fn retry_operation(&self, bank: BankKey, operation_id: Uuid) -> Result<Change, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(locked) = lock(&mut transaction, bank, operation_id).await? else {
            return Ok(Change::Unknown);
        };
        let may = match locked.status {
            OperationStatus::Failed | OperationStatus::Cancelled => true,
            OperationStatus::Pending => locked.is_deferred,
            // Some of its parts may wait while others are worked on.
            OperationStatus::Processing => locked.is_parent && locked.is_deferred,
            OperationStatus::Completed | OperationStatus::NotFound => false,
        };
        if !may {
            return Ok(Change::Refused(locked.status));
        }
        sqlx::query!(
            "with parts as (
               select operation_id from async_operations
               where bank_key = $1 and (operation_id = $2 or parent_id = $2)
                 and (status in ('failed', 'cancelled') or status = 'pending' and run_after is not null
                   or operation_id = $2)
               order by operation_id for update
             )
             update async_operations o set status = 'pending', attempts = 0, run_after = null, error = null,
               progress = null, fence = fence + 1, updated_at = now(), completed_at = null
             from parts where o.bank_key = $1 and o.operation_id = parts.operation_id",
            bank.0,
            operation_id
        )
        .execute(&mut transaction)
        .await?;
        if locked.is_parent {
            settle_parent(&mut transaction, bank, operation_id).await?;
        }
        if let Some(parent) = locked.parent {
            settle_parent(&mut transaction, bank, parent).await?;
        }
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok(Change::Done)
    }

    /// Forgets an operation that has come to its end, with all its parts.
    pub async fn delete_operation(&self, bank: BankKey, operation_id: Uuid) -> Result<Change, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(locked) = lock(&mut transaction, bank, operation_id).await? else {
            return Ok(Change::Unknown);
        };
        if !locked.status.is_terminal() {
            return Ok(Change::Refused(locked.status));
        }
        sqlx::query!(
            "delete from async_operations where bank_key = $1 and (operation_id = $2 or parent_id = $2)",
            bank.0,
            operation_id
        )
        .execute(&mut transaction)
        .await?;
        transaction.end().await?;
        Ok(Change::Done)
    }

    /// Forgets some operations, with their parts, that came to their end more than so many days
    /// ago. Returns their number; 0 when none is left.
    pub async fn sweep_operations(&self, days: i32) -> Result<u64, StoreError> {
        let mut session = self.session().await?;
        let swept = sqlx::query!(
            "with old as (
               select bank_key, operation_id from async_operations
               where status in ('completed', 'failed', 'cancelled') and parent_id is null
                 and completed_at < now() - make_interval(days => $1)
               order by completed_at limit 1000
             )
             delete from async_operations o using old
             where o.bank_key = old.bank_key and (o.operation_id = old.operation_id or o.parent_id = old.operation_id)",
            days
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(swept.rows_affected())
    }
}
