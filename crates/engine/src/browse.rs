//! Looking at what a bank holds: memories and documents.

use chrono::{DateTime, SecondsFormat, Utc};
use hindsight_types::documents::{
    ChunkResponse, DeleteDocumentResponse, DocumentEvent, DocumentHistoryResponse, DocumentListItem,
    DocumentResponse, ListChunksResponse, ListDocumentsResponse, ObservationIdSample, chunk_id,
    parse_chunk_id,
};
use hindsight_types::memories::{ListMemoriesResponse, MemoryListItem, MemoryResponse};
use hindsight_types::recall::FactType;
use hindsight_types::time;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::attachments::{AttachmentInfo, ID_CHARS, has_marks, shown, shown_in};
use crate::hash::hex;
use crate::store::{
    AttachmentFile, BankKey, DocumentEventRow, DocumentFilter, MemoryFilter, MemoryRow, StoredChunk,
    fact_type_of, infos_of,
};
use crate::{Engine, EngineError};

impl Engine {
    /// One page of memories.
    pub async fn list_memories(
        &self,
        bank_id: &str,
        filter: &MemoryFilter,
        limit: i64,
        offset: i64,
    ) -> Result<ListMemoriesResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.memories(bank.key, filter, limit, offset).await?;
        let items = rows.into_iter().map(|row| list_item(&bank.bank_id, row)).collect();
        Ok(ListMemoriesResponse { items, total, limit, offset })
    }

    /// One memory.
    pub async fn memory(&self, bank_id: &str, memory_id: Uuid) -> Result<MemoryResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let row = self.store.memory(bank.key, memory_id).await?;
        let row = row.ok_or_else(|| EngineError::NotFound { kind: "Memory", id: memory_id.to_string() })?;
        Ok(MemoryResponse {
            chunk_id: memory_chunk_id(&bank.bank_id, &row),
            id: row.memory_id.to_string(),
            text: row.body,
            context: row.context.unwrap_or_default(),
            date: format(row.occurred_start.or(row.mentioned_at)).unwrap_or_default(),
            fact_type: fact_type_of(row.fact_type),
            mentioned_at: format(row.mentioned_at),
            occurred_start: format(row.occurred_start),
            occurred_end: format(row.occurred_end),
            entities: row.entities,
            document_id: row.document_id,
            tags: row.tags,
            metadata: metadata(row.metadata).unwrap_or_default(),
            observation_scopes: row.observation_scopes,
            state: state(row.invalidated_at),
            invalidation_reason: row.invalidation_reason,
            invalidated_at: format(row.invalidated_at),
            edited_at: format(row.edited_at),
            consolidated_at: format(row.consolidated_at),
            consolidation_failed_at: format(row.consolidation_failed_at),
            attachments: shown(&bank.bank_id, infos_of(row.attachments)),
        })
    }

    /// One page of documents.
    pub async fn list_documents(
        &self,
        bank_id: &str,
        filter: &DocumentFilter,
        limit: i64,
        offset: i64,
    ) -> Result<ListDocumentsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.documents(bank.key, filter, limit, offset).await?;
        let items = rows
            .into_iter()
            .map(|row| {
                let matched = [("id", row.id_matched), ("original_text", row.body_matched)];
                DocumentListItem {
                    id: row.document_id,
                    bank_id: bank.bank_id.clone(),
                    content_hash: Some(hex(&row.content_hash)),
                    created_at: time::format(row.created_at),
                    updated_at: time::format(row.updated_at),
                    text_length: i64::from(row.body_length),
                    memory_unit_count: row.memories,
                    document_metadata: document_metadata(row.retain_params.as_ref()),
                    retain_params: row.retain_params.and_then(into_object),
                    tags: row.tags,
                    matched_fields: matched
                        .into_iter()
                        .filter(|(_, matched)| *matched)
                        .map(|(field, _)| field.to_owned())
                        .collect(),
                }
            })
            .collect();
        Ok(ListDocumentsResponse { items, total, limit, offset, total_is_estimate: false })
    }

    /// One document.
    pub async fn document(&self, bank_id: &str, document_id: &str) -> Result<DocumentResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let row = self.store.document(bank.key, document_id).await?;
        let row = row.ok_or_else(|| not_found(document_id))?;
        let attachments = self.store.attachment_infos(bank.key, document_id).await?;
        let by_type: IndexMap<String, i64> = std::iter::zip(FactType::ALL, row.memories)
            .filter(|(_, count)| *count > 0)
            .map(|(fact_type, count)| (fact_type.to_string(), count))
            .collect();
        Ok(DocumentResponse {
            id: row.document_id,
            bank_id: bank.bank_id,
            original_text: row.body,
            content_hash: Some(hex(&row.content_hash)),
            created_at: time::format(row.created_at),
            updated_at: time::format(row.updated_at),
            memory_unit_count: row.memories.iter().sum(),
            nodes_by_fact_type: Some(by_type),
            tags: row.tags,
            document_metadata: document_metadata(row.retain_params.as_ref()),
            observation_scopes: row
                .retain_params
                .as_ref()
                .and_then(|params| params.get("observation_scopes"))
                .filter(|scopes| !scopes.is_null())
                .cloned(),
            retain_params: row.retain_params.and_then(into_object),
            attachments: shown(bank_id, attachments),
        })
    }

    /// One page of a document's chunks.
    pub async fn document_chunks(
        &self,
        bank_id: &str,
        document_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<ListChunksResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let page = self.store.document_chunks(bank.key, document_id, limit, offset).await?;
        let (chunks, total) = page.ok_or_else(|| not_found(document_id))?;
        let attached = self.attached_to(bank.key, document_id, &chunks).await?;
        let items = chunks
            .into_iter()
            .map(|chunk| chunk_response(&bank.bank_id, document_id, chunk, &attached))
            .collect();
        Ok(ListChunksResponse { items, total, limit, offset })
    }

    /// One page of what has happened to a document, the newest first.
    pub async fn document_history(
        &self,
        bank_id: &str,
        document_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<DocumentHistoryResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let page = self.store.document_events(bank.key, document_id, limit, offset).await?;
        let (events, total) = page.ok_or_else(|| not_found(document_id))?;
        let items = events.into_iter().map(|event| document_event(document_id, event)).collect();
        Ok(DocumentHistoryResponse { document_id: document_id.to_owned(), total, limit, offset, items })
    }

    /// One chunk by its public id, which names its bank.
    pub async fn chunk(&self, chunk_id: &str) -> Result<ChunkResponse, EngineError> {
        let missing = || EngineError::NotFound { kind: "Chunk", id: chunk_id.to_owned() };
        let (bank_id, document_id, index) = parse_chunk_id(chunk_id).ok_or_else(missing)?;
        let bank = self.store.bank(&bank_id).await?.ok_or_else(missing)?;
        let chunk = self.store.chunk(bank.key, &document_id, index).await?.ok_or_else(missing)?;
        let attached = self.attached_to(bank.key, &document_id, std::slice::from_ref(&chunk)).await?;
        Ok(chunk_response(&bank.bank_id, &document_id, chunk, &attached))
    }

    /// What a document has attached, if these chunks of it name anything.
    async fn attached_to(
        &self,
        bank: BankKey,
        document_id: &str,
        chunks: &[StoredChunk],
    ) -> Result<Vec<AttachmentInfo>, EngineError> {
        if !chunks.iter().any(|chunk| has_marks(&chunk.body)) {
            return Ok(Vec::new());
        }
        Ok(self.store.attachment_infos(bank, document_id).await?)
    }

    /// The bytes of an attachment, by its id or by its hash in hex.
    pub async fn attachment(
        &self,
        bank_id: &str,
        attachment_id: &str,
    ) -> Result<AttachmentFile, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let missing = || EngineError::NotFound { kind: "Attachment", id: attachment_id.to_owned() };
        let id = attachment_id.get(..ID_CHARS).ok_or_else(missing)?;
        let hash = (attachment_id.len() > ID_CHARS).then_some(attachment_id);
        self.store.attachment(bank.key, id, hash).await?.ok_or_else(missing)
    }

    /// Deletes a document with its memories.
    pub async fn delete_document(
        &self,
        bank_id: &str,
        document_id: &str,
    ) -> Result<DeleteDocumentResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let deleted = self.store.delete_document(bank.key, document_id, self.clock.now()).await?;
        let deleted = deleted.ok_or_else(|| not_found(document_id))?;
        Ok(DeleteDocumentResponse {
            success: true,
            message: format!("Document '{document_id}' and {deleted} associated memory units deleted"),
            document_id: document_id.to_owned(),
            memory_units_deleted: deleted,
        })
    }
}

