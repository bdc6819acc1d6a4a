//! What a refresh comes to, in the words of the wire.

use hindsight_types::mental_models::{DeltaOperations, Retraction};
use hindsight_types::reflect::{ReflectBasedOn, ReflectToolCall};
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::store::{REFRESH_MENTAL_MODEL, RefreshFailure};

/// The answer is another one.
pub(super) const WRITTEN: &str = "content_written";
/// The answer is as it was.
pub(super) const UNCHANGED: &str = "content_unchanged";
/// There was nothing to read.
pub(super) const PRESERVED: &str = "content_preserved_no_new_facts";
const EMPTY_CANDIDATE: &str = "refresh_failed_empty_candidate";
const DELTA_NOT_APPLIED: &str = "refresh_failed_delta_not_applied";
/// The values for programs are missing.
pub(super) const STRUCTURED_OUTPUT: &str = "refresh_failed_structured_output";
const ERROR: &str = "refresh_failed_error";

/// There are more new memories than are looked at one by one.
pub(super) const TOO_MANY_NEW: &str = "too_many_new_memories";
/// Nobody knows the words of a memory that is gone.
pub(super) const GONE_UNKNOWN: &str = "gone_memories_unknown";
/// The values for programs are those of the whole.
pub(super) const RESPONSE_SCHEMA: &str = "response_schema";

/// A reason why it is written as a whole, in the words of the wire: those that it has no word for are
/// told as warnings.
pub(super) fn fallback(reason: &'static str) -> Result<&'static str, &'static str> {
    match reason {
        TOO_MANY_NEW => Err("there are too many new memories for changes; it was written as a whole"),
        GONE_UNKNOWN => Err("a memory went while it was written from it; it was written as a whole"),
        RESPONSE_SCHEMA => {
            Err("the values of response_schema are those of the whole; it was written as a whole")
        }
        reason => Ok(reason),
    }
}

/// What becomes of a mental model.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// It is this from now on.
    Write(Document),
    /// It stays, there is nothing to read.
    Preserve,
    /// It stays, and somebody should look why.
    Fail(RefreshFailure),
}

/// A refresh with all that is told of it.
#[derive(Clone, Debug)]
pub(super) struct Refreshed {
    /// What becomes of the mental model.
    pub(super) effect: Effect,
    /// What was written, whatever becomes of it.
    pub(super) candidate: String,
    /// What it rests on.
    pub(super) based_on: ReflectBasedOn,
    /// Types of the memories that were found, one for each.
    pub(super) retrieved: Vec<&'static str>,
    /// Changes that were made and left out.
    pub(super) operations: Option<DeltaOperations>,
    /// What was taken out since memories are gone.
    pub(super) retraction: Option<Retraction>,
    /// The answer for programs.
    pub(super) structured: Option<Map<String, Value>>,
    /// What was searched.
    pub(super) searched: Vec<ReflectToolCall>,
    /// What is worth knowing besides.
    pub(super) warnings: Vec<String>,
}

impl Refreshed {
    /// One that has nothing to tell but its effect.
    pub(super) fn of(effect: Effect) -> Self {
        Self {
            effect,
            candidate: String::new(),
            based_on: ReflectBasedOn::default(),
            retrieved: Vec::new(),
            operations: None,
            retraction: None,
            structured: None,
            searched: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Nothing was found that could be written.
pub(super) fn empty_candidate() -> RefreshFailure {
    RefreshFailure {
        outcome: EMPTY_CANDIDATE,
        reason: "empty_candidate",
        message: "nothing was written: the language model found nothing about the question in memory; the former content stays"
            .to_owned(),
        pauses: true,
    }
}

/// The changes of a document were of no use.
pub(super) fn delta_not_applied(reason: &'static str, why: &str) -> RefreshFailure {
    RefreshFailure {
        outcome: DELTA_NOT_APPLIED,
        reason,
        message: format!("no change was made: {why}; the former content stays"),
        pauses: true,
    }
}

/// There are no values for programs.
pub(super) fn structured_output_failed(why: &str) -> RefreshFailure {
    RefreshFailure {
        outcome: STRUCTURED_OUTPUT,
        reason: "structured_output_failed",
        message: format!("the values of response_schema are missing: {why}; the former content stays"),
        pauses: true,
    }
}

/// Something went wrong on the way.
pub(super) fn error(message: &str, reason: &'static str, pauses: bool) -> RefreshFailure {
    RefreshFailure { outcome: ERROR, reason, message: message.to_owned(), pauses }
}

/// What an operation says of its refresh.
pub(super) fn details(outcome: &str, failure_reason: Option<&str>) -> Value {
    json!({"operation_type": REFRESH_MENTAL_MODEL, "outcome": outcome, "failure_reason": failure_reason})
}
