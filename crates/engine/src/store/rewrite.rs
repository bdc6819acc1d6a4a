//! Making room for new versions of documents: rows written, what goes taken out, what stays put
//! where it belongs.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::relabel::{Labels, find_changes, labels_of, write_labels};
use super::remove::{Outgoing, Removed, memories_of_chunks, remove_memories, unchanged_memories};
use super::session::Session;
use super::versions::{Kept, Version};
use super::{BankKey, DocumentWrite, FactWrite, StoreError, archive};
use crate::hash::hex;
use crate::text::terms::Language;

/// Writes the documents' rows, removes what goes and moves what stays. Returns what the
/// statistics lose.
pub(super) async fn make_room(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
    language: Language,
    now: DateTime<Utc>,
) -> Result<Removed, StoreError> {
    write_rows(transaction, bank, versions, now).await?;
    let (documents, chunks) = pairs(versions, |version| &version.removed);
    let mut facts = memories_of_chunks(transaction, bank, &documents, &chunks).await?;
    let (reread_of, reread) = pairs(versions, |version| &version.reread);
    if !reread.is_empty() {
        facts.extend(unchanged_memories(transaction, bank, &reread_of, &reread).await?);
    }
    let labels: Vec<Labels> = versions.iter().flat_map(labels_of).collect();
    let changed = find_changes(transaction, bank, &labels).await?;
    let outgoing = Outgoing::find(transaction, bank, &facts, &changed).await?;
    let mut removed = remove_memories(transaction, bank, &outgoing, language).await?;
    sqlx::query!(
        "delete from chunks c using unnest($2::text[], $3::int[]) u(document_id, chunk_index)
         where c.bank_key = $1 and c.document_id = u.document_id and c.chunk_index = u.chunk_index",
        bank.0,
        &documents,
        &chunks
    )
    .execute(&mut *transaction)
    .await?;
    archive::forget_chunks(transaction, bank, &documents, &chunks).await?;
    write_labels(transaction, bank, &changed, now).await?;
    removed.has_waiting |= changed.iter().any(|memory| memory.is_rescoped);
    archive::relabel(transaction, bank, &labels).await?;
    keep_texts(transaction, bank, versions).await?;
    move_chunks(transaction, bank, versions).await?;
    place_in_streams(transaction, bank, versions).await?;
    Ok(removed)
}

