//! Settings that a bank has of its own: which there are, what they may be, how they are changed.

mod server_values;

use hindsight_types::banks::BankConfigResponse;
use hindsight_types::decode::from_json;
use hindsight_types::retain::ObservationScopes;
use serde_json::{Map, Value, json};

use self::server_values::server_values;
use crate::config::{BudgetFunction, ExtractionMode, OBSERVATION_ENTITIES, OBSERVATIONS_SIZE};
use crate::consolidate::{self, check_scope_limits};
use crate::labels::Labels;
use crate::store::{BankRow, BankUpdate};
use crate::text::sanitize;
use crate::{Engine, EngineError};

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    /// A whole number of at least 1.
    Count,
    /// A number above 0.
    Share,
    Mode,
    BudgetFunction,
    Labels,
    Strategies,
    /// A whole number of at least 0.
    Number,
    /// A whole number of at least -1.
    Limit,
    Scopes,
    ScopeLimits,
    ScopeStrategies,
    /// A number of tokens; 0 = no limit, -1 = none at all.
    Tokens,
    /// A trait of the character, 1 to 5.
    Level,
    /// What requests of reflect leave open.
    ReflectOptions,
    /// It has no effect in this version, and so is not taken.
    NotYet,
}

/// Every setting a bank can have, and what it is when nobody says.
fn fields() -> [(&'static str, Kind, Value); 57] {
    use Kind::{Count, Flag, Limit, NotYet, Share, Text};
    let null = Value::Null;
    [
        ("retain_mission", Text, null.clone()),
        ("retain_extraction_mode", Kind::Mode, json!("concise")),
        ("retain_custom_instructions", Text, null.clone()),
        ("retain_chunk_size", Count, json!(3000)),
        ("retain_structured_chunk_size", Count, null.clone()),
        ("retain_chunk_batch_size", NotYet, json!(100)),
        ("retain_max_attachments_per_chunk", Count, json!(8)),
        ("retain_default_strategy", Text, null.clone()),
        ("retain_strategies", Kind::Strategies, null.clone()),
        ("store_document_text", Flag, json!(true)),
        ("entity_labels", Kind::Labels, null.clone()),
        ("entities_allow_free_form", Flag, json!(true)),
        ("memory_defense", NotYet, null.clone()),
        ("enable_text_search", Flag, json!(true)),
        ("enable_temporal_retrieval", Flag, json!(true)),
        ("enable_graph_retrieval", Flag, json!(true)),
        ("enable_reranking", Flag, json!(true)),
        ("recall_budget_function", Kind::BudgetFunction, json!("fixed")),
        ("recall_budget_fixed_low", Count, json!(100)),
        ("recall_budget_fixed_mid", Count, json!(300)),
        ("recall_budget_fixed_high", Count, json!(1000)),
        ("recall_budget_adaptive_low", Share, json!(0.025)),
        ("recall_budget_adaptive_mid", Share, json!(0.075)),
        ("recall_budget_adaptive_high", Share, json!(0.25)),
        ("recall_budget_min", Count, json!(20)),
        ("recall_budget_max", Count, json!(2000)),
        ("recall_include_chunks", Flag, json!(true)),
        ("recall_max_tokens", Count, json!(2048)),
        ("recall_chunks_max_tokens", Count, json!(1000)),
        ("recall_prefer_observations", Flag, json!(false)),
        ("enable_observations", Flag, json!(true)),
        ("enable_auto_consolidation", Flag, json!(true)),
        ("observations_mission", Text, null.clone()),
        ("consolidation_llm_batch_size", Count, json!(8)),
        ("consolidation_llm_parallelism", Count, json!(4)),
        ("consolidation_max_memories_per_round", Kind::Number, json!(100)),
        ("consolidation_source_facts_max_tokens", Limit, json!(4096)),
        ("consolidation_source_facts_max_tokens_per_observation", Limit, json!(256)),
        ("consolidation_strategies", Kind::ScopeStrategies, null.clone()),
        ("consolidation_use_decision_model", NotYet, json!(true)),
        ("max_observations_per_scope", Limit, json!(-1)),
        ("observation_scope_limits", Kind::ScopeLimits, null.clone()),
        ("default_observation_scopes", Kind::Scopes, null.clone()),
        ("mental_model_min_refresh_interval_seconds", Kind::Number, json!(0)),
        ("mental_model_refresh_use_decision_model", NotYet, json!(true)),
        ("mental_model_delta_use_decision_model", NotYet, json!(true)),
        ("knowledge_page_default_trigger", NotYet, null.clone()),
        ("reflect_mission", Text, null.clone()),
        ("reflect_source_facts_max_tokens", Kind::Tokens, json!(-1)),
        ("reflect_default_options", Kind::ReflectOptions, null.clone()),
        ("reflect_use_decision_model", NotYet, json!(true)),
        ("disposition_skepticism", Kind::Level, null.clone()),
        ("disposition_literalism", Kind::Level, null.clone()),
        ("disposition_empathy", Kind::Level, null.clone()),
        ("mcp_enabled_tools", NotYet, null.clone()),
        ("audit_log_enabled", NotYet, json!(false)),
        ("llm_gemini_safety_settings", NotYet, null),
    ]
}

/// Settings of retain that make no sense inside of a strategy.
const NOT_IN_STRATEGIES: [&str; 2] = ["retain_strategies", "retain_default_strategy"];

impl Engine {
    /// All settings as they count for the bank, and those it has of its own.
    pub async fn bank_config(&self, bank_id: &str) -> Result<BankConfigResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        Ok(self.config_of(bank))
    }

    /// Changes settings of the bank, which is made when it is missing; null takes one back.
    /// Names may be those of environment variables too.
    pub async fn update_bank_config(
        &self,
        bank_id: &str,
        updates: Map<String, Value>,
    ) -> Result<BankConfigResponse, EngineError> {
        let mut update = Map::new();
        for (name, value) in updates {
            let name = field_name(&name);
            let value = check_field(&name, value).map_err(EngineError::Invalid)?;
            update.insert(name, value);
        }
        let existing = self.store.bank(bank_id).await?;
        let mut merged = existing.as_ref().map_or_else(|| json!({}), |bank| bank.config.clone());
        if let Some(merged) = merged.as_object_mut() {
            merged.extend(update.clone());
        }
        self.check_together(&merged)?;
        if existing.is_none() {
            self.bank_for_writing(bank_id).await?;
        }
        let update = BankUpdate { config: Some(Value::Object(update)), ..BankUpdate::default() };
        let bank = self.store.put_bank(bank_id, &update, self.clock.now()).await?;
        Ok(self.config_of(bank))
    }

    /// Takes all settings of the bank back.
    pub async fn reset_bank_config(&self, bank_id: &str) -> Result<BankConfigResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let bank = self.store.reset_config(bank.key, self.clock.now()).await?;
        Ok(self.config_of(bank))
    }

    /// Rules over several settings.
    fn check_together(&self, config: &Value) -> Result<(), EngineError> {
        let settings = self.settings.of_bank(config);
        let refuse = |problem: String| Err(EngineError::Invalid(problem));
        if settings.budget_min > settings.budget_max {
            return refuse(format!(
                "recall_budget_min ({}) must not be more than recall_budget_max ({})",
                settings.budget_min, settings.budget_max
            ));
        }
        let strategies = config.get("retain_strategies").and_then(Value::as_object);
        if let Some(name) = config.get("retain_default_strategy").and_then(Value::as_str)
            && !name.is_empty()
            && strategies.is_none_or(|strategies| !strategies.contains_key(name))
        {
            return refuse(format!("retain_default_strategy: there is no retain strategy '{name}'"));
        }
        let of_strategies = strategies.into_iter().flat_map(|strategies| strategies.values());
        for settings in of_strategies.map(|overrides| settings.of_bank(overrides)).chain([settings.clone()]) {
            let longest =
                settings.extraction.max_completion_tokens.and_then(|most| usize::try_from(most).ok());
            if let Some(longest) =
                longest.filter(|longest| self.llm.is_some() && settings.chunk_size >= *longest)
            {
                return refuse(format!(
                    "retain_chunk_size ({}) must be less than HINDSIGHT_API_RETAIN_MAX_COMPLETION_TOKENS ({longest})",
                    settings.chunk_size
                ));
            }
        }
        Ok(())
    }

    fn config_of(&self, bank: BankRow) -> BankConfigResponse {
        let mut config: Map<String, Value> =
            fields().into_iter().map(|(name, _, default)| (name.to_owned(), default)).collect();
        config.extend(server_values(&self.settings));
        let overrides: Map<String, Value> = match bank.config {
            Value::Object(own) => own.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        config.extend(overrides.clone());
        BankConfigResponse { bank_id: bank.bank_id, config, overrides }
    }
}

