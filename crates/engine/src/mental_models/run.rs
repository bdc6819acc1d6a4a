//! The writing of one refresh: by changes, or as a whole.

use std::collections::BTreeMap;

use hindsight_types::mental_models::RefreshMode;
use hindsight_types::reflect::ReflectToolCall;
use serde_json::Value;

use super::delta::Changes;
use super::outcome::{self, Effect, Refreshed};
use super::refresh::{Plan, Refresh};
use crate::EngineError;
use crate::reflect::Commission;

impl Refresh<'_> {
    /// Writes it; nothing is stored. Where changes turn out not to do, it is written as a whole and
    /// the plan says so.
    pub(super) async fn run(&self, plan: &mut Plan) -> Result<Refreshed, EngineError> {
        if plan.effective == RefreshMode::Delta {
            match self.changes(plan).await? {
                Changes::Made(refreshed) => return Ok(*refreshed),
                Changes::Whole(reason) => {
                    tracing::info!(
                        model = self.row.state.model_id,
                        reason,
                        "a mental model is written as a whole"
                    );
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
}

/// Types of the memories that searches have found, each memory once.
fn types_of(searched: &[ReflectToolCall]) -> Vec<&'static str> {
    let mut seen = BTreeMap::new();
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
