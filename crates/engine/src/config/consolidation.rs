//! Settings of making observations of facts.

use std::time::Duration;

use hindsight_types::recall::Budget;
use serde_json::Value;

use crate::store::ConsolidationDefaults;

/// How observations are made of facts.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsolidationSettings {
    /// Whether there are observations.
    pub observations: bool,
    /// Whether they are made without being asked for.
    pub automatic: bool,
    /// What observations are to be about; it goes before the general rules.
    pub mission: Option<String>,
    /// Language of observations, if not that of the facts.
    pub output_language: Option<String>,
    /// Facts of one question to a model.
    pub batch_size: usize,
    /// Groups of facts that are worked on at one time.
    pub parallelism: usize,
    /// Facts of one run; the next one goes on. 0 = no limit.
    pub facts_per_run: usize,
    /// Facts that are read from the database at one time.
    pub fetch_size: usize,
    /// Tokens of the observations shown for each fact.
    pub related_tokens: i64,
    /// How far these are searched for.
    pub related_budget: Budget,
    /// Tokens of the facts shown behind all observations; negative = no limit.
    pub source_tokens: i64,
    /// Tokens of the facts shown behind one observation; negative = no limit.
    pub source_tokens_each: i64,
    /// Cosine similarity from which two observations may be one; 1 and more = never.
    pub dedup_threshold: f64,
    /// Longest answer in tokens; none = the model's own bound.
    pub max_completion_tokens: Option<u32>,
    /// Longest time without anything written.
    pub idle_limit: Duration,
    /// Former versions of an observation that are kept; none = all. 0 keeps none.
    pub kept_versions: Option<i64>,
    /// Observations of a scope with tags; negative = no limit.
    pub max_per_scope: i64,
    /// Limits of single scopes, `[{"scope": […], "limit": n}]`; the older form of strategies.
    pub scope_limits: Option<Value>,
    /// What is done in another way in some scopes; see the consolidation strategies of a bank.
    pub strategies: Option<Value>,
    /// Scopes of facts for which none were asked.
    pub default_scopes: Option<Value>,
}

impl Default for ConsolidationSettings {
    fn default() -> Self {
        Self {
            observations: true,
            automatic: true,
            mission: None,
            output_language: None,
            batch_size: 8,
            parallelism: 4,
            facts_per_run: 100,
            fetch_size: 50,
            related_tokens: 512,
            related_budget: Budget::Low,
            source_tokens: 4096,
            source_tokens_each: 256,
            dedup_threshold: 0.97,
            max_completion_tokens: None,
            idle_limit: Duration::from_hours(2),
            kept_versions: Some(50),
            max_per_scope: -1,
            scope_limits: None,
            strategies: None,
            default_scopes: None,
        }
    }
}

impl ConsolidationSettings {
    /// These settings with a bank's own in front.
    #[must_use]
    pub(super) fn of_bank(&self, config: &Value) -> Self {
        let flag = |key: &str| config.get(key)?.as_bool();
        let number = |key: &str| config.get(key)?.as_i64();
        let size = |key: &str| config.get(key)?.as_u64().and_then(|size| usize::try_from(size).ok());
        let value = |key: &str| config.get(key).filter(|value| !value.is_null()).cloned();
        let text = |key: &str| {
            let text = config.get(key)?.as_str()?.trim();
            // An empty text is a choice too: none.
            Some((!text.is_empty()).then(|| text.to_owned()))
        };
        Self {
            observations: flag("enable_observations").unwrap_or(self.observations),
            automatic: flag("enable_auto_consolidation").unwrap_or(self.automatic),
            mission: text("observations_mission").unwrap_or_else(|| self.mission.clone()),
            output_language: text("llm_output_language").unwrap_or_else(|| self.output_language.clone()),
            batch_size: size("consolidation_llm_batch_size").unwrap_or(self.batch_size).max(1),
            parallelism: size("consolidation_llm_parallelism").unwrap_or(self.parallelism).max(1),
            facts_per_run: size("consolidation_max_memories_per_round").unwrap_or(self.facts_per_run),
            source_tokens: number("consolidation_source_facts_max_tokens").unwrap_or(self.source_tokens),
            source_tokens_each: number("consolidation_source_facts_max_tokens_per_observation")
                .unwrap_or(self.source_tokens_each),
            max_per_scope: number("max_observations_per_scope").unwrap_or(self.max_per_scope),
            scope_limits: value("observation_scope_limits").or_else(|| self.scope_limits.clone()),
            strategies: value("consolidation_strategies").or_else(|| self.strategies.clone()),
            default_scopes: value("default_observation_scopes").or_else(|| self.default_scopes.clone()),
            ..self.clone()
        }
    }

    /// What holds for banks that do not say otherwise.
    pub(crate) fn defaults(&self) -> ConsolidationDefaults {
        ConsolidationDefaults { observations: self.observations, automatic: self.automatic }
    }
}
