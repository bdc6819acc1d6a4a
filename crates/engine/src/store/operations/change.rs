//! Calling work off, trying it again, forgetting it.

use hindsight_types::operations::OperationStatus;
use uuid::Uuid;

use super::{OperationSignal, lock_parent, settle_parent, status_of, wake};
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
    let parent = lock_parent(transaction, bank, operation_id).await?;
    let row = sqlx::query!(
        r#"select status, payload is null as "is_parent!", coalesce(run_after > now(), false) as "is_deferred!"
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
        if locked.is_parent {
            // Parts that had failed before outweigh those that were called off, but not the wish.
            sqlx::query!(
                "update async_operations set status = 'cancelled' where bank_key = $1 and operation_id = $2",
                bank.0,
                operation_id
            )
            .execute(&mut transaction)
            .await?;
        }
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
            OperationStatus::Processing | OperationStatus::Completed | OperationStatus::NotFound => false,
        };
        if !may {
            return Ok(Change::Refused(locked.status));
        }
        sqlx::query!(
            "with parts as (
               select operation_id from async_operations
               where bank_key = $1 and (operation_id = $2 or parent_id = $2)
                 and (status in ('failed', 'cancelled') or status = 'pending' and run_after is not null)
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

    /// Forgets operations that came to their end more than so many days ago. Returns their number.
    pub async fn sweep_operations(&self, days: i32) -> Result<u64, StoreError> {
        let mut session = self.session().await?;
        let swept = sqlx::query!(
            "delete from async_operations o where o.status in ('completed', 'failed', 'cancelled')
               and o.completed_at < now() - make_interval(days => $1)
               and not exists (
                 select 1 from async_operations p where p.bank_key = o.bank_key
                   and p.operation_id = o.parent_id and p.status in ('pending', 'processing')
               )",
            days
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(swept.rows_affected())
    }
}
