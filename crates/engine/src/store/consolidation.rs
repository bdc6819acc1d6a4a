//! Facts that wait to go into observations, and the runs that take them there.
//!
//! Whoever makes facts wait requests a run in the same transaction, behind its statistics: the
//! lock of the bank's counters lets only one such writer of a bank be there at a time, so that
//! two of them never request two runs. A run that is pending already is held until the writer
//! ends; a worker passes over it until then, and so never begins before the facts can be seen.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::banks::hold;
use super::operations::{NewOperation, OperationSignal, complete, insert, wake};
use super::session::Session;
use super::{BankKey, BankRow, OperationLease, Store, StoreError};

/// The type of a run's operation.
pub(crate) const CONSOLIDATION: &str = "consolidation";
/// What runs of a bank stand in line by. No document is called that: names have no such character.
const LINE: &str = "\u{1f}consolidation";

/// What holds for banks that do not say whether facts go into observations, and whether they go
/// by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsolidationDefaults {
    /// Whether there are observations.
    pub observations: bool,
    /// Whether they are made without being asked for.
    pub automatic: bool,
}

/// A fact that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingFact {
    /// Its id.
    pub memory_id: Uuid,
    /// Its text.
    pub body: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Scopes that were asked for its observations; none = those of the bank.
    pub observation_scopes: Option<Value>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
}

fn run(automatic: bool, scopes: Option<&Value>) -> NewOperation {
    NewOperation {
        operation_id: Uuid::now_v7(),
        parent_id: None,
        operation_type: CONSOLIDATION,
        serialization_key: Some(LINE.to_owned()),
        payload: Some(json!({"automatic": automatic, "observation_scopes": scopes})),
        result: json!({}),
    }
}

/// Requests a run over everything that waits in a bank, unless one is pending or the bank wants
/// none by itself. Not before the statistics of the transaction are written.
///
/// Without `defaults` nobody could do it.
pub(super) async fn request(
    transaction: &mut Session,
    bank: BankKey,
    defaults: Option<ConsolidationDefaults>,
) -> Result<(), StoreError> {
    let Some(defaults) = defaults else { return Ok(()) };
    let new = run(true, None);
    let requested = sqlx::query_scalar!(
        "with pending as (
           select operation_id from async_operations
           where bank_key = $1 and operation_type = 'consolidation' and status = 'pending'
             and payload -> 'observation_scopes' = 'null'
           order by created_at limit 1 for key share skip locked
         )
         insert into async_operations (bank_key, operation_id, operation_type, status, serialization_key, payload,
           result, created_at, updated_at)
         select $1, $2, 'consolidation', 'pending', $3, $4, '{}', now(), now() from banks
         where bank_key = $1 and not exists (select from pending)
           and case when $5 then config -> 'enable_observations' is distinct from 'false'
                else config -> 'enable_observations' is not distinct from 'true' end
           and case when $6 then config -> 'enable_auto_consolidation' is distinct from 'false'
                else config -> 'enable_auto_consolidation' is not distinct from 'true' end
         returning operation_id",
        bank.0,
        new.operation_id,
        LINE,
        new.payload,
        defaults.observations,
        defaults.automatic
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if requested.is_some() {
        wake(transaction, OperationSignal::Work).await?;
    }
    Ok(())
}

/// Lets nobody else request runs for a bank, or write into it, until the transaction ends.
async fn lock_requests(transaction: &mut Session, bank: BankKey) -> Result<(), StoreError> {
    hold(transaction, bank).await?;
    sqlx::query_scalar!("select bank_key from bank_state where bank_key = $1 for update", bank.0)
        .fetch_optional(&mut *transaction)
        .await?;
    Ok(())
}

impl Store {
    /// The same store, with which runs are requested for facts that are made to wait.
    #[must_use]
    pub fn with_consolidation(self, defaults: ConsolidationDefaults) -> Self {
        Self { consolidation: Some(defaults), ..self }
    }

    /// Requests a run that somebody asked for: over everything, or over facts with all tags of one
    /// of these scopes. Returns its id, and whether it was pending already.
    pub async fn submit_consolidation(
        &self,
        bank: BankKey,
        scopes: Option<&Value>,
    ) -> Result<(Uuid, bool), StoreError> {
        let mut transaction = self.begin().await?;
        lock_requests(&mut transaction, bank).await?;
        if scopes.is_none() {
            // One that began by itself is from now on one that was asked for, and one that was put off
            // goes on now.
            let pending = sqlx::query_scalar!(
                r#"update async_operations set payload = payload || '{"automatic": false}',
                     run_after = null, updated_at = now()
                   where bank_key = $1 and operation_id = (
                     select operation_id from async_operations
                     where bank_key = $1 and operation_type = 'consolidation' and status = 'pending'
                       and payload -> 'observation_scopes' = 'null'
                     order by created_at limit 1 for update skip locked
                   ) returning operation_id"#,
                bank.0
            )
            .fetch_optional(&mut transaction)
            .await?;
            if let Some(pending) = pending {
                wake(&mut transaction, OperationSignal::Work).await?;
                transaction.end().await?;
                return Ok((pending, true));
            }
        }
        let new = run(false, scopes);
        insert(&mut transaction, bank, &new).await?;
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok((new.operation_id, false))
    }

