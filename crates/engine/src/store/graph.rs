//! What joins the memories of a graph, and what is told of them: statements over some ids at a
//! time, each by an index.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{BankKey, Store, StoreError};

/// A stored link.
#[derive(Clone, Copy, Debug)]
pub struct StoredLink {
    /// The memory it begins at.
    pub memory_id: Uuid,
    /// The memory it ends at.
    pub other_id: Uuid,
    /// Number of its kind.
    pub kind: i16,
    /// How strong it is, 0 to 1.
    pub weight: f32,
}

/// A memory that mentions an entity.
#[derive(Clone, Debug)]
pub struct Mention {
    /// The memory.
    pub memory_id: Uuid,
    /// The entity.
    pub entity_id: Uuid,
    /// Its name.
    pub name: String,
}

/// What a graph tells of a memory.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct GraphRow {
    pub memory_id: Uuid,
    pub document_id: Option<String>,
    pub chunk_index: Option<i32>,
    pub fact_type: i16,
    pub body: String,
    pub context: Option<String>,
    pub tags: Vec<String>,
    pub occurred_start: Option<DateTime<Utc>>,
    pub occurred_end: Option<DateTime<Utc>>,
    pub mentioned_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub proof_count: i32,
}

impl Store {
    /// The links that begin at these memories, in no order.
    pub async fn links_from(&self, bank: BankKey, memories: &[Uuid]) -> Result<Vec<StoredLink>, StoreError> {
        let links = sqlx::query_as!(
            StoredLink,
            "select memory_id, other_id, kind, weight from memory_links
             where bank_key = $1 and memory_id = any($2)",
            bank.0,
            memories
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(links)
    }

    /// What these memories mention, in no order.
    pub async fn mentions_of(&self, bank: BankKey, memories: &[Uuid]) -> Result<Vec<Mention>, StoreError> {
        let mentions = sqlx::query_as!(
            Mention,
            "select me.memory_id, me.entity_id, e.name from memory_entities me
             join entities e on e.bank_key = $1 and e.entity_id = me.entity_id
             where me.bank_key = $1 and me.memory_id = any($2)",
            bank.0,
            memories
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(mentions)
    }

    /// What a graph tells of these memories, in no order; those deleted meanwhile are missing.
    pub async fn graph_rows(&self, bank: BankKey, memories: &[Uuid]) -> Result<Vec<GraphRow>, StoreError> {
        let rows = sqlx::query_as!(
            GraphRow,
            "select m.memory_id, m.document_id, m.chunk_index, m.fact_type, m.body, m.context, m.tags,
               m.occurred_start, m.occurred_end, m.mentioned_at, m.created_at, s.proof_count
             from memories m join memory_state s on s.bank_key = $1 and s.memory_id = m.memory_id
             where m.bank_key = $1 and m.memory_id = any($2)",
            bank.0,
            memories
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows)
    }
}
