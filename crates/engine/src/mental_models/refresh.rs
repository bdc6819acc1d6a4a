//! One refresh, in earnest or as a try: what is asked, from what, and how it is to be written.

use chrono::{DateTime, Utc};
use hindsight_types::mental_models::{MentalModelTrigger, RefreshMode};
use hindsight_types::recall::Budget;
use hindsight_types::reflect::{
    FactsIncludeOptions, ReflectIncludeOptions, ReflectRequest, ToolCallsIncludeOptions,
};

use super::outcome;
use super::scope::{ModelScope, is_of_another_question, trigger_of};
use crate::config::ReflectSettings;
use crate::reflect::Calls;
use crate::store::{BankRow, MentalModelRow, RefreshPoint};
use crate::{Engine, EngineError};

/// How a mental model is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// As its trigger, or whoever asks, wants it.
    pub(super) requested: RefreshMode,
    /// As it is.
    pub(super) effective: RefreshMode,
    /// Why it is not as wanted.
    pub(super) fallback: Option<&'static str>,
    /// What it may look at.
    pub(super) point: RefreshPoint,
    /// Only memories that were written after it.
    pub(super) after: Option<DateTime<Utc>>,
}

/// One refresh.
pub(super) struct Refresh<'r> {
    pub(super) engine: &'r Engine,
    pub(super) bank: &'r BankRow,
    pub(super) row: &'r MentalModelRow,
    pub(super) trigger: MentalModelTrigger,
    pub(super) scope: ModelScope,
    pub(super) calls: &'r Calls<'r>,
}

impl<'r> Refresh<'r> {
    /// A refresh that has not begun.
    pub(super) fn new(
        engine: &'r Engine,
        bank: &'r BankRow,
        row: &'r MentalModelRow,
        calls: &'r Calls<'r>,
    ) -> Self {
        let trigger = trigger_of(&row.state);
        let scope = ModelScope::of(&row.state, &trigger);
        Self { engine, bank, row, trigger, scope, calls }
    }

    /// Settles how it is written; as a whole if that is wanted, or cannot be otherwise.
    pub(super) async fn plan(&self, is_full: bool) -> Result<Plan, EngineError> {
        let requested = if is_full { RefreshMode::Full } else { self.trigger.mode };
        let fallback = match requested {
            RefreshMode::Delta if self.row.content.is_empty() => Some("no_baseline_content"),
            RefreshMode::Delta if is_of_another_question(&self.row.state) => Some("source_query_changed"),
            RefreshMode::Delta if self.trigger.response_schema.is_some() => Some(outcome::RESPONSE_SCHEMA),
            RefreshMode::Full | RefreshMode::Delta => None,
        };
        let effective = if fallback.is_some() { RefreshMode::Full } else { requested };
        let point = self.engine.store.refresh_point(self.bank.key, &self.scope.memories()).await?;
        let after = self.row.state.last_memory_seen_at.filter(|_| effective == RefreshMode::Delta);
        Ok(Plan { requested, effective, fallback, point, after })
    }

    /// Whether there is anything to write it from. Other mental models are only where it never was
    /// written from memories: they tell less than those.
    pub(super) async fn has_sources(&self) -> Result<bool, EngineError> {
        let (store, bank) = (&self.engine.store, self.bank.key);
        if store.have_new_memories(bank, &[(self.scope.memories(), None)]).await?.contains(&true) {
            return Ok(true);
        }
        let was_fed = !self.row.content.is_empty() && self.row.state.last_memory_seen_at.is_some();
        if was_fed || self.trigger.exclude_mental_models {
            return Ok(false);
        }
        self.engine.has_shown_models(self.bank, &self.scope.memories().tags, &self.without()).await
    }

    /// Mental models that are left alone, itself among them.
    pub(super) fn without(&self) -> Vec<String> {
        let mut without = self.trigger.exclude_mental_model_ids.clone().unwrap_or_default();
        without.push(self.row.state.model_id.clone());
        without
    }

    /// The question to reflect.
    pub(super) fn request(&self) -> ReflectRequest {
        ReflectRequest {
            budget: self.trigger.budget.unwrap_or(Budget::Mid),
            max_tokens: self.row.max_tokens.into(),
            include: ReflectIncludeOptions {
                facts: Some(FactsIncludeOptions {}),
                tool_calls: Some(ToolCallsIncludeOptions { output: true }),
            },
            response_schema: self.trigger.response_schema.clone(),
            tags: self.scope.tags.clone(),
            tags_match: self.scope.matching,
            tag_groups: self.scope.groups.clone(),
            fact_types: Some(self.scope.types.clone()),
            exclude_mental_models: self.trigger.exclude_mental_models,
            exclude_mental_model_ids: Some(self.without()),
            ..ReflectRequest::new(self.row.state.source_query.clone())
        }
    }

    /// How it is searched: as the bank says, but for what its requests leave open, which is the
    /// trigger's.
    pub(super) fn settings(&self) -> ReflectSettings {
        let settings = self.engine.settings.of_bank(&self.bank.config);
        let usual = ReflectSettings::default();
        let trigger = &self.trigger;
        let mut reflect = settings.reflect;
        reflect.observations = trigger.reflect_search_observations_max_tokens.unwrap_or(usual.observations);
        reflect.observation_entities =
            trigger.reflect_search_observations_include_entities.unwrap_or(usual.observation_entities);
        reflect.recall = trigger.recall_max_tokens.unwrap_or(reflect.recall);
        let size = trigger.recall_chunks_max_tokens.or(reflect.chunks).or(usual.chunks);
        let shows = trigger.include_chunks.unwrap_or(reflect.chunks.is_some());
        reflect.chunks = size.filter(|_| shows && settings.store_document_text);
        reflect
    }
}
