//! The settings of retain and recall, and those of reflect with them.

use hindsight_engine::config::{
    ExtractionMode, ExtractionSettings, RecencyDecay, Settings, StatsCacheSettings,
};
use hindsight_types::settings::{Reader, Setting, SettingError};

use super::{consolidation, table};

/// The engine's settings but for those of rerankers.
///
/// What only leads to a remark is added to `remarks`.
pub(super) fn settings(reader: &Reader, remarks: &mut Vec<String>) -> Result<Settings, SettingError> {
    let structured_chunk_size = match reader.given(&table::STRUCTURED_CHUNK_SIZE) {
        Some(_) => Some(reader.positive(&table::STRUCTURED_CHUNK_SIZE)?),
        None => None,
    };
    // The one word that is not refused when nobody knows it, as the contract has it.
    let extraction_mode = reader.value(&table::EXTRACTION_MODE).unwrap_or_else(|error| {
        remarks.push(format!("{error}; facts are made as with concise"));
        ExtractionMode::Concise
    });
    let budget_min = reader.positive(&table::BUDGET_MIN)?;
    let budget_max = reader.positive(&table::BUDGET_MAX)?;
    if budget_min > budget_max {
        return Err(
            table::BUDGET_MIN.refuse(format!("{budget_min} is more than the {budget_max} there can be"))
        );
    }
    let max_candidates_per_source: u32 = reader.value(&table::MAX_CANDIDATES_PER_SOURCE)?;
    let keyword_min_score: f64 = reader.value(&table::BM25_MIN_SCORE)?;
    if !keyword_min_score.is_finite() || keyword_min_score < 0.0 {
        return Err(table::BM25_MIN_SCORE.unusable(&keyword_min_score.to_string()));
    }
    let chunk_size = reader.positive(&table::CHUNK_SIZE)?;
    let extraction = extraction(reader)?;
    if let Some(longest) = extraction.max_completion_tokens
        && usize::try_from(longest).is_ok_and(|longest| longest <= chunk_size)
    {
        remarks.push(format!(
            "{}: answers of {longest} tokens are short for chunks of {chunk_size} characters; give more, or 0",
            table::RETAIN_MAX_COMPLETION_TOKENS.name
        ));
    }
    Ok(Settings {
        extraction_mode,
        chunk_size,
        extraction,
        consolidation: consolidation::settings(reader)?,
        structured_chunk_size,
        attachments_per_chunk: reader.positive(&table::ATTACHMENTS_PER_CHUNK)?,
        attachments: reader.value(&table::ATTACHMENT_MAX_COUNT)?,
        attachment_bytes: attachment_bytes(reader)?,
        batch_tokens: reader.positive(&table::RETAIN_BATCH_TOKENS)?,
        store_document_text: reader.flag(&table::STORE_DOCUMENT_TEXT)?,
        delete_files: reader.flag(&table::FILE_DELETE_AFTER_RETAIN)?,
        text_search: reader.flag(&table::ENABLE_TEXT_SEARCH)?,
        budgets: [
            reader.positive(&table::BUDGET_LOW)?,
            reader.positive(&table::BUDGET_MID)?,
            reader.positive(&table::BUDGET_HIGH)?,
        ],
        budget_function: reader.value(&table::BUDGET_FUNCTION)?,
        budget_shares: [
            above_zero(reader, &table::BUDGET_SHARE_LOW)?,
            above_zero(reader, &table::BUDGET_SHARE_MID)?,
            above_zero(reader, &table::BUDGET_SHARE_HIGH)?,
        ],
        budget_min,
        budget_max,
        max_candidates_per_source: max_candidates_per_source.into(),
        max_query_terms: reader.value(&table::BM25_MAX_QUERY_TERMS)?,
        keyword_min_score,
        min_similarity: reader.share(&table::MIN_SIMILARITY)?,
        max_query_tokens: reader.value(&table::MAX_QUERY_TOKENS)?,
        graph: reader.flag(&table::ENABLE_GRAPH_RETRIEVAL)?,
        temporal: reader.flag(&table::ENABLE_TEMPORAL_RETRIEVAL)?,
        fusion: reader.value(&table::RECALL_FUSION)?,
        recency: recency(reader)?,
        prefer_observations: reader.flag(&table::PREFER_OBSERVATIONS)?,
        exact_limit: reader.value::<u32>(&table::EXACT_LIMIT)?.into(),
        vector_cache: u64::from(reader.value::<u32>(&table::VECTOR_CACHE)?) << 20,
        entity_candidates: reader.positive(&table::ENTITY_CANDIDATES)?,
        entity_names_at_once: reader.positive(&table::ENTITY_NAMES_AT_ONCE)?,
        entity_trigram_threshold: share_above_zero(reader, &table::ENTITY_TRIGRAM_THRESHOLD)?,
        entity_merge_similarity: share_above_zero(reader, &table::ENTITY_MERGE_SIMILARITY)?,
        entity_batch_similarity: share_above_zero(reader, &table::ENTITY_BATCH_SIMILARITY)?,
        link_min_similarity: reader.share(&table::LINK_MIN_SIMILARITY)?,
        reflect: super::reflect::read(reader)?,
        stats_cache: StatsCacheSettings {
            life: super::seconds(reader, &table::BANK_STATS_CACHE_LIFE)?,
            banks: reader.value(&table::BANK_STATS_CACHE_BANKS)?,
        },
        mental_models: super::mental_models::settings(reader)?,
        llm_trace: super::llm_trace::settings(reader)?,
        ..Settings::default()
    })
}

