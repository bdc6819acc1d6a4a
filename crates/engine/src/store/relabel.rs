//! New labels for memories that stay: tags, metadata, scopes. And who is concerned by that.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::banks::hold;
use super::events::{self, Event};
use super::remove::{Outgoing, remove_memories};
use super::session::Session;
use super::statistics::write_statistics;
use super::stored::{PartRecord, part_records};
use super::versions::{Kept, Version};
use super::{BankKey, Store, StoreError, archive, consolidation};

/// New labels for the memories of a chunk; without tags those stay as they are.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    pub(super) document_id: String,
    pub(super) chunk_index: i32,
    pub(super) tags: Option<Vec<String>>,
    pub(super) metadata: Change,
    pub(super) scopes: Change,
}

impl Labels {
    /// As a record for the database.
    pub(super) fn row(&self) -> Value {
        let ((sets_metadata, metadata), (sets_scopes, scopes)) = (self.metadata.parts(), self.scopes.parts());
        json!({
            "document_id": self.document_id,
            "chunk_index": self.chunk_index,
            "tags": self.tags,
            "sets_metadata": sets_metadata,
            "metadata": metadata,
            "sets_scopes": sets_scopes,
            "scopes": scopes,
        })
    }
}

/// What becomes of a field that may be empty.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Stay,
    Set(Option<Value>),
}

impl Change {
    /// Whether it is set, and to what.
    fn parts(&self) -> (bool, Option<&Value>) {
        match self {
            Self::Stay => (false, None),
            Self::Set(value) => (true, value.as_ref()),
        }
    }
}

/// A memory whose labels change.
#[derive(Debug)]
pub(super) struct Relabelled {
    memory_id: Uuid,
    tags: Vec<String>,
    metadata: Option<Value>,
    scopes: Option<Value>,
    /// Whether other observations may be made of it than before.
    pub(super) is_rescoped: bool,
}

impl Relabelled {
    pub(super) fn memory_id(&self) -> Uuid {
        self.memory_id
    }
}

/// The labels that the chunks which stay take from the items of the write.
pub(super) fn labels_of(version: &Version<'_>) -> Vec<Labels> {
    let document = version.document;
    let of_part = |kept: &Kept| {
        let part = document.parts.get(kept.labels?)?;
        Some(Labels {
            document_id: document.document_id.clone(),
            chunk_index: kept.old,
            tags: Some(part.tags.clone()),
            metadata: Change::Set(part.metadata.clone()),
            scopes: Change::Set(part.observation_scopes.clone()),
        })
    };
    version.kept.iter().filter_map(of_part).collect()
}

/// The memories whose labels would change.
pub(super) async fn find_changes(
    transaction: &mut Session,
    bank: BankKey,
    labels: &[Labels],
) -> Result<Vec<Relabelled>, StoreError> {
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Value = labels.iter().map(Labels::row).collect();
    // Scopes follow from the tags unless they are one for all, or named without a wildcard.
    let rows = sqlx::query!(
        r#"select n.memory_id as "memory_id!", n.tags as "tags!: Vec<String>", n.metadata, n.scopes,
             (n.scopes is distinct from n.old_scopes or (not (n.tags @> n.old_tags and n.tags <@ n.old_tags)
               and n.scopes is distinct from '"shared"'::jsonb
               and not coalesce(jsonb_typeof(n.scopes) = 'array' and strpos(n.scopes::text, '*') = 0, false)))
               as "is_rescoped!"
           from (
             select m.memory_id, m.tags as old_tags, m.metadata as old_metadata,
               m.observation_scopes as old_scopes,
               case when r.tags is null then m.tags
                 else r.tags || array(select l.tag from unnest(m.label_tags) l(tag)
                                     where l.tag <> all (r.tags)) end as tags,
               case when r.sets_metadata then r.metadata else m.metadata end as metadata,
               case when r.sets_scopes then r.scopes else m.observation_scopes end as scopes
             from jsonb_to_recordset($2) as r(document_id text, chunk_index int, tags text[],
               sets_metadata boolean, metadata jsonb, sets_scopes boolean, scopes jsonb)
             join memories m on m.bank_key = $1 and m.document_id = r.document_id
               and m.chunk_index = r.chunk_index
           ) n
           where n.tags <> n.old_tags or n.metadata is distinct from n.old_metadata
             or n.scopes is distinct from n.old_scopes"#,
        bank.0,
        rows
    )
    .fetch_all(&mut *transaction)
    .await?;
    let changed = rows.into_iter().map(|row| Relabelled {
        memory_id: row.memory_id,
        tags: row.tags,
        metadata: row.metadata,
        scopes: row.scopes,
        is_rescoped: row.is_rescoped,
    });
    Ok(changed.collect())
}

