//! Counts over a bank.

use chrono::{DateTime, Utc};

use super::dynamic::{TagFilter, count_pending};
use super::{BankKey, Store, StoreError};

/// What a bank holds.
#[derive(Clone, Debug)]
pub struct BankStats {
    /// Number of its memories by type: world, experience, observation.
    pub memories: [i64; 3],
    /// Number of its documents.
    pub documents: i64,
    /// Stored links by number of their kind.
    pub links: Vec<(i16, i64)>,
    /// Links between memories that share an entity, each with at most the next ten; they
    /// are derived when asked for, not stored.
    pub entity_links: i64,
    /// Operations by status.
    pub operations: Vec<(String, i64)>,
    /// Facts that wait to go into observations.
    pub pending: i64,
    /// Facts whose way into observations failed.
    pub failed: i64,
    /// When facts last went into observations.
    pub last_consolidated_at: Option<DateTime<Utc>>,
    /// When memories were last written.
    pub last_write_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Facts that a filter lets through and that wait to go into observations; counted up to
    /// `most`.
    pub async fn pending_facts(&self, bank: BankKey, tags: &TagFilter, most: i64) -> Result<i64, StoreError> {
        count_pending(&mut self.session().await?, bank, tags, most).await
    }

    /// Counts what a bank holds.
    pub async fn stats(&self, bank: BankKey) -> Result<BankStats, StoreError> {
        let row = sqlx::query!(
            r#"select m.world as "world!", m.experience as "experience!", m.observation as "observation!",
                 m.pending as "pending!", m.failed as "failed!", m.last_consolidated_at,
                 (select count(*) from documents where bank_key = $1) as "documents!",
                 (select coalesce(sum(case when mentions <= 11 then mentions::bigint * (mentions - 1) / 2
                                           else 10 * mentions::bigint - 55 end), 0)::bigint
                    from entity_stats where bank_key = $1 and mentions > 1) as "entity_links!",
                 (select last_write_at from bank_state where bank_key = $1) as last_write_at
               from (
                 select count(*) filter (where m.fact_type = 1) as world,
                   count(*) filter (where m.fact_type = 2) as experience,
                   count(*) filter (where m.fact_type = 3) as observation,
                   count(*) filter (where m.fact_type < 3 and s.consolidated_at is null
                                      and s.consolidation_failed_at is null) as pending,
                   count(*) filter (where m.fact_type < 3 and s.consolidation_failed_at is not null) as failed,
                   max(s.consolidated_at) as last_consolidated_at
                 from memories m join memory_state s on s.bank_key = $1 and s.memory_id = m.memory_id
                 where m.bank_key = $1
               ) m"#,
            bank.0
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let links = sqlx::query!(
            r#"select kind, count(*) as "count!" from memory_links where bank_key = $1 group by kind order by kind"#,
            bank.0
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let operations = sqlx::query!(
            r#"select status, count(*) as "count!" from async_operations where bank_key = $1
               group by status order by status"#,
            bank.0
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(BankStats {
            memories: [row.world, row.experience, row.observation],
            documents: row.documents,
            links: links.into_iter().map(|row| (row.kind, row.count)).collect(),
            entity_links: row.entity_links,
            operations: operations.into_iter().map(|row| (row.status, row.count)).collect(),
            pending: row.pending,
            failed: row.failed,
            last_consolidated_at: row.last_consolidated_at,
            last_write_at: row.last_write_at,
        })
    }
}