/// A setting's name, given as that or as the name of its environment variable.
fn field_name(name: &str) -> String {
    name.strip_prefix("HINDSIGHT_API_").map_or_else(|| name.to_owned(), str::to_lowercase)
}

/// The value of a setting, if it may be that; null takes it back. An error says what it may be.
pub(crate) fn check_field(name: &str, value: Value) -> Result<Value, String> {
    let known = fields().into_iter().find(|(known, ..)| *known == name);
    let Some((_, kind, _)) = known else {
        return Err(format!("'{name}' is no setting of a bank"));
    };
    if kind == Kind::NotYet {
        return Err(format!("{name} has no effect in this version; leave it out"));
    }
    if value.is_null() {
        return Ok(value);
    }
    let word = value.as_str().unwrap_or_default();
    let is_right = match kind {
        Kind::Text => value.is_string(),
        Kind::Flag => value.is_boolean(),
        Kind::Count => value.as_i64().is_some_and(|count| count >= 1),
        Kind::Share => value.as_f64().is_some_and(|share| share > 0.0),
        Kind::Mode => {
            word.parse::<ExtractionMode>()?;
            true
        }
        Kind::BudgetFunction => {
            word.parse::<BudgetFunction>()?;
            true
        }
        Kind::Labels => {
            Labels::read(&value)?;
            true
        }
        Kind::Number => value.as_i64().is_some_and(|number| number >= 0),
        Kind::Limit => value.as_i64().is_some_and(|number| number >= -1),
        Kind::Scopes => {
            let scopes = from_json::<ObservationScopes>(&value);
            if scopes.is_err() {
                return Err(format!(
                    "{name} must be per_tag, combined, all_combinations, shared, or a list of lists of tags"
                ));
            }
            true
        }
        Kind::ScopeLimits => {
            check_scope_limits(name, &value)?;
            true
        }
        Kind::ScopeStrategies => {
            consolidate::check_strategies(name, &value)?;
            true
        }
        Kind::Strategies => return check_strategies(name, value),
        Kind::Tokens => value.as_i64().is_some_and(|tokens| tokens >= -1),
        Kind::Level => value.as_i64().is_some_and(|level| (1..=5).contains(&level)),
        Kind::ReflectOptions => {
            check_reflect_options(name, &value)?;
            true
        }
        Kind::NotYet => false,
    };
    if is_right {
        return Ok(clean(value));
    }
    let wanted = match kind {
        Kind::Flag => "true or false",
        Kind::Count => "a positive whole number",
        Kind::Share => "a number above 0",
        Kind::Number => "a whole number of at least 0",
        Kind::Limit => "a whole number of at least -1",
        Kind::Tokens => "a whole number, 0 for no limit or -1 for none at all",
        Kind::Level => "a whole number from 1 to 5",
        _ => "a text",
    };
    Err(format!("{name} must be {wanted}"))
}

