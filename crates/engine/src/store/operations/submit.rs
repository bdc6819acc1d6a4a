//! Handing work over.

use serde_json::Value;
use uuid::Uuid;

use super::{OperationSignal, wake};
use crate::store::banks::hold;
use crate::store::files::store_file;
use crate::store::session::Session;
use crate::store::{BankKey, Store, StoreError};

/// An operation to hand over.
#[derive(Clone, Debug)]
pub struct NewOperation {
    /// Its id.
    pub operation_id: Uuid,
    /// The operation it is a part of.
    pub parent_id: Option<Uuid>,
    /// What it does.
    pub operation_type: &'static str,
    /// What it works on: operations on one thing run one at a time, in the order of their arrival.
    pub serialization_key: Option<String>,
    /// What a worker needs; none for a parent.
    pub payload: Option<Value>,
    /// What is known of it from the beginning, an object.
    pub result: Value,
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submission {
    /// It is stored durably.
    New,
    /// The same id was handed over before, to the same bank, with work of the same type.
    Known,
    /// The id belongs to other work.
    Taken,
}

impl Store {
    /// Stores operations, all or none. The first one's id decides whether they are new.
    pub async fn submit(&self, bank: BankKey, operations: &[NewOperation]) -> Result<Submission, StoreError> {
        self.submit_with_files(bank, operations, &[]).await
    }

    /// The same with the bytes that some of them work on, by their ids.
    pub async fn submit_with_files(
        &self,
        bank: BankKey,
        operations: &[NewOperation],
        files: &[(Uuid, Vec<u8>)],
    ) -> Result<Submission, StoreError> {
        let Some(first) = operations.first() else { return Ok(Submission::New) };
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        // Two submissions of one id at once: the second waits here and then finds the first.
        sqlx::query_scalar!(
            r#"select pg_advisory_xact_lock(hashtextextended($1::text, 0)) as "locked!: ()""#,
            first.operation_id.to_string()
        )
        .fetch_one(&mut transaction)
        .await?;
        let known = sqlx::query!(
            "select bank_key, operation_type from async_operations where operation_id = $1",
            first.operation_id
        )
        .fetch_optional(&mut transaction)
        .await?;
        if let Some(known) = known {
            let is_same = known.bank_key == bank.0 && known.operation_type == first.operation_type;
            return Ok(if is_same { Submission::Known } else { Submission::Taken });
        }
        for operation in operations {
            insert(&mut transaction, bank, operation).await?;
        }
        for (operation_id, bytes) in files {
            store_file(&mut transaction, bank, *operation_id, &mut bytes.as_slice()).await?;
        }
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok(Submission::New)
    }
}

/// Writes an operation that is to be done.
pub(in crate::store) async fn insert(
    transaction: &mut Session,
    bank: BankKey,
    operation: &NewOperation,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into async_operations (bank_key, operation_id, parent_id, operation_type, status,
           serialization_key, payload, result, created_at, updated_at)
         values ($1, $2, $3, $4, 'pending', $5, $6, $7, now(), now())",
        bank.0,
        operation.operation_id,
        operation.parent_id,
        operation.operation_type,
        operation.serialization_key,
        operation.payload,
        operation.result
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}
