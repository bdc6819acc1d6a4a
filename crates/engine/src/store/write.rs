//! Writing documents with their facts: all of a request in one transaction.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::banks::hold;
use super::copy::CopyRows;
use super::remove::{Removed, remove_contents};
use super::session::Session;
use super::statistics::write_statistics;
use super::{BankKey, OperationLease, Store, StoreError, entities, fact_type_code, links, operations};
use crate::hash::hex;
use crate::text::terms::Terms;

/// A document to write, in place of the version there may be.
#[derive(Clone, Debug)]
pub struct DocumentWrite {
    /// Its id.
    pub document_id: String,
    /// Its text; `None` when texts are not kept.
    pub body: Option<String>,
    /// Length of its text in characters.
    pub body_length: i32,
    /// SHA-256 of its text.
    pub content_hash: Vec<u8>,
    /// What it was retained with.
    pub retain_params: Value,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its chunks in order.
    pub chunks: Vec<ChunkWrite>,
    /// Its facts in order.
    pub facts: Vec<FactWrite>,
}

/// A chunk of a document to write.
#[derive(Clone, Debug)]
pub struct ChunkWrite {
    /// Its text; empty when texts are not kept.
    pub body: String,
    /// SHA-256 of its text.
    pub content_hash: Vec<u8>,
}

/// Place of a fact in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace {
    /// The conversation.
    pub stream_id: Uuid,
    /// Position in it.
    pub position: i32,
}

/// An entity as a fact names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityMention {
    /// Its name.
    pub name: String,
    /// Whether it is a label of the bank's vocabulary, which is never taken for another one.
    pub is_label: bool,
    /// Whether the name is meant literally: another case is the same entity, a similar name is not.
    pub is_literal: bool,
}

/// A fact to write.
#[derive(Clone, Debug)]
pub struct FactWrite {
    /// Its id.
    pub memory_id: Uuid,
    /// Place of its chunk in the document.
    pub chunk_index: i32,
    /// Its type.
    pub fact_type: FactType,
    /// Its text.
    pub body: String,
    /// Where it comes from, in the caller's words.
    pub context: Option<String>,
    /// The caller's metadata.
    pub metadata: Option<Value>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Scopes for observations.
    pub observation_scopes: Option<Value>,
    /// Begin and end of what it tells of.
    pub occurred: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
    /// Its vector.
    pub embedding: Vec<f32>,
    /// Its terms.
    pub terms: Terms,
    /// Place in a conversation, when it belongs to one.
    pub stream: Option<StreamPlace>,
    /// Length of its text in tokens (o200k).
    pub tokens: i32,
    /// Share of its text that asks, 0 to 1.
    pub question_share: f32,
    /// Whether it names a time.
    pub has_time: bool,
    /// Who says it.
    pub author: Option<String>,
    /// Its entities, no two of them with names equal but for case.
    pub entities: Vec<EntityMention>,
    /// Facts written with it that led to it.
    pub caused_by: Vec<Uuid>,
    /// Hash of its text; equal texts have equal ones.
    pub text_hash: i64,
}

impl FactWrite {
    /// When what it tells of happened, or when it was told.
    pub(crate) fn event_at(&self) -> Option<DateTime<Utc>> {
        self.occurred.map(|(start, _)| start).or(self.mentioned_at)
    }
}

/// What became of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is stored.
    Written,
    /// A version accepted later is stored already, so this one is not.
    Superseded,
}

