//! Banks: the walls between memories.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::decode::{Decoder, FromJson, request};

/// Character of a bank, three traits from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// 1 trusting … 5 skeptical.
    pub skepticism: i64,
    /// 1 flexible … 5 literal.
    pub literalism: i64,
    /// 1 detached … 5 empathetic.
    pub empathy: i64,
}

impl Default for Disposition {
    fn default() -> Self {
        Self { skepticism: 3, literalism: 3, empathy: 3 }
    }
}

impl FromJson for Disposition {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let object = decoder.object(value)?;
        let traits = ["skepticism", "literalism", "empathy"]
            .map(|name| decoder.required::<Trait>(object, name).map(|Trait(level)| level));
        let [skepticism, literalism, empathy] = traits;
        Some(Self { skepticism: skepticism?, literalism: literalism?, empathy: empathy? })
    }
}

/// Level of one trait of a disposition: 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Trait(pub i64);

impl FromJson for Trait {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let level = i64::from_json(value, decoder)?;
        if level < 1 {
            let ctx = json!({"ge": 1});
            decoder.fail_with("greater_than_equal", "Input should be greater than or equal to 1", value, ctx);
        } else if level > 5 {
            let ctx = json!({"le": 5});
            decoder.fail_with("less_than_equal", "Input should be less than or equal to 5", value, ctx);
        }
        Some(Self(level))
    }
}

request! {
    /// `PUT banks/{bank_id}`: creates the bank or changes the fields that are given.
    #[derive(Default)]
    pub struct CreateBankRequest {
        /// Label of the bank.
        name: Option<String> => optional,
        /// All three traits at once.
        disposition: Option<Disposition> => optional,
        /// One trait; wins over `disposition`.
        disposition_skepticism: Option<Trait> => optional,
        /// One trait; wins over `disposition`.
        disposition_literalism: Option<Trait> => optional,
        /// One trait; wins over `disposition`.
        disposition_empathy: Option<Trait> => optional,
        /// What the bank is for, in the agent's words.
        mission: Option<String> => optional,
        /// Old name of the mission.
        background: Option<String> => optional,
        /// Mission of reflect; wins over `mission` and `background`.
        reflect_mission: Option<String> => optional,
        /// What extraction should look for.
        retain_mission: Option<String> => optional,
        /// Extraction mode of the bank.
        retain_extraction_mode: Option<String> => optional,
        /// Instructions for mode `custom`.
        retain_custom_instructions: Option<String> => optional,
        /// Chunk size in characters.
        retain_chunk_size: Option<i64> => optional,
        /// Largest turn or line kept whole, in characters.
        retain_structured_chunk_size: Option<i64> => optional,
        /// Attachments per chunk.
        retain_max_attachments_per_chunk: Option<i64> => optional,
        /// Whether facts are consolidated into observations.
        enable_observations: Option<bool> => optional,
        /// What observations should look for.
        observations_mission: Option<String> => optional,
        /// Whether recall uses the keyword arm.
        enable_text_search: Option<bool> => optional,
        /// Whether recall uses the temporal arm.
        enable_temporal_retrieval: Option<bool> => optional,
        /// Whether recall uses the graph arm.
        enable_graph_retrieval: Option<bool> => optional,
        /// Whether recall reranks.
        enable_reranking: Option<bool> => optional,
    }
}

request! {
    /// `PATCH banks/{bank_id}/config`.
    pub struct BankConfigUpdate {
        /// Settings to change, by name; null takes one back.
        updates: Map<String, Value> => required,
    }
}

/// Answer to reads and changes of a bank's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankConfigResponse {
    /// Public name of the bank.
    pub bank_id: String,
    /// All settings as they count for the bank.
    pub config: Map<String, Value>,
    /// Those that the bank has of its own.
    pub overrides: Map<String, Value>,
}

/// Answer to `PUT banks/{bank_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankProfileResponse {
    /// Public name of the bank.
    pub bank_id: String,
    /// Label.
    pub name: String,
    /// Character.
    pub disposition: Disposition,
    /// Mission of reflect.
    pub mission: String,
    /// The same as `mission`, under its old name.
    pub background: Option<String>,
}

/// Answer to `GET banks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankListResponse {
    /// One page of banks, the last written first.
    pub banks: Vec<BankListItem>,
    /// Number of banks in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Banks skipped.
    pub offset: i64,
}

/// A bank in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankListItem {
    /// Public name of the bank.
    pub bank_id: String,
    /// Label.
    pub name: Option<String>,
    /// Character.
    pub disposition: Disposition,
    /// Mission of reflect.
    pub mission: Option<String>,
    /// Creation time, ISO-8601.
    pub created_at: Option<String>,
    /// Time of the last change of the bank itself.
    pub updated_at: Option<String>,
    /// Number of memories.
    pub fact_count: i64,
    /// Time of the last change of a document.
    pub last_document_at: Option<String>,
    /// Time of the last write of any kind.
    pub last_write_at: Option<String>,
    /// Primary alias.
    pub display_alias: Option<String>,
    /// Aliases that made a search match.
    pub matched_aliases: Vec<String>,
}

/// Answer to a delete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
    /// What was done, in words.
    pub message: Option<String>,
    /// Rows deleted: memories, entities and documents for a bank.
    pub deleted_count: Option<i64>,
}

/// Answer to `GET stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankStatsResponse {
    /// Public name of the bank.
    pub bank_id: String,
    /// Number of memories.
    pub total_nodes: i64,
    /// Number of links: the sum of `links_by_link_type`.
    pub total_links: i64,
    /// Number of documents.
    pub total_documents: i64,
    /// Number of memories by type.
    pub nodes_by_fact_type: IndexMap<String, i64>,
    /// Number of links by kind.
    pub links_by_link_type: IndexMap<String, i64>,
    /// Always empty on this wire.
    pub links_by_fact_type: IndexMap<String, i64>,
    /// Always empty on this wire.
    pub links_breakdown: IndexMap<String, IndexMap<String, i64>>,
    /// Operations that wait or run.
    pub pending_operations: i64,
    /// Operations that failed.
    pub failed_operations: i64,
    /// Number of operations by status.
    pub operations_by_status: IndexMap<String, i64>,
    /// When facts last went into observations.
    pub last_consolidated_at: Option<String>,
    /// When memories were last written.
    pub last_memory_write_at: Option<String>,
    /// Facts that wait to go into observations.
    pub pending_consolidation: i64,
    /// Facts whose way into observations failed.
    pub failed_consolidation: i64,
    /// Number of observations.
    pub total_observations: i64,
}