/// Options of reflect that a bank gives to requests without them.
fn check_reflect_options(name: &str, value: &Value) -> Result<(), String> {
    let Some(options) = value.as_object() else {
        return Err(format!("{name} must be an object of options of reflect"));
    };
    for (key, value) in options {
        let (is_right, wanted) = match key.as_str() {
            _ if value.is_null() => continue,
            OBSERVATIONS_SIZE => (value.as_i64().is_some_and(|size| size >= 1), "a positive whole number"),
            OBSERVATION_ENTITIES => (value.is_boolean(), "true or false"),
            _ => return Err(format!("{name}: '{key}' is no option that a bank can give")),
        };
        if !is_right {
            return Err(format!("{name}.{key} must be {wanted}"));
        }
    }
    Ok(())
}

fn check_strategies(name: &str, value: Value) -> Result<Value, String> {
    let Value::Object(strategies) = value else {
        return Err(format!("{name} must be an object of strategies by their names"));
    };
    let mut checked = Map::new();
    for (strategy, overrides) in strategies {
        if strategy.trim().is_empty() {
            return Err(format!("{name}: a strategy needs a name"));
        }
        let Value::Object(overrides) = overrides else {
            return Err(format!("{name}.{strategy} must be an object of settings"));
        };
        let mut settings = Map::new();
        for (key, value) in overrides {
            let key = field_name(&key);
            let is_of_retain = ["retain_", "entit", "store_"].iter().any(|prefix| key.starts_with(prefix));
            if !is_of_retain || NOT_IN_STRATEGIES.contains(&key.as_str()) {
                return Err(format!("{name}.{strategy}: '{key}' is no setting of retain"));
            }
            let value =
                check_field(&key, value).map_err(|problem| format!("{name}.{strategy}: {problem}"))?;
            settings.insert(key, value);
        }
        checked.insert(sanitize(&strategy).into_owned(), Value::Object(settings));
    }
    Ok(Value::Object(checked))
}

