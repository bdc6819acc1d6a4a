//! Banks and their counters.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::session::Session;
use super::{Store, StoreError};

/// Number of a bank inside the database; every statement on its contents names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct BankKey(pub(super) i64);

impl std::fmt::Display for BankKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A bank as stored.
#[derive(Clone, Debug)]
pub struct BankRow {
    /// Its number.
    pub key: BankKey,
    /// Its public name.
    pub bank_id: String,
    /// Label.
    pub name: Option<String>,
    /// Mission of reflect.
    pub mission: Option<String>,
    /// Traits that were set.
    pub disposition: Option<Value>,
    /// Settings of its own.
    pub config: Value,
}

/// A bank in a listing.
#[derive(Clone, Debug)]
pub struct BankSummary {
    /// The bank.
    pub bank: BankRow,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the bank itself last changed.
    pub updated_at: DateTime<Utc>,
    /// Number of memories.
    pub memories: i64,
    /// When one of its documents last changed.
    pub last_document_at: Option<DateTime<Utc>>,
    /// When it was last written to.
    pub last_write_at: DateTime<Utc>,
}

/// Fields of a bank to set; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct BankUpdate {
    /// Label.
    pub name: Option<String>,
    /// Mission of reflect.
    pub mission: Option<String>,
    /// Traits, merged over those that were set before.
    pub disposition: Option<Value>,
    /// Settings, merged over those that were set before.
    pub config: Option<Value>,
}

/// Holds the bank's row until the transaction ends, so that the bank cannot be deleted
/// under a writer. The first lock of every transaction that writes into a bank.
pub(super) async fn hold(transaction: &mut Session, bank: BankKey) -> Result<(), StoreError> {
    let held = sqlx::query_scalar!("select bank_key from banks where bank_key = $1 for key share", bank.0)
        .fetch_optional(&mut *transaction)
        .await?;
    held.map(|_| ()).ok_or(StoreError::BankVanished)
}

impl Store {
    /// The bank of this name.
    pub async fn bank(&self, bank_id: &str) -> Result<Option<BankRow>, StoreError> {
        let bank = sqlx::query_as!(
            BankRow,
            r#"select bank_key as "key: BankKey", bank_id, name, mission, disposition, config
               from banks where bank_id = $1"#,
            bank_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(bank)
    }

    /// Takes all settings of a bank back.
    pub async fn reset_config(&self, bank: BankKey, now: DateTime<Utc>) -> Result<BankRow, StoreError> {
        let mut session = self.session().await?;
        let bank = sqlx::query_as!(
            BankRow,
            r#"update banks set config = '{}'::jsonb, updated_at = $2 where bank_key = $1
               returning bank_key as "key: BankKey", bank_id, name, mission, disposition, config"#,
            bank.0,
            now
        )
        .fetch_optional(&mut session)
        .await?;
        session.end().await?;
        bank.ok_or(StoreError::BankVanished)
    }

    /// Makes the bank when it is missing and sets the given fields, in one transaction.
    pub async fn put_bank(
        &self,
        bank_id: &str,
        update: &BankUpdate,
        now: DateTime<Utc>,
    ) -> Result<BankRow, StoreError> {
        let mut transaction = self.begin().await?;
        let bank = sqlx::query_as!(
            BankRow,
            r#"insert into banks (bank_id, name, mission, disposition, config, created_at, updated_at)
               values ($1, coalesce($2, $1), $3, $4, coalesce($5, '{}'::jsonb), $6, $6)
               on conflict (bank_id) do update set
                 name = coalesce($2, banks.name),
                 mission = coalesce($3, banks.mission),
                 disposition = coalesce(banks.disposition, '{}'::jsonb) || coalesce($4, '{}'::jsonb),
                 config = banks.config || coalesce($5, '{}'::jsonb),
                 updated_at = $6
               returning bank_key as "key: BankKey", bank_id, name, mission, disposition, config"#,
            bank_id,
            update.name,
            update.mission,
            update.disposition.clone().map(Json) as Option<Json<Value>>,
            update.config.clone().map(Json) as Option<Json<Value>>,
            now
        )
        .fetch_one(&mut transaction)
        .await?;
        sqlx::query!("insert into bank_state (bank_key) values ($1) on conflict do nothing", bank.key.0)
            .execute(&mut transaction)
            .await?;
        transaction.end().await?;
        Ok(bank)
    }

    /// One page of banks, the last written first, and the number of all that match.
    ///
    /// `search` is a part of the id or the label, in any case.
    pub async fn banks(
        &self,
        search: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<BankSummary>, i64), StoreError> {
        let search = search.map(str::to_lowercase);
        let rows = sqlx::query!(
            r#"select b.bank_key, b.bank_id, b.name, b.mission, b.disposition, b.config, b.created_at,
                 b.updated_at, coalesce(s.memories, 0) as "memories!",
                 (select max(d.updated_at) from documents d where d.bank_key = b.bank_key) as last_document_at,
                 greatest(b.updated_at, s.last_write_at) as "last_write_at!"
               from banks b left join bank_state s on s.bank_key = b.bank_key
               where $1::text is null or strpos(lower(b.bank_id), $1) > 0 or strpos(lower(b.name), $1) > 0
               order by 11 desc, b.bank_key desc limit $2 offset $3"#,
            search,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let total = sqlx::query_scalar!(
            r#"select count(*) as "count!" from banks b
               where $1::text is null or strpos(lower(b.bank_id), $1) > 0 or strpos(lower(b.name), $1) > 0"#,
            search
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let banks = rows.into_iter().map(|row| BankSummary {
            bank: BankRow {
                key: BankKey(row.bank_key),
                bank_id: row.bank_id,
                name: row.name,
                mission: row.mission,
                disposition: row.disposition,
                config: row.config,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
            memories: row.memories,
            last_document_at: row.last_document_at,
            last_write_at: row.last_write_at,
        });
        Ok((banks.collect(), total))
    }
}
