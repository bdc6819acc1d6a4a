//! The settings of answering questions.

use std::time::Duration;

use hindsight_engine::config::{ReflectSettings, SourceFacts, Traits};
use hindsight_types::settings::{Reader, Setting, SettingError};
use serde_json::{Map, Value};

use super::table;

/// How questions are answered.
pub(super) fn read(reader: &Reader) -> Result<ReflectSettings, SettingError> {
    let (observations, observation_entities) = default_options(reader)?;
    let chunks = reader.positive::<u32>(&table::RECALL_CHUNKS_MAX_TOKENS)?.into();
    let source_facts: i64 = reader.value(&table::REFLECT_SOURCE_FACTS)?;
    if source_facts < -1 {
        return Err(table::REFLECT_SOURCE_FACTS.unusable(&source_facts.to_string()));
    }
    let max_completion = match reader.given(&table::REFLECT_MAX_COMPLETION_TOKENS) {
        Some(_) => Some(reader.positive(&table::REFLECT_MAX_COMPLETION_TOKENS)?),
        None => None,
    };
    Ok(ReflectSettings {
        max_iterations: reader.positive(&table::REFLECT_MAX_ITERATIONS)?,
        max_context: reader.positive::<u32>(&table::REFLECT_MAX_CONTEXT_TOKENS)? as usize,
        max_completion,
        wall_timeout: Duration::from_secs(reader.positive::<u32>(&table::REFLECT_WALL_TIMEOUT)?.into()),
        mission: reader.text(&table::REFLECT_MISSION),
        traits: Traits {
            skepticism: level(reader, &table::DISPOSITION_SKEPTICISM)?,
            literalism: level(reader, &table::DISPOSITION_LITERALISM)?,
            empathy: level(reader, &table::DISPOSITION_EMPATHY)?,
        },
        source_facts: SourceFacts::of(source_facts),
        observations,
        observation_entities,
        recall: reader.positive::<u32>(&table::RECALL_MAX_TOKENS)?.into(),
        chunks: reader.flag(&table::RECALL_INCLUDE_CHUNKS)?.then_some(chunks),
    })
}

/// A trait of the character, from 1 to 5.
fn level(reader: &Reader, setting: &Setting) -> Result<Option<i64>, SettingError> {
    let level: Option<i64> = reader.optional(setting)?;
    match level {
        Some(level) if !(1..=5).contains(&level) => Err(setting.unusable(&level.to_string())),
        level => Ok(level),
    }
}

/// What requests leave open: size of a search of observations, and whether they name entities.
fn default_options(reader: &Reader) -> Result<(i64, bool), SettingError> {
    let setting = &table::REFLECT_DEFAULT_OPTIONS;
    let usual = ReflectSettings::default();
    let Some(text) = reader.given(setting) else {
        return Ok((usual.observations, usual.observation_entities));
    };
    let options: Map<String, Value> = serde_json::from_str(&text).map_err(|_| setting.unusable(&text))?;
    let (mut size, mut shows_entities) = (usual.observations, usual.observation_entities);
    for (name, value) in options {
        match (name.as_str(), &value) {
            (_, Value::Null) => {}
            ("reflect_search_observations_max_tokens", Value::Number(number)) => {
                let given = number.as_i64().filter(|size| *size >= 1);
                size = given.ok_or_else(|| setting.unusable(&text))?;
            }
            ("reflect_search_observations_include_entities", Value::Bool(shown)) => shows_entities = *shown,
            _ => return Err(setting.unusable(&text)),
        }
    }
    Ok((size, shows_entities))
}