async fn write_rows(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows: Value = versions.iter().map(Version::row).collect();
    sqlx::query!(
        "update documents d set accepted = r.accepted, body = r.body, body_length = r.body_length,
           content_hash = decode(r.content_hash, 'hex'), retain_params = r.retain_params, tags = r.tags,
           parts = r.parts, updated_at = $3
         from jsonb_to_recordset($2) as r(document_id text, accepted bigint, body text, body_length int,
           content_hash text, retain_params jsonb, tags text[], parts jsonb)
         where d.bank_key = $1 and d.document_id = r.document_id",
        bank.0,
        rows,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Document and value of everything that `values` picks.
fn pairs<'v, T: Copy + 'v>(
    versions: &'v [Version<'_>],
    values: impl Fn(&'v Version<'_>) -> &'v [T],
) -> (Vec<String>, Vec<T>) {
    let of_version = |version: &'v Version<'_>| {
        values(version).iter().map(|value| (version.document.document_id.clone(), *value))
    };
    versions.iter().flat_map(of_version).unzip()
}

/// Texts of chunks that stay are kept or not as texts are from now on.
async fn keep_texts(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
) -> Result<(), StoreError> {
    let without: Vec<String> = versions
        .iter()
        .filter(|version| !version.document.keeps_text && !version.kept.is_empty())
        .map(|version| version.document.document_id.clone())
        .collect();
    if !without.is_empty() {
        sqlx::query!(
            "update chunks set body = '' where bank_key = $1 and document_id = any($2) and body <> ''",
            bank.0,
            &without
        )
        .execute(&mut *transaction)
        .await?;
    }
    let (documents, filled) = pairs(versions, |version| &version.filled);
    if filled.is_empty() {
        return Ok(());
    }
    let (chunks, bodies): (Vec<i32>, Vec<String>) =
        filled.into_iter().map(|(chunk, body)| (chunk, body.to_owned())).unzip();
    sqlx::query!(
        "update chunks c set body = u.body
         from unnest($2::text[], $3::int[], $4::text[]) u(document_id, chunk_index, body)
         where c.bank_key = $1 and c.document_id = u.document_id and c.chunk_index = u.chunk_index",
        bank.0,
        &documents,
        &chunks,
        &bodies
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

async fn move_chunks(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
) -> Result<(), StoreError> {
    let (mut documents, mut old, mut new, mut shifts, mut parts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for version in versions {
        for Kept { old: from, new: to, shift, part, .. } in &version.kept {
            documents.push(version.document.document_id.clone());
            old.push(*from);
            new.push(*to);
            shifts.push(*shift);
            parts.push(*part);
        }
    }
    if documents.is_empty() {
        return Ok(());
    }
    // Over places that nobody has, since a key must not be taken twice even on the way.
    sqlx::query!(
        "update chunks c set chunk_index = -1 - u.new, part = u.part
         from unnest($2::text[], $3::int[], $4::int[], $5::int[]) u(document_id, old, new, part)
         where c.bank_key = $1 and c.document_id = u.document_id and c.chunk_index = u.old
           and (u.old <> u.new or c.part <> u.part)",
        bank.0,
        &documents,
        &old,
        &new,
        &parts
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update chunks set chunk_index = -1 - chunk_index
         where bank_key = $1 and document_id = any($2) and chunk_index < 0",
        bank.0,
        &documents
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update memories m set chunk_index = u.new, ordinal = m.ordinal + u.shift
         from unnest($2::text[], $3::int[], $4::int[], $5::int[]) u(document_id, old, new, shift)
         where m.bank_key = $1 and m.document_id = u.document_id and m.chunk_index = u.old
           and (u.old <> u.new or u.shift <> 0)",
        bank.0,
        &documents,
        &old,
        &new,
        &shifts
    )
    .execute(&mut *transaction)
    .await?;
    archive::shift(transaction, bank, &documents, (&old, &new), &shifts).await
}

/// In an undated document memories stand in its own conversation as they do in the document.
async fn place_in_streams(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
) -> Result<(), StoreError> {
    let moved = versions.iter().filter_map(|version| {
        let own = version.stream.filter(|own| own.is_moved)?;
        Some((version.document.document_id.clone(), own.stream_id))
    });
    let (documents, streams): (Vec<String>, Vec<Uuid>) = moved.unzip();
    if documents.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update memory_vectors v set stream_id = u.stream_id, stream_pos = m.ordinal
         from unnest($2::text[], $3::uuid[]) u(document_id, stream_id)
         join memories m on m.bank_key = $1 and m.document_id = u.document_id
         where v.bank_key = $1 and v.memory_id = m.memory_id
           and (v.stream_id is distinct from u.stream_id or v.stream_pos is distinct from m.ordinal)",
        bank.0,
        &documents,
        &streams
    )
    .execute(&mut *transaction)
    .await?;
    archive::place_in_streams(transaction, bank, &documents, &streams).await
}

/// Chunks that stay and were read anew are as complete as they were read to be.
pub(super) async fn refresh_chunks(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
    documents: &[&DocumentWrite],
) -> Result<(), StoreError> {
    let (mut ids, mut places, mut provenances) = (Vec::new(), Vec::new(), Vec::new());
    for (version, document) in std::iter::zip(versions, documents) {
        for (chunk, place) in std::iter::zip(&document.chunks, &version.places) {
            if let Some(place) = place.filter(|place| place.is_stored) {
                ids.push(document.document_id.clone());
                places.push(place.chunk_index);
                provenances.push(chunk.is_complete.then(|| hex(&chunk.key.provenance)));
            }
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update chunks c set provenance = decode(u.provenance, 'hex')
         from unnest($2::text[], $3::int[], $4::text[]) u(document_id, chunk_index, provenance)
         where c.bank_key = $1 and c.document_id = u.document_id and c.chunk_index = u.chunk_index",
        bank.0,
        &ids,
        &places,
        &provenances as &[Option<String>]
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// A fact as it is told from others: its document, the hash of its text, its attachments.
type Said<'s> = (&'s str, i64, &'s [String]);

/// For each document the new facts that one which stays says already, at the same time, or said
/// before somebody edited it or declared it invalid. In a chunk that stays the time of such a one
/// makes no difference: it was read from the same text.
pub(super) async fn find_repeated(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
) -> Result<Vec<HashSet<Uuid>>, StoreError> {
    let has_old = |version: &&Version<'_>| {
        let document = version.document;
        !document.facts.is_empty() && (document.appends || !version.kept.is_empty())
    };
    let old: Vec<&DocumentWrite> = versions.iter().filter(has_old).map(|version| version.document).collect();
    let facts = || old.iter().flat_map(|document| &document.facts).filter(|fact| fact.terms.length > 0);
    let mut repeated = vec![HashSet::new(); versions.len()];
    if facts().next().is_none() {
        return Ok(repeated);
    }
    let documents: Vec<String> = old.iter().map(|document| document.document_id.clone()).collect();
    let hashes: Vec<i64> = facts().map(|fact| fact.text_hash).collect();
    let mut times: Vec<DateTime<Utc>> = facts().filter_map(|fact| fact.mentioned_at).collect();
    times.sort_unstable();
    times.dedup();
    let rows = sqlx::query!(
        r#"select document_id as "document_id!", chunk_index as "chunk_index!", text_hash as "text_hash!",
             mentioned_at, coalesce(attachment_ids, '{}') as "attachments!", is_changed as "is_changed!"
           from (
             select m.document_id, m.chunk_index, v.text_hash, m.mentioned_at, m.attachment_ids,
               m.edited_at is not null as is_changed
             from memories m join memory_vectors v on v.bank_key = m.bank_key and v.memory_id = m.memory_id
             where m.bank_key = $1
             union all
             select document_id, chunk_index, read_hash, read_mentioned_at, attachment_ids, true
             from memories where bank_key = $1
             union all
             select document_id, chunk_index, text_hash, mentioned_at, attachment_ids, true
             from archived_memories where bank_key = $1
             union all
             select document_id, chunk_index, read_hash, read_mentioned_at, attachment_ids, true
             from archived_memories where bank_key = $1
           ) said
           where document_id = any($2) and (is_changed or mentioned_at is null or mentioned_at = any($3))
             and text_hash = any($4)"#,
        bank.0,
        &documents,
        &times,
        &hashes
    )
    .fetch_all(&mut *transaction)
    .await?;
    // The database counts in microseconds.
    let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
    let mut known: HashSet<(Said<'_>, Option<i64>)> = HashSet::new();
    let mut changed: HashSet<(Said<'_>, i32)> = HashSet::new();
    for row in &rows {
        let said: Said<'_> = (&row.document_id, row.text_hash, &row.attachments);
        known.insert((said, micros(row.mentioned_at)));
        if row.is_changed {
            changed.insert((said, row.chunk_index));
        }
    }
    for (version, repeated) in std::iter::zip(versions, &mut repeated) {
        let document = version.document;
        let is_known = |fact: &&FactWrite| {
            let said: Said<'_> = (&document.document_id, fact.text_hash, &fact.attachments);
            let kept = version.place_of(fact).filter(|place| place.is_stored);
            fact.terms.length > 0
                && (known.contains(&(said, micros(fact.mentioned_at)))
                    || kept.is_some_and(|place| changed.contains(&(said, place.chunk_index))))
        };
        repeated.extend(document.facts.iter().filter(is_known).map(|fact| fact.memory_id));
    }
    Ok(repeated)
}
