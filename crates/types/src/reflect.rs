//! Reflect: an answer to a question from memory.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decode::{Decoder, FromJson, request};
use crate::limits;
use crate::recall::{Budget, FactType};
use crate::retain::TokenUsage;
use crate::schema::check_schema;
use crate::tags::{TagGroup, TagsMatch};

request! {
    /// `POST reflect`.
    pub struct ReflectRequest check check_reflect {
        /// The question.
        query: String => required,
        /// How long to search.
        budget: Budget => default(Budget::Low),
        /// More about the question; old form of writing it there.
        context: Option<String> => optional,
        /// Length of the answer in tokens that is aimed for.
        max_tokens: i64 => default(limits::REFLECT_MAX_TOKENS),
        /// What comes with the answer.
        include: ReflectIncludeOptions => default(ReflectIncludeOptions::default()),
        /// JSON schema of an answer for programs beside the one in words.
        response_schema: Option<Map<String, Value>> => optional,
        /// Tags to filter memories by.
        tags: Option<Vec<String>> => optional,
        /// How the tags select.
        tags_match: TagsMatch => default(TagsMatch::Any),
        /// Trees of tag filters, all of which must match.
        tag_groups: Option<Vec<TagGroup>> => optional,
        /// Whether directives for other tags count as well.
        apply_all_directives: bool => default(false),
        /// Types of memory to look at; none = all.
        fact_types: Option<Vec<FactType>> => optional,
        /// Whether mental models are left alone.
        exclude_mental_models: bool => default(false),
        /// Mental models that are left alone.
        exclude_mental_model_ids: Option<Vec<String>> => optional,
        /// Tokens of one search of observations.
        reflect_search_observations_max_tokens: Option<i64> => optional,
        /// Whether observations are shown with the names of their entities.
        reflect_search_observations_include_entities: Option<bool> => optional,
    }
}

impl ReflectRequest {
    /// A request with nothing but its question.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            budget: Budget::Low,
            context: None,
            max_tokens: limits::REFLECT_MAX_TOKENS,
            include: ReflectIncludeOptions::default(),
            response_schema: None,
            tags: None,
            tags_match: TagsMatch::Any,
            tag_groups: None,
            apply_all_directives: false,
            fact_types: None,
            exclude_mental_models: false,
            exclude_mental_model_ids: None,
            reflect_search_observations_max_tokens: None,
            reflect_search_observations_include_entities: None,
        }
    }
}

fn check_reflect(request: &ReflectRequest, value: &Value, decoder: &mut Decoder) {
    let input = |name: &str| value.get(name).unwrap_or(&Value::Null);
    let is_blank = |text: &str| text.trim().is_empty();
    if is_blank(&request.query) && request.context.as_deref().is_none_or(is_blank) {
        decoder.at("query", |decoder| decoder.value_error("query must not be blank", input("query")));
    }
    for (name, number) in [
        ("max_tokens", Some(request.max_tokens)),
        ("reflect_search_observations_max_tokens", request.reflect_search_observations_max_tokens),
    ] {
        if number.is_some_and(|number| number < 1) {
            let ctx = serde_json::json!({"ge": 1});
            let message = "Input should be greater than or equal to 1";
            decoder.at(name, |decoder| {
                decoder.fail_with("greater_than_equal", message, input(name), ctx);
            });
        }
    }
    if request.tags.is_some() && request.tag_groups.is_some() {
        decoder.value_error("send either tags or tag_groups, not both", value);
    }
    if request.fact_types.as_ref().is_some_and(Vec::is_empty) {
        let rule = "name at least one type, or leave it out for all";
        decoder.at("fact_types", |decoder| decoder.value_error(rule, input("fact_types")));
    }
    if let Some(Err(problem)) = request.response_schema.as_ref().map(check_schema) {
        let schema = input("response_schema");
        decoder.at("response_schema", |decoder| decoder.value_error(&problem, schema));
    }
}

request! {
    /// What comes with an answer.
    #[derive(Default)]
    pub struct ReflectIncludeOptions {
        /// What the answer rests on; off unless an object.
        facts: Option<FactsIncludeOptions> => optional,
        /// What was searched; off unless an object.
        tool_calls: Option<ToolCallsIncludeOptions> => optional,
    }
}

/// Options for what an answer rests on: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FactsIncludeOptions {}

impl FromJson for FactsIncludeOptions {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        decoder.object(value).map(|_| Self {})
    }
}

request! {
    /// Options for what was searched.
    pub struct ToolCallsIncludeOptions {
        /// Whether what was found is shown too.
        output: bool => default(true),
    }
}

