//! Counts over a bank: those that change only when it is written to, and those of now.

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
    /// Links between memories of a type within a day, each with at most so many of the next ones
    /// as were asked for; they are derived when asked for, not stored.
    pub temporal_links: i64,
    /// The same between memories that share an entity.
    pub entity_links: i64,
    /// Facts whose way into observations failed.
    pub failed: i64,
    /// When facts last went into observations.
    pub last_consolidated_at: Option<DateTime<Utc>>,
}

/// What goes on in a bank.
#[derive(Clone, Debug)]
pub struct BankState {
    /// Changes whenever memories, documents or what is known of them are written.
    pub version: i64,
    /// Operations by status.
    pub operations: Vec<(String, i64)>,
    /// Facts that wait to go into observations.
    pub pending: i64,
    /// When memories were last written.
    pub last_write_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Facts that a filter lets through and that wait to go into observations; counted up to
    /// `most`.
    pub async fn pending_facts(&self, bank: BankKey, tags: &TagFilter, most: i64) -> Result<i64, StoreError> {
        count_pending(&mut self.session().await?, bank, tags, most).await
    }

    /// What goes on in a bank, by indexes alone.
    pub async fn bank_state(&self, bank: BankKey) -> Result<BankState, StoreError> {
        let mut session = self.session().await?;
        // Every writer changes the row: who wrote it last tells whether anything is new.
        let row = sqlx::query!(
            r#"select s.xmin::text::bigint as "version!", s.last_write_at,
                 (select count(*) from memory_state where bank_key = $1 and consolidated_at is null
                    and consolidation_failed_at is null) as "pending!"
               from bank_state s where s.bank_key = $1"#,
            bank.0
        )
        .fetch_optional(&mut session)
        .await?
        .ok_or(StoreError::BankVanished)?;
        let operations = sqlx::query!(
            r#"select status, count(*) as "count!" from async_operations where bank_key = $1
               group by status order by status"#,
            bank.0
        )
        .fetch_all(&mut session)
        .await?;
        Ok(BankState {
            version: row.version,
            operations: operations.into_iter().map(|row| (row.status, row.count)).collect(),
            pending: row.pending,
            last_write_at: row.last_write_at,
        })
    }

    /// Counts what a bank holds; derived links go to at most `neighbours` of the next memories.
    pub async fn stats(&self, bank: BankKey, neighbours: i64) -> Result<BankStats, StoreError> {
        let mut session = self.session().await?;
        let row = sqlx::query!(
            r#"select m.world as "world!", m.experience as "experience!", m.observation as "observation!",
                 m.failed as "failed!", m.last_consolidated_at,
                 (select count(*) from documents where bank_key = $1) as "documents!",
                 -- Of n in a row each has the next ones, the last ones fewer.
                 (select coalesce(sum(case when n <= $2 then n * (n - 1) / 2
                                           else $2 * n - $2 * ($2 + 1) / 2 end), 0)::bigint
                    from (select mentions::bigint as n from entity_stats where bank_key = $1 and mentions > 1) e)
                   as "entity_links!"
               from (
                 select count(*) filter (where m.fact_type = 1) as world,
                   count(*) filter (where m.fact_type = 2) as experience,
                   count(*) filter (where m.fact_type = 3) as observation,
                   count(*) filter (where s.consolidation_failed_at is not null) as failed,
                   max(s.consolidated_at) as last_consolidated_at
                 from memories m join memory_state s on s.bank_key = $1 and s.memory_id = m.memory_id
                 where m.bank_key = $1
               ) m"#,
            bank.0,
            neighbours
        )
        .fetch_one(&mut session)
        .await?;
        let temporal_links = sqlx::query_scalar!(
            // How many there are until a day later, but for those until now: in one pass over the times.
            r#"select coalesce(sum(least(until_later - until_now, $2)), 0)::bigint as "links!" from (
                 select count(*) over (partition by fact_type order by event_at
                     range between unbounded preceding and interval '1 day' following) as until_later,
                   row_number() over (partition by fact_type order by event_at) as until_now
                 from memory_vectors where bank_key = $1 and event_at is not null
               ) v"#,
            bank.0,
            neighbours
        )
        .fetch_one(&mut session)
        .await?;
        let links = sqlx::query!(
            r#"select kind, count(*) as "count!" from memory_links where bank_key = $1 group by kind order by kind"#,
            bank.0
        )
        .fetch_all(&mut session)
        .await?;
        Ok(BankStats {
            memories: [row.world, row.experience, row.observation],
            documents: row.documents,
            links: links.into_iter().map(|row| (row.kind, row.count)).collect(),
            temporal_links,
            entity_links: row.entity_links,
            failed: row.failed,
            last_consolidated_at: row.last_consolidated_at,
        })
    }
}
