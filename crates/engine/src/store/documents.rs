//! Reading documents.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::stored::{PartRecord, part_records};
use super::versions::{spans, unknown_part};
use super::{BankKey, Store, StoreError};
use crate::retain::body::Body;

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

/// A document by the items it was retained as.
#[derive(Clone, Debug)]
pub struct DocumentItems {
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// Its items in order; none when texts are not kept.
    pub items: Option<Vec<DocumentItem>>,
}

/// An item of a stored document.
#[derive(Clone, Debug)]
pub struct DocumentItem {
    /// Its text.
    pub text: String,
    /// When it was said; `None` = undated.
    pub said_at: Option<DateTime<Utc>>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it was retained with.
    pub params: Map<String, Value>,
}

/// A chunk of a document with its time.
#[derive(Clone, Debug)]
pub struct StoredChunk {
    /// Its place in the document.
    pub chunk_index: i32,
    /// Its text.
    pub body: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// What stands at the end of a document.
#[derive(Clone, Debug)]
pub struct LastChunk {
    /// Its text.
    pub body: String,
    /// Where it comes from, in the caller's words.
    pub context: Option<String>,
}

impl Store {
    /// One page of a document's chunks in order and the number of all; `None` when there is
    /// no such document.
    pub async fn document_chunks(
        &self,
        bank: BankKey,
        document_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<Option<(Vec<StoredChunk>, i64)>, StoreError> {
        let total = sqlx::query_scalar!(
            r#"select (select count(*) from chunks c where c.bank_key = $1 and c.document_id = $2) as "total!"
               from documents d where d.bank_key = $1 and d.document_id = $2"#,
            bank.0,
            document_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        let Some(total) = total else {
            return Ok(None);
        };
        let chunks = sqlx::query_as!(
            StoredChunk,
            "select chunk_index, body, created_at from chunks where bank_key = $1 and document_id = $2
             order by chunk_index limit $3 offset $4",
            bank.0,
            document_id,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(Some((chunks, total)))
    }

    /// The texts of a document's chunks in order, where texts are kept.
    pub async fn chunk_bodies(&self, bank: BankKey, document_id: &str) -> Result<Vec<String>, StoreError> {
        let bodies = sqlx::query_scalar!(
            "select body from chunks where bank_key = $1 and document_id = $2 and body <> '' order by chunk_index",
            bank.0,
            document_id
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(bodies)
    }

    /// The last chunk of a document, where texts are kept, with the context of its item.
    pub async fn last_chunk(
        &self,
        bank: BankKey,
        document_id: &str,
    ) -> Result<Option<LastChunk>, StoreError> {
        let last = sqlx::query_as!(
            LastChunk,
            "select c.body, coalesce(d.parts -> c.part -> 'params', d.retain_params) ->> 'context' as context
             from documents d join chunks c on c.bank_key = d.bank_key and c.document_id = d.document_id
             where d.bank_key = $1 and d.document_id = $2 and c.body <> ''
             order by c.chunk_index desc limit 1",
            bank.0,
            document_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(last)
    }

    /// One chunk of a document.
    pub async fn chunk(
        &self,
        bank: BankKey,
        document_id: &str,
        chunk_index: i32,
    ) -> Result<Option<StoredChunk>, StoreError> {
        let chunk = sqlx::query_as!(
            StoredChunk,
            "select chunk_index, body, created_at from chunks
             where bank_key = $1 and document_id = $2 and chunk_index = $3",
            bank.0,
            document_id,
            chunk_index
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(chunk)
    }

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
        .fetch_optional(&mut self.session().await?)
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

    /// The document of this id by its items.
    pub async fn document_items(
        &self,
        bank: BankKey,
        document_id: &str,
    ) -> Result<Option<DocumentItems>, StoreError> {
        let row = sqlx::query!(
            "select accepted, body, updated_at, retain_params, tags, parts from documents
             where bank_key = $1 and document_id = $2",
            bank.0,
            document_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut parts = part_records(row.parts, row.accepted);
        let items = row.body.map(|text| {
            let body = Body::stored(text, spans(&parts));
            // Places that do not fit the text tell nothing of it.
            if parts.len() != body.spans().len() {
                parts = vec![unknown_part(&body, row.accepted, row.retain_params, row.tags)];
            }
            let item = |(place, part): (usize, PartRecord)| DocumentItem {
                text: body.part(place).unwrap_or_default(),
                said_at: part.said_at,
                tags: part.tags,
                params: part.params,
            };
            parts.into_iter().enumerate().map(item).collect()
        });
        Ok(Some(DocumentItems { updated_at: row.updated_at, items }))
    }
}
