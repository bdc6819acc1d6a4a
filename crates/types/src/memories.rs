//! Listings of memories.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attachments::ChunkAttachment;
use crate::recall::FactType;

/// Answer to `GET memories/list`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListMemoriesResponse {
    /// One page of memories.
    pub items: Vec<MemoryListItem>,
    /// Number of memories in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Memories skipped.
    pub offset: i64,
}

/// A memory in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryListItem {
    /// Id of the memory.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Context given at retain, or empty.
    pub context: String,
    /// Date of what it tells of, or of the telling, or empty.
    pub date: String,
    /// Its type.
    pub fact_type: Option<FactType>,
    /// Its document.
    pub document_id: Option<String>,
    /// When it was said.
    pub mentioned_at: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<String>,
    /// End of what it tells of.
    pub occurred_end: Option<String>,
    /// Names of its entities, joined by `, `.
    pub entities: String,
    /// Its chunk.
    pub chunk_id: Option<String>,
    /// Number of facts behind it.
    pub proof_count: i64,
    /// Its tags.
    pub tags: Vec<String>,
    /// Metadata given at retain.
    pub metadata: IndexMap<String, String>,
    /// When it went into observations.
    pub consolidated_at: Option<String>,
    /// When that failed.
    pub consolidation_failed_at: Option<String>,
    /// `valid` or `invalidated`.
    pub state: String,
    /// Why it was invalidated.
    pub invalidation_reason: Option<String>,
    /// When it was invalidated.
    pub invalidated_at: Option<String>,
    /// When it was edited.
    pub edited_at: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
    /// Facts behind an observation.
    pub source_memory_ids: Vec<String>,
    /// Attachments it was read from; not there when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<ChunkAttachment>>,
}

/// Answer to `GET memories/{memory_id}`; the contract leaves it open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryResponse {
    /// Id of the memory.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Context given at retain, or empty.
    pub context: String,
    /// Date of what it tells of, or of the telling, or empty.
    pub date: String,
    /// Its type.
    #[serde(rename = "type")]
    pub fact_type: FactType,
    /// When it was said.
    pub mentioned_at: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<String>,
    /// End of what it tells of.
    pub occurred_end: Option<String>,
    /// Names of its entities.
    pub entities: Vec<String>,
    /// Its document.
    pub document_id: Option<String>,
    /// Its chunk.
    pub chunk_id: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Metadata given at retain.
    pub metadata: IndexMap<String, String>,
    /// Scopes of the observations made from it.
    pub observation_scopes: Option<Value>,
    /// `valid` or `invalidated`.
    pub state: String,
    /// Why it was invalidated.
    pub invalidation_reason: Option<String>,
    /// When it was invalidated.
    pub invalidated_at: Option<String>,
    /// When it was edited.
    pub edited_at: Option<String>,
    /// When it went into observations.
    pub consolidated_at: Option<String>,
    /// When that failed.
    pub consolidation_failed_at: Option<String>,
    /// Attachments it was read from; not there when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<ChunkAttachment>>,
}
