//! Consolidation: making observations of facts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode::{Decoder, request};

request! {
    /// `POST consolidate`.
    pub struct ConsolidationRequest {
        /// Only facts that have all tags of one of these; all when not given.
        observation_scopes: Option<Vec<Vec<String>>> => optional,
    }
}

/// Answer to `POST consolidate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolidationResponse {
    /// The operation that does it.
    pub operation_id: String,
    /// Whether it was there already.
    #[serde(default)]
    pub deduplicated: bool,
}

/// Answer to `POST consolidation/recover`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverConsolidationResponse {
    /// Facts that wait again.
    pub retried_count: i64,
}

request! {
    /// Tags that a scope has to have.
    pub struct ConsolidationScopePattern {
        /// The tags; `*` in one stands for anything.
        tags: Vec<String> => default(Vec::new()),
        /// `all`, so that there may be others, or `exact`; `all` when not given.
        tags_match: Option<String> => optional,
    }
}

request! {
    /// What is done in another way in some scopes.
    pub struct ConsolidationStrategySpec {
        /// The scopes, by patterns, any of which may claim one.
        scopes: Vec<ConsolidationScopePattern> => default(Vec::new()),
        /// What observations are to be about.
        observations_mission: Option<String> => optional,
        /// How many there may be; -1 = no limit.
        max_observations_per_scope: Option<i64> => optional,
        /// Tokens of the facts shown behind all observations; -1 = no limit.
        consolidation_source_facts_max_tokens: Option<i64> => optional,
        /// Tokens of the facts shown behind one observation; -1 = no limit.
        consolidation_source_facts_max_tokens_per_observation: Option<i64> => optional,
    }
}

request! {
    /// `POST consolidation-strategies/preview`.
    pub struct ConsolidationStrategiesPreviewRequest check check_preview {
        /// The strategies to try.
        strategies: Vec<ConsolidationStrategySpec> => required,
        /// Scopes that are named for each rule, 0 to 50.
        sample_limit: i64 => default(5),
    }
}

fn check_preview(request: &ConsolidationStrategiesPreviewRequest, value: &Value, decoder: &mut Decoder) {
    if !(0..=50).contains(&request.sample_limit) {
        decoder.value_error("sample_limit must be from 0 to 50", value);
    }
}

/// Answer to `POST consolidation-strategies/preview`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolidationStrategiesPreview {
    /// What each strategy would be used for, in their order.
    pub strategies: Vec<StrategyPreview>,
    /// The scopes that no strategy claims.
    pub default: DefaultScopesPreview,
    /// Scopes that were looked at.
    pub scopes_scanned: i64,
    /// Whether these are all.
    pub complete: bool,
}

/// What a strategy would be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyPreview {
    /// Whether it can claim anything.
    pub active: bool,
    /// Scopes that it claims and no strategy before it does.
    pub claimed_count: i64,
    /// What each of its patterns finds.
    pub rules: Vec<StrategyRulePreview>,
}

/// What a pattern finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyRulePreview {
    /// Scopes that it matches.
    pub match_count: i64,
    /// Those of them that another strategy has.
    pub taken_count: i64,
    /// Observations in all of them.
    pub observation_count: i64,
    /// Some of them.
    pub samples: Vec<StrategyScopePreview>,
}

/// The scopes that no strategy claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultScopesPreview {
    /// Their number.
    pub match_count: i64,
    /// Observations in all of them.
    pub observation_count: i64,
    /// Some of them.
    pub samples: Vec<StrategyScopePreview>,
}

/// A scope in a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyScopePreview {
    /// Its tags.
    pub tags: Vec<String>,
    /// Its observations.
    pub count: i64,
    /// The strategy that has it, by its place; none = the bank's own settings.
    pub handled_by: Option<i64>,
}
