//! Documents as they stand when their rows are locked.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::session::Session;
use super::{BankKey, DocumentWrite, Store, StoreError};
use crate::retain::body::Span;

/// What tells whether a chunk is the same as another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkKey {
    /// SHA-256 of its text.
    pub content_hash: Vec<u8>,
    /// Hash of what else went into reading it.
    pub provenance: Vec<u8>,
}

/// An item of a document as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartRecord {
    /// Number of the retain that brought it.
    pub(super) accepted: i64,
    /// Where it stands in the text.
    pub(super) span: Span,
    /// When it was said; `None` = undated.
    pub(super) said_at: Option<DateTime<Utc>>,
    /// Whether the caller named the time.
    pub(super) is_dated: bool,
    /// Its tags.
    pub(super) tags: Vec<String>,
    /// What it was retained with.
    pub(super) params: Map<String, Value>,
}

/// A document's row, locked, and what else decides what becomes of it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) is_new: bool,
    /// The retain that last replaced it; 0 when none did.
    pub(super) accepted: i64,
    pub(super) retain_params: Option<Value>,
    pub(super) tags: Vec<String>,
    pub(super) parts: Vec<PartRecord>,
    pub(super) body: Option<String>,
    pub(super) chunks: Vec<StoredChunk>,
    /// Whether anything is attached to it.
    pub(super) has_attachments: bool,
    /// Chunks and places of memories that are taken.
    pub(super) end: (i32, i32),
    /// The conversation its last memory belongs to.
    pub(super) stream: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub(super) struct StoredChunk {
    pub(super) chunk_index: i32,
    pub(super) part: i32,
    pub(super) content_hash: Vec<u8>,
    /// None when it is to be read anew in any case.
    pub(super) key: Option<ChunkKey>,
    /// Whether its text is not kept.
    pub(super) is_bare: bool,
    /// Place of its first memory and number of places.
    pub(super) memories: (i32, i32),
    /// Whether somebody has edited one of its memories or declared it invalid.
    pub(super) is_changed: bool,
}