impl Store {
    /// Writes the documents, all or none; `accepted` is the number of the retain. With them the
    /// operation `completes` is completed, whose work they are; more of its result comes with it.
    pub async fn write_documents(
        &self,
        bank: BankKey,
        accepted: i64,
        documents: &[&DocumentWrite],
        now: DateTime<Utc>,
        completes: Option<(OperationLease, &Map<String, Value>)>,
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        let upserted = upsert_documents(&mut transaction, bank, accepted, documents, now).await?;
        let replaced: Vec<String> =
            upserted.iter().filter(|(_, inserted)| !**inserted).map(|(id, _)| id.clone()).collect();
        let removed = remove_contents(&mut transaction, bank, &replaced, self.language).await?;
        let written: Vec<&DocumentWrite> = documents
            .iter()
            .copied()
            .filter(|document| upserted.contains_key(&document.document_id))
            .collect();
        copy_documents(&mut transaction, bank, &written, now).await?;
        let mentions = entities::attach(&mut transaction, bank, &written, now).await?;
        links::record(&mut transaction, bank, &written).await?;
        update_statistics(&mut transaction, bank, &written, &mentions, &removed, now).await?;
        if let Some((lease, more)) = completes {
            let mut result = json!({
                "documents": documents.len(),
                "documents_superseded": documents.len() - written.len(),
                "chunks": written.iter().map(|document| document.chunks.len()).sum::<usize>(),
                "facts": written.iter().map(|document| document.facts.len()).sum::<usize>(),
            });
            if let Some(result) = result.as_object_mut() {
                result.extend(more.clone());
            }
            operations::complete(&mut transaction, lease, &result).await?;
        }
        transaction.end().await?;
        Ok(documents
            .iter()
            .map(|document| {
                if upserted.contains_key(&document.document_id) {
                    WriteOutcome::Written
                } else {
                    WriteOutcome::Superseded
                }
            })
            .collect())
    }
}

