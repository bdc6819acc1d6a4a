//! Observations that would say nearly the same as others: a model decides whether they are one.

use uuid::Uuid;

use super::batch::Vectors;
use super::prompt;
use super::reply::{Actions, Change, Create, Removal};
use super::scopes::Scope;
use crate::config::ConsolidationSettings;
use crate::jobs::Progress;
use crate::ports::LanguageModel;
use crate::store::{BankKey, ObservationRow};
use crate::text::sanitize;
use crate::{Engine, EngineError};

/// The nearest observations that are looked at for each text.
const NEIGHBOURS: i64 = 5;

/// Where twins are looked for.
pub(super) struct TwinSearch<'t> {
    pub(super) engine: &'t Engine,
    pub(super) llm: &'t dyn LanguageModel,
    pub(super) settings: &'t ConsolidationSettings,
    pub(super) progress: &'t Progress,
    pub(super) bank: BankKey,
    pub(super) scope: &'t Scope,
}

impl TwinSearch<'_> {
    /// Folds what is to be made or changed into what says the same: one another, or an observation
    /// of the scope that was not shown. Those that are found are added to `shown`. `vectors` has
    /// those of all texts. Returns the number of folds.
    pub(super) async fn fold(
        &self,
        actions: &mut Actions,
        shown: &mut Vec<ObservationRow>,
        vectors: &Vectors,
    ) -> Result<usize, EngineError> {
        if self.settings.dedup_threshold >= 1.0 {
            return Ok(0);
        }
        let before = actions.creates.len();
        actions.creates = self.fold_siblings(std::mem::take(&mut actions.creates), vectors).await;
        let mut folded = before - actions.creates.len();
        let mut kept = Vec::new();
        for create in std::mem::take(&mut actions.creates) {
            match self.twin(&create.text, None, actions, (&mut *shown, vectors)).await? {
                Some((twin, text)) => {
                    folded += 1;
                    take_in(actions, twin, text, create.sources);
                }
                None => kept.push(create),
            }
        }
        actions.creates = kept;
        let changed: Vec<Uuid> = actions.changes.keys().copied().collect();
        for observation in changed {
            let change = actions.changes.get(&observation).cloned();
            let Some(Change { text: Some(text), sources }) = change else { continue };
            // What others are merged into stays where it is.
            if actions.removals.iter().any(|removal| removal.merged_into == Some(observation)) {
                continue;
            }
            if let Some((twin, text)) =
                self.twin(&text, Some(observation), actions, (&mut *shown, vectors)).await?
            {
                folded += 1;
                actions.changes.remove(&observation);
                actions.removals.push(Removal { observation, merged_into: Some(twin) });
                take_in(actions, twin, text, sources);
            }
        }
        Ok(folded)
    }

    /// Observations to make, each once.
    async fn fold_siblings(&self, creates: Vec<Create>, vectors: &Vectors) -> Vec<Create> {
        let mut kept: Vec<(Create, Option<&Vec<f32>>)> = Vec::new();
        for create in creates {
            let vector = vectors.get(&create.text);
            let is_near = |other: Option<&Vec<f32>>| {
                Option::zip(other, vector).is_some_and(|(a, b)| cosine(a, b) >= self.settings.dedup_threshold)
            };
            let twin = kept.iter_mut().find(|(_, other)| is_near(*other));
            if let Some((twin, other)) = twin
                && let Some(text) = self.merged(&twin.text, &create.text).await
            {
                // A text of its own has another vector, which is nobody's yet.
                *other = vectors.get(&text);
                twin.text = text;
                let known = twin.sources.clone();
                twin.sources.extend(create.sources.into_iter().filter(|id| !known.contains(id)));
            } else {
                kept.push((create, vector));
            }
        }
        kept.into_iter().map(|(create, _)| create).collect()
    }

    /// The observation that says the same as a text, and what both together say; none of those
    /// that change or go already.
    async fn twin(
        &self,
        text: &str,
        own: Option<Uuid>,
        actions: &Actions,
        (shown, vectors): (&mut Vec<ObservationRow>, &Vectors),
    ) -> Result<Option<(Uuid, String)>, EngineError> {
        let Some(vector) = vectors.get(text) else { return Ok(None) };
        let mut without: Vec<Uuid> = own.into_iter().chain(actions.changes.keys().copied()).collect();
        without.extend(actions.removals.iter().map(|removal| removal.observation));
        let store = &self.engine.store;
        let least = self.settings.dedup_threshold;
        let near =
            store.nearest_observations(self.bank, self.scope, vector, least, &without, NEIGHBOURS).await?;
        let Some(nearest) = near.first() else { return Ok(None) };
        if !shown.iter().any(|row| row.memory_id == *nearest) {
            shown.extend(store.observations(self.bank, &[*nearest]).await?);
        }
        let Some(row) = shown.iter().find(|row| row.memory_id == *nearest) else { return Ok(None) };
        Ok(self.merged(&row.body, text).await.map(|text| (row.memory_id, text)))
    }

    /// What two texts say together, if they are of the same thing. Whatever else comes of the
    /// question, they stay two: that loses nothing.
    async fn merged(&self, first: &str, second: &str) -> Option<String> {
        if first.split_whitespace().eq(second.split_whitespace()) {
            return Some(first.to_owned());
        }
        let reply = self.llm.ask(prompt::twins(first, second, self.settings)).await;
        self.progress.spend(match &reply {
            Ok(reply) => reply.usage,
            Err(error) => error.usage,
        });
        let reply =
            reply.inspect_err(|error| tracing::debug!(%error, "observations that are alike stay two"));
        let verdict = reply.ok()?.value?;
        let text = sanitize(verdict.get("text")?.as_str()?.trim()).into_owned();
        let is_merge = verdict.get("action")?.as_str()? == "merge" && text.contains(char::is_alphanumeric);
        is_merge.then_some(text)
    }
}

/// Gives an observation the facts of another one, and the text of both.
fn take_in(actions: &mut Actions, observation: Uuid, text: String, sources: Vec<Uuid>) {
    let change = actions.changes.entry(observation).or_insert(Change { text: None, sources: Vec::new() });
    change.text = Some(text);
    let known = change.sources.clone();
    change.sources.extend(sources.into_iter().filter(|id| !known.contains(id)));
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        std::iter::zip(a, b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}