/// Bytes that one attachment may have.
fn attachment_bytes(reader: &Reader) -> Result<usize, SettingError> {
    let megabytes: usize = reader.positive(&table::ATTACHMENT_MAX_SIZE_MB)?;
    // No row of the database holds more than 1 GiB.
    if megabytes > 512 {
        return Err(table::ATTACHMENT_MAX_SIZE_MB.refuse("too large; give at most 512"));
    }
    Ok(megabytes << 20)
}

/// How a language model is asked for facts.
fn extraction(reader: &Reader) -> Result<ExtractionSettings, SettingError> {
    let longest: u32 = reader.value(&table::RETAIN_MAX_COMPLETION_TOKENS)?;
    Ok(ExtractionSettings {
        mission: reader.text(&table::RETAIN_MISSION),
        custom_instructions: reader.text(&table::RETAIN_CUSTOM_INSTRUCTIONS),
        default_strategy: reader.text(&table::RETAIN_DEFAULT_STRATEGY),
        causal_links: reader.flag(&table::RETAIN_CAUSAL_LINKS)?,
        optional_dimensions: reader.flag(&table::RETAIN_OPTIONAL_DIMENSIONS)?,
        output_language: reader.text(&table::LLM_OUTPUT_LANGUAGE),
        max_completion_tokens: (longest > 0).then_some(longest),
        content_retries: reader.value(&table::RETAIN_CONTENT_RETRIES)?,
        concurrency: reader.positive(&table::RETAIN_CHUNK_CONCURRENCY)?,
        ..ExtractionSettings::default()
    })
}

/// How memories fade. The times are looked at whatever the function.
fn recency(reader: &Reader) -> Result<RecencyDecay, SettingError> {
    let window = above_zero(reader, &table::RECENCY_DECAY_WINDOW)?;
    let half_life = above_zero(reader, &table::RECENCY_DECAY_HALFLIFE)?;
    match reader.value::<String>(&table::RECENCY_DECAY_FUNCTION)?.as_str() {
        "linear" => Ok(RecencyDecay::Linear { window }),
        "exponential" => Ok(RecencyDecay::Exponential { half_life }),
        "none" => Ok(RecencyDecay::None),
        other => Err(table::RECENCY_DECAY_FUNCTION.unusable(other)),
    }
}

/// A share above 0.
fn share_above_zero(reader: &Reader, setting: &Setting) -> Result<f64, SettingError> {
    let share = reader.share(setting)?;
    if share > 0.0 { Ok(share) } else { Err(setting.unusable(&share.to_string())) }
}

/// A number above 0.
fn above_zero(reader: &Reader, setting: &Setting) -> Result<f64, SettingError> {
    let value: f64 = reader.value(setting)?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(setting.unusable(&value.to_string())) }
}
