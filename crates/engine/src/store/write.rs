//! Writing documents with their facts: all of a request in one transaction.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use half::f16;
use hindsight_types::recall::FactType;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::banks::hold;
use super::copy::{CopyRows, copy};
use super::events::{self, Event};
use super::files::forget_file;
use super::remove::Removed;
use super::rewrite::{find_repeated, make_room, refresh_chunks};
use super::session::Session;
use super::statistics::write_statistics;
use super::stored::ChunkKey;
use super::versions::{Place, Version, lock_and_decide};
use super::{
    BankKey, OperationLease, Store, StoreError, attachments, consolidation, entities, fact_type_code, links,
    operations,
};
use crate::attachments::Attachment;
use crate::text::terms::Terms;

/// A document to write: in place of the version there may be, or behind it.
#[derive(Clone, Debug)]
pub struct DocumentWrite {
    /// Its id.
    pub document_id: String,
    /// Whether it is added to what is stored, rather than put in its place.
    pub appends: bool,
    /// Whether it is its own stored text, read anew.
    pub is_reprocessed: bool,
    /// Whether texts are kept.
    pub keeps_text: bool,
    /// The items it consists of.
    pub parts: Vec<PartWrite>,
    /// Their chunks in order.
    pub chunks: Vec<ChunkWrite>,
    /// The facts of the chunks that were read, in order.
    pub facts: Vec<FactWrite>,
    /// Attachments that its text may name.
    pub attachments: Vec<Attachment>,
}

/// An item of a document.
#[derive(Clone, Debug)]
pub struct PartWrite {
    /// Its text.
    pub text: String,
    /// When it was said; `None` = undated.
    pub said_at: Option<DateTime<Utc>>,
    /// Whether the caller named the time.
    pub is_dated: bool,
    /// The caller's metadata.
    pub metadata: Option<Value>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Scopes for observations.
    pub observation_scopes: Option<Value>,
    /// Everything it was retained with.
    pub params: Map<String, Value>,
}

/// A chunk of a document to write.
#[derive(Clone, Debug)]
pub struct ChunkWrite {
    /// Place of its item in the document to write.
    pub part: usize,
    /// Its text; empty when texts are not kept.
    pub body: String,
    /// What tells whether it is the same as another one.
    pub key: ChunkKey,
    /// Whether its facts are there; else a stored one that is the same stays with its own.
    pub is_read: bool,
    /// Whether they are all that can be read from it; if not, it is read anew the next time.
    pub is_complete: bool,
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
    /// Those of them that follow from its labels.
    pub label_tags: Vec<String>,
    /// Scopes for observations.
    pub observation_scopes: Option<Value>,
    /// Begin and end of what it tells of.
    pub occurred: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
    /// Its vector, as exact as it is stored.
    pub embedding: Vec<f16>,
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
    /// Attachments it was read from, by their ids.
    pub attachments: Vec<String>,
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
    Written {
        /// Chunks that stayed as they were.
        kept: usize,
        /// Facts that were not written, since the document says the same already.
        repeated: usize,
    },
    /// A version accepted later is stored already, so this one is not.
    Superseded,
}

