//! Settings of answering questions from memory.

use std::time::Duration;

use serde_json::Value;

/// Levels of the three traits of a bank's character, each from 1 to 5; none = nobody has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// 1 trusting … 5 skeptical.
    pub skepticism: Option<i64>,
    /// 1 flexible … 5 literal.
    pub literalism: Option<i64>,
    /// 1 detached … 5 empathetic.
    pub empathy: Option<i64>,
}

/// How questions are answered. Sizes are in tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct ReflectSettings {
    /// Turns of the model at budget mid, the one that writes the answer included; low has half of
    /// them, high twice as many.
    pub max_iterations: u32,
    /// Size of a conversation from which the answer is written from what was found so far.
    pub max_context: usize,
    /// Longest reply of the model; none = its own bound.
    pub max_completion: Option<u32>,
    /// Longest time for an answer.
    pub wall_timeout: Duration,
    /// What the agent is for; a bank may say otherwise.
    pub mission: Option<String>,
    /// Character of banks that have none of their own.
    pub traits: Traits,
    /// Facts that are shown under observations.
    pub source_facts: SourceFacts,
    /// Size of one search of observations.
    pub observations: i64,
    /// Whether observations are shown with the names of their entities.
    pub observation_entities: bool,
    /// Size of one recall.
    pub recall: i64,
    /// Size of the chunks around what one recall finds; none = they are not shown.
    pub chunks: Option<i64>,
}

/// Which facts are shown under observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFacts {
    /// None.
    Hidden,
    /// All.
    All,
    /// As many as fit into so many tokens.
    UpTo(i64),
}

impl SourceFacts {
    /// What a number of tokens stands for in settings: negative = hidden, 0 = all.
    pub fn of(tokens: i64) -> Self {
        match tokens {
            0 => Self::All,
            1.. => Self::UpTo(tokens),
            _ => Self::Hidden,
        }
    }
}

impl Default for ReflectSettings {
    fn default() -> Self {
        Self {
            max_iterations: 10,
            max_context: 100_000,
            max_completion: None,
            wall_timeout: Duration::from_mins(5),
            mission: None,
            traits: Traits::default(),
            source_facts: SourceFacts::Hidden,
            observations: 5000,
            observation_entities: true,
            recall: 2048,
            chunks: Some(1000),
        }
    }
}

impl ReflectSettings {
    /// These settings with a bank's own in front, its character aside, which is not only kept in
    /// its settings.
    #[must_use]
    pub(super) fn of_bank(&self, config: &Value) -> Self {
        let count = |key: &str| config.get(key)?.as_i64().filter(|count| *count > 0);
        let options = config.get("reflect_default_options");
        let shows_chunks = config.get("recall_include_chunks").and_then(Value::as_bool);
        let chunks = count("recall_chunks_max_tokens").or(self.chunks).unwrap_or(CHUNKS);
        Self {
            source_facts: config
                .get("reflect_source_facts_max_tokens")
                .and_then(Value::as_i64)
                .map_or(self.source_facts, SourceFacts::of),
            observations: options
                .and_then(|options| options.get(OBSERVATIONS_SIZE)?.as_i64())
                .filter(|size| *size > 0)
                .unwrap_or(self.observations),
            observation_entities: options
                .and_then(|options| options.get(OBSERVATION_ENTITIES)?.as_bool())
                .unwrap_or(self.observation_entities),
            recall: count("recall_max_tokens").unwrap_or(self.recall),
            chunks: shows_chunks.unwrap_or(self.chunks.is_some()).then_some(chunks),
            ..self.clone()
        }
    }
}

/// Size of the chunks of a recall where a bank wants some and the server has none.
const CHUNKS: i64 = 1000;
/// Option of requests and banks: size of one search of observations.
pub(crate) const OBSERVATIONS_SIZE: &str = "reflect_search_observations_max_tokens";
/// Option of requests and banks: whether observations name their entities.
pub(crate) const OBSERVATION_ENTITIES: &str = "reflect_search_observations_include_entities";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bank_goes_before_the_server() {
        let server = ReflectSettings::default();
        assert_eq!(server.of_bank(&json!({})), server);
        let bank = server.of_bank(&json!({
            "reflect_source_facts_max_tokens": 0,
            "reflect_default_options": {OBSERVATIONS_SIZE: 70, OBSERVATION_ENTITIES: false},
            "recall_max_tokens": 10, "recall_include_chunks": false, "recall_chunks_max_tokens": 5,
        }));
        assert_eq!(bank.source_facts, SourceFacts::All);
        assert_eq!((bank.observations, bank.observation_entities), (70, false));
        assert_eq!((bank.recall, bank.chunks), (10, None));
        let chunks = server.of_bank(&json!({"recall_chunks_max_tokens": 5}));
        assert_eq!(chunks.chunks, Some(5));
        let without = ReflectSettings { chunks: None, ..server.clone() };
        assert_eq!(without.of_bank(&json!({"recall_chunks_max_tokens": 5})).chunks, None);
        assert_eq!(without.of_bank(&json!({"recall_include_chunks": true})).chunks, Some(CHUNKS));
        // What older data may hold leaves what the server says.
        let odd = json!({
            "reflect_default_options": [1], "recall_max_tokens": -4, "reflect_source_facts_max_tokens": "all",
        });
        assert_eq!(server.of_bank(&odd), server);
    }
}
