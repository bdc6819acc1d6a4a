//! Recall: what matters for a query, inside a token budget.

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attachments::ChunkAttachment;
use crate::decode::{Decoder, FromJson, request, words};
use crate::limits;
use crate::tags::{TagGroup, TagsMatch};
use crate::time;

words! {
    /// Kind of a memory.
    pub enum FactType("literal_error") {
        /// About the user, other people, the outside.
        World = "world",
        /// What the agent itself did.
        Experience = "experience",
        /// Derived from other memories.
        Observation = "observation",
    }
}

words! {
    /// How many candidates each arm of a recall may bring.
    pub enum Budget("enum") {
        /// 100 for each arm and type.
        Low = "low",
        /// 300 for each arm and type.
        Mid = "mid",
        /// 1000 for each arm and type.
        High = "high",
    }
}

request! {
    /// `POST memories/recall`.
    pub struct RecallRequest check check_recall {
        /// What to look for.
        query: String => required,
        /// Types of memory; none or an empty list means all.
        types: Option<Types> => optional,
        /// Whether an observation hides the facts it was made from.
        prefer_observations: Option<bool> => optional,
        /// Breadth of the search.
        budget: Budget => default(Budget::Mid),
        /// Tokens of all result texts together.
        max_tokens: i64 => default(limits::RECALL_MAX_TOKENS),
        /// Whether the answer explains itself.
        trace: bool => default(false),
        /// The "now" of the query, ISO-8601.
        query_timestamp: Option<String> => optional,
        /// What comes with the results.
        include: IncludeOptions => default(IncludeOptions::default()),
        /// Tags to filter by.
        tags: Option<Vec<String>> => optional,
        /// How the tags select.
        tags_match: TagsMatch => default(TagsMatch::Any),
        /// Trees of tag filters, all of which must match.
        tag_groups: Option<Vec<TagGroup>> => optional,
        /// Floors for scores.
        min_scores: Option<MinScores> => optional,
        /// The time asked about; memories inside rank higher.
        temporal_window: Option<TemporalWindow> => optional,
    }
}

impl RecallRequest {
    /// A request with nothing but its query.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            types: None,
            prefer_observations: None,
            budget: Budget::Mid,
            max_tokens: limits::RECALL_MAX_TOKENS,
            trace: false,
            query_timestamp: None,
            include: IncludeOptions::default(),
            tags: None,
            tags_match: TagsMatch::Any,
            tag_groups: None,
            min_scores: None,
            temporal_window: None,
        }
    }
}

fn check_recall(request: &RecallRequest, value: &Value, decoder: &mut Decoder) {
    if !request.query.chars().any(|c| c.is_alphanumeric() || c == '_') {
        let input = value.get("query").unwrap_or(&Value::Null);
        decoder.at("query", |decoder| decoder.value_error("query must contain at least one word", input));
    }
    if request.tags.is_some() && request.tag_groups.is_some() {
        decoder.value_error("send either tags or tag_groups, not both", value);
    }
}

/// The types asked for. The retired type `opinion` is dropped; when it was the only one
/// nothing is selected.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Types {
    known: Vec<FactType>,
    #[serde(skip)]
    opinion: bool,
}

impl Types {
    /// A selection of these types.
    pub fn new(known: Vec<FactType>) -> Self {
        Self { known, opinion: false }
    }

    /// The types to search: all when none was named.
    pub fn selected(&self) -> &[FactType] {
        if self.known.is_empty() && !self.opinion { FactType::ALL } else { &self.known }
    }
}

impl FromJson for Types {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let words: Vec<String> = Vec::from_json(value, decoder)?;
        let mut types = Self::new(Vec::new());
        let mut sound = true;
        for (i, word) in words.iter().enumerate() {
            match word.parse::<FactType>() {
                Ok(fact_type) if types.known.contains(&fact_type) => {}
                Ok(fact_type) => types.known.push(fact_type),
                Err(_) if word == "opinion" => types.opinion = true,
                Err(rule) => {
                    sound = false;
                    let input = Value::String(word.clone());
                    decoder.at(i, |decoder| decoder.value_error(&rule, &input));
                }
            }
        }
        sound.then_some(types)
    }
}

/// What comes with the results of a recall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncludeOptions {
    /// Entities of the results; on unless null.
    pub entities: Option<EntityIncludeOptions>,
    /// Source chunks; off unless an object.
    pub chunks: Option<ChunkIncludeOptions>,
    /// Facts behind observations; off unless an object.
    pub source_facts: Option<SourceFactsIncludeOptions>,
}

impl Default for IncludeOptions {
    fn default() -> Self {
        let entities = EntityIncludeOptions { max_tokens: limits::RECALL_ENTITY_MAX_TOKENS };
        Self { entities: Some(entities), chunks: None, source_facts: None }
    }
}