fn document_event(document_id: &str, event: DocumentEventRow) -> DocumentEvent {
    let sample = |name: &str| {
        let sample = event.observations.as_ref().and_then(|observations| observations.get(name));
        sample.and_then(|sample| ObservationIdSample::deserialize(sample).ok()).unwrap_or_default()
    };
    DocumentEvent {
        document_id: document_id.to_owned(),
        // A typed time of the contract, which is written like this.
        created_at: event.created_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        operation_id: event.operation_id.map(|id| id.to_string()),
        fact_id: event.fact_id.map(|id| id.to_string()),
        facts_added: event.facts_added.into(),
        facts_removed: event.facts_removed.into(),
        observations_created: sample("created"),
        observations_updated: sample("updated"),
        observations_removed: sample("removed"),
        kind: event.kind,
    }
}

fn not_found(document_id: &str) -> EngineError {
    EngineError::NotFound { kind: "Document", id: document_id.to_owned() }
}

fn chunk_response(
    bank_id: &str,
    document_id: &str,
    chunk: StoredChunk,
    attached: &[AttachmentInfo],
) -> ChunkResponse {
    let chunk_index = i64::from(chunk.chunk_index);
    ChunkResponse {
        chunk_id: chunk_id(bank_id, document_id, chunk_index),
        document_id: document_id.to_owned(),
        bank_id: bank_id.to_owned(),
        chunk_index,
        attachments: shown_in(bank_id, &chunk.body, attached.to_vec()),
        chunk_text: chunk.body,
        created_at: time::format(chunk.created_at),
    }
}

