//! What a refresh of a mental model would do.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::reflect::ReflectLlmCall;
use crate::retain::TokenUsage;

/// Answer to `POST mental-models/{mental_model_id}/dry-run-refresh`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentalModelDryRun {
    /// Its id.
    pub mental_model_id: String,
    /// What it is called.
    pub name: String,
    /// How its trigger wants it written, `full` or `delta`.
    pub requested_mode: String,
    /// How it would be.
    pub effective_mode: String,
    /// Why it would not be as the trigger wants it.
    pub mode_fallback_reason: Option<String>,
    /// What it would come to.
    pub outcome: String,
    /// Whether a refresh would write anything.
    pub would_persist: bool,
    /// Memories it is made of.
    pub scope: RefreshScope,
    /// Times between which memories are looked at.
    pub window: RefreshWindow,
    /// Memories by their types.
    pub facts: FactCounts,
    /// What it would rest on.
    pub based_on: IndexMap<String, Vec<Map<String, Value>>>,
    /// Its content now.
    pub current_content: String,
    /// What the model has written.
    pub candidate_content: String,
    /// Its content after a refresh.
    pub preview_content: String,
    /// From the one to the other, as a unified diff.
    pub diff: String,
    /// Changes that were made and left out.
    pub delta_operations: Option<DeltaOperations>,
    /// What was taken out since memories are gone.
    pub retraction: Option<Retraction>,
    /// How it came about.
    pub trace: RefreshTrace,
    /// Tokens used by the language model.
    pub usage: TokenUsage,
    /// How long it took in milliseconds.
    pub duration_ms: i64,
    /// What is worth knowing besides.
    pub warnings: Vec<String>,
}

/// Memories that a mental model is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefreshScope {
    /// Tags of the memories.
    pub tags: Option<Vec<String>>,
    /// How these select.
    pub tags_match: String,
    /// Trees of tag filters.
    pub tag_groups: Option<Value>,
    /// Types of memory; none = all.
    pub fact_types: Option<Vec<String>>,
    /// Whether other mental models are left alone.
    pub exclude_mental_models: bool,
    /// Mental models that are left alone.
    pub exclude_mental_model_ids: Vec<String>,
}

/// Times between which memories are looked at, ISO-8601.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefreshWindow {
    /// Only memories that were written after it.
    pub created_after: Option<String>,
    /// When they were looked at.
    pub created_before: String,
    /// The newest memory that was seen.
    pub watermark: Option<String>,
}

/// Memories by their types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FactCounts {
    /// Those that were found.
    pub retrieved: IndexMap<String, i64>,
    /// Those that the content rests on.
    pub used: IndexMap<String, i64>,
}

/// Changes of a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeltaOperations {
    /// Those that were made.
    pub applied: Vec<Map<String, Value>>,
    /// Those that were left out, each with the reason.
    pub skipped: Vec<Map<String, Value>>,
}

/// What was taken out since memories are gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Retraction {
    /// Ids of the memories.
    pub fact_ids: Vec<String>,
    /// Their texts.
    pub fact_texts: Vec<String>,
    /// Whether the content was changed, or found right as it is.
    pub applied: bool,
    /// Why it was put off.
    pub deferred_reason: Option<String>,
}

/// How a refresh came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefreshTrace {
    /// When, ISO-8601.
    pub recorded_at: Option<String>,
    /// As a whole or by changes.
    pub effective_mode: String,
    /// Why it was not as the trigger wants it.
    pub mode_fallback_reason: Option<String>,
    /// What it came to.
    pub outcome: String,
    /// Searches, in order.
    pub tool_calls: Vec<TraceToolCall>,
    /// Calls of the language model, in order.
    pub llm_calls: Vec<ReflectLlmCall>,
    /// Changes that were made and left out.
    pub delta_operations: Option<DeltaOperations>,
    /// What was taken out since memories are gone.
    pub retraction: Option<Retraction>,
    /// Tokens used by the language model.
    pub usage: Option<TokenUsage>,
    /// How long it took in milliseconds.
    pub duration_ms: i64,
    /// What is worth knowing besides.
    pub warnings: Vec<String>,
}

/// One search of a refresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceToolCall {
    /// The tool.
    pub tool: String,
    /// What it was called for.
    pub reason: Option<String>,
    /// What it was called with.
    pub input: Map<String, Value>,
    /// What it answered.
    pub output: Option<Map<String, Value>>,
    /// When what it found was last changed.
    pub updated_at: Option<String>,
    /// How much it found.
    pub result_count: Option<i64>,
    /// How long it took in milliseconds.
    pub duration_ms: i64,
    /// Turn of the model it belongs to, from 1; 0 = before the first.
    pub iteration: i64,
}
