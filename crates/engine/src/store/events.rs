//! What has happened to documents.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::remove::Removed;
use super::session::Session;
use super::{BankKey, Store, StoreError};

/// Events of a document that are kept.
const KEPT: i64 = 1000;
/// Ids of observations that an event names.
const SAMPLE: usize = 20;

/// Something that has happened to a document.
#[derive(Debug)]
pub(super) struct Event<'e> {
    /// The document.
    pub(super) document_id: &'e str,
    /// What it was, in a word of the wire.
    pub(super) kind: &'static str,
    /// The operation that did it.
    pub(super) operation: Option<Uuid>,
    /// The fact it was about.
    pub(super) fact: Option<Uuid>,
    /// Facts that came.
    pub(super) facts_added: usize,
}

impl<'e> Event<'e> {
    /// An event of a document.
    pub(super) fn new(document_id: &'e str, kind: &'static str) -> Self {
        Self { document_id, kind, operation: None, fact: None, facts_added: 0 }
    }
}

/// An event as it is read.
#[derive(Clone, Debug)]
pub struct DocumentEventRow {
    /// What it was.
    pub kind: String,
    /// When it was.
    pub created_at: DateTime<Utc>,
    /// The operation that did it.
    pub operation_id: Option<Uuid>,
    /// The fact it was about.
    pub fact_id: Option<Uuid>,
    /// Facts that came.
    pub facts_added: i32,
    /// Facts that went.
    pub facts_removed: i32,
    /// Observations that came, changed and went.
    pub observations: Option<Value>,
}

/// Writes events, in the transaction of what has happened; `removed` is what went by it.
pub(super) async fn record(
    transaction: &mut Session,
    bank: BankKey,
    events: &[Event<'_>],
    removed: &Removed,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let gone = removed.by_document();
    let rows: Value = events
        .iter()
        .map(|event| {
            let (facts_removed, observations) = gone.get(event.document_id).cloned().unwrap_or_default();
            let sample: Vec<&Uuid> = observations.iter().take(SAMPLE).collect();
            let gone = json!({"removed": {"count": observations.len(), "ids": sample}});
            json!({
                "document_id": event.document_id,
                "kind": event.kind,
                "operation_id": event.operation,
                "fact_id": event.fact,
                "facts_added": event.facts_added,
                "facts_removed": facts_removed,
                "observations": (!observations.is_empty()).then_some(gone),
            })
        })
        .collect();
    sqlx::query!(
        "with forgotten as (
           delete from document_events e
           using (select distinct r ->> 'document_id' as document_id from jsonb_array_elements($2) r) d
           where e.bank_key = $1 and e.document_id = d.document_id and e.event_id <= (
             select o.event_id from document_events o where o.bank_key = $1 and o.document_id = d.document_id
             order by o.event_id desc offset $4 limit 1)
         )
         insert into document_events (bank_key, document_id, kind, created_at, operation_id, fact_id, facts_added,
           facts_removed, observations)
         select $1, r.document_id, r.kind, $3, r.operation_id, r.fact_id, r.facts_added, r.facts_removed,
           nullif(r.observations, 'null'::jsonb)
         from jsonb_to_recordset($2) as r(document_id text, kind text, operation_id uuid, fact_id uuid,
           facts_added int, facts_removed int, observations jsonb)",
        bank.0,
        rows,
        now,
        KEPT - 1
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

impl Store {
    /// One page of a document's events, the newest first, and the number of all; `None` when there
    /// is no such document.
    pub async fn document_events(
        &self,
        bank: BankKey,
        document_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<Option<(Vec<DocumentEventRow>, i64)>, StoreError> {
        let total = sqlx::query_scalar!(
            r#"select (select count(*) from document_events e
                 where e.bank_key = $1 and e.document_id = $2) as "total!"
               from documents d where d.bank_key = $1 and d.document_id = $2"#,
            bank.0,
            document_id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        let Some(total) = total else {
            return Ok(None);
        };
        let events = sqlx::query_as!(
            DocumentEventRow,
            "select kind, created_at, operation_id, fact_id, facts_added, facts_removed, observations
             from document_events where bank_key = $1 and document_id = $2
             order by event_id desc limit $3 offset $4",
            bank.0,
            document_id,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(Some((events, total)))
    }
}