/// Without characters that the database does not take.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitize(&text).into_owned()),
        Value::Array(list) => list.into_iter().map(clean).collect(),
        Value::Object(object) => Value::Object(
            object.into_iter().map(|(key, value)| (sanitize(&key).into_owned(), clean(value))).collect(),
        ),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn every_name_stands_there_once() {
        let names: std::collections::BTreeSet<_> = fields().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), 57);
    }

    #[test]
    fn what_the_server_is_set_to_has_names_of_banks() {
        let defaults: Map<String, Value> =
            fields().into_iter().map(|(name, _, default)| (name.to_owned(), default)).collect();
        for (name, value) in server_values(&Settings::default()) {
            assert_eq!(defaults.get(&name), Some(&value), "{name}");
        }
    }

    #[test]
    fn wrong_types_are_named() {
        for (name, value, expected) in [
            ("retain_chunk_size", json!(true), "retain_chunk_size must be a positive whole number"),
            ("retain_chunk_size", json!(0), "retain_chunk_size must be a positive whole number"),
            ("retain_chunk_size", json!(1.5), "retain_chunk_size must be a positive whole number"),
            ("retain_mission", json!(5), "retain_mission must be a text"),
            (
                "consolidation_max_memories_per_round",
                json!(-1),
                "consolidation_max_memories_per_round must be a whole number of at least 0",
            ),
            (
                "max_observations_per_scope",
                json!(-2),
                "max_observations_per_scope must be a whole number of at least -1",
            ),
            (
                "default_observation_scopes",
                json!("each"),
                "default_observation_scopes must be per_tag, combined, all_combinations, shared, or a list of lists of tags",
            ),
            (
                "observation_scope_limits",
                json!([{"scope": "a", "limit": 1}]),
                "observation_scope_limits must be a list of objects with scope, a list of tags, and limit, a whole number of at least -1",
            ),
            ("consolidation_strategies", json!([{}]), "consolidation_strategies[0] needs scopes"),
            (
                "consolidation_strategies",
                json!([{"scopes": [{"tags": ["a"]}], "retain_mission": "x"}]),
                "consolidation_strategies[0]: 'retain_mission' is no part of a strategy",
            ),
            ("enable_reranking", json!("yes"), "enable_reranking must be true or false"),
            ("recall_budget_adaptive_low", json!(0), "recall_budget_adaptive_low must be a number above 0"),
            ("llm_api_key", json!("x"), "'llm_api_key' is no setting of a bank"),
            (
                "audit_log_enabled",
                json!(true),
                "audit_log_enabled has no effect in this version; leave it out",
            ),
            (
                "retain_strategies",
                json!({"a": {"retain_chunk_size": "x"}}),
                "retain_strategies.a: retain_chunk_size must be a positive whole number",
            ),
            (
                "retain_strategies",
                json!({"a": {"enable_reranking": true}}),
                "retain_strategies.a: 'enable_reranking' is no setting of retain",
            ),
            ("disposition_empathy", json!(6), "disposition_empathy must be a whole number from 1 to 5"),
            (
                "disposition_skepticism",
                json!("3"),
                "disposition_skepticism must be a whole number from 1 to 5",
            ),
            (
                "reflect_source_facts_max_tokens",
                json!(-2),
                "reflect_source_facts_max_tokens must be a whole number, 0 for no limit or -1 for none at all",
            ),
            (
                "reflect_default_options",
                json!(1),
                "reflect_default_options must be an object of options of reflect",
            ),
            (
                "reflect_default_options",
                json!({OBSERVATIONS_SIZE: 0}),
                "reflect_default_options.reflect_search_observations_max_tokens must be a positive whole number",
            ),
            (
                "reflect_default_options",
                json!({"budget": "high"}),
                "reflect_default_options: 'budget' is no option that a bank can give",
            ),
            ("retain_strategies", json!({" ": {}}), "retain_strategies: a strategy needs a name"),
            ("retain_strategies", json!({"a": 1}), "retain_strategies.a must be an object of settings"),
        ] {
            assert_eq!(check_field(name, value).unwrap_err(), expected);
        }
        assert_eq!(
            check_field("recall_budget_adaptive_low", json!(1)),
            Ok(json!(1)),
            "whole numbers are numbers"
        );
        assert_eq!(check_field("retain_mission", json!("a\u{0}")), Ok(json!("a")));
        assert_eq!(check_field("entity_labels", Value::Null), Ok(Value::Null));
    }
}
