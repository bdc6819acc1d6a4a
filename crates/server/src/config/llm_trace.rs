//! The settings of the records of model calls.

use hindsight_engine::config::LlmTraceSettings;
use hindsight_types::settings::{Reader, SettingError};

use super::table;

/// Which calls are recorded, and for how long.
pub(super) fn settings(reader: &Reader) -> Result<LlmTraceSettings, SettingError> {
    let days: i32 = reader.value(&table::LLM_TRACE_RETENTION_DAYS)?;
    Ok(LlmTraceSettings {
        enabled: reader.flag(&table::LLM_TRACE_ENABLED)?,
        scopes: reader.list(&table::LLM_TRACE_SCOPES),
        excluded_scopes: reader.list(&table::LLM_TRACE_EXCLUDE_SCOPES),
        retention_days: Some(days).filter(|days| *days > 0),
        max_chars: reader.value(&table::LLM_TRACE_MAX_CHARS)?,
        ..LlmTraceSettings::default()
    })
}
