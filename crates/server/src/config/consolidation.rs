//! The settings of making observations of facts.

use std::time::Duration;

use hindsight_engine::config::{ConsolidationSettings, bank_setting};
use hindsight_types::recall::Budget;
use hindsight_types::settings::{Reader, Setting, SettingError};
use serde_json::{Value, json};

use super::table;

/// How observations are made.
pub(super) fn settings(reader: &Reader) -> Result<ConsolidationSettings, SettingError> {
    let longest: u32 = reader.value(&table::CONSOLIDATION_MAX_COMPLETION_TOKENS)?;
    let versions: i64 = reader.value(&table::OBSERVATION_HISTORY_MAX)?;
    let kept_versions = if reader.flag(&table::ENABLE_OBSERVATION_HISTORY)? {
        Some(versions).filter(|versions| *versions > 0)
    } else {
        Some(0)
    };
    Ok(ConsolidationSettings {
        observations: reader.flag(&table::ENABLE_OBSERVATIONS)?,
        automatic: reader.flag(&table::ENABLE_AUTO_CONSOLIDATION)?,
        mission: reader.text(&table::OBSERVATIONS_MISSION),
        output_language: reader.text(&table::LLM_OUTPUT_LANGUAGE),
        batch_size: reader.positive(&table::CONSOLIDATION_LLM_BATCH_SIZE)?,
        parallelism: reader.positive(&table::CONSOLIDATION_LLM_PARALLELISM)?,
        facts_per_run: reader.value(&table::CONSOLIDATION_MAX_PER_ROUND)?,
        fetch_size: reader.positive(&table::CONSOLIDATION_BATCH_SIZE)?,
        related_tokens: reader.positive(&table::CONSOLIDATION_MAX_TOKENS)?,
        related_budget: reader.value::<Budget>(&table::CONSOLIDATION_RECALL_BUDGET)?,
        source_tokens: reader.value(&table::CONSOLIDATION_SOURCE_TOKENS)?,
        source_tokens_each: reader.value(&table::CONSOLIDATION_SOURCE_TOKENS_EACH)?,
        dedup_threshold: reader.share(&table::CONSOLIDATION_DEDUP_THRESHOLD)?,
        max_completion_tokens: (longest > 0).then_some(longest),
        idle_limit: Duration::from_secs(reader.positive(&table::CONSOLIDATION_WALL_TIMEOUT)?),
        kept_versions,
        max_per_scope: reader.value(&table::MAX_OBSERVATIONS_PER_SCOPE)?,
        scope_limits: as_of_bank(reader, &table::OBSERVATION_SCOPE_LIMITS, "observation_scope_limits")?,
        strategies: as_of_bank(reader, &table::CONSOLIDATION_STRATEGIES, "consolidation_strategies")?,
        default_scopes: as_of_bank(reader, &table::DEFAULT_OBSERVATION_SCOPES, "default_observation_scopes")?,
    })
}

/// Time between two looks for facts that wait although no run is under way.
pub(super) fn interval(reader: &Reader) -> Result<Duration, SettingError> {
    Ok(Duration::from_secs(reader.positive(&table::CONSOLIDATION_INTERVAL)?))
}

/// A value that a bank may have under this name: a word, or JSON.
fn as_of_bank(reader: &Reader, setting: &Setting, name: &str) -> Result<Option<Value>, SettingError> {
    let Some(text) = reader.given(setting) else { return Ok(None) };
    let value = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    bank_setting(name, value).map(Some).map_err(|problem| setting.refuse(problem))
}
