//! Memories: listings, single ones, changes.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::attachments::ChunkAttachment;
use crate::decode::{Body, Decoder, FromJson};
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

/// What becomes of a field of a memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldChange {
    /// It stays as it is.
    #[default]
    Stay,
    /// It is emptied: null or an empty text on the wire.
    Clear,
    /// It is set to this text.
    Set(String),
}

impl FieldChange {
    /// Whether the field stays as it is.
    pub fn is_stay(&self) -> bool {
        *self == Self::Stay
    }

    /// The change that a text asks for: an empty one clears the field.
    pub fn to(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.trim().is_empty() { Self::Clear } else { Self::Set(text) }
    }

    /// Here null and absent differ. The outer `None` is a noted problem.
    fn read(object: &Map<String, Value>, name: &'static str, decoder: &mut Decoder) -> Option<Self> {
        match object.get(name) {
            None => Some(Self::Stay),
            Some(Value::Null) => Some(Self::Clear),
            Some(value) => decoder.at(name, |decoder| String::from_json(value, decoder)).map(Self::to),
        }
    }
}

impl Serialize for FieldChange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stay => serializer.serialize_none(),
            Self::Clear => serializer.serialize_str(""),
            Self::Set(text) => serializer.serialize_str(text),
        }
    }
}

/// `PATCH memories/{memory_id}`: changes the fields that are given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpdateMemoryRequest {
    /// Another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Another context; an empty one clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Begin of what it tells of, ISO-8601.
    #[serde(skip_serializing_if = "FieldChange::is_stay")]
    pub occurred_start: FieldChange,
    /// End of what it tells of, ISO-8601.
    #[serde(skip_serializing_if = "FieldChange::is_stay")]
    pub occurred_end: FieldChange,
    /// When it was said, ISO-8601.
    #[serde(skip_serializing_if = "FieldChange::is_stay")]
    pub mentioned_at: FieldChange,
    /// Another type: `world` or `experience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fact_type: Option<String>,
    /// Names of the entities it mentions, in place of those it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<String>>,
    /// Whether those may be taken for similar entities of the bank; if not, names are meant literally.
    pub resolve_entities: bool,
    /// Another state: `valid` or `invalidated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it is invalidated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Default for UpdateMemoryRequest {
    fn default() -> Self {
        Self {
            text: None,
            context: None,
            occurred_start: FieldChange::Stay,
            occurred_end: FieldChange::Stay,
            mentioned_at: FieldChange::Stay,
            fact_type: None,
            entities: None,
            resolve_entities: true,
            state: None,
            reason: None,
        }
    }
}

impl UpdateMemoryRequest {
    /// Whether it asks for more than another state.
    pub fn is_edit(&self) -> bool {
        let dates = [&self.occurred_start, &self.occurred_end, &self.mentioned_at];
        self.text.is_some()
            || self.context.is_some()
            || dates.iter().any(|date| !date.is_stay())
            || self.fact_type.is_some()
            || self.entities.is_some()
    }
}

impl Body for UpdateMemoryRequest {
    const FIELDS: &'static [&'static str] = &[
        "text",
        "context",
        "occurred_start",
        "occurred_end",
        "mentioned_at",
        "fact_type",
        "entities",
        "resolve_entities",
        "state",
        "reason",
    ];
}

impl FromJson for UpdateMemoryRequest {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let object = decoder.object(value)?;
        let before = decoder.problems();
        // Every field is read, so that all problems are reported, before any is given up on.
        let text = decoder.optional(object, "text");
        let context = decoder.optional(object, "context");
        let occurred_start = FieldChange::read(object, "occurred_start", decoder);
        let occurred_end = FieldChange::read(object, "occurred_end", decoder);
        let mentioned_at = FieldChange::read(object, "mentioned_at", decoder);
        let fact_type = decoder.optional(object, "fact_type");
        let entities = decoder.optional(object, "entities");
        let resolve_entities: Option<Option<bool>> = decoder.optional(object, "resolve_entities");
        let state = decoder.optional(object, "state");
        let reason = decoder.optional(object, "reason");
        let request = Self {
            text: text?,
            context: context?,
            occurred_start: occurred_start?,
            occurred_end: occurred_end?,
            mentioned_at: mentioned_at?,
            fact_type: fact_type?,
            entities: entities?,
            resolve_entities: resolve_entities?.unwrap_or(true),
            state: state?,
            reason: reason?,
        };
        if decoder.problems() == before && !request.is_edit() && request.state.is_none() {
            decoder.value_error(
                "at least one of text, context, occurred_start, occurred_end, mentioned_at, fact_type, entities and state must be given",
                value,
            );
        }
        Some(request)
    }
}

/// An earlier version of an observation, in the answer to `GET memories/{memory_id}/history`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationVersion {
    /// Its text.
    pub previous_text: String,
    /// Its tags.
    pub previous_tags: Vec<String>,
    /// Begin of what it told of.
    pub previous_occurred_start: Option<String>,
    /// End of what it told of.
    pub previous_occurred_end: Option<String>,
    /// When it was said.
    pub previous_mentioned_at: Option<String>,
    /// When it was changed.
    pub changed_at: String,
    /// Facts that the change has taken in.
    pub new_source_memory_ids: Vec<String>,
    /// All facts that were behind it afterwards.
    pub source_facts: Vec<ObservationSource>,
}

/// A fact behind a version of an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationSource {
    /// Id of the memory.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Its type.
    #[serde(rename = "type")]
    pub fact_type: FactType,
    /// Context given at retain.
    pub context: Option<String>,
    /// Whether the change has taken it in.
    pub is_new: bool,
}

/// Answer to `DELETE memories/{memory_id}/observations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearMemoryObservationsResponse {
    /// Number of observations that went.
    pub deleted_count: i64,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::from_json;

    #[test]
    fn null_and_empty_clear_a_date_and_absent_leaves_it() {
        let request: UpdateMemoryRequest =
            from_json(&json!({"occurred_start": null, "occurred_end": " ", "text": null})).expect("reads");
        assert_eq!(
            (&request.occurred_start, &request.occurred_end),
            (&FieldChange::Clear, &FieldChange::Clear)
        );
        assert!(request.mentioned_at.is_stay() && request.text.is_none() && request.resolve_entities);
        assert!(request.is_edit());
        // As it is sent, it is read again.
        let sent = serde_json::to_value(&request).expect("is JSON");
        assert_eq!(sent, json!({"occurred_start": "", "occurred_end": "", "resolve_entities": true}));
        assert_eq!(from_json::<UpdateMemoryRequest>(&sent).expect("reads"), request);
    }

    #[test]
    fn a_request_must_ask_for_something() {
        for nothing in [json!({}), json!({"reason": "r", "resolve_entities": false}), json!({"text": null})] {
            let errors = from_json::<UpdateMemoryRequest>(&nothing).expect_err("asks for nothing");
            assert_eq!(errors.len(), 1, "{nothing}");
        }
        let errors =
            from_json::<UpdateMemoryRequest>(&json!({"text": 1, "entities": "x", "mentioned_at": 2}));
        assert_eq!(errors.expect_err("of wrong types").len(), 3);
        assert!(from_json::<UpdateMemoryRequest>(&json!({"state": "valid"})).is_ok());
    }
}
