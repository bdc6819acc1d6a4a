//! The observations that a fact may belong to: those of exactly one scope, nearest by meaning and
//! by words.

use std::collections::HashSet;

use hindsight_types::recall::{FactType, RecallRequest};
use hindsight_types::tags::TagsMatch;
use uuid::Uuid;

use super::plan::{Plan, bank_terms};
use super::query::Query;
use super::score::{self, Ranked};
use crate::store::{Candidate, TagFilter};
use crate::{Engine, EngineError};

impl Engine {
    /// The observations of exactly this scope that are related to a text with this vector, the
    /// nearest first, of `max_tokens` together. The best by meaning and the best by words take
    /// turns, so that what is nearest in either is among them whatever the other says.
    pub(crate) async fn related_observations(
        &self,
        bank_id: &str,
        scope: &[String],
        (text, vector): (&str, &[f32]),
    ) -> Result<Vec<Uuid>, EngineError> {
        let limits = &self.settings.consolidation;
        let request = RecallRequest {
            budget: limits.related_budget,
            max_tokens: limits.related_tokens,
            ..RecallRequest::new(text)
        };
        let mut query = Query::read(&request, self.clock.now(), self.store.language(), &self.settings)?;
        query.types = vec![FactType::Observation];
        query.tags = TagFilter::list(Some(scope.to_vec()), TagsMatch::Exact);
        // Not from a replica: what was written a moment ago has to be seen.
        let mut session = self.store.current_session().await?;
        let bank = session.bank(bank_id, &query.terms).await?;
        let bank = bank.ok_or_else(|| EngineError::BankNotFound(bank_id.to_owned()))?;
        let settings = self.settings.of_bank(&bank.config);
        let plan = Plan::of(&settings, &request, &bank, false);
        let terms = bank_terms(&bank, &settings);
        let candidates =
            plan.candidates(&mut session, &self.hot, &bank, &query, Some(vector), &terms).await?;
        drop(session);
        let mut by_meaning: Vec<Candidate> =
            candidates.iter().filter(|found| found.similarity.is_some()).cloned().collect();
        by_meaning
            .sort_by(|a, b| b.similarity.partial_cmp(&a.similarity).unwrap_or(std::cmp::Ordering::Equal));
        let ranked = plan.fuse(candidates, &query, &score::Weights::of(&bank, &terms));
        Ok(in_turn(&by_meaning, &ranked, limits.related_tokens))
    }
}

/// Memories of two lists in turn, each once, as far as they fit; the first always does.
fn in_turn(first: &[Candidate], second: &[Ranked], max_tokens: i64) -> Vec<Uuid> {
    let (mut taken, mut seen, mut left) = (Vec::new(), HashSet::new(), max_tokens);
    let longest = first.len().max(second.len());
    let pairs = (0..longest).flat_map(|place| {
        [first.get(place), second.get(place).map(|ranked| &ranked.candidate)].into_iter().flatten()
    });
    for candidate in pairs {
        let tokens = i64::from(candidate.tokens);
        if seen.insert(candidate.memory_id) && (taken.is_empty() || tokens <= left) {
            left -= tokens;
            taken.push(candidate.memory_id);
        }
    }
    taken
}
