//! The settings of mental models.

use std::time::Duration;

use hindsight_engine::config::MentalModelSettings;
use hindsight_types::settings::{Reader, SettingError};

use super::table;

/// How mental models are kept up to date.
pub(super) fn settings(reader: &Reader) -> Result<MentalModelSettings, SettingError> {
    let versions: i64 = reader.value(&table::MENTAL_MODEL_HISTORY_MAX)?;
    let kept_versions = if reader.flag(&table::ENABLE_MENTAL_MODEL_HISTORY)? {
        Some(versions).filter(|versions| *versions > 0)
    } else {
        Some(0)
    };
    let min_interval = Duration::from_secs(reader.value::<u32>(&table::MENTAL_MODEL_MIN_INTERVAL)?.into());
    Ok(MentalModelSettings { min_interval, kept_versions })
}

/// Time between two looks for mental models that are to be written anew.
pub(super) fn interval(reader: &Reader) -> Result<Duration, SettingError> {
    Ok(Duration::from_secs(reader.positive::<u32>(&table::MENTAL_MODEL_TICK)?.into()))
}
