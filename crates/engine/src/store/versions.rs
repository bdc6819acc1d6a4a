//! What becomes of a document by a write: which chunks stay, which go, where everything stands.
//!
//! Decided under the lock of the document's row, by rows as they are now. So whatever happened
//! since a retain looked at the document, nothing of it is lost: what was added by a later
//! retain stands behind the text that replaces the rest, and a chunk that was to be kept and is
//! gone makes the retain look again.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::session::Session;
use super::stored::{ChunkKey, PartRecord, Stored, StoredChunk, lock};
use super::{BankKey, ChunkWrite, DocumentWrite, FactWrite, StoreError};
use crate::hash::{hex, sha256};
use crate::retain::body::{Body, Span};

/// A chunk that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Where it stands.
    pub(super) old: i32,
    /// Where it will stand.
    pub(super) new: i32,
    /// By how much the places of its memories change.
    pub(super) shift: i32,
    /// The item it belongs to from now on.
    pub(super) part: i32,
    /// The item of the write whose labels it takes; none when it keeps its own.
    pub(super) labels: Option<usize>,
}

/// What becomes of one document.
#[derive(Debug)]
pub(super) struct Version<'d> {
    pub(super) document: &'d DocumentWrite,
    /// Its new text.
    pub(super) body: String,
    /// Its items.
    pub(super) parts: Vec<PartRecord>,
    /// First fields of what it was retained with.
    pub(super) retain_params: Value,
    /// Tags of all its items.
    pub(super) tags: Vec<String>,
    /// The retain that last replaced it.
    pub(super) accepted: i64,
    /// Chunks that stay.
    pub(super) kept: Vec<Kept>,
    /// Chunks that stay and whose text was not kept before, with their texts.
    pub(super) filled: Vec<(i32, &'d str)>,
    /// Chunks that go.
    pub(super) removed: Vec<i32>,
    /// Chunks that stay, but for memories that nobody has changed: those are read anew.
    pub(super) reread: Vec<i32>,
    /// For each chunk of the write that was read: its place, its item, the place of its first memory.
    pub(super) places: Vec<Option<Place>>,
    /// Whether anything was attached to the version before it.
    pub(super) has_attachments: bool,
    /// The conversation of its own, when it has facts from before and none of its items is dated.
    pub(super) stream: Option<OwnStream>,
}

/// Where a chunk that was read comes to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) chunk_index: i32,
    pub(super) part: i32,
    pub(super) ordinal: i32,
    /// Whether it stands there already.
    pub(super) is_stored: bool,
}

/// The conversation that an undated document is.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnStream {
    pub(super) stream_id: Uuid,
    /// Whether its memories have to be placed in it anew.
    pub(super) is_moved: bool,
}

/// Locks the documents' rows, made where they are missing, in the order of their ids, and
/// decides what becomes of each. Those that a later retain has replaced already are left out.
pub(super) async fn lock_and_decide<'d>(
    transaction: &mut Session,
    bank: BankKey,
    accepted: i64,
    documents: &[&'d DocumentWrite],
    now: DateTime<Utc>,
) -> Result<Vec<Version<'d>>, StoreError> {
    let mut stored = lock(transaction, bank, documents, now).await?;
    let mut versions = Vec::with_capacity(documents.len());
    for document in documents {
        let Some(stored) = stored.remove(&document.document_id) else {
            continue;
        };
        if document.appends {
            versions.push(append(document, stored, accepted)?);
        } else if stored.accepted < accepted {
            versions.push(replace(document, stored, accepted)?);
        }
    }
    Ok(versions)
}

/// The new text in place of the old one, but for items that a later retain has added.
fn replace(document: &DocumentWrite, stored: Stored, accepted: i64) -> Result<Version<'_>, StoreError> {
    let later = stored.parts.iter().position(|part| part.accepted > accepted).unwrap_or(stored.parts.len());
    // That of a dated item is shared with other documents.
    let stream = stored.stream.filter(|_| stored.parts.iter().all(|part| !part.is_dated));
    let mut version = Version::begin(document, accepted);
    version.version.has_attachments = stored.has_attachments;
    version.add_parts(document, accepted);
    let old_body = Body::stored(stored.body.unwrap_or_default(), spans(&stored.parts));
    let mut body = Body::default();
    document.parts.iter().for_each(|part| body.push(&part.text));
    for index in later..stored.parts.len() {
        body.push(&old_body.part(index).unwrap_or_default());
    }
    let first_kept_part = i32::try_from(later).unwrap_or(i32::MAX);
    let is_kept_part = |chunk: &StoredChunk| later < stored.parts.len() && chunk.part >= first_kept_part;
    let (replaced, added): (Vec<StoredChunk>, Vec<StoredChunk>) =
        stored.chunks.into_iter().partition(|chunk| !is_kept_part(chunk));
    version.place(&replaced)?;
    let new_parts = i32::try_from(document.parts.len()).unwrap_or(i32::MAX);
    for chunk in &added {
        version.keep(chunk, chunk.part - first_kept_part + new_parts, None);
    }
    version.parts.extend(stored.parts.into_iter().skip(later));
    version.finish(body, stored.is_new, stream);
    Ok(version.version)
}

