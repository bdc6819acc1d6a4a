//! Facts that were declared invalid: put away, brought back, and taken along with their document.
//!
//! Everything that reads memories finds none of them, so no query of recall asks for a state. What
//! writes documents goes by [`forget_chunks`], [`relabel`], [`shift`] and [`place_in_streams`]:
//! an archived fact keeps its place beside the others, and its labels are theirs.

use chrono::{DateTime, Utc};
use pgvector::HalfVector;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::curation::TextFeatures;
use super::relabel::Labels;
use super::session::Session;
use super::{BankKey, StoreError};

/// A causal link of an archived fact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CausalLink {
    kind: i16,
    other_id: Uuid,
    weight: f32,
    /// Whether it goes from the fact to the other one.
    is_outward: bool,
}

/// What an archived fact has besides its own row.
#[derive(Debug)]
pub(super) struct TakenOut {
    /// The entities it mentions, each with whether it is a label.
    pub(super) entities: Vec<(String, bool)>,
    /// Its causal links.
    pub(super) causal_links: Vec<CausalLink>,
}

/// An entity that an archived fact mentions.
#[derive(Debug, Deserialize)]
struct ArchivedEntity {
    name: String,
    kind: i16,
}

/// Kind of entities that are labels.
const LABEL: i16 = 2;

/// A statement of three parts, between which the columns stand that a fact has wherever it is.
macro_rules! with_columns {
    (@ $columns:literal, $begin:literal, $middle:literal, $end:literal, $($argument:expr),*) => {
        sqlx::query!($begin + $columns + $middle + $columns + $end, $($argument),*)
    };
    ($begin:literal, $middle:literal, $end:literal, $($argument:expr),* $(,)?) => {
        with_columns!(
            @ "bank_key, memory_id, document_id, chunk_index, ordinal, fact_type, body, context, metadata, tags,
               label_tags, observation_scopes, occurred_start, occurred_end, mentioned_at, created_at, edited_at,
               read_hash, read_mentioned_at, attachment_ids",
            $begin, $middle, $end, $($argument),*
        )
    };
}

/// Locks an archived fact.
pub(super) async fn lock(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        "select memory_id from archived_memories where bank_key = $1 and memory_id = $2 for update",
        bank.0,
        memory_id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    Ok(())
}

