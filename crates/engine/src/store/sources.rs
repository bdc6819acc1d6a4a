//! The facts behind an observation.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{BankKey, Store, StoreError};

/// A fact behind an observation.
#[derive(Clone, Debug)]
pub struct SourceRow {
    /// Its id.
    pub memory_id: Uuid,
    /// Its text.
    pub body: String,
    /// Number of its type.
    pub fact_type: i16,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
}

impl Store {
    /// The facts with these ids, in their order.
    pub async fn sources(&self, bank: BankKey, ids: &[Uuid]) -> Result<Vec<SourceRow>, StoreError> {
        let sources = sqlx::query_as!(
            SourceRow,
            "select m.memory_id, m.body, m.fact_type, m.context, m.occurred_start, m.mentioned_at
             from unnest($2::uuid[]) with ordinality u(memory_id, place)
             join memories m on m.bank_key = $1 and m.memory_id = u.memory_id
             order by u.place",
            bank.0,
            ids
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(sources)
    }
}