/// Writes the new labels. The states of the memories are locked by the caller.
pub(super) async fn write_labels(
    transaction: &mut Session,
    bank: BankKey,
    changed: &[Relabelled],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows: Value = changed
        .iter()
        .map(|memory| {
            json!({
                "memory_id": memory.memory_id,
                "tags": memory.tags,
                "metadata": memory.metadata,
                "scopes": memory.scopes,
                "is_rescoped": memory.is_rescoped,
            })
        })
        .collect();
    sqlx::query!(
        "update memories m set tags = r.tags, metadata = r.metadata, observation_scopes = r.scopes
         from jsonb_to_recordset($2) as r(memory_id uuid, tags text[], metadata jsonb, scopes jsonb)
         where m.bank_key = $1 and m.memory_id = r.memory_id",
        bank.0,
        rows
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update memory_vectors v set tags = r.tags
         from jsonb_to_recordset($2) as r(memory_id uuid, tags text[])
         where v.bank_key = $1 and v.memory_id = r.memory_id and v.tags <> r.tags",
        bank.0,
        rows
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "update memory_state s set updated_at = $3, written_at = clock_timestamp(),
           consolidated_at = case when r.is_rescoped then null else s.consolidated_at end,
           consolidation_failed_at = case when r.is_rescoped then null else s.consolidation_failed_at end
         from jsonb_to_recordset($2) as r(memory_id uuid, is_rescoped boolean)
         where s.bank_key = $1 and s.memory_id = r.memory_id",
        bank.0,
        rows,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

impl Store {
    /// Gives a document other tags or scopes, and the memories that were read from it too; tags
    /// that follow from a memory's labels stay. Returns whether there is such a document.
    pub async fn relabel_document(
        &self,
        bank: BankKey,
        document_id: &str,
        tags: Option<&[String]>,
        scopes: Option<&Value>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        match hold(&mut transaction, bank).await {
            Err(StoreError::BankVanished) => return Ok(false),
            held => held?,
        }
        let row = sqlx::query!(
            "select accepted, retain_params, tags, parts from documents
             where bank_key = $1 and document_id = $2 for update",
            bank.0,
            document_id
        )
        .fetch_optional(&mut transaction)
        .await?;
        let Some(row) = row else {
            return Ok(false);
        };
        let mut params = row.retain_params;
        let mut parts = part_records(row.parts, row.accepted);
        for part in &mut parts {
            relabel_part(part, tags, scopes);
        }
        if let (Some(Value::Object(params)), Some(scopes)) = (&mut params, scopes) {
            params.insert("observation_scopes".to_owned(), scopes.clone());
        }
        let mut own_tags = tags.map_or(row.tags, <[String]>::to_vec);
        own_tags.sort_unstable();
        own_tags.dedup();
        sqlx::query!(
            "update documents set tags = $3, retain_params = $4, parts = $5, updated_at = $6
             where bank_key = $1 and document_id = $2",
            bank.0,
            document_id,
            &own_tags,
            params,
            (!parts.is_empty()).then_some(Json(parts)) as Option<Json<Vec<PartRecord>>>,
            now
        )
        .execute(&mut transaction)
        .await?;
        let chunks = sqlx::query_scalar!(
            "select chunk_index from chunks where bank_key = $1 and document_id = $2",
            bank.0,
            document_id
        )
        .fetch_all(&mut transaction)
        .await?;
        let labels: Vec<Labels> = chunks
            .into_iter()
            .map(|chunk_index| Labels {
                document_id: document_id.to_owned(),
                chunk_index,
                tags: tags.map(<[String]>::to_vec),
                metadata: Change::Stay,
                scopes: scopes.map_or(Change::Stay, |scopes| Change::Set(Some(scopes.clone()))),
            })
            .collect();
        let changed = find_changes(&mut transaction, bank, &labels).await?;
        let outgoing = Outgoing::find(&mut transaction, bank, &[], &changed).await?;
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        write_labels(&mut transaction, bank, &changed, now).await?;
        archive::relabel(&mut transaction, bank, &labels).await?;
        let retagged = [Event::new(document_id, "retag")];
        events::record(&mut transaction, bank, &retagged, &removed, now).await?;
        write_statistics(&mut transaction, bank, &removed.terms, &removed.entities, removed.counts(), now)
            .await?;
        if removed.has_waiting || changed.iter().any(|memory| memory.is_rescoped) {
            consolidation::request(&mut transaction, bank, self.consolidation).await?;
        }
        transaction.end().await?;
        Ok(true)
    }
}

fn relabel_part(part: &mut PartRecord, tags: Option<&[String]>, scopes: Option<&Value>) {
    if let Some(tags) = tags {
        part.tags = tags.to_vec();
    }
    if let Some(scopes) = scopes {
        part.params.insert("observation_scopes".to_owned(), scopes.clone());
    }
}
