//! Files that operations work on. They are kept in parts, and never longer than their operation.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use super::banks::hold;
use super::operations::{complete, insert, wake};
use super::session::Session;
use super::{BankKey, NewOperation, OperationLease, OperationSignal, Store, StoreError};

/// The bytes of a file, from wherever they come.
pub type FileBytes = Box<dyn AsyncRead + Send + Unpin>;

/// Size of a part in bytes.
const PART: usize = 4 << 20;

impl Store {
    /// Stores operations, each with the file it works on, all or none.
    pub async fn submit_files(
        &self,
        bank: BankKey,
        files: Vec<(NewOperation, FileBytes)>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        for (operation, mut bytes) in files {
            insert(&mut transaction, bank, &operation).await?;
            store_file(&mut transaction, bank, operation.operation_id, &mut bytes).await?;
        }
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await
    }

    /// The file that an operation works on; none when it is not kept any more.
    pub async fn file(&self, lease: OperationLease) -> Result<Option<Vec<u8>>, StoreError> {
        let mut file = None;
        for part in 0_i32.. {
            let data = sqlx::query_scalar!(
                "select data from file_storage where bank_key = $1 and operation_id = $2 and part = $3",
                lease.bank.0,
                lease.operation_id,
                part
            )
            .fetch_optional(&mut self.session().await?)
            .await?;
            let Some(data) = data else { break };
            file.get_or_insert_with(Vec::new).extend(data);
        }
        Ok(file)
    }

    /// Completes an operation whose outcome is further work, and stores that, both or neither.
    /// Its file is forgotten unless it is to be kept.
    pub async fn hand_on(
        &self,
        lease: OperationLease,
        result: &Value,
        operations: &[NewOperation],
        keeps_file: bool,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // With its bank an operation goes too.
        hold(&mut transaction, lease.bank).await.map_err(|error| match error {
            StoreError::BankVanished => StoreError::LeaseLost,
            error => error,
        })?;
        complete(&mut transaction, lease, result).await?;
        if !keeps_file {
            forget_file(&mut transaction, lease).await?;
        }
        for operation in operations {
            insert(&mut transaction, lease.bank, operation).await?;
        }
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await
    }
}

/// Stores the file that an operation works on.
pub(super) async fn store_file(
    transaction: &mut Session,
    bank: BankKey,
    operation_id: Uuid,
    bytes: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<(), StoreError> {
    for part in 0_i32.. {
        let data = next_part(bytes).await?;
        // An empty file is one that is there.
        if data.is_empty() && part > 0 {
            break;
        }
        sqlx::query!(
            "insert into file_storage (bank_key, operation_id, part, data) values ($1, $2, $3, $4)",
            bank.0,
            operation_id,
            part,
            data
        )
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

/// Forgets the file of an operation, if it has one.
pub(super) async fn forget_file(transaction: &mut Session, lease: OperationLease) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from file_storage where bank_key = $1 and operation_id = $2",
        lease.bank.0,
        lease.operation_id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Forgets a file that was sent to be read, of an operation that is given up. What others work on
/// stays with them: they can be tried again.
pub(super) async fn forget_sent_file(
    transaction: &mut Session,
    lease: OperationLease,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from file_storage f using async_operations o
         where f.bank_key = $1 and f.operation_id = $2 and o.bank_key = $1 and o.operation_id = $2
           and o.operation_type = 'file_convert_retain'",
        lease.bank.0,
        lease.operation_id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// The next part of a file, a full one unless it is the last; empty behind the end.
async fn next_part(bytes: &mut (dyn AsyncRead + Send + Unpin)) -> Result<Vec<u8>, StoreError> {
    let mut part = Vec::new();
    let limit = u64::try_from(PART).unwrap_or(u64::MAX);
    bytes.take(limit).read_to_end(&mut part).await.map_err(StoreError::Unreadable)?;
    Ok(part)
}
