//! The tool that searches observations.

use async_trait::async_trait;
use hindsight_types::limits;
use hindsight_types::recall::{
    EntityIncludeOptions, FactType, IncludeOptions, RecallRequest, SourceFactsIncludeOptions,
};
use serde_json::{Map, Value, json};

use super::super::question::Question;
use super::{FACTS, MemoryTool, OBSERVATIONS, ToolFailure, arguments, memory, object};
use crate::Engine;
use crate::config::SourceFacts;
use crate::ports::Tool;

/// Facts that are not in observations yet, from which on these are stale.
const STALE: i64 = 10;

/// Searches what many facts say together.
pub(super) struct SearchObservations<'q> {
    pub(super) engine: &'q Engine,
    pub(super) question: &'q Question,
}

#[async_trait]
impl MemoryTool for SearchObservations<'_> {
    fn name(&self) -> &'static str {
        "search_observations"
    }

    fn definition(&self) -> Tool {
        Tool {
            name: self.name().to_owned(),
            description: "Searches observations: what several facts say together, kept up to date as facts \
                          come in. Good for preferences, habits, states and overviews. The answer tells how \
                          fresh they are; where they are stale, look at the facts as well."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What to look for, in a few words or one sentence."},
                    "max_tokens": {"type": "integer", "description": "Size of the observations together, in tokens."},
                },
                "required": ["query"],
            }),
        }
    }

    fn use_for(&self) -> &'static str {
        "what many facts say together; check with single facts what is stale or too general"
    }

    fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        match self.question.settings.source_facts {
            SourceFacts::Hidden => vec![OBSERVATIONS],
            SourceFacts::All | SourceFacts::UpTo(_) => vec![OBSERVATIONS, FACTS],
        }
    }

    fn first_call(&self, query: &str) -> Option<Map<String, Value>> {
        Some(object(json!({ "query": query })))
    }

    fn is_search(&self) -> bool {
        true
    }

    async fn call(&self, given: &Map<String, Value>, room: i64) -> Result<Map<String, Value>, ToolFailure> {
        let query = arguments::text(given, "query")?;
        let settings = &self.question.settings;
        let max_tokens = arguments::tokens(given, "max_tokens", settings.observations, room)?;
        let source_facts = match settings.source_facts {
            SourceFacts::Hidden => None,
            SourceFacts::All => Some(-1),
            SourceFacts::UpTo(most) => Some(most),
        };
        let entities = settings
            .observation_entities
            .then_some(EntityIncludeOptions { max_tokens: limits::RECALL_ENTITY_MAX_TOKENS });
        let request = RecallRequest {
            max_tokens,
            include: IncludeOptions {
                entities,
                chunks: None,
                source_facts: source_facts.map(|max_tokens| SourceFactsIncludeOptions {
                    max_tokens,
                    max_tokens_per_observation: -1,
                }),
            },
            ..self.question.scope.recall(&query, vec![FactType::Observation])
        };
        let bank = &self.question.bank;
        let filter = self.question.scope.filter();
        let (found, pending) = tokio::join!(
            self.question.search(self.engine, &request),
            self.engine.store.pending_facts(bank.key, &filter, STALE)
        );
        let (found, pending) = (found?, pending?);
        let observations: Vec<_> = found.results.into_iter().map(memory).collect();
        let facts: Map<String, Value> =
            found.source_facts.into_iter().flatten().map(|(id, fact)| (id, memory(fact))).collect();
        let freshness = match pending {
            0 => "up_to_date",
            pending if pending < STALE => "slightly_stale",
            _ => "stale",
        };
        Ok(object(json!({
            "query": query, "count": observations.len(), "observations": observations, "source_facts": facts,
            "is_stale": pending > 0, "freshness": freshness,
        })))
    }
}