    /// Notes a run that had nothing to do, with its result.
    pub async fn record_consolidation(&self, bank: BankKey, result: &Value) -> Result<Uuid, StoreError> {
        let new = run(false, None);
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        sqlx::query!(
            "insert into async_operations (bank_key, operation_id, operation_type, status, payload, result,
               created_at, updated_at, completed_at)
             values ($1, $2, 'consolidation', 'completed', $3, $4, now(), now(), now())",
            bank.0,
            new.operation_id,
            new.payload,
            result
        )
        .execute(&mut transaction)
        .await?;
        transaction.end().await?;
        Ok(new.operation_id)
    }

    /// Requests a run in the background, unless one is pending.
    pub async fn request_consolidation(&self, bank: BankKey) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        lock_requests(&mut transaction, bank).await?;
        request(&mut transaction, bank, self.consolidation).await?;
        transaction.end().await
    }

    /// Completes a run, and requests the next one that goes on where it ends, if there is to be
    /// one: with these scopes, by itself or not.
    pub async fn finish_consolidation(
        &self,
        lease: OperationLease,
        result: &Value,
        next: Option<(bool, Option<&Value>)>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        lock_requests(&mut transaction, lease.bank).await?;
        match next {
            Some((true, None)) => request(&mut transaction, lease.bank, self.consolidation).await?,
            Some((automatic, scopes)) => {
                insert(&mut transaction, lease.bank, &run(automatic, scopes)).await?;
            }
            None => {}
        }
        complete(&mut transaction, lease, result).await?;
        transaction.end().await
    }

    /// The oldest facts of a bank that wait, but for some; `scopes` as in
    /// [`submit_consolidation`](Self::submit_consolidation).
    pub async fn waiting_facts(
        &self,
        bank: BankKey,
        scopes: Option<&Value>,
        without: &[Uuid],
        limit: i64,
    ) -> Result<Vec<WaitingFact>, StoreError> {
        let facts = sqlx::query_as!(
            WaitingFact,
            "select m.memory_id, m.body, m.tags, m.observation_scopes, m.occurred_start, m.occurred_end,
               m.mentioned_at
             from memory_state s cross join lateral (
               select * from memories where bank_key = $1 and memory_id = s.memory_id offset 0
             ) m
             where s.bank_key = $1 and s.consolidated_at is null and s.consolidation_failed_at is null
               and m.fact_type < 3 and s.memory_id <> all($3)
               and ($2::jsonb is null or exists (
                 select from jsonb_array_elements($2) scope
                 where m.tags @> array(select jsonb_array_elements_text(scope))))
             order by s.memory_id limit $4",
            bank.0,
            scopes,
            without,
            limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(facts)
    }

    /// Number of facts of a bank that wait, 10,001 if there are more; `scopes` as in
    /// [`waiting_facts`](Self::waiting_facts).
    pub async fn count_waiting(&self, bank: BankKey, scopes: Option<&Value>) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"select count(*) as "count!" from (
                 select from memory_state s join memories m on m.bank_key = $1 and m.memory_id = s.memory_id
                 where s.bank_key = $1 and s.consolidated_at is null and s.consolidation_failed_at is null
                   and m.fact_type < 3
                   and ($2::jsonb is null or exists (
                     select from jsonb_array_elements($2) scope
                     where m.tags @> array(select jsonb_array_elements_text(scope))))
                 limit 10001
               ) waiting"#,
            bank.0,
            scopes
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(count)
    }

    /// Lets the facts wait again that a model could not make anything of, and requests a run for
    /// them. Returns their number.
    pub async fn recover_consolidation(&self, bank: BankKey) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        let recovered = sqlx::query!(
            "with failed as (
               select memory_id from memory_state
               where bank_key = $1 and consolidation_failed_at is not null order by memory_id for update
             )
             update memory_state s set consolidated_at = null, consolidation_failed_at = null
             from failed where s.bank_key = $1 and s.memory_id = failed.memory_id",
            bank.0
        )
        .execute(&mut transaction)
        .await?;
        if recovered.rows_affected() > 0 {
            lock_requests(&mut transaction, bank).await?;
            // Another version of the bank: counts of the one before count no more.
            sqlx::query!("update bank_state set last_write_at = last_write_at where bank_key = $1", bank.0)
                .execute(&mut transaction)
                .await?;
            request(&mut transaction, bank, self.consolidation).await?;
        }
        transaction.end().await?;
        Ok(i64::try_from(recovered.rows_affected()).unwrap_or(i64::MAX))
    }

    /// Banks with facts that wait, and without a run to come or under way.
    pub async fn banks_to_consolidate(&self) -> Result<Vec<BankRow>, StoreError> {
        // From bank to bank: to look at every fact that waits would take long where many do.
        let rows = sqlx::query!(
            r#"with recursive q(bank_key) as (
                 (select bank_key from memory_state
                  where consolidated_at is null and consolidation_failed_at is null order by bank_key limit 1)
                 union all
                 select (select s.bank_key from memory_state s
                         where s.consolidated_at is null and s.consolidation_failed_at is null
                           and s.bank_key > q.bank_key order by s.bank_key limit 1)
                 from q where q.bank_key is not null
               )
               select b.bank_key, b.bank_id, b.name, b.mission, b.disposition, b.config
               from q join banks b on b.bank_key = q.bank_key
               where not exists (select from async_operations o where o.bank_key = b.bank_key
                 and o.operation_type = 'consolidation' and o.status in ('pending', 'processing'))"#
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| BankRow {
                key: BankKey(row.bank_key),
                bank_id: row.bank_id,
                name: row.name,
                mission: row.mission,
                disposition: row.disposition,
                config: row.config,
            })
            .collect())
    }
}