impl Store {
    /// The chunks of documents in order, each with what tells whether it is still the same.
    pub async fn chunk_keys(
        &self,
        bank: BankKey,
        documents: &[String],
    ) -> Result<HashMap<String, Vec<ChunkKey>>, StoreError> {
        let rows = sqlx::query!(
            r#"select document_id, content_hash, provenance as "provenance!" from chunks
               where bank_key = $1 and document_id = any($2) and provenance is not null
               order by document_id, chunk_index"#,
            bank.0,
            documents
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let mut keys: HashMap<String, Vec<ChunkKey>> = HashMap::new();
        for row in rows {
            let key = ChunkKey { content_hash: row.content_hash, provenance: row.provenance };
            keys.entry(row.document_id).or_default().push(key);
        }
        Ok(keys)
    }
}

/// Locks the documents' rows, made where they are missing, in the order of their ids.
pub(super) async fn lock(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<HashMap<String, Stored>, StoreError> {
    let ids: Vec<String> = documents.iter().map(|document| document.document_id.clone()).collect();
    // The update changes nothing; it is what locks, in one order with the rows that are new.
    let rows = sqlx::query!(
        r#"insert into documents as d (bank_key, document_id, accepted, body_length, content_hash,
             created_at, updated_at)
           select $1, u.id, 0, 0, '', $3, $3 from unnest($2::text[]) u(id) order by u.id
           on conflict (bank_key, document_id) do update set updated_at = d.updated_at
           returning document_id, (xmax = 0) as "inserted!", accepted, retain_params, tags, parts"#,
        bank.0,
        &ids,
        now
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut locked: HashMap<String, Stored> = rows
        .into_iter()
        .map(|row| {
            let stored = Stored {
                is_new: row.inserted,
                accepted: row.accepted,
                parts: part_records(row.parts, row.accepted),
                retain_params: row.retain_params,
                tags: row.tags,
                body: None,
                chunks: Vec::new(),
                has_attachments: false,
                end: (0, 0),
                stream: None,
            };
            (row.document_id, stored)
        })
        .collect();
    let is_old = |id: &str| locked.get(id).is_some_and(|stored| !stored.is_new);
    let old: Vec<String> = ids.iter().filter(|id| is_old(id)).cloned().collect();
    if old.is_empty() {
        return Ok(locked);
    }
    let appended = documents.iter().filter(|document| document.appends).map(|document| &document.document_id);
    let with_body: Vec<String> = appended
        .cloned()
        .chain(old.iter().filter(|id| locked.get(*id).is_some_and(Stored::has_later_parts)).cloned())
        .collect();
    let bodies = sqlx::query!(
        "select document_id, body from documents where bank_key = $1 and document_id = any($2)",
        bank.0,
        &with_body
    )
    .fetch_all(&mut *transaction)
    .await?;
    for row in bodies {
        if let Some(stored) = locked.get_mut(&row.document_id) {
            stored.body = row.body;
        }
    }
    let ends = sqlx::query!(
        r#"select u.id as "id!",
             coalesce((select max(chunk_index) + 1 from chunks c
                where c.bank_key = $1 and c.document_id = u.id), 0) as "chunks!",
             coalesce(greatest(l.ordinal, a.ordinal) + 1, 0) as "memories!",
             coalesce(l.stream_id, a.stream_id) as "stream_id?",
             exists (select 1 from attachments t
                where t.bank_key = $1 and t.document_id = u.id) as "has_attachments!"
           from unnest($2::text[]) u(id) left join lateral (
             select m.ordinal, v.stream_id from memories m
             join memory_vectors v on v.bank_key = m.bank_key and v.memory_id = m.memory_id
             where m.bank_key = $1 and m.document_id = u.id order by m.ordinal desc limit 1) l on true
           left join lateral (
             select ordinal, stream_id from archived_memories
             where bank_key = $1 and document_id = u.id order by ordinal desc limit 1) a on true"#,
        bank.0,
        &old
    )
    .fetch_all(&mut *transaction)
    .await?;
    for row in ends {
        if let Some(stored) = locked.get_mut(&row.id) {
            stored.end = (row.chunks, row.memories);
            stored.stream = row.stream_id;
            stored.has_attachments = row.has_attachments;
        }
    }
    let replaced: Vec<String> = documents
        .iter()
        .filter(|document| !document.appends && is_in(&old, &document.document_id))
        .map(|document| document.document_id.clone())
        .collect();
    read_chunks(transaction, bank, &replaced, &mut locked).await?;
    Ok(locked)
}

fn is_in(ids: &[String], id: &str) -> bool {
    ids.iter().any(|known| known == id)
}

async fn read_chunks(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    locked: &mut HashMap<String, Stored>,
) -> Result<(), StoreError> {
    if documents.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"select c.document_id, c.chunk_index, c.part, c.content_hash, c.provenance, (c.body = '') as "is_bare!",
             coalesce(m.first, 0) as "first!", coalesce(m.last - m.first + 1, 0) as "places!",
             coalesce(m.is_changed, false) as "is_changed!"
           from chunks c left join (
             select document_id, chunk_index, min(ordinal) as first, max(ordinal) as last,
               bool_or(is_changed) as is_changed
             from (
               select document_id, chunk_index, ordinal, edited_at is not null as is_changed from memories
               where bank_key = $1 and document_id = any($2)
               union all
               select document_id, chunk_index, ordinal, true from archived_memories
               where bank_key = $1 and document_id = any($2)
             ) f group by document_id, chunk_index
           ) m on m.document_id = c.document_id and m.chunk_index = c.chunk_index
           where c.bank_key = $1 and c.document_id = any($2) order by c.document_id, c.chunk_index"#,
        bank.0,
        documents
    )
    .fetch_all(&mut *transaction)
    .await?;
    for row in rows {
        let provenance = row.provenance;
        let content_hash = row.content_hash;
        if let Some(stored) = locked.get_mut(&row.document_id) {
            stored.chunks.push(StoredChunk {
                chunk_index: row.chunk_index,
                part: row.part,
                key: provenance.map(|provenance| ChunkKey { content_hash: content_hash.clone(), provenance }),
                content_hash,
                is_bare: row.is_bare,
                memories: (row.first, row.places),
                is_changed: row.is_changed,
            });
        }
    }
    Ok(())
}

/// The items of a stored document. Those that an older program has left behind when it replaced
/// the document are nobody's.
pub(super) fn part_records(parts: Option<Value>, accepted: i64) -> Vec<PartRecord> {
    let parts: Vec<PartRecord> =
        parts.and_then(|parts| serde_json::from_value(parts).ok()).unwrap_or_default();
    let is_current = parts.first().is_some_and(|first| accepted == 0 || first.accepted == accepted);
    if is_current { parts } else { Vec::new() }
}

impl Stored {
    fn has_later_parts(&self) -> bool {
        self.parts.iter().any(|part| part.accepted > self.accepted)
    }
}