/// Writes a fact into the archive; the caller removes it from where it was.
pub(super) async fn put_away(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    with_columns!(
        "insert into archived_memories (",
        ", text_hash, author, stream_id, stream_pos, entities, causal_links, reason, invalidated_at, updated_at)
         select ",
        ", text_hash, author, stream_id, stream_pos,
           (select coalesce(jsonb_agg(jsonb_build_object('id', e.entity_id, 'name', e.name, 'kind', e.kind)
                                      order by e.name), '[]')
            from memory_entities me join entities e on e.bank_key = $1 and e.entity_id = me.entity_id
            where me.bank_key = $1 and me.memory_id = $2),
           (select coalesce(jsonb_agg(jsonb_build_object('kind', l.kind, 'weight', l.weight,
                'other_id', case when l.memory_id = $2 then l.other_id else l.memory_id end,
                'is_outward', l.memory_id = $2) order by l.memory_id, l.kind, l.other_id), '[]')
            from memory_links l
            where l.bank_key = $1 and (l.memory_id = $2 or l.other_id = $2) and l.kind > 1),
           $3, $4, $4
         from memories join (
           select bank_key, memory_id, text_hash, author, stream_id, stream_pos
           from memory_vectors where bank_key = $1 and memory_id = $2
         ) v using (bank_key, memory_id)
         where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        reason,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Gives an archived fact another reason; without one it keeps its own.
pub(super) async fn give_reason(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update archived_memories set reason = $3, updated_at = $4
         where bank_key = $1 and memory_id = $2 and reason is distinct from coalesce($3, reason)",
        bank.0,
        memory_id,
        reason,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Moves an archived fact back among the memories, as it was. Its postings, mentions and links
/// are left to the caller.
pub(super) async fn take_out(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    features: &TextFeatures,
    now: DateTime<Utc>,
) -> Result<TakenOut, StoreError> {
    with_columns!(
        "insert into memories (",
        ") select ",
        " from archived_memories where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "insert into memory_state (bank_key, memory_id, updated_at) values ($1, $2, $3)",
        bank.0,
        memory_id,
        now
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "insert into memory_vectors (bank_key, memory_id, fact_type, embedding, event_at, event_end, stream_id,
           stream_pos, tokens, question_share, has_time, author, tags, text_hash)
         select bank_key, memory_id, fact_type, $3, coalesce(occurred_start, mentioned_at),
           case when occurred_start is not null then occurred_end end, stream_id, stream_pos, $4, $5, $6, author,
           tags, $7
         from archived_memories where bank_key = $1 and memory_id = $2",
        bank.0,
        memory_id,
        HalfVector::from_f32_slice(&features.embedding) as HalfVector,
        features.tokens,
        features.question_share,
        features.has_time,
        features.text_hash
    )
    .execute(&mut *transaction)
    .await?;
    let row = sqlx::query!(
        r#"delete from archived_memories where bank_key = $1 and memory_id = $2
           returning entities as "entities: Json<Vec<ArchivedEntity>>",
             causal_links as "causal_links: Json<Vec<CausalLink>>""#,
        bank.0,
        memory_id
    )
    .fetch_one(&mut *transaction)
    .await?;
    let entities = row.entities.0.into_iter().map(|entity| (entity.name, entity.kind == LABEL)).collect();
    Ok(TakenOut { entities, causal_links: row.causal_links.0 })
}

/// Joins a fact that was brought back to the causes and effects it had. Those that are archived
/// themselves bring the link along when they come back; those that are gone have none.
pub(super) async fn restore_links(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
    links: &[CausalLink],
) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    let rows = json!(links);
    // Whoever deletes one of the others waits, and deletes the link after it.
    sqlx::query!(
        "with others as materialized (
           select memory_id from memories
           where bank_key = $1 and memory_id in (select (l ->> 'other_id')::uuid from jsonb_array_elements($3) l)
           order by memory_id for key share
         )
         insert into memory_links (bank_key, memory_id, kind, other_id, weight)
         select $1, case when l.is_outward then $2 else l.other_id end, l.kind,
           case when l.is_outward then l.other_id else $2 end, l.weight
         from jsonb_to_recordset($3) as l(kind smallint, other_id uuid, weight real, is_outward boolean)
         join others o on o.memory_id = l.other_id
         on conflict do nothing",
        bank.0,
        memory_id,
        rows
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update archived_memories a set causal_links = a.causal_links || l.links
         from (
           select l.other_id, jsonb_agg(jsonb_build_object('kind', l.kind, 'weight', l.weight, 'other_id', $2::uuid,
               'is_outward', not l.is_outward)) as links
           from jsonb_to_recordset($3) as l(kind smallint, other_id uuid, weight real, is_outward boolean)
           group by l.other_id
         ) l
         where a.bank_key = $1 and a.memory_id = l.other_id",
        bank.0,
        memory_id,
        rows
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Archived facts go with the chunks they were read from, given by document and place.
pub(super) async fn forget_chunks(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    chunks: &[i32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from archived_memories a using unnest($2::text[], $3::int[]) u(document_id, chunk_index)
         where a.bank_key = $1 and a.document_id = u.document_id and a.chunk_index = u.chunk_index",
        bank.0,
        documents,
        chunks
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Archived facts take the labels that the other facts of their chunks take.
pub(super) async fn relabel(
    transaction: &mut Session,
    bank: BankKey,
    labels: &[Labels],
) -> Result<(), StoreError> {
    if labels.is_empty() {
        return Ok(());
    }
    let rows: Value = labels.iter().map(Labels::row).collect();
    sqlx::query!(
        "update archived_memories a set
           tags = case when r.tags is null then a.tags
             else r.tags || array(select l.tag from unnest(a.label_tags) l(tag) where l.tag <> all (r.tags)) end,
           metadata = case when r.sets_metadata then r.metadata else a.metadata end,
           observation_scopes = case when r.sets_scopes then r.scopes else a.observation_scopes end
         from jsonb_to_recordset($2) as r(document_id text, chunk_index int, tags text[],
           sets_metadata boolean, metadata jsonb, sets_scopes boolean, scopes jsonb)
         where a.bank_key = $1 and a.document_id = r.document_id and a.chunk_index = r.chunk_index",
        bank.0,
        rows
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Archived facts move with their chunks: document, old place, new place, change of their own
/// places.
pub(super) async fn shift(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    (old, new): (&[i32], &[i32]),
    shifts: &[i32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update archived_memories a set chunk_index = u.new, ordinal = a.ordinal + u.shift
         from unnest($2::text[], $3::int[], $4::int[], $5::int[]) u(document_id, old, new, shift)
         where a.bank_key = $1 and a.document_id = u.document_id and a.chunk_index = u.old
           and (u.old <> u.new or u.shift <> 0)",
        bank.0,
        documents,
        old,
        new,
        shifts
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Archived facts of undated documents stand in their conversations as they do in the document.
pub(super) async fn place_in_streams(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[String],
    streams: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update archived_memories a set stream_id = u.stream_id, stream_pos = a.ordinal
         from unnest($2::text[], $3::uuid[]) u(document_id, stream_id)
         where a.bank_key = $1 and a.document_id = u.document_id",
        bank.0,
        documents,
        streams
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}