/// Locks and writes the document rows in the order of their ids. Returns those that are
/// ours now, with `true` where there was none before.
async fn upsert_documents(
    transaction: &mut Session,
    bank: BankKey,
    accepted: i64,
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<HashMap<String, bool>, StoreError> {
    let rows: Vec<Value> = documents
        .iter()
        .map(|document| {
            json!({
                "document_id": document.document_id,
                "body": document.body,
                "body_length": document.body_length,
                "content_hash": hex(&document.content_hash),
                "retain_params": document.retain_params,
                "tags": document.tags,
            })
        })
        .collect();
    let rows = sqlx::query!(
        r#"insert into documents as d (bank_key, document_id, accepted, body, body_length, content_hash,
             retain_params, tags, created_at, updated_at)
           select $1, r.document_id, $2, r.body, r.body_length, decode(r.content_hash, 'hex'),
             r.retain_params, r.tags, $4, $4
           from jsonb_to_recordset($3) as r(document_id text, body text, body_length int,
             content_hash text, retain_params jsonb, tags text[])
           order by r.document_id
           on conflict (bank_key, document_id) do update set
             accepted = excluded.accepted, body = excluded.body, body_length = excluded.body_length,
             content_hash = excluded.content_hash, retain_params = excluded.retain_params,
             tags = excluded.tags, updated_at = excluded.updated_at
           where d.accepted < excluded.accepted
           returning document_id, (xmax = 0) as "inserted!""#,
        bank.0,
        accepted,
        Value::Array(rows),
        now
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(rows.into_iter().map(|row| (row.document_id, row.inserted)).collect())
}

async fn copy_documents(
    connection: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut chunks = CopyRows::new(6);
    let mut memories = CopyRows::new(16);
    let mut states = CopyRows::new(3);
    let mut vectors = CopyRows::new(14);
    let mut postings: Vec<(i64, Uuid, i16, i16, i16)> = Vec::new();
    for document in documents {
        for (index, chunk) in document.chunks.iter().enumerate() {
            chunks
                .row()
                .i64(bank.0)
                .text(&document.document_id)
                .i32(i32::try_from(index).unwrap_or(i32::MAX))
                .bytes(&chunk.content_hash)
                .text(&chunk.body)
                .time(now);
        }
        for (ordinal, fact) in document.facts.iter().enumerate() {
            memory_row(&mut memories, bank, &document.document_id, ordinal, fact, now);
            states.row().i64(bank.0).uuid(fact.memory_id).time(now);
            vector_row(&mut vectors, bank, fact);
            let length = clamp(fact.terms.length);
            let code = fact_type_code(fact.fact_type);
            let terms = fact.terms.terms.iter();
            postings.extend(terms.map(|term| (term.hash, fact.memory_id, code, clamp(term.count), length)));
        }
    }
    postings.sort_unstable();
    let mut terms = CopyRows::new(6);
    for (term, memory_id, fact_type, tf, length) in postings {
        terms.row().i64(bank.0).i64(term).uuid(memory_id).i16(fact_type).i16(tf).i16(length);
    }
    chunks
        .send(
            connection,
            "copy chunks (bank_key, document_id, chunk_index, content_hash, body, created_at) \
             from stdin (format binary)",
        )
        .await?;
    memories
        .send(
            connection,
            "copy memories (bank_key, memory_id, document_id, chunk_index, ordinal, fact_type, body, context, \
             metadata, tags, observation_scopes, occurred_start, occurred_end, mentioned_at, source_ids, \
             created_at) from stdin (format binary)",
        )
        .await?;
    states
        .send(connection, "copy memory_state (bank_key, memory_id, updated_at) from stdin (format binary)")
        .await?;
    vectors
        .send(
            connection,
            "copy memory_vectors (bank_key, memory_id, fact_type, embedding, event_at, stream_id, stream_pos, \
             tokens, question_share, has_time, author, tags, event_end, text_hash) from stdin (format binary)",
        )
        .await?;
    terms
        .send(
            connection,
            "copy memory_terms (bank_key, term, memory_id, fact_type, tf, length) from stdin (format binary)",
        )
        .await
}

fn memory_row(
    rows: &mut CopyRows,
    bank: BankKey,
    document_id: &str,
    ordinal: usize,
    fact: &FactWrite,
    now: DateTime<Utc>,
) {
    let time = |rows: &mut CopyRows, time| {
        rows.time(time);
    };
    let json = |rows: &mut CopyRows, value: &Value| {
        rows.json(value);
    };
    rows.row()
        .i64(bank.0)
        .uuid(fact.memory_id)
        .text(document_id)
        .i32(fact.chunk_index)
        .i32(i32::try_from(ordinal).unwrap_or(i32::MAX))
        .i16(fact_type_code(fact.fact_type))
        .text(&fact.body)
        .optional(fact.context.as_deref(), |rows, context| {
            rows.text(context);
        })
        .optional(fact.metadata.as_ref(), json)
        .texts(&fact.tags)
        .optional(fact.observation_scopes.as_ref(), json)
        .optional(fact.occurred.map(|(start, _)| start), time)
        .optional(fact.occurred.map(|(_, end)| end), time)
        .optional(fact.mentioned_at, time)
        .optional(None::<()>, |_, ()| {})
        .time(now);
}

fn vector_row(rows: &mut CopyRows, bank: BankKey, fact: &FactWrite) {
    rows.row()
        .i64(bank.0)
        .uuid(fact.memory_id)
        .i16(fact_type_code(fact.fact_type))
        .halfvec(&fact.embedding)
        .optional(fact.event_at(), |rows, time| {
            rows.time(time);
        })
        .optional(fact.stream, |rows, place| {
            rows.uuid(place.stream_id);
        })
        .optional(fact.stream, |rows, place| {
            rows.i32(place.position);
        })
        .i32(fact.tokens)
        .f32(fact.question_share)
        .bool(fact.has_time)
        .optional(fact.author.as_deref(), |rows, author| {
            rows.text(author);
        })
        .texts(&fact.tags)
        .optional(fact.occurred, |rows, (_, end)| {
            rows.time(end);
        })
        .i64(fact.text_hash);
}

/// Adds what was written and takes off what was removed, each table in the order of its
/// keys so that concurrent retains wait for one another but never in a circle.
async fn update_statistics(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
    mentions: &BTreeMap<Uuid, i32>,
    removed: &Removed,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut terms = removed.terms.clone();
    let mut counts = removed.counts();
    for fact in documents.iter().flat_map(|document| &document.facts) {
        for term in &fact.terms.terms {
            *terms.entry(term.hash).or_default() += 1;
        }
        counts.memories += 1;
        counts.term_length += i64::from(fact.terms.length);
    }
    let mut entities = removed.entities.clone();
    for (entity, count) in mentions {
        *entities.entry(*entity).or_default() += count;
    }
    write_statistics(transaction, bank, &terms, &entities, counts, now).await
}

/// Counts of terms fit 16 bits but for absurd texts, where the bound is as good as the count.
fn clamp(count: u16) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}
