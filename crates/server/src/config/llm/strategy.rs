//! Which of several models is asked first.

use std::time::Duration;

use hindsight_models::llm::Order;
use hindsight_types::settings::SettingError;
use serde::Deserialize;
use serde_json::Value;

use super::super::table::LLM_STRATEGY;

/// How long a model that failed is asked last, if nobody says.
const COOLDOWN: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strategy {
    mode: Mode,
    #[serde(default)]
    weights: Option<Vec<u32>>,
    #[serde(default)]
    routes: Option<Value>,
    #[serde(default)]
    cooldown_seconds: Option<f64>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Failover,
    RoundRobin,
    Metadata,
}

/// The order among so many models, and how long one that failed is asked last. Where there are
/// no models, any number of weights is as good.
pub(super) fn read(text: Option<&str>, models: Option<usize>) -> Result<(Order, Duration), SettingError> {
    let Some(text) = text else { return Ok((Order::Failover, COOLDOWN)) };
    let strategy: Strategy = serde_json::from_str(text).map_err(|error| {
        LLM_STRATEGY.refuse(format!("not usable ({error}); give {}", LLM_STRATEGY.values))
    })?;
    let cooldown = match strategy.cooldown_seconds {
        None => COOLDOWN,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| LLM_STRATEGY.refuse("cooldown_seconds is no number of seconds"))?,
    };
    if strategy.mode == Mode::Metadata || strategy.routes.is_some() {
        return Err(LLM_STRATEGY.refuse(
            "a model for each item by its metadata is not available in this version; give the mode failover or round-robin",
        ));
    }
    match (strategy.mode, strategy.weights) {
        (Mode::RoundRobin, None) => Ok((Order::RoundRobin(Vec::new()), cooldown)),
        (Mode::RoundRobin, Some(weights)) if models.is_some_and(|models| weights.len() != models) => {
            let (given, models) = (weights.len(), models.unwrap_or_default());
            Err(LLM_STRATEGY
                .refuse(format!("there are {given} weights for {models} models; give one for each")))
        }
        (Mode::RoundRobin, Some(weights)) if weights.contains(&0) => {
            Err(LLM_STRATEGY.refuse("a weight of 0 asks nobody; give weights of at least 1"))
        }
        (Mode::RoundRobin, Some(weights)) => Ok((Order::RoundRobin(weights), cooldown)),
        (_, Some(_)) => Err(LLM_STRATEGY.refuse("weights are for the mode round-robin; leave them out")),
        (_, None) => Ok((Order::Failover, cooldown)),
    }
}
