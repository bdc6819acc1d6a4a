//! Dry runs: what a retain would make of a text.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attachments::ExtractedFactAttachment;
use crate::decode::{Decoder, request};
use crate::retain::{Content, Timestamp, TokenUsage};

request! {
    /// `POST memories/dry-run-extract`: a text, and settings in place of the bank's.
    pub struct DryRunExtractRequest check check_request {
        /// The text.
        content: Content => required,
        /// Where it comes from, in free words.
        context: String => default(String::new()),
        /// When it was said.
        timestamp: Timestamp => default(Timestamp::Now),
        /// Old, and without an effect.
        agent_name: Option<String> => optional,
        /// Name of a retain strategy of the bank.
        strategy: Option<String> => optional,
        /// What extraction should look for.
        retain_mission: Option<String> => optional,
        /// Extraction mode.
        retain_extraction_mode: Option<String> => optional,
        /// Instructions for mode `custom`.
        retain_custom_instructions: Option<String> => optional,
        /// Whether facts are asked for what led to them.
        retain_extract_causal_links: Option<bool> => optional,
        /// Whether the dimensions of facts may be missing.
        retain_optional_fact_dimensions: Option<bool> => optional,
        /// Chunk size in characters.
        retain_chunk_size: Option<i64> => optional,
        /// Labels that facts are sorted by.
        entity_labels: Option<Value> => optional,
        /// Whether facts have entities besides labels.
        entities_allow_free_form: Option<bool> => optional,
        /// Language of the facts.
        llm_output_language: Option<String> => optional,
    }
}

impl DryRunExtractRequest {
    /// A dry run of a text with the bank's own settings.
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: Content::Text(content.into()),
            context: String::new(),
            timestamp: Timestamp::Now,
            agent_name: None,
            strategy: None,
            retain_mission: None,
            retain_extraction_mode: None,
            retain_custom_instructions: None,
            retain_extract_causal_links: None,
            retain_optional_fact_dimensions: None,
            retain_chunk_size: None,
            entity_labels: None,
            entities_allow_free_form: None,
            llm_output_language: None,
        }
    }
}

fn check_request(request: &DryRunExtractRequest, value: &Value, decoder: &mut Decoder) {
    if request.content.is_blank() {
        let input = value.get("content").unwrap_or(&Value::Null);
        decoder.at("content", |decoder| decoder.value_error("content must not be empty or blank", input));
    }
}

/// Answer to a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRunExtractionResult {
    /// The facts, in the order of the text.
    pub facts: Vec<ExtractedFact>,
    /// The chunks the text was cut into.
    pub chunks: Vec<ExtractionChunk>,
    /// Tokens used by the language model.
    pub usage: TokenUsage,
}

/// A fact that a retain would store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtractedFact {
    /// Its text.
    pub text: String,
    /// `world` or `experience`.
    pub fact_type: String,
    /// Begin of what it tells of.
    pub occurred_start: Option<String>,
    /// End of what it tells of.
    pub occurred_end: Option<String>,
    /// Its entities, labels among them.
    pub entities: Vec<String>,
    /// Its chunk.
    pub chunk_index: Option<i64>,
    /// Attachments it was read from.
    pub attachments: Vec<ExtractedFactAttachment>,
}

/// A chunk of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionChunk {
    /// Its text.
    pub text: String,
    /// Number of its facts.
    pub fact_count: i64,
}
