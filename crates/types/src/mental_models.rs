//! Mental models: answers of reflect that are kept, and written anew as memories come.

mod dry_run;
mod trigger;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decode::{Decoder, FromJson, request, words};
use crate::limits;

pub use dry_run::{
    DeltaOperations, FactCounts, MentalModelDryRun, RefreshScope, RefreshTrace, RefreshWindow, Retraction,
    TraceToolCall,
};
pub use trigger::{MentalModelTrigger, RefreshMode};

words! {
    /// How much of a mental model is shown.
    pub enum MentalModelDetail("literal_error") {
        /// What it is called and when it was written.
        Metadata = "metadata",
        /// Its content and how it is written too.
        Content = "content",
        /// What it rests on too.
        Full = "full",
    }
}

request! {
    /// `POST mental-models`.
    pub struct CreateMentalModelRequest check check_create {
        /// Its id; one is made when there is none.
        id: Option<String> => optional,
        /// What it is called.
        name: String => required,
        /// The question that it answers.
        source_query: String => required,
        /// Memories it is made of; none = all.
        tags: Vec<String> => default(Vec::new()),
        /// Length of the answer in tokens that is aimed for.
        max_tokens: i64 => default(limits::MENTAL_MODEL_TOKENS),
        /// When and how it is written anew.
        trigger: MentalModelTrigger => default(MentalModelTrigger::default()),
    }
}

impl CreateMentalModelRequest {
    /// A request with nothing but a name and a question.
    pub fn new(name: impl Into<String>, source_query: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            source_query: source_query.into(),
            tags: Vec::new(),
            max_tokens: limits::MENTAL_MODEL_TOKENS,
            trigger: MentalModelTrigger::default(),
        }
    }
}

fn check_create(request: &CreateMentalModelRequest, value: &Value, decoder: &mut Decoder) {
    check_texts(
        [
            ("id", request.id.as_ref()),
            ("name", Some(&request.name)),
            ("source_query", Some(&request.source_query)),
        ],
        value,
        decoder,
    );
    check_max_tokens(Some(request.max_tokens), value, decoder);
    if request.id.as_ref().is_some_and(|id| id.len() > limits::MENTAL_MODEL_ID_MAX_BYTES) {
        let rule = format!("id must not be longer than {} bytes", limits::MENTAL_MODEL_ID_MAX_BYTES);
        let input = value.get("id").unwrap_or(&Value::Null);
        decoder.at("id", |decoder| decoder.value_error(&rule, input));
    }
}

/// What of a trigger is changed: the fields that are stated, of which null takes one back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct TriggerChange(pub Map<String, Value>);

impl FromJson for TriggerChange {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        // What is stated has to be sound by itself.
        MentalModelTrigger::from_json(value, decoder)?;
        value.as_object().cloned().map(Self)
    }
}

request! {
    /// `PATCH mental-models/{mental_model_id}`: changes the fields that are given.
    #[derive(Default)]
    pub struct UpdateMentalModelRequest check check_update {
        /// What it is called.
        name: Option<String> => optional,
        /// The question that it answers.
        source_query: Option<String> => optional,
        /// Length of the answer in tokens that is aimed for.
        max_tokens: Option<i64> => optional,
        /// Memories it is made of; an empty list = all.
        tags: Option<Vec<String>> => optional,
        /// When and how it is written anew.
        trigger: Option<TriggerChange> => optional,
    }
}

fn check_update(request: &UpdateMentalModelRequest, value: &Value, decoder: &mut Decoder) {
    let texts = [("name", request.name.as_ref()), ("source_query", request.source_query.as_ref())];
    check_texts(texts, value, decoder);
    check_max_tokens(request.max_tokens, value, decoder);
}

/// Texts that say something, where there are some.
fn check_texts<const N: usize>(
    texts: [(&'static str, Option<&String>); N],
    value: &Value,
    decoder: &mut Decoder,
) {
    for (name, text) in texts {
        if text.is_some_and(|text| text.trim().is_empty()) {
            let input = value.get(name).unwrap_or(&Value::Null);
            decoder.at(name, |decoder| decoder.value_error(&format!("{name} must not be blank"), input));
        }
    }
}

fn check_max_tokens(max_tokens: Option<i64>, value: &Value, decoder: &mut Decoder) {
    let Some(number) = max_tokens else { return };
    let input = value.get("max_tokens").unwrap_or(&Value::Null);
    let (least, most) = limits::MENTAL_MODEL_TOKENS_BOUNDS;
    decoder.at("max_tokens", |decoder| decoder.within(number, Some(least), Some(most), input));
}

request! {
    /// `POST mental-models/{mental_model_id}/refresh`.
    #[derive(Default)]
    pub struct RefreshMentalModelRequest {
        /// `full` writes it anew as a whole, whatever its trigger says.
        mode: Option<FullMode> => optional,
    }
}

words! {
    /// The one way that a refresh can be asked for.
    pub enum FullMode("literal_error") {
        /// As a whole.
        Full = "full",
    }
}

/// Answer to `POST mental-models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateMentalModelResponse {
    /// Its id.
    pub mental_model_id: Option<String>,
    /// The operation that writes it for the first time.
    pub operation_id: String,
}

/// Answer to a request for work that is queued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsyncOperationSubmitResponse {
    /// The operation.
    pub operation_id: String,
    /// Always `queued`.
    pub status: String,
}

