//! Working: claim, keep, note progress, end.

use std::time::Duration;

use hindsight_types::retain::TokenUsage;
use serde_json::Value;
use uuid::Uuid;

use super::{OperationEnd, OperationLease, OperationSignal, fail, lock_parent, settle_parent, wake};
use crate::store::banks::hold;
use crate::store::files::forget_sent_file;
use crate::store::{BankKey, Store, StoreError};

/// An operation to work on.
#[derive(Clone, Debug)]
pub struct ClaimedOperation {
    /// The right to do so.
    pub lease: OperationLease,
    /// Public name of its bank.
    pub bank_id: String,
    /// What it does.
    pub operation_type: String,
    /// What is needed for that.
    pub payload: Value,
    /// Number of this attempt, from 1.
    pub attempt: i32,
    /// What language models were paid in the attempts before.
    pub usage: TokenUsage,
}

impl Store {
    /// Claims up to `limit` operations of these types for a worker, each under a lease.
    ///
    /// Banks take turns: an operation waits for as many of other banks as its own bank has before
    /// it, at work or in line. Operations on one thing come one at a time, in order; an operation
    /// whose worker let its lease run out comes again.
    pub async fn claim_operations(
        &self,
        worker: &str,
        types: &[String],
        lease: Duration,
        limit: i64,
    ) -> Result<Vec<ClaimedOperation>, StoreError> {
        let mut session = self.session().await?;
        let rows = sqlx::query!(
            r#"with recursive busy_banks as (
                 (select bank_key from async_operations
                  where status in ('pending', 'processing') and payload is not null
                  order by bank_key limit 1)
                 union all
                 select (select o.bank_key from async_operations o
                         where o.status in ('pending', 'processing') and o.payload is not null
                           and o.bank_key > busy_banks.bank_key
                         order by o.bank_key limit 1)
                 from busy_banks where busy_banks.bank_key is not null
               ), ready as (
                 select busy_banks.bank_key, o.operation_id, o.created_at, busy.n + o.place turn
                 from busy_banks cross join lateral (
                   select count(*) n from async_operations
                   where bank_key = busy_banks.bank_key and status = 'processing' and payload is not null
                     and lease_until >= now()
                 ) busy cross join lateral (
                   select r.operation_id, r.created_at,
                     row_number() over (order by r.created_at, r.operation_id) place
                   from (
                     select o.operation_id, o.created_at from async_operations o
                     where o.bank_key = busy_banks.bank_key and o.payload is not null
                       and o.operation_type = any($1)
                       and (o.status = 'pending' and (o.run_after is null or o.run_after <= now())
                         or o.status = 'processing' and o.lease_until < now())
                       and not exists (
                         select 1 from async_operations e
                         where e.bank_key = o.bank_key and e.serialization_key = o.serialization_key
                           and e.status in ('pending', 'processing') and e.operation_id <> o.operation_id
                           and (e.status = 'processing' and e.lease_until >= now()
                             or (e.created_at, e.operation_id) < (o.created_at, o.operation_id))
                       )
                     order by o.created_at, o.operation_id limit $2
                   ) r
                 ) o
                 where busy_banks.bank_key is not null
               ), taken as (
                 select o.bank_key, o.operation_id
                 from ready join async_operations o using (bank_key, operation_id)
                 where o.status = 'pending' or o.status = 'processing' and o.lease_until < now()
                 order by ready.turn, ready.created_at, o.operation_id
                 limit $2 for update of o skip locked
               )
               update async_operations o
               set status = 'processing', fence = fence + 1, attempts = attempts + 1, worker_id = $3,
                 lease_until = now() + make_interval(secs => $4), run_after = null, updated_at = now()
               from taken join banks b on b.bank_key = taken.bank_key
               where o.bank_key = taken.bank_key and o.operation_id = taken.operation_id
               returning o.bank_key, b.bank_id, o.operation_id, o.operation_type, o.payload as "payload!", o.fence,
                 o.attempts, o.parent_id, o.result -> 'usage' as usage"#,
            types,
            limit,
            worker,
            lease.as_secs_f64()
        )
        .fetch_all(&mut session)
        .await?;
        session.end().await?;
        let mut parents: Vec<(i64, Uuid)> =
            rows.iter().filter_map(|row| Some((row.bank_key, row.parent_id?))).collect();
        parents.sort_unstable();
        parents.dedup();
        for (bank, parent) in parents {
            // What was claimed is worked on all the same.
            if let Err(error) = self.begin_parent(BankKey(bank), parent).await {
                tracing::warn!(%error, "an operation does not show yet that it has begun");
            }
        }
        let claimed = rows.into_iter().map(|row| ClaimedOperation {
            lease: OperationLease {
                bank: BankKey(row.bank_key),
                operation_id: row.operation_id,
                fence: row.fence,
            },
            bank_id: row.bank_id,
            operation_type: row.operation_type,
            payload: row.payload,
            attempt: row.attempts,
            usage: row.usage.and_then(|usage| serde_json::from_value(usage).ok()).unwrap_or_default(),
        });
        Ok(claimed.collect())
    }

    /// Says that work on a part of it has begun. In a transaction of its own: claims lock parts
    /// before they could lock their parents.
    async fn begin_parent(&self, bank: BankKey, parent_id: Uuid) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        sqlx::query!(
            "update async_operations set status = 'processing', updated_at = now()
             where bank_key = $1 and operation_id = $2 and status = 'pending'",
            bank.0,
            parent_id
        )
        .execute(&mut session)
        .await?;
        session.end().await
    }

    /// Keeps a lease and notes how far the work has come; false when it is another's by now, or
    /// the operation was called off.
    pub async fn keep_operation(
        &self,
        lease: OperationLease,
        duration: Duration,
        progress: Option<&Value>,
    ) -> Result<bool, StoreError> {
        let mut session = self.session().await?;
        let kept = sqlx::query!(
            "update async_operations set lease_until = now() + make_interval(secs => $4),
               progress = coalesce($5, progress), updated_at = now()
             where bank_key = $1 and operation_id = $2 and fence = $3 and status = 'processing'",
            lease.bank.0,
            lease.operation_id,
            lease.fence,
            duration.as_secs_f64(),
            progress
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(kept.rows_affected() > 0)
    }

    /// Ends an attempt; `result` is what came of it all the same, and merged over what was known.
    /// Does nothing when the lease is another's by now; returns whether it was still ours.
    pub async fn end_attempt(
        &self,
        lease: OperationLease,
        end: &OperationEnd,
        result: &Value,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        match hold(&mut transaction, lease.bank).await {
            Err(StoreError::BankVanished) => return Ok(false),
            held => held?,
        }
        let parent = lock_parent(&mut transaction, lease.bank, lease.operation_id).await?;
        let ended = match end {
            OperationEnd::Failed { error } => fail(&mut transaction, lease, error, result).await?,
            OperationEnd::Again { after, error, counts } => {
                let put_back = sqlx::query!(
                "update async_operations set status = 'pending', error = coalesce($4, error), run_after = now() + make_interval(secs => $5),
                       attempts = attempts - case when $6 then 0 else 1 end, lease_until = null,
                       result = coalesce(result, '{}') || $7, updated_at = now()
                     where bank_key = $1 and operation_id = $2 and fence = $3 and status = 'processing'",
                lease.bank.0,
                lease.operation_id,
                lease.fence,
                error.as_deref(),
                after.as_secs_f64(),
                counts,
                result
            )
                .execute(&mut transaction)
                .await?;
                put_back.rows_affected() > 0
            }
        };
        if !ended {
            return Ok(false);
        }
        if matches!(end, OperationEnd::Failed { .. }) {
            forget_sent_file(&mut transaction, lease).await?;
        }
        if let Some(parent) = parent {
            settle_parent(&mut transaction, lease.bank, parent).await?;
        }
        // What stood in line behind it may be next.
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok(true)
    }
}
