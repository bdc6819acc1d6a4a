//! What a bank is told that it inherits.

use serde_json::{Map, Value, json};

use crate::config::{
    BudgetFunction, OBSERVATION_ENTITIES, OBSERVATIONS_SIZE, ReflectSettings, Settings, SourceFacts,
};

/// What the server is set to, by the names of a bank's settings.
pub(super) fn server_values(settings: &Settings) -> Map<String, Value> {
    let extraction = &settings.extraction;
    let [low, mid, high] = settings.budgets;
    let [low_share, mid_share, high_share] = settings.budget_shares;
    let function = match settings.budget_function {
        BudgetFunction::Fixed => "fixed",
        BudgetFunction::Adaptive => "adaptive",
    };
    let reflect = &settings.reflect;
    let source_facts = match reflect.source_facts {
        SourceFacts::Hidden => -1,
        SourceFacts::All => 0,
        SourceFacts::UpTo(tokens) => tokens,
    };
    let usual = ReflectSettings::default();
    let is_usual = (reflect.observations, reflect.observation_entities)
        == (usual.observations, usual.observation_entities);
    let options = (!is_usual).then(|| {
        json!({OBSERVATIONS_SIZE: reflect.observations, OBSERVATION_ENTITIES: reflect.observation_entities})
    });
    let values = json!({
        "retain_mission": extraction.mission,
        "retain_extraction_mode": settings.extraction_mode.as_str(),
        "retain_custom_instructions": extraction.custom_instructions,
        "retain_chunk_size": settings.chunk_size,
        "retain_structured_chunk_size": settings.structured_chunk_size,
        "retain_max_attachments_per_chunk": settings.attachments_per_chunk,
        "retain_default_strategy": extraction.default_strategy,
        "store_document_text": settings.store_document_text,
        "entities_allow_free_form": extraction.free_form_entities,
        "enable_text_search": settings.text_search,
        "enable_temporal_retrieval": settings.temporal,
        "enable_graph_retrieval": settings.graph,
        "enable_reranking": settings.enable_reranking,
        "recall_budget_function": function,
        "recall_budget_fixed_low": low,
        "recall_budget_fixed_mid": mid,
        "recall_budget_fixed_high": high,
        "recall_budget_adaptive_low": low_share,
        "recall_budget_adaptive_mid": mid_share,
        "recall_budget_adaptive_high": high_share,
        "recall_budget_min": settings.budget_min,
        "recall_budget_max": settings.budget_max,
        "recall_prefer_observations": settings.prefer_observations,
        "recall_include_chunks": reflect.chunks.is_some(),
        "recall_max_tokens": reflect.recall,
        "recall_chunks_max_tokens": reflect.chunks.unwrap_or(1000),
        "reflect_mission": reflect.mission,
        "reflect_source_facts_max_tokens": source_facts,
        "reflect_default_options": options,
        "disposition_skepticism": reflect.traits.skepticism,
        "disposition_literalism": reflect.traits.literalism,
        "disposition_empathy": reflect.traits.empathy,
    });
    match values {
        Value::Object(mut values) => {
            values.extend(consolidation_values(settings));
            values
        }
        _ => Map::new(),
    }
}

/// The same for making observations.
fn consolidation_values(settings: &Settings) -> Map<String, Value> {
    let consolidation = &settings.consolidation;
    let values = json!({
        "enable_observations": consolidation.observations,
        "enable_auto_consolidation": consolidation.automatic,
        "observations_mission": consolidation.mission,
        "consolidation_llm_batch_size": consolidation.batch_size,
        "consolidation_llm_parallelism": consolidation.parallelism,
        "consolidation_max_memories_per_round": consolidation.facts_per_run,
        "consolidation_source_facts_max_tokens": consolidation.source_tokens,
        "consolidation_source_facts_max_tokens_per_observation": consolidation.source_tokens_each,
        "consolidation_strategies": consolidation.strategies,
        "max_observations_per_scope": consolidation.max_per_scope,
        "observation_scope_limits": consolidation.scope_limits,
        "default_observation_scopes": consolidation.default_scopes,
        "mental_model_min_refresh_interval_seconds": settings.mental_models.min_interval.as_secs(),
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}
