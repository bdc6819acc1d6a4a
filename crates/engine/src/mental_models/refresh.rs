//! One refresh, in earnest or as a try: what is looked at, how it is written, what becomes of it.

use chrono::{DateTime, Utc};
use hindsight_types::mental_models::{MentalModelTrigger, RefreshMode};
use hindsight_types::recall::Budget;
use hindsight_types::reflect::{
    FactsIncludeOptions, ReflectIncludeOptions, ReflectRequest, ToolCallsIncludeOptions,
};
use serde_json::Value;

use super::delta::Changes;
use super::outcome::{self, Effect, Refreshed};
use super::scope::{ModelScope, is_of_another_question};
use super::trigger_of;
use crate::config::ReflectSettings;
use crate::reflect::{Calls, Commission};
use crate::store::{BankRow, MentalModelFilter, MentalModelRow, RefreshPoint};
use crate::{Engine, EngineError};

/// Mental models that are looked at for whether there are any to write from.
const SIBLINGS: i64 = 1000;

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
        let trigger = trigger_of(row);
        let scope = ModelScope::of(row, &trigger);
        Self { engine, bank, row, trigger, scope, calls }
    }

    /// Settles how it is written; as a whole if that is wanted, or cannot be otherwise.
    pub(super) async fn plan(&self, is_full: bool) -> Result<Plan, EngineError> {
        let requested = if is_full { RefreshMode::Full } else { self.trigger.mode };
        let fallback = match requested {
            RefreshMode::Delta if self.row.content.is_empty() => Some("no_baseline_content"),
            RefreshMode::Delta if is_of_another_question(self.row) => Some("source_query_changed"),
            RefreshMode::Delta if self.trigger.response_schema.is_some() => Some(outcome::RESPONSE_SCHEMA),
            RefreshMode::Full | RefreshMode::Delta => None,
        };
        let effective = if fallback.is_some() { RefreshMode::Full } else { requested };
        let point = self.engine.store.refresh_point(self.bank.key, &self.scope.memories()).await?;
        let after = self.row.last_memory_seen_at.filter(|_| effective == RefreshMode::Delta);
        Ok(Plan { requested, effective, fallback, point, after })
    }

    /// Writes it; nothing is stored. Where changes turn out not to do, it is written as a whole and
    /// the plan says so.
    pub(super) async fn run(&self, plan: &mut Plan) -> Result<Refreshed, EngineError> {
        if plan.effective == RefreshMode::Delta {
            match self.changes(plan).await? {
                Changes::Made(refreshed) => return Ok(*refreshed),
                Changes::Whole(reason) => {
                    tracing::info!(model = self.row.model_id, reason, "a mental model is written as a whole");
                    *plan =
                        Plan { effective: RefreshMode::Full, fallback: Some(reason), after: None, ..*plan };
                }
            }
        }
        let mut refreshed = self.whole().await?;
        refreshed
            .warnings
            .extend(plan.fallback.and_then(|reason| outcome::fallback(reason).err()).map(str::to_owned));
        Ok(refreshed)
    }

    /// As a whole, by reflect.
    async fn whole(&self) -> Result<Refreshed, EngineError> {
        if !self.has_sources().await? {
            return Ok(Refreshed::of(Effect::Preserve));
        }
        let request = self.request();
        let commission = Commission { name: self.row.name.clone(), settings: self.settings() };
        let written = self.engine.write_document(self.bank, &request, commission, self.calls).await?;
        let response = written.response;
        let effect = if !written.is_found || written.document.is_empty() {
            // Words that there is nothing to say are no content.
            Effect::Fail(outcome::empty_candidate())
        } else if self.trigger.response_schema.is_some() && response.structured_output.is_none() {
            let why = response.structured_output_error.unwrap_or_default();
            Effect::Fail(outcome::structured_output_failed(&why))
        } else {
            Effect::Write(written.document)
        };
        let searched = response.trace.map(|trace| trace.tool_calls).unwrap_or_default();
        Ok(Refreshed {
            candidate: response.text,
            based_on: response.based_on.unwrap_or_default(),
            retrieved: types_of(&searched),
            structured: response.structured_output,
            searched,
            ..Refreshed::of(effect)
        })
    }

    /// Whether there is anything to write it from. Other mental models are only where it never was
    /// written from memories: they tell less than those.
    pub(super) async fn has_sources(&self) -> Result<bool, EngineError> {
        let (store, bank) = (&self.engine.store, self.bank.key);
        if store.have_new_memories(bank, &[(self.scope.memories(), None)]).await?.contains(&true) {
            return Ok(true);
        }
        let was_fed = !self.row.content.is_empty() && self.row.last_memory_seen_at.is_some();
        if was_fed || self.trigger.exclude_mental_models {
            return Ok(false);
        }
        let (models, _) = store.mental_models(bank, &MentalModelFilter::default(), SIBLINGS, 0).await?;
        let without = self.without();
        let tags = self.scope.memories().tags;
        Ok(models.iter().any(|model| {
            !model.content.is_empty() && !without.contains(&model.model_id) && tags.passes(&model.tags)
        }))
    }

    /// Mental models that are left alone, itself among them.
    pub(super) fn without(&self) -> Vec<String> {
        let mut without = self.trigger.exclude_mental_model_ids.clone().unwrap_or_default();
        without.push(self.row.model_id.clone());
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
            ..ReflectRequest::new(self.row.source_query.clone())
        }
    }

    /// How it is searched: as the bank says, but for what its requests leave open, which is the
    /// trigger's.
    fn settings(&self) -> ReflectSettings {
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

/// Types of the memories that searches have found, each memory once.
fn types_of(searched: &[hindsight_types::reflect::ReflectToolCall]) -> Vec<&'static str> {
    let mut seen = std::collections::BTreeMap::new();
    for output in searched.iter().filter_map(|call| call.output.as_ref()) {
        for (list, usual) in
            [("memories", "world"), ("observations", "observation"), ("mental_models", "mental_models")]
        {
            for item in output.get(list).and_then(Value::as_array).into_iter().flatten() {
                let kind = match item.get("type").and_then(Value::as_str) {
                    Some("experience") => "experience",
                    Some("observation") => "observation",
                    _ => usual,
                };
                if let Some(id) = item.get("id").and_then(Value::as_str) {
                    seen.insert(id, kind);
                }
            }
        }
    }
    seen.into_values().collect()
}
