//! Settings of mental models.

use std::time::Duration;

use serde_json::Value;

/// How mental models are kept up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MentalModelSettings {
    /// Shortest time between two times that one is written anew without being asked for.
    pub min_interval: Duration,
    /// Former versions, and failures, of one that are kept; none = all. 0 keeps none.
    pub kept_versions: Option<i64>,
}

impl Default for MentalModelSettings {
    fn default() -> Self {
        Self { min_interval: Duration::ZERO, kept_versions: Some(50) }
    }
}

impl MentalModelSettings {
    /// These settings with a bank's own in front.
    #[must_use]
    pub(super) fn of_bank(&self, config: &Value) -> Self {
        let own = config.get("mental_model_min_refresh_interval_seconds").and_then(Value::as_u64);
        Self { min_interval: own.map_or(self.min_interval, Duration::from_secs), ..self.clone() }
    }
}
