//! Records of calls of language models.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decode::words;

words! {
    /// What kind of model was called.
    pub enum CallType("literal_error") {
        /// A language model.
        Llm = "llm",
        /// A model that makes vectors.
        Embedding = "embedding",
        /// A model that puts memories in order.
        Rerank = "rerank",
        /// A model that decides between a few answers.
        Decision = "decision",
    }
}

/// Answer to `GET llm-requests`: one page of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlmRequestListResponse {
    /// The bank.
    pub bank_id: String,
    /// Number of records that match, or of traces where pages are of those.
    pub total: i64,
    /// Most of them on a page.
    pub limit: i64,
    /// How many were skipped.
    pub offset: i64,
    /// The records, the newest first.
    pub items: Vec<LlmRequestEntry>,
}

/// One request to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlmRequestEntry {
    /// Its id.
    pub id: String,
    /// The bank it was made for.
    pub bank_id: Option<String>,
    /// What it was made for: `retain`, `dry_run_extract`, `consolidation`, `reflect` or
    /// `mental_model_refresh`.
    pub operation: Option<String>,
    /// Which step of the operation made it.
    pub scope: Option<String>,
    /// One run of the operation.
    pub trace_id: Option<String>,
    /// The request within the run.
    pub span_id: Option<String>,
    /// What all requests of the run stand under.
    pub parent_span_id: Option<String>,
    /// Who was asked.
    pub provider: Option<String>,
    /// Name of the model.
    pub model: Option<String>,
    /// `success` or `error`.
    pub status: String,
    /// When it was sent.
    pub started_at: Option<String>,
    /// When its outcome was known.
    pub ended_at: Option<String>,
    /// Milliseconds in between.
    pub duration_ms: Option<i64>,
    /// Tokens sent.
    pub input_tokens: Option<i64>,
    /// Tokens answered.
    pub output_tokens: Option<i64>,
    /// Tokens sent that the provider had cached.
    pub cached_tokens: Option<i64>,
    /// Tokens of hidden reasoning.
    pub thoughts_tokens: Option<i64>,
    /// Tokens sent and answered.
    pub total_tokens: Option<i64>,
    /// The conversation as it was sent. One that is too long is an object with its beginning.
    #[serde(default)]
    pub input: Value,
    /// What the model said, words or an object with calls of tools; cut like the conversation.
    #[serde(default)]
    pub output: Value,
    /// Why it brought nothing of use.
    pub error: Option<String>,
    /// How it was asked and how it ended.
    pub llm_info: Map<String, Value>,
    /// What it was about.
    pub metadata: Map<String, Value>,
}

/// Answer to `GET llm-requests/stats`: counts day by day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlmRequestStatsResponse {
    /// The bank.
    pub bank_id: String,
    /// How far it looks back.
    pub period: String,
    /// What a span of time is called.
    pub trunc: String,
    /// Begin of what is counted.
    pub start: String,
    /// Days with requests, the oldest first.
    pub buckets: Vec<LlmRequestStatsBucket>,
}

/// The requests of one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlmRequestStatsBucket {
    /// Begin of the day.
    pub time: String,
    /// Number of requests by status.
    pub statuses: IndexMap<String, i64>,
    /// Number of all.
    pub total: i64,
    /// What they cost.
    pub tokens: LlmRequestTokenSums,
}

/// Sums of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmRequestTokenSums {
    /// Tokens sent.
    pub input: i64,
    /// Tokens answered.
    pub output: i64,
    /// Tokens sent that providers had cached.
    pub cached: i64,
    /// Tokens of hidden reasoning.
    #[serde(default)]
    pub thoughts: Option<i64>,
    /// Tokens sent and answered.
    pub total: i64,
}
