//! Refreshes that nobody asks for: when facts have gone into observations, and at times of their own.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hindsight_types::cron::Cron;
use hindsight_types::mental_models::MentalModelTrigger;

use super::scope::{is_of_another_question, trigger_of};
use crate::store::{BankRow, ModelState, RefreshRequest, TagFilter};
use crate::{Engine, EngineError};

/// Why it is looked which mental models are to be written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// Facts have gone into observations.
    Consolidated,
    /// Time has passed, and no facts wait.
    Quiet,
    /// Time has passed, and facts wait.
    Busy,
}

impl Engine {
    /// Requests that those mental models of a bank are written anew that are when facts have gone into
    /// observations, and have not seen all. Returns their number.
    pub(crate) async fn refresh_after_consolidation(&self, bank: &BankRow) -> Result<usize, EngineError> {
        self.request_due(bank, Occasion::Consolidated).await
    }

    /// Requests that those mental models of all banks are written anew whose time has come, and those
    /// that were missed when facts had gone into observations. Returns their number.
    pub async fn tend_mental_models(&self) -> Result<usize, EngineError> {
        if self.llm.is_none() {
            return Ok(0);
        }
        let mut requested = 0;
        for bank_id in self.store.banks_with_refreshing_models().await? {
            match self.tend_bank(&bank_id).await {
                Ok(number) => requested += number,
                // The banks behind it have their times too.
                Err(error) => {
                    tracing::warn!(bank = bank_id, %error, "the mental models of a bank were not looked at");
                }
            }
        }
        Ok(requested)
    }

    async fn tend_bank(&self, bank_id: &str) -> Result<usize, EngineError> {
        let Some(bank) = self.store.bank(bank_id).await? else { return Ok(0) };
        let has_observations = self.settings.of_bank(&bank.config).consolidation.observations;
        let waits = has_observations && self.store.pending_facts(bank.key, &TagFilter::All, 1).await? > 0;
        self.request_due(&bank, if waits { Occasion::Busy } else { Occasion::Quiet }).await
    }

    async fn request_due(&self, bank: &BankRow, occasion: Occasion) -> Result<usize, EngineError> {
        let states = self.store.refreshing_mental_models(bank.key).await?;
        let now = self.clock.now();
        let due = states.iter().filter_map(|state| {
            let trigger = trigger_of(state);
            let is_full = is_due_as_a_whole(state, &trigger, occasion, now)?;
            Some((state, trigger, is_full))
        });
        let due: Vec<(&ModelState, MentalModelTrigger, bool)> = due.collect();
        if due.is_empty() {
            return Ok(0);
        }
        let settings = self.settings.of_bank(&bank.config).mental_models;
        let states: Vec<&ModelState> = due.iter().map(|(state, ..)| *state).collect();
        let news = self.have_news(bank, &states).await?;
        let others = std::iter::zip(&states, &news).filter(|(_, has_news)| !**has_news);
        let others: Vec<String> = others.map(|(state, _)| state.model_id.clone()).collect();
        let gone = self.store.gone_sources(bank.key, &others).await?;
        let rests_on_gone: BTreeSet<String> = gone.into_iter().map(|(model_id, _)| model_id).collect();
        let mut requested = 0;
        for ((state, trigger, is_full), has_news) in due.into_iter().zip(news) {
            // One that never saw a memory has nothing to be written from without news.
            let is_outdated = has_news
                || state.last_memory_seen_at.is_some() && is_of_another_question(state)
                || rests_on_gone.contains(&state.model_id);
            if !is_outdated {
                continue;
            }
            let request = RefreshRequest {
                is_full,
                is_automatic: true,
                after: wait(state, &trigger, settings.min_interval, now),
            };
            let made = self.store.request_refresh(bank.key, &state.model_id, request).await?;
            requested += usize::from(made.is_some_and(|(_, is_new)| is_new));
        }
        Ok(requested)
    }
}

