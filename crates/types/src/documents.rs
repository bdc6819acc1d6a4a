//! Documents: the texts that memories were read from.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::attachments::ChunkAttachment;
use crate::decode::{Decoder, request};
use crate::retain::ObservationScopes;

/// Answer to `GET documents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListDocumentsResponse {
    /// One page of documents, the last changed first.
    pub items: Vec<DocumentListItem>,
    /// Number of documents in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Documents skipped.
    pub offset: i64,
    /// Whether `total` is only a lower bound.
    pub total_is_estimate: bool,
}

/// A document in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentListItem {
    /// Id of the document.
    pub id: String,
    /// Its bank.
    pub bank_id: String,
    /// SHA-256 of its text in hex.
    pub content_hash: Option<String>,
    /// When it was first retained.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Length of its text in characters.
    pub text_length: i64,
    /// Number of its memories.
    pub memory_unit_count: i64,
    /// What it was retained with.
    pub retain_params: Option<Map<String, Value>>,
    /// Metadata given at retain.
    pub document_metadata: Option<Map<String, Value>>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where a search matched: `id`, `original_text`.
    pub matched_fields: Vec<String>,
}

/// Answer to `GET documents/{document_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentResponse {
    /// Id of the document.
    pub id: String,
    /// Its bank.
    pub bank_id: String,
    /// Its text; null when texts are not kept.
    pub original_text: Option<String>,
    /// SHA-256 of its text in hex.
    pub content_hash: Option<String>,
    /// When it was first retained.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Number of its memories.
    pub memory_unit_count: i64,
    /// Number of its memories by type.
    pub nodes_by_fact_type: Option<IndexMap<String, i64>>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Metadata given at retain.
    pub document_metadata: Option<Map<String, Value>>,
    /// What it was retained with.
    pub retain_params: Option<Map<String, Value>>,
    /// Scopes of the observations made from it.
    pub observation_scopes: Option<Value>,
    /// Its attachments.
    pub attachments: Option<Vec<ChunkAttachment>>,
}

request! {
    /// `PATCH documents/{document_id}`.
    pub struct UpdateDocumentRequest check check_update {
        /// Tags in place of those of the document and its memories.
        tags: Option<Vec<String>> => optional,
        /// Scopes of the observations made from it.
        observation_scopes: Option<ObservationScopes> => optional,
    }
}

fn check_update(request: &UpdateDocumentRequest, value: &Value, decoder: &mut Decoder) {
    if request.tags.is_none() && request.observation_scopes.is_none() {
        decoder.value_error("at least one of 'tags' and 'observation_scopes' must be given", value);
    }
}

/// Answer to `PATCH documents/{document_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateDocumentResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
}

/// Answer to `DELETE documents/{document_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteDocumentResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
    /// What was done, in words.
    pub message: String,
    /// Id of the document.
    pub document_id: String,
    /// Memories that went with it.
    pub memory_units_deleted: i64,
}

/// Answer to `GET documents/{document_id}/history`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentHistoryResponse {
    /// Id of the document.
    pub document_id: String,
    /// Number of events in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Events skipped.
    pub offset: i64,
    /// One page of events, the newest first.
    pub items: Vec<DocumentEvent>,
}

/// Something that has happened to a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentEvent {
    /// Id of the document.
    pub document_id: String,
    /// What it was: `retain`, `append`, `retag`, `fact_edited` and so on.
    pub kind: String,
    /// When it was.
    pub created_at: String,
    /// The operation that did it.
    pub operation_id: Option<String>,
    /// The memory it was about.
    pub fact_id: Option<String>,
    /// Facts that came.
    pub facts_added: i64,
    /// Facts that went.
    pub facts_removed: i64,
    /// Observations that were made.
    pub observations_created: ObservationIdSample,
    /// Observations that were changed.
    pub observations_updated: ObservationIdSample,
    /// Observations that went.
    pub observations_removed: ObservationIdSample,
}

/// A number of observations, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationIdSample {
    /// How many there are.
    pub count: i64,
    /// Ids of some of them.
    pub ids: Vec<String>,
}

/// Answer to `GET documents/{document_id}/chunks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListChunksResponse {
    /// One page of chunks, in the order of the document.
    pub items: Vec<ChunkResponse>,
    /// Number of chunks in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Chunks skipped.
    pub offset: i64,
}

/// Answer to `GET chunks/{chunk_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkResponse {
    /// Id of the chunk.
    pub chunk_id: String,
    /// Its document.
    pub document_id: String,
    /// Its bank.
    pub bank_id: String,
    /// Its place in the document, from 0.
    pub chunk_index: i64,
    /// Its text; empty when texts are not kept.
    pub chunk_text: String,
    /// When it was written.
    pub created_at: String,
    /// Attachments in it.
    pub attachments: Option<Vec<ChunkAttachment>>,
}

/// Public id of a chunk: bank, document and place, joined by `_` so that it splits into
/// exactly three parts (`_` inside a part becomes `~5F`, `~` becomes `~7E`).
pub fn chunk_id(bank_id: &str, document_id: &str, index: i64) -> String {
    let escape = |part: &str| part.replace('~', "~7E").replace('_', "~5F");
    format!("{}_{}_{index}", escape(bank_id), escape(document_id))
}

/// Bank, document and place of a chunk by its public id; `None` when it is no such id.
pub fn parse_chunk_id(id: &str) -> Option<(String, String, i32)> {
    let unescape = |part: &str| part.replace("~5F", "_").replace("~7E", "~");
    let mut parts = id.split('_');
    let (bank_id, document_id, index) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((unescape(bank_id), unescape(document_id), index.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_id_splits_into_three_parts_whatever_the_names_hold() {
        assert_eq!(chunk_id("bank", "doc", 0), "bank_doc_0");
        assert_eq!(chunk_id("a_b", "c~_", 12), "a~5Fb_c~7E~5F_12");
    }

    #[test]
    fn a_chunk_id_is_read_back() {
        for (bank, document) in [("b", "d"), ("a_b", "c~_"), ("~5F", "~7E_~"), ("ü/", "")] {
            let id = chunk_id(bank, document, 3);
            assert_eq!(parse_chunk_id(&id), Some((bank.to_owned(), document.to_owned(), 3)), "{id}");
        }
        for id in ["", "a", "a_b", "a_b_c", "a_b_1_2", "a_b_99999999999"] {
            assert_eq!(parse_chunk_id(id), None, "{id}");
        }
    }
}

/// Answer to `POST documents/{id}/reprocess`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReprocessDocumentResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
    /// The retain that was handed over.
    pub operation_id: String,
    /// Number of its items.
    pub items_count: i64,
}