impl Store {
    /// Writes the documents, all or none; `accepted` is the number of the retain. With them the
    /// operation `completes` is completed, whose work they are; more of its result comes with it.
    ///
    /// Fails with [`StoreError::DocumentChanged`] when a chunk that was not read is not stored
    /// any more.
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
        let versions = lock_and_decide(&mut transaction, bank, accepted, documents, now).await?;
        let removed = make_room(&mut transaction, bank, &versions, self.language, now).await?;
        attachments::settle(&mut transaction, bank, &versions, now).await?;
        let repeated = find_repeated(&mut transaction, bank, &versions).await?;
        // What is left to write: copies of those documents only that say something twice.
        let trimmed: Vec<Cow<'_, DocumentWrite>> = std::iter::zip(&versions, &repeated)
            .map(|(version, repeated)| without(version.document, repeated))
            .collect();
        let written: Vec<&DocumentWrite> = trimmed.iter().map(AsRef::as_ref).collect();
        copy_documents(&mut transaction, bank, &versions, &written, now).await?;
        refresh_chunks(&mut transaction, bank, &versions, &written).await?;
        let mentions = entities::attach(&mut transaction, bank, &written, now).await?;
        links::record(&mut transaction, bank, &written).await?;
        let operation = completes.map(|(lease, _)| lease.operation_id);
        let events: Vec<Event<'_>> = written.iter().map(|document| retained(document, operation)).collect();
        events::record(&mut transaction, bank, &events, &removed, now).await?;
        update_statistics(&mut transaction, bank, &written, &mentions, &removed, now).await?;
        if removed.has_waiting || written.iter().any(|document| !document.facts.is_empty()) {
            consolidation::request(&mut transaction, bank, self.consolidation).await?;
        }
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
            if documents.iter().any(|document| !document.attachments.is_empty()) {
                // What was handed over with it is where it was wanted.
                forget_file(&mut transaction, lease).await?;
            }
        }
        transaction.end().await?;
        let outcomes: HashMap<&str, WriteOutcome> = std::iter::zip(&versions, &repeated)
            .map(|(version, repeated)| {
                let outcome = WriteOutcome::Written { kept: version.kept.len(), repeated: repeated.len() };
                (version.document.document_id.as_str(), outcome)
            })
            .collect();
        let outcome = |id: &str| outcomes.get(id).copied().unwrap_or(WriteOutcome::Superseded);
        Ok(documents.iter().map(|document| outcome(&document.document_id)).collect())
    }
}

/// What the history of a document says of its write.
fn retained(document: &DocumentWrite, operation: Option<Uuid>) -> Event<'_> {
    let kind = match document {
        DocumentWrite { is_reprocessed: true, .. } => "reprocess",
        DocumentWrite { appends: true, .. } => "append",
        DocumentWrite { .. } => "retain",
    };
    Event { operation, facts_added: document.facts.len(), ..Event::new(&document.document_id, kind) }
}

/// The document without some of its facts. Chunks that these were read from are not complete
/// any more, since the facts stay with other chunks.
fn without<'d>(document: &'d DocumentWrite, repeated: &HashSet<Uuid>) -> Cow<'d, DocumentWrite> {
    if repeated.is_empty() {
        return Cow::Borrowed(document);
    }
    let mut rest = document.clone();
    let (gone, facts): (Vec<FactWrite>, Vec<FactWrite>) =
        rest.facts.into_iter().partition(|fact| repeated.contains(&fact.memory_id));
    rest.facts = facts;
    for fact in &mut rest.facts {
        fact.caused_by.retain(|cause| !repeated.contains(cause));
    }
    for fact in gone {
        let chunk = usize::try_from(fact.chunk_index).ok().and_then(|index| rest.chunks.get_mut(index));
        if let Some(chunk) = chunk {
            chunk.is_complete = false;
        }
    }
    Cow::Owned(rest)
}

/// A fact and where it is put.
struct PlacedFact<'d> {
    fact: &'d FactWrite,
    document_id: &'d str,
    /// Its chunk in the document, and its place among all facts of it.
    place: (i32, i32),
    stream: Option<StreamPlace>,
}