/// Public id of the chunk a memory was read from.
fn memory_chunk_id(bank_id: &str, row: &MemoryRow) -> Option<String> {
    let document_id = row.document_id.as_deref()?;
    Some(chunk_id(bank_id, document_id, i64::from(row.chunk_index?)))
}

fn list_item(bank_id: &str, row: MemoryRow) -> MemoryListItem {
    let date = row.occurred_start.or(row.mentioned_at);
    MemoryListItem {
        chunk_id: memory_chunk_id(bank_id, &row),
        id: row.memory_id.to_string(),
        text: row.body,
        context: row.context.unwrap_or_default(),
        date: date.map(time::format).unwrap_or_default(),
        fact_type: Some(fact_type_of(row.fact_type)),
        document_id: row.document_id,
        mentioned_at: format(row.mentioned_at),
        occurred_start: format(row.occurred_start),
        occurred_end: format(row.occurred_end),
        entities: row.entities.join(", "),
        proof_count: i64::from(row.proof_count),
        tags: row.tags,
        metadata: metadata(row.metadata).unwrap_or_default(),
        consolidated_at: format(row.consolidated_at),
        consolidation_failed_at: format(row.consolidation_failed_at),
        state: state(row.invalidated_at),
        invalidation_reason: row.invalidation_reason,
        invalidated_at: format(row.invalidated_at),
        edited_at: format(row.edited_at),
        updated_at: Some(time::format(row.updated_at)),
        source_memory_ids: row.source_ids.unwrap_or_default().iter().map(ToString::to_string).collect(),
        attachments: shown(bank_id, infos_of(row.attachments)),
    }
}

/// Word for the state of a memory.
fn state(invalidated_at: Option<DateTime<Utc>>) -> String {
    if invalidated_at.is_some() { "invalidated" } else { "valid" }.to_owned()
}

/// A time on the wire.
pub(crate) fn format(time: Option<DateTime<Utc>>) -> Option<String> {
    time.map(time::format)
}

/// Stored metadata, which is a map of strings.
pub(crate) fn metadata(value: Option<Value>) -> Option<IndexMap<String, String>> {
    value.and_then(|value| serde_json::from_value(value).ok())
}

fn document_metadata(retain_params: Option<&Value>) -> Option<Map<String, Value>> {
    retain_params?.get("metadata")?.as_object().cloned()
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