/// Answer to `POST reflect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectResponse {
    /// The answer, as Markdown.
    pub text: String,
    /// What it rests on, when asked for.
    pub based_on: Option<ReflectBasedOn>,
    /// The answer for programs, when a schema was given.
    pub structured_output: Option<Map<String, Value>>,
    /// Why there is no answer for programs.
    pub structured_output_error: Option<String>,
    /// Tokens used by the language model.
    pub usage: Option<TokenUsage>,
    /// How the answer came about, when asked for.
    pub trace: Option<ReflectTrace>,
}

/// What an answer rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReflectBasedOn {
    /// Memories it cites.
    pub memories: Vec<ReflectFact>,
    /// Mental models it cites.
    pub mental_models: Vec<ReflectMentalModel>,
    /// Directives it was to follow.
    pub directives: Vec<ReflectDirective>,
}

/// A memory that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectFact {
    /// Its id.
    pub id: Option<String>,
    /// Its text.
    pub text: String,
    /// Its type.
    #[serde(rename = "type")]
    pub fact_type: Option<FactType>,
    /// Context given at retain.
    pub context: Option<String>,
    /// Begin of what it tells of, ISO-8601.
    pub occurred_start: Option<String>,
    /// End of what it tells of, ISO-8601.
    pub occurred_end: Option<String>,
    /// When it was said, ISO-8601.
    pub mentioned_at: Option<String>,
    /// Its document.
    pub document_id: Option<String>,
    /// Its chunk.
    pub chunk_id: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
    /// Metadata given at retain.
    pub metadata: Option<IndexMap<String, String>>,
    /// Attachments it was read from.
    pub attachments: Option<Vec<Value>>,
}

/// A mental model that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectMentalModel {
    /// Its id.
    pub id: String,
    /// Its name and content.
    pub text: String,
    /// Where it was found.
    pub context: Option<String>,
}

/// A directive that an answer was to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectDirective {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The rule.
    pub content: String,
}

/// How an answer came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReflectTrace {
    /// Searches, in order.
    pub tool_calls: Vec<ReflectToolCall>,
    /// Calls of the language model, in order.
    pub llm_calls: Vec<ReflectLlmCall>,
}

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectToolCall {
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub input: Map<String, Value>,
    /// What it answered, when asked for.
    pub output: Option<Map<String, Value>>,
    /// How long it took in milliseconds.
    pub duration_ms: i64,
    /// Turn of the model it belongs to, from 1; 0 = before the first.
    pub iteration: i64,
}

/// One call of the language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReflectLlmCall {
    /// What it was for.
    pub scope: String,
    /// How long it took in milliseconds.
    pub duration_ms: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::from_json;

    fn problems(body: &Value) -> Vec<String> {
        let errors = from_json::<ReflectRequest>(body).expect_err("has problems");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_question_alone_is_enough() {
        let request: ReflectRequest = from_json(&json!({"query": "who?", "include": {"facts": {}}})).unwrap();
        let expected = ReflectRequest {
            include: ReflectIncludeOptions { facts: Some(FactsIncludeOptions {}), tool_calls: None },
            ..ReflectRequest::new("who?")
        };
        assert_eq!(request, expected);
        let in_context: ReflectRequest = from_json(&json!({"query": "", "context": "who?"})).unwrap();
        assert_eq!(in_context.context.as_deref(), Some("who?"));
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written["include"], json!({"facts": {}, "tool_calls": null}));
        assert_eq!(from_json::<ReflectRequest>(&written).unwrap(), request, "what is written is read");
    }

    #[test]
    fn every_problem_is_named_at_its_place() {
        for (body, expected) in [
            (json!({}), "body.query: Field required"),
            (json!({"query": " "}), "body.query: Value error, query must not be blank"),
            (json!({"query": "q", "budget": "huge"}), "body.budget: Input should be 'low', 'mid' or 'high'"),
            (
                json!({"query": "q", "max_tokens": 0}),
                "body.max_tokens: Input should be greater than or equal to 1",
            ),
            (
                json!({"query": "q", "tags": [], "tag_groups": []}),
                "body: Value error, send either tags or tag_groups, not both",
            ),
            (
                json!({"query": "q", "fact_types": []}),
                "body.fact_types: Value error, name at least one type, or leave it out for all",
            ),
            (
                json!({"query": "q", "fact_types": ["opinion"]}),
                "body.fact_types.0: Input should be 'world', 'experience' or 'observation'",
            ),
            (
                json!({"query": "q", "reflect_search_observations_max_tokens": 0}),
                "body.reflect_search_observations_max_tokens: Input should be greater than or equal to 1",
            ),
            (
                json!({"query": "q", "include": {"tool_calls": {"output": "maybe"}}}),
                "body.include.tool_calls.output: Input should be a valid boolean, unable to interpret input",
            ),
            (
                json!({"query": "q", "response_schema": {"type": "object"}}),
                "body.response_schema: Value error, the schema needs properties; give at least one",
            ),
        ] {
            assert_eq!(problems(&body), [expected], "{body}");
        }
    }
}