/// Answer to `GET mental-models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentalModelListResponse {
    /// One page of mental models, the newest first.
    pub items: Vec<MentalModelResponse>,
    /// Number of mental models in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Mental models skipped.
    pub offset: i64,
}

/// A mental model. What was not asked for is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentalModelResponse {
    /// Its id.
    pub id: String,
    /// Public name of its bank.
    pub bank_id: String,
    /// What it is called.
    pub name: String,
    /// The question that it answers.
    pub source_query: Option<String>,
    /// The answer as Markdown; empty until it was written.
    pub content: Option<String>,
    /// Memories it is made of; none = all.
    pub tags: Vec<String>,
    /// Length of the answer in tokens that is aimed for.
    pub max_tokens: Option<i64>,
    /// When and how it is written anew.
    pub trigger: Option<MentalModelTrigger>,
    /// When it was last written, ISO-8601.
    pub last_refreshed_at: Option<String>,
    /// The newest memory that it was written from, ISO-8601.
    pub last_memory_seen_at: Option<String>,
    /// When that last failed, ISO-8601.
    pub last_refresh_failed_at: Option<String>,
    /// When it was last written as a whole, ISO-8601.
    pub last_full_refreshed_at: Option<String>,
    /// When it was made, ISO-8601.
    pub created_at: Option<String>,
    /// Whether it is a page of a knowledge base.
    pub is_knowledge_page: Option<bool>,
    /// The answer with what it rests on and how it came about.
    pub reflect_response: Option<Map<String, Value>>,
    /// Whether memories have come that it was not written from.
    pub is_stale: Option<bool>,
}

/// How a mental model was before a change, or why a change did not come about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentalModelHistoryEntry {
    /// Its content before; none for a change that did not come about.
    pub previous_content: Option<String>,
    /// What that rested on and how it came about.
    pub previous_reflect_response: Option<Map<String, Value>>,
    /// When it changed, or was to.
    pub changed_at: String,
    /// `refresh_failed` for a change that did not come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::from_json;

    fn problems<T: FromJson + std::fmt::Debug>(body: &Value) -> Vec<String> {
        let errors = from_json::<T>(body).expect_err("has problems");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_and_a_question_are_enough() {
        let request: CreateMentalModelRequest =
            from_json(&json!({"name": "n", "source_query": "q", "trigger": null, "tags": null})).unwrap();
        assert_eq!(request, CreateMentalModelRequest::new("n", "q"));
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(from_json::<CreateMentalModelRequest>(&written).unwrap(), request);
    }

    #[test]
    fn every_problem_is_named_at_its_place() {
        for (body, expected) in [
            (json!({"name": "n"}), "body.source_query: Field required"),
            (json!({"name": " ", "source_query": "q"}), "body.name: Value error, name must not be blank"),
            (
                json!({"name": "n", "source_query": "q", "id": ""}),
                "body.id: Value error, id must not be blank",
            ),
            (
                json!({"name": "n", "source_query": "q", "max_tokens": 255}),
                "body.max_tokens: Input should be greater than or equal to 256",
            ),
            (
                json!({"name": "n", "source_query": "q", "max_tokens": 8193}),
                "body.max_tokens: Input should be less than or equal to 8192",
            ),
            (
                json!({"name": "n", "source_query": "q", "trigger": {"mode": "half"}}),
                "body.trigger.mode: Input should be 'full' or 'delta'",
            ),
        ] {
            assert_eq!(problems::<CreateMentalModelRequest>(&body), [expected], "{body}");
        }
        assert_eq!(
            problems::<RefreshMentalModelRequest>(&json!({"mode": "delta"})),
            ["body.mode: Input should be 'full'"]
        );
        assert_eq!(
            problems::<UpdateMentalModelRequest>(&json!({"trigger": {"refresh_cron": "soon"}})).len(),
            1
        );
    }

    #[test]
    fn a_change_of_a_trigger_keeps_what_was_stated() {
        let change: UpdateMentalModelRequest =
            from_json(&json!({"trigger": {"mode": "delta", "refresh_cron": null}})).unwrap();
        let stated = change.trigger.unwrap().0;
        assert_eq!(Value::Object(stated), json!({"mode": "delta", "refresh_cron": null}));
    }
}
