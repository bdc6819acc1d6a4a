//! Reading documents.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{BankKey, Store, StoreError};

/// A document in a listing.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DocumentSummary {
    /// Its id.
    pub document_id: String,
    /// SHA-256 of its text.
    pub content_hash: Vec<u8>,
    /// When it was first written.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// Length of its text in characters.
    pub body_length: i32,
    /// Number of its memories.
    pub memories: i64,
    /// What it was retained with.
    pub retain_params: Option<Value>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether a search matched its id.
    pub id_matched: bool,
    /// Whether a search matched its text.
    pub body_matched: bool,
}

/// A document as stored.
#[derive(Clone, Debug)]
pub struct DocumentRow {
    /// Its id.
    pub document_id: String,
    /// Its text, when texts are kept.
    pub body: Option<String>,
    /// SHA-256 of its text.
    pub content_hash: Vec<u8>,
    /// When it was first written.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// What it was retained with.
    pub retain_params: Option<Value>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Number of its memories by type: world, experience, observation.
    pub memories: [i64; 3],
}

impl Store {
    /// The document of this id.
    pub async fn document(
        &self,
        bank: BankKey,
        document_id: &str,
    ) -> Result<Option<DocumentRow>, StoreError> {
        let row = sqlx::query!(
            r#"select d.document_id, d.body, d.content_hash, d.created_at, d.updated_at, d.retain_params, d.tags,
                 m.world as "world!", m.experience as "experience!", m.observation as "observation!"
               from documents d cross join lateral (
                 select count(*) filter (where fact_type = 1) as world,
                   count(*) filter (where fact_type = 2) as experience,
                   count(*) filter (where fact_type = 3) as observation
                 from memories where bank_key = $1 and document_id = d.document_id
               ) m
               where d.bank_key = $1 and d.document_id = $2"#,
            bank.0,
            document_id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| DocumentRow {
            document_id: row.document_id,
            body: row.body,
            content_hash: row.content_hash,
            created_at: row.created_at,
            updated_at: row.updated_at,
            retain_params: row.retain_params,
            tags: row.tags,
            memories: [row.world, row.experience, row.observation],
        }))
    }
}
