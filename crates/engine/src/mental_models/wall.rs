//! What a question with tags may see of mental models: none that may hold what it may not see.

use std::collections::BTreeSet;

use hindsight_types::mental_models::MentalModelDetail;

use super::scope::{ModelScope, trigger_of};
use crate::store::{BankRow, MemoryScope, ModelState, TagFilter};
use crate::{Engine, EngineError};

impl Engine {
    /// Mental models of a bank whose own tags a filter lets through, but that may hold what it holds
    /// back, but for these.
    pub(crate) async fn hidden_models(
        &self,
        bank: &BankRow,
        filter: &TagFilter,
        without: &[String],
    ) -> Result<BTreeSet<String>, EngineError> {
        if filter.passes_all() {
            return Ok(BTreeSet::new());
        }
        let ids = self.store.other_mental_models(bank.key, filter, without).await?;
        let rows = self.store.mental_models_of(bank.key, &ids, MentalModelDetail::Metadata).await?;
        let states: Vec<&ModelState> = rows.iter().map(|row| &row.state).collect();
        self.hidden_among(bank, filter, &states).await
    }

    /// Whether a filter lets any mental model through that does not hold what it holds back, but for
    /// these.
    pub(super) async fn has_shown_models(
        &self,
        bank: &BankRow,
        filter: &TagFilter,
        without: &[String],
    ) -> Result<bool, EngineError> {
        if !self.store.has_other_mental_models(bank.key, filter, without).await? {
            return Ok(false);
        }
        let mut without = without.to_vec();
        without.extend(self.hidden_models(bank, filter, &without).await?);
        Ok(self.store.has_other_mental_models(bank.key, filter, &without).await?)
    }

    /// Those of these that may hold what a filter holds back. One does not if everything that it is
    /// made of passes: by its tags, whatever memories there are; or else because all memories of its
    /// scope do pass, and none is gone that may not have.
    pub(crate) async fn hidden_among(
        &self,
        bank: &BankRow,
        filter: &TagFilter,
        states: &[&ModelState],
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut hidden = BTreeSet::new();
        if filter.passes_all() {
            return Ok(hidden);
        }
        let mut scopes: Vec<(ModelScope, Vec<&ModelState>)> = Vec::new();
        for state in states {
            let scope = ModelScope::of(state, &trigger_of(state));
            if is_of_another_scope(state) {
                hidden.insert(state.model_id.clone());
            } else if !scope.memories().tags.is_within(filter) {
                match scopes.iter_mut().find(|(known, _)| *known == scope) {
                    Some((_, states)) => states.push(state),
                    None => scopes.push((scope, vec![state])),
                }
            }
        }
        let asked: Vec<(MemoryScope, ())> = scopes.iter().map(|(scope, _)| (scope.memories(), ())).collect();
        let is_hidden = self.store.have_hidden_memories(bank.key, filter, &asked).await?;
        let mut others = Vec::new();
        for ((_, states), is_hidden) in scopes.iter().zip(is_hidden) {
            let ids = states.iter().map(|state| state.model_id.clone());
            if is_hidden { hidden.extend(ids) } else { others.extend(ids) }
        }
        let gone = self.store.gone_sources(bank.key, &others).await?;
        hidden.extend(gone.into_iter().map(|(model_id, _)| model_id));
        Ok(hidden)
    }
}

/// Whether the content was written from other memories than it would be now: of which, nobody knows.
fn is_of_another_scope(state: &ModelState) -> bool {
    state.last_refreshed_source_query.is_none()
}
