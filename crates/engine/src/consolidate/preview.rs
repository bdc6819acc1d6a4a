//! What strategies would be used for, before a bank has them.

use hindsight_types::consolidation::{
    ConsolidationStrategiesPreview, ConsolidationStrategiesPreviewRequest, DefaultScopesPreview,
    StrategyPreview, StrategyRulePreview, StrategyScopePreview,
};
use serde_json::{Value, json};

use super::scopes::Scope;
use super::strategies::{Pattern, Strategy};
use crate::{Engine, EngineError};

/// Scopes that are looked at, those with the most observations.
const SCANNED: i64 = 10_000;

/// A scope with the number of its observations, and the strategy that has it.
type Claimed = (Scope, i64, Option<usize>);

impl Engine {
    /// Says which strategy the scopes of a bank would go to.
    pub async fn preview_strategies(
        &self,
        bank_id: &str,
        request: &ConsolidationStrategiesPreviewRequest,
    ) -> Result<ConsolidationStrategiesPreview, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (scopes, total) = self.store.observation_scopes(bank.key, SCANNED, 0).await?;
        let stated: Vec<Value> = request.strategies.iter().map(|strategy| json!(strategy)).collect();
        let strategies: Vec<Option<Strategy<'_>>> = stated.iter().map(Strategy::read).collect();
        let claim = |scope: &Scope| {
            strategies.iter().position(|strategy| strategy.as_ref().is_some_and(|own| own.claims(scope)))
        };
        let claimed: Vec<Claimed> = scopes
            .into_iter()
            .map(|(scope, observations)| {
                let by = claim(&scope);
                (scope, observations, by)
            })
            .collect();
        let most = usize::try_from(request.sample_limit).unwrap_or_default();
        let previews = std::iter::zip(&strategies, &request.strategies).enumerate();
        let previews = previews.map(|(place, (strategy, stated))| StrategyPreview {
            active: strategy.is_some(),
            claimed_count: count(claimed.iter().filter(|(.., by)| *by == Some(place))),
            rules: stated
                .scopes
                .iter()
                .map(|pattern| {
                    let pattern = Pattern::read(&json!(pattern));
                    let is_found = |scope: &Scope| pattern.as_ref().is_some_and(|own| own.claims(scope));
                    let found: Vec<&Claimed> = claimed.iter().filter(|(scope, ..)| is_found(scope)).collect();
                    StrategyRulePreview {
                        match_count: count(found.iter()),
                        taken_count: count(found.iter().filter(|(.., by)| *by != Some(place))),
                        observation_count: found.iter().map(|(_, observations, _)| observations).sum(),
                        samples: found.iter().take(most).map(|scope| sample(scope)).collect(),
                    }
                })
                .collect(),
        });
        let strategies = previews.collect();
        let rest: Vec<&Claimed> = claimed.iter().filter(|(.., by)| by.is_none()).collect();
        Ok(ConsolidationStrategiesPreview {
            strategies,
            default: DefaultScopesPreview {
                match_count: count(rest.iter()),
                observation_count: rest.iter().map(|(_, observations, _)| observations).sum(),
                samples: rest.iter().take(most).map(|scope| sample(scope)).collect(),
            },
            scopes_scanned: count(claimed.iter()),
            complete: total <= SCANNED,
        })
    }
}

fn sample((scope, observations, by): &Claimed) -> StrategyScopePreview {
    StrategyScopePreview {
        tags: scope.clone(),
        count: *observations,
        handled_by: by.and_then(|by| i64::try_from(by).ok()),
    }
}

fn count(scopes: impl Iterator) -> i64 {
    i64::try_from(scopes.count()).unwrap_or(i64::MAX)
}
