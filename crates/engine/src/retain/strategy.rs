//! Strategies: named sets of settings on top of a bank's, for single items.

use std::collections::HashMap;

use serde_json::Value;

use super::source::Source;
use crate::EngineError;
use crate::config::Settings;

/// The settings of every item of a request.
#[derive(Debug)]
pub(crate) struct Plans {
    /// Of items without a strategy: the bank's, with those of its default strategy in front.
    general: Settings,
    of_strategy: HashMap<String, Settings>,
}

impl Plans {
    /// The settings for the items of `sources` in a bank with this config. Fails when an item
    /// names a strategy that the bank does not have.
    pub(crate) fn new(server: &Settings, config: &Value, sources: &[Source]) -> Result<Self, EngineError> {
        let bank = server.of_bank(config);
        let strategies = config.get("retain_strategies").and_then(Value::as_object);
        let find = |name: &str| strategies.and_then(|strategies| strategies.get(name));
        let general = match bank.extraction.default_strategy.as_deref() {
            None => bank.clone(),
            Some(name) => match find(name) {
                Some(overrides) => bank.of_bank(overrides),
                // The server's default may be of other banks.
                None if server.extraction.default_strategy.as_deref() == Some(name) => bank.clone(),
                None => return Err(unknown("retain_default_strategy", name, strategies)),
            },
        };
        let mut of_strategy = HashMap::new();
        for part in sources.iter().flat_map(|source| &source.parts) {
            let Some(name) = &part.strategy else { continue };
            let overrides = find(name)
                .ok_or_else(|| unknown(&format!("items[{}].strategy", part.index), name, strategies))?;
            of_strategy.entry(name.clone()).or_insert_with(|| bank.of_bank(overrides));
        }
        Ok(Self { general, of_strategy })
    }

    /// Plans in which every item has the same settings.
    pub(super) fn of(general: Settings) -> Self {
        Self { general, of_strategy: HashMap::new() }
    }

    /// The settings of items with this strategy.
    pub(super) fn settings(&self, strategy: Option<&str>) -> &Settings {
        strategy.and_then(|name| self.of_strategy.get(name)).unwrap_or(&self.general)
    }
}

fn unknown(place: &str, name: &str, strategies: Option<&serde_json::Map<String, Value>>) -> EngineError {
    let known: Vec<&str> =
        strategies.into_iter().flat_map(|known| known.keys().map(String::as_str)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    EngineError::Invalid(format!("{place}: the bank has no retain strategy '{name}'; it has {known}"))
}