async fn copy_documents(
    connection: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut chunks: Vec<(&str, &ChunkWrite, Place)> = Vec::new();
    let mut facts: Vec<PlacedFact<'_>> = Vec::new();
    for (version, document) in std::iter::zip(versions, documents) {
        let placed = std::iter::zip(&document.chunks, &version.places);
        let new = |place: Option<Place>| place.filter(|place| !place.is_stored);
        chunks
            .extend(placed.filter_map(|(chunk, place)| Some((&*document.document_id, chunk, new(*place)?))));
        facts.extend(place_facts(version, document));
    }
    let statement = "copy chunks (bank_key, document_id, chunk_index, content_hash, body, created_at, part, provenance) \
                     from stdin (format binary)";
    copy(connection, statement, 8, &chunks, |rows, (document_id, chunk, place)| {
        rows.row()
            .i64(bank.0)
            .text(document_id)
            .i32(place.chunk_index)
            .bytes(&chunk.key.content_hash)
            .text(&chunk.body)
            .time(now)
            .i32(place.part)
            .optional(chunk.is_complete.then_some(&chunk.key.provenance), |rows, provenance| {
                rows.bytes(provenance);
            });
    })
    .await?;
    let statement = "copy memories (bank_key, memory_id, document_id, chunk_index, ordinal, fact_type, body, context, \
                     metadata, tags, observation_scopes, occurred_start, occurred_end, mentioned_at, source_ids, \
                     created_at, label_tags, attachment_ids) from stdin (format binary)";
    copy(connection, statement, 18, &facts, |rows, placed| {
        memory_row(rows, bank, placed.document_id, placed.place, placed.fact, now);
    })
    .await?;
    let statement = "copy memory_state (bank_key, memory_id, updated_at) from stdin (format binary)";
    copy(connection, statement, 3, &facts, |rows, placed| {
        rows.row().i64(bank.0).uuid(placed.fact.memory_id).time(now);
    })
    .await?;
    let statement = "copy memory_vectors (bank_key, memory_id, fact_type, embedding, event_at, stream_id, stream_pos, \
                     tokens, question_share, has_time, author, tags, event_end, text_hash) from stdin (format binary)";
    copy(connection, statement, 14, &facts, |rows, placed| {
        vector_row(rows, bank, placed.fact, placed.stream);
    })
    .await?;
    let mut postings: Vec<(i64, Uuid, i16, i16, i16)> = Vec::new();
    for PlacedFact { fact, .. } in &facts {
        let (length, code) = (clamp(fact.terms.length), fact_type_code(fact.fact_type));
        let terms = fact.terms.terms.iter();
        postings.extend(terms.map(|term| (term.hash, fact.memory_id, code, clamp(term.count), length)));
    }
    postings.sort_unstable();
    let statement =
        "copy memory_terms (bank_key, term, memory_id, fact_type, tf, length) from stdin (format binary)";
    copy(connection, statement, 6, &postings, |rows, (term, memory_id, fact_type, tf, length)| {
        rows.row().i64(bank.0).i64(*term).uuid(*memory_id).i16(*fact_type).i16(*tf).i16(*length);
    })
    .await
}

/// The facts of a document whose chunks are written, each in its place.
fn place_facts<'d>(version: &Version<'_>, document: &'d DocumentWrite) -> Vec<PlacedFact<'d>> {
    let mut last: Option<(i32, i32)> = None;
    let mut placed = Vec::with_capacity(document.facts.len());
    for fact in &document.facts {
        let chunk = usize::try_from(fact.chunk_index).ok();
        let Some(Some(place)) = chunk.and_then(|chunk| version.places.get(chunk)) else {
            continue;
        };
        // Facts of a chunk stand one behind the other.
        let ordinal = match last {
            Some((chunk, ordinal)) if chunk == fact.chunk_index => ordinal + 1,
            _ => place.ordinal,
        };
        last = Some((fact.chunk_index, ordinal));
        let stream = match version.stream {
            Some(own) => Some(StreamPlace { stream_id: own.stream_id, position: ordinal }),
            None => fact.stream,
        };
        let document_id = document.document_id.as_str();
        placed.push(PlacedFact { fact, document_id, place: (place.chunk_index, ordinal), stream });
    }
    placed
}

fn memory_row(
    rows: &mut CopyRows,
    bank: BankKey,
    document_id: &str,
    (chunk_index, ordinal): (i32, i32),
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
        .i32(chunk_index)
        .i32(ordinal)
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
        .time(now)
        .texts(&fact.label_tags)
        .optional((!fact.attachments.is_empty()).then_some(&fact.attachments), |rows, ids| {
            rows.texts(ids);
        });
}

fn vector_row(rows: &mut CopyRows, bank: BankKey, fact: &FactWrite, stream: Option<StreamPlace>) {
    rows.row()
        .i64(bank.0)
        .uuid(fact.memory_id)
        .i16(fact_type_code(fact.fact_type))
        .halfvec(&fact.embedding)
        .optional(fact.event_at(), |rows, time| {
            rows.time(time);
        })
        .optional(stream, |rows, place| {
            rows.uuid(place.stream_id);
        })
        .optional(stream, |rows, place| {
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