/// The new items behind what is there.
fn append(document: &DocumentWrite, stored: Stored, accepted: i64) -> Result<Version<'_>, StoreError> {
    let mut version = Version::begin(document, stored.accepted);
    let mut body = Body::default();
    if !stored.is_new {
        let Some(text) = stored.body else {
            return Err(StoreError::NoText(document.document_id.clone()));
        };
        body = Body::stored(text, spans(&stored.parts));
        version.parts = stored.parts;
        if version.parts.is_empty() {
            version.parts.push(unknown_part(&body, stored.accepted, stored.retain_params, stored.tags));
        }
        (version.next_chunk, version.next_ordinal) = stored.end;
    }
    version.add_parts(document, accepted);
    document.parts.iter().for_each(|part| body.push(&part.text));
    version.place(&[])?;
    version.finish(body, stored.is_new, stored.stream);
    Ok(version.version)
}

/// The one item of a document that an older program has written.
pub(super) fn unknown_part(
    body: &Body,
    accepted: i64,
    params: Option<Value>,
    tags: Vec<String>,
) -> PartRecord {
    let params = match params {
        Some(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let date = params.get("event_date").and_then(Value::as_str).and_then(hindsight_types::time::parse);
    PartRecord {
        accepted,
        span: body.spans().first().copied().unwrap_or_default(),
        said_at: date,
        is_dated: date.is_some(),
        tags,
        params,
    }
}

/// Where items stand in their text.
pub(super) fn spans(parts: &[PartRecord]) -> Vec<Span> {
    parts.iter().map(|part| part.span).collect()
}

/// A version on the way: chunks and places of memories are given out in order.
struct Builder<'d> {
    version: Version<'d>,
    parts: Vec<PartRecord>,
    next_chunk: i32,
    next_ordinal: i32,
}

impl<'d> Version<'d> {
    fn begin(document: &'d DocumentWrite, accepted: i64) -> Builder<'d> {
        let version = Self {
            document,
            body: String::new(),
            parts: Vec::new(),
            retain_params: Value::Null,
            tags: Vec::new(),
            accepted,
            kept: Vec::new(),
            filled: Vec::new(),
            removed: Vec::new(),
            reread: Vec::new(),
            places: Vec::with_capacity(document.chunks.len()),
            has_attachments: false,
            stream: None,
        };
        Builder { version, parts: Vec::new(), next_chunk: 0, next_ordinal: 0 }
    }

    /// Where the chunk of a fact of the write comes to stand.
    pub(super) fn place_of(&self, fact: &FactWrite) -> Option<Place> {
        let chunk = usize::try_from(fact.chunk_index).ok()?;
        self.places.get(chunk).copied().flatten()
    }

    /// The row of the document.
    pub(super) fn row(&self) -> Value {
        json!({
            "document_id": self.document.document_id,
            "accepted": self.accepted,
            "body": self.document.keeps_text.then_some(&self.body),
            "body_length": self.body.chars().count(),
            "content_hash": hex(&sha256(&self.body)),
            "retain_params": self.retain_params,
            "tags": self.tags,
            "parts": self.parts,
        })
    }
}

impl Builder<'_> {
    fn add_parts(&mut self, document: &DocumentWrite, accepted: i64) {
        self.parts.extend(document.parts.iter().map(|part| PartRecord {
            accepted,
            span: Span::default(),
            said_at: part.said_at,
            is_dated: part.is_dated,
            tags: part.tags.clone(),
            params: part.params.clone(),
        }));
    }

    /// Gives every chunk of the write its place. Those that were not read have to be among the
    /// stored ones still, in the same order; the other stored ones go, unless somebody has changed
    /// something in one that was read anew.
    fn place(&mut self, stored: &[StoredChunk]) -> Result<(), StoreError> {
        let document = self.version.document;
        let first_part = self.parts.len() - document.parts.len();
        let mut facts = vec![0_i32; document.chunks.len()];
        for fact in &document.facts {
            if let Some(count) = facts.get_mut(usize::try_from(fact.chunk_index).unwrap_or(usize::MAX)) {
                *count += 1;
            }
        }
        let unread: HashSet<&ChunkKey> =
            document.chunks.iter().filter(|chunk| !chunk.is_read).map(|chunk| &chunk.key).collect();
        let mut rest = stored;
        for (chunk, facts) in std::iter::zip(&document.chunks, facts) {
            let part = i32::try_from(first_part + chunk.part).unwrap_or(i32::MAX);
            let found = if chunk.is_read { changed(chunk, rest, &unread) } else { same(chunk, rest) };
            let found = found.and_then(|at| rest.split_at_checked(at));
            let found = found.and_then(|(before, from)| Some((before, from.split_first()?)));
            if let Some((before, (same, after))) = found {
                rest = after;
                self.version.removed.extend(before.iter().map(|stored| stored.chunk_index));
                self.keep(same, part, Some(chunk.part));
                if same.is_bare && !chunk.body.is_empty() {
                    self.version.filled.push((same.chunk_index, chunk.body.as_str()));
                }
                if chunk.is_read {
                    self.version.reread.push(same.chunk_index);
                }
            } else if !chunk.is_read {
                return Err(StoreError::DocumentChanged(document.document_id.clone()));
            }
            let is_stored = found.is_some();
            let chunk_index = self.next_chunk - i32::from(is_stored);
            let place = Place { chunk_index, part, ordinal: self.next_ordinal, is_stored };
            self.version.places.push(chunk.is_read.then_some(place));
            self.next_chunk += i32::from(!is_stored);
            self.next_ordinal += facts;
        }
        self.version.removed.extend(rest.iter().map(|stored| stored.chunk_index));
        Ok(())
    }

    fn keep(&mut self, chunk: &StoredChunk, part: i32, labels: Option<usize>) {
        let (first, places) = chunk.memories;
        let shift = if places == 0 { 0 } else { self.next_ordinal - first };
        self.version.kept.push(Kept { old: chunk.chunk_index, new: self.next_chunk, shift, part, labels });
        self.next_chunk += 1;
        self.next_ordinal += places;
    }

    fn finish(&mut self, body: Body, is_new: bool, stream: Option<Uuid>) {
        for (part, span) in std::iter::zip(&mut self.parts, body.spans()) {
            part.span = *span;
        }
        let version = &mut self.version;
        version.body = body.into_text();
        version.parts = std::mem::take(&mut self.parts);
        version.tags = version.parts.iter().flat_map(|part| part.tags.iter().cloned()).collect();
        version.tags.sort_unstable();
        version.tags.dedup();
        version.retain_params =
            version.parts.first().map_or(Value::Null, |part| Value::Object(part.params.clone()));
        let has_old = !is_new && (version.document.appends || !version.kept.is_empty());
        if has_old && version.parts.iter().all(|part| !part.is_dated) {
            // Memories that stand at the end already keep the places they have.
            let is_moved = stream.is_none() || !version.document.appends;
            version.stream = Some(OwnStream { stream_id: stream.unwrap_or_else(Uuid::now_v7), is_moved });
        }
    }
}

/// Where the stored chunk is that is the same.
fn same(chunk: &ChunkWrite, stored: &[StoredChunk]) -> Option<usize> {
    stored.iter().position(|stored| stored.key.as_ref() == Some(&chunk.key))
}

/// Where a stored chunk is that has the text of one that was read anew, and memories that somebody
/// has changed; none when one before it is needed for an `unread` one.
fn changed(chunk: &ChunkWrite, stored: &[StoredChunk], unread: &HashSet<&ChunkKey>) -> Option<usize> {
    let is_needed = |stored: &StoredChunk| stored.key.as_ref().is_some_and(|key| unread.contains(key));
    // Without a key it is to be read anew, however it was read before.
    let has_text = |stored: &StoredChunk| match &stored.key {
        Some(key) => *key == chunk.key,
        None => stored.content_hash == chunk.key.content_hash,
    };
    let mut free = stored.iter().take_while(|stored| !is_needed(stored));
    free.position(|stored| stored.is_changed && has_text(stored))
}