impl FromJson for IncludeOptions {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let object = decoder.object(value)?;
        // Here null and absent differ: null turns the entities off.
        let entities = match object.get("entities") {
            None => Some(Self::default().entities),
            Some(_) => decoder.optional(object, "entities"),
        };
        let chunks = decoder.optional(object, "chunks");
        let source_facts = decoder.optional(object, "source_facts");
        Some(Self { entities: entities?, chunks: chunks?, source_facts: source_facts? })
    }
}

request! {
    /// Options for entities.
    pub struct EntityIncludeOptions {
        /// Accepted, without effect on this wire.
        max_tokens: i64 => default(limits::RECALL_ENTITY_MAX_TOKENS),
    }
}

request! {
    /// Options for chunks.
    pub struct ChunkIncludeOptions {
        /// Tokens of all chunks together.
        max_tokens: i64 => default(limits::RECALL_CHUNK_MAX_TOKENS),
    }
}

request! {
    /// Options for source facts.
    pub struct SourceFactsIncludeOptions {
        /// Tokens of all source facts together; -1 = no limit.
        max_tokens: i64 => default(limits::RECALL_SOURCE_FACTS_MAX_TOKENS),
        /// Tokens for each observation; -1 = no limit.
        max_tokens_per_observation: i64 => default(-1),
    }
}

request! {
    /// Inclusive floors. `semantic` and `keyword` prune their own arm, the others every result.
    #[derive(Default)]
    pub struct MinScores {
        /// Floor of the cosine similarity.
        semantic: Option<f64> => optional,
        /// Floor of the keyword score.
        keyword: Option<f64> => optional,
        /// Floor of the reranker's score.
        reranker: Option<f64> => optional,
        /// Floor of the final score.
        r#final as "final": Option<f64> => optional,
    }
}

request! {
    /// A span of time, both ends included.
    pub struct TemporalWindow check check_window {
        /// First instant.
        start: WireTime => required,
        /// Last instant.
        end: WireTime => required,
    }
}

fn check_window(window: &TemporalWindow, value: &Value, decoder: &mut Decoder) {
    if window.end.0 < window.start.0 {
        decoder.value_error("end must not be before start", value);
    }
}

/// An instant in a request, written in ISO-8601; without an offset it is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireTime(pub DateTime<Utc>);

impl Serialize for WireTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time::format(self.0))
    }
}

impl FromJson for WireTime {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let parsed = value.as_str().and_then(time::parse);
        if parsed.is_none() {
            decoder.fail("datetime_parsing", "Input should be a valid datetime", value);
        }
        parsed.map(Self)
    }
}

/// Answer to a recall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallResponse {
    /// Memories, the best first.
    pub results: Vec<RecallResult>,
    /// How the answer came about, when asked for.
    pub trace: Option<Value>,
    /// Entities of the results by name, in order of appearance.
    pub entities: Option<IndexMap<String, EntityState>>,
    /// Source chunks by id, in order of the results.
    pub chunks: Option<IndexMap<String, ChunkData>>,
    /// Facts behind observations by id.
    pub source_facts: Option<IndexMap<String, RecallResult>>,
    /// Whether the budget cut source facts.
    pub source_facts_truncated: Option<bool>,
}

/// One memory of a recall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallResult {
    /// Id of the memory.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Its type.
    #[serde(rename = "type")]
    pub fact_type: Option<FactType>,
    /// Names of its entities, when asked for.
    pub entities: Option<Vec<String>>,
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
    /// Metadata given at retain.
    pub metadata: Option<IndexMap<String, String>>,
    /// Its chunk.
    pub chunk_id: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
    /// Facts behind an observation, when asked for.
    pub source_fact_ids: Option<Vec<String>>,
    /// Its scores.
    pub scores: Option<RecallScores>,
    /// Attachments it was read from.
    pub attachments: Option<Vec<ChunkAttachment>>,
}

/// Scores of a memory for one query.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallScores {
    /// What the order follows; not bounded to 1.
    pub r#final: f64,
    /// Score of the reranker; null when none ran.
    pub reranker: Option<f64>,
    /// Cosine similarity; null when the semantic arm did not find it.
    pub semantic: Option<f64>,
    /// Keyword score; null when no word matched.
    pub keyword: Option<f64>,
}

/// An entity of the results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityState {
    /// Id of the entity.
    pub entity_id: String,
    /// Its name.
    pub canonical_name: String,
    /// Always empty on this wire.
    pub observations: Vec<Value>,
}

/// A source chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkData {
    /// Id of the chunk.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Its place in the document, from 0.
    pub chunk_index: i64,
    /// Whether the budget cut its text.
    pub truncated: bool,
    /// Attachments in it.
    pub attachments: Option<Vec<ChunkAttachment>>,
}