/// Whether a mental model is to be written anew on this occasion, and if so, whether as a whole.
fn is_due_as_a_whole(
    state: &ModelState,
    trigger: &MentalModelTrigger,
    occasion: Occasion,
    now: DateTime<Utc>,
) -> Option<bool> {
    let follows = trigger.refresh_after_consolidation && occasion != Occasion::Busy;
    if occasion == Occasion::Consolidated {
        return follows.then_some(false);
    }
    let passed = |cron: &Option<String>, since: Option<DateTime<Utc>>| {
        let cron = cron.as_deref().and_then(|cron| Cron::parse(cron).ok());
        let last = cron.and_then(|cron| cron.last(now));
        last.is_some_and(|last| last > since.unwrap_or(state.created_at))
    };
    // As a whole only where something was written since the last time that it was.
    let has_moved = state.last_refreshed_at > state.last_full_refreshed_at;
    if has_moved && passed(&trigger.full_refresh_cron, state.last_full_refreshed_at) {
        return Some(true);
    }
    (follows || passed(&trigger.refresh_cron, state.last_refreshed_at)).then_some(false)
}

/// How long a refresh is put off that comes too soon behind the last one.
fn wait(state: &ModelState, trigger: &MentalModelTrigger, usual: Duration, now: DateTime<Utc>) -> Duration {
    let own = trigger.min_refresh_interval_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let least = own.map_or(usual, Duration::from_secs);
    let Some(last) = state.last_refreshed_at else { return Duration::ZERO };
    let passed = now.signed_duration_since(last).to_std().unwrap_or_default();
    least.saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scope::tests::model;
    use super::*;

    fn time(text: &str) -> Option<DateTime<Utc>> {
        hindsight_types::time::parse(text)
    }

    #[test]
    fn a_time_that_has_passed_makes_due_and_a_whole_one_only_after_changes() {
        let now = time("2024-05-10T12:00:00Z").unwrap();
        let due_of = |trigger: serde_json::Value, refreshed: &str, whole: &str, occasion| {
            let mut row = model(&[], trigger);
            (row.last_refreshed_at, row.last_full_refreshed_at) = (time(refreshed), time(whole));
            is_due_as_a_whole(&row, &trigger_of(&row), occasion, now)
        };
        let hourly = json!({"refresh_cron": "0 * * * *"});
        let (early, late) = ("2024-05-10T11:59:00Z", "2024-05-10T12:00:00Z");
        assert_eq!(due_of(hourly.clone(), early, "", Occasion::Quiet), Some(false));
        assert_eq!(due_of(hourly.clone(), early, "", Occasion::Busy), Some(false));
        assert_eq!(due_of(hourly.clone(), late, "", Occasion::Quiet), None);
        assert_eq!(due_of(hourly, early, "", Occasion::Consolidated), None);
        let whole = json!({"full_refresh_cron": "0 * * * *"});
        assert_eq!(due_of(whole.clone(), early, "2024-05-10T10:00:00Z", Occasion::Quiet), Some(true));
        assert_eq!(due_of(whole, early, early, Occasion::Quiet), None, "nothing was written since");
        let follows = json!({"refresh_after_consolidation": true});
        assert_eq!(due_of(follows.clone(), late, late, Occasion::Consolidated), Some(false));
        assert_eq!(due_of(follows.clone(), late, late, Occasion::Quiet), Some(false), "it was missed");
        assert_eq!(due_of(follows, late, late, Occasion::Busy), None, "it comes when facts have gone on");
    }

    #[test]
    fn the_shortest_time_is_the_models_own_or_the_banks() {
        let now = time("2024-05-10T12:00:00Z").unwrap();
        let mut row = model(&[], json!({}));
        let minute = Duration::from_mins(1);
        assert_eq!(wait(&row, &trigger_of(&row), minute, now), Duration::ZERO, "the first one is at once");
        row.last_refreshed_at = time("2024-05-10T11:59:40Z");
        assert_eq!(wait(&row, &trigger_of(&row), minute, now), Duration::from_secs(40));
        row.trigger = json!({"min_refresh_interval_seconds": 10});
        assert_eq!(wait(&row, &trigger_of(&row), minute, now), Duration::ZERO);
    }
}
