//! What language models have answered, until the documents it is for are written.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{BankKey, Store, StoreError};
use crate::retain::Extraction;

impl Store {
    /// What is kept under this key.
    pub(crate) async fn extraction(
        &self,
        bank: BankKey,
        key: &[u8],
    ) -> Result<Option<Extraction>, StoreError> {
        let facts = sqlx::query_scalar!(
            "select facts from extractions where bank_key = $1 and key = $2",
            bank.0,
            key
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        // What an older version has written in another form counts as not there.
        Ok(facts.and_then(|facts| serde_json::from_value(facts).ok()))
    }

    /// Keeps an answer. A bank that is gone keeps nothing.
    pub(crate) async fn keep_extraction(
        &self,
        bank: BankKey,
        key: &[u8],
        extraction: &Extraction,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        sqlx::query!(
            "insert into extractions (bank_key, key, facts, created_at)
             select bank_key, $2, $3, $4 from banks where bank_key = $1 for key share
             on conflict (bank_key, key) do update set facts = excluded.facts, created_at = excluded.created_at",
            bank.0,
            key,
            Json(extraction) as _,
            now
        )
        .execute(&mut session)
        .await?;
        session.end().await
    }

    /// Removes answers whose documents are written.
    pub(crate) async fn forget_extractions(&self, bank: BankKey, keys: &[Vec<u8>]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        sqlx::query!(
            "delete from extractions where bank_key = $1 and key in (
               select key from extractions where bank_key = $1 and key = any($2) order by key for update)",
            bank.0,
            keys
        )
        .execute(&mut session)
        .await?;
        session.end().await
    }

    /// Removes what was kept before `before` and never used, in all banks. Returns its number.
    pub(crate) async fn sweep_extractions(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut session = self.session().await?;
        let swept = sqlx::query!("delete from extractions where created_at < $1", before)
            .execute(&mut session)
            .await?
            .rows_affected();
        session.end().await?;
        Ok(swept)
    }
}
