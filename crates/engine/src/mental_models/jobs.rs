//! Refreshes as work in the background, and as tries of which nothing is stored.

use std::time::Duration;

use hindsight_types::mental_models::{
    FactCounts, MentalModelDryRun, RefreshMode, RefreshScope, RefreshTrace, RefreshWindow, TraceToolCall,
};
use hindsight_types::recall::FactType;
use hindsight_types::reflect::{ReflectBasedOn, ReflectToolCall};
use hindsight_types::retain::TokenUsage;
use hindsight_types::time;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use similar::TextDiff;
use tokio::time::{Instant, timeout_at};

use super::outcome::{self, Effect, Refreshed, details};
use super::refresh::{Plan, Refresh};
use super::scope::{ModelScope, trigger_of};
use super::{missing, object, wording};
use crate::error::Remedy;
use crate::jobs::Progress;
use crate::model_calls::operation;
use crate::ports::LlmOperation;
use crate::reflect::Calls;
use crate::store::{
    BankRow, ClaimedOperation, MentalModelRow, ModelOutcome, ModelWrite, RefreshFailure, StoreError,
};
use crate::{Engine, EngineError};

/// What is under way, in words for clients.
const STAGE: &str = "refreshing_mental_model";
/// How often a refresh begins anew since something else is asked meanwhile.
const ATTEMPTS: usize = 3;
/// An end for a time that is beyond every clock.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// What was handed over.
#[derive(Debug, Deserialize)]
struct Payload {
    mental_model_id: String,
    mode: Option<String>,
}

/// A refresh with how it was done and what it took.
struct Done {
    plan: Plan,
    refreshed: Refreshed,
    trace: RefreshTrace,
}

impl Engine {
    /// Writes a mental model anew, and completes the operation.
    pub(crate) async fn refresh_claimed(
        &self,
        claimed: &ClaimedOperation,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        let payload = Payload::deserialize(&claimed.payload)
            .map_err(|error| EngineError::Invalid(format!("the stored work cannot be read: {error}")))?;
        let id = &payload.mental_model_id;
        let bank = self.store.bank(&claimed.bank_id).await?;
        // With its bank an operation goes too; a new bank of the same name has not asked for it.
        let bank = bank.filter(|bank| claimed.lease.bank == bank.key).ok_or(StoreError::LeaseLost)?;
        progress.note(STAGE, 0, 1, self.clock.now());
        for _ in 0..ATTEMPTS {
            let row = self.store.mental_model(bank.key, id).await?.ok_or_else(|| missing(id))?;
            let is_full = payload.mode.as_deref() == Some("full");
            let Done { plan, refreshed, trace } =
                self.refresh(&bank, &row, is_full, |spent| progress.spend(spent)).await?;
            let usage = json!({"usage": progress.spent()});
            let result = |details: Value| {
                let mut result = object(Some(usage.clone())).unwrap_or_default();
                result.insert("details".to_owned(), details);
                Value::Object(result)
            };
            let document = match &refreshed.effect {
                Effect::Preserve => {
                    let mut result = result(details(outcome::PRESERVED, None));
                    if let Some(result) = result.as_object_mut() {
                        result.insert("reflect_skipped".to_owned(), json!("no_sources_in_scope"));
                    }
                    return Ok(self.store.finish_refresh(claimed.lease, &result).await?);
                }
                Effect::Fail(failure) => return self.give_up(claimed, id, failure, progress).await,
                Effect::Write(document) => document,
            };
            let content = document.markdown();
            let embedding = self.model_vector(&row.name, &content).await?;
            let keeps_trace = trigger_of(&row.state).keep_trace;
            let write = ModelWrite {
                before: &row,
                content: &content,
                structure: &json!(document),
                reflect_response: &kept(&content, &plan, &refreshed, &trace, keeps_trace),
                embedding: &embedding,
                seen_at: plan.point.newest,
                is_full: plan.effective == RefreshMode::Full,
                kept: self.history_kept(),
                result: &result(details(&trace.outcome, None)),
            };
            match self.store.write_mental_model(claimed.lease, &write, self.clock.now()).await? {
                ModelOutcome::Written => return Ok(()),
                ModelOutcome::Outdated => {
                    tracing::debug!(model = id, "something else is asked by now; the refresh begins anew");
                }
            }
        }
        Err(EngineError::Conflict(format!(
            "Mental model '{id}' was changed again and again while it was written; refresh it once more"
        )))
    }

    /// Notes that a refresh is given up which failed with an error. One that passes by itself leaves
    /// refreshes going on that nobody asks for.
    pub(crate) async fn give_up_refresh(
        &self,
        claimed: &ClaimedOperation,
        message: &str,
        is_passing: bool,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        let Ok(payload) = Payload::deserialize(&claimed.payload) else { return Ok(()) };
        let failure = outcome::error(message, "unexpected_error", !is_passing);
        self.give_up(claimed, &payload.mental_model_id, &failure, progress).await
    }

    async fn give_up(
        &self,
        claimed: &ClaimedOperation,
        id: &str,
        failure: &RefreshFailure,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        tracing::warn!(
            model = id,
            outcome = failure.outcome,
            reason = failure.message,
            "a mental model was not written"
        );
        let result =
            json!({"usage": progress.spent(), "details": details(failure.outcome, Some(failure.reason))});
        let kept = self.history_kept();
        Ok(self.store.fail_refresh(claimed.lease, id, failure, kept, &result, self.clock.now()).await?)
    }

    /// What a refresh would do. It costs the same and stores nothing.
    pub async fn dry_run_refresh(&self, bank_id: &str, id: &str) -> Result<MentalModelDryRun, EngineError> {
        self.writer()?;
        let bank = self.existing_bank(bank_id).await?;
        let row = self.store.mental_model(bank.key, id).await?.ok_or_else(|| missing(id))?;
        let Done { plan, refreshed, trace } = self.refresh(&bank, &row, false, |_| ()).await?;
        if let Effect::Fail(failure) = &refreshed.effect
            && failure.outcome == outcome::STRUCTURED_OUTPUT
        {
            // The wire has no word for it here.
            let message = failure.message.clone();
            return Err(EngineError::Reflection { message, remedy: Remedy::Retry });
        }
        Ok(tried(row, &plan, refreshed, trace))
    }

    /// Writes a mental model within its time; nothing is stored.
    async fn refresh(
        &self,
        bank: &BankRow,
        row: &MentalModelRow,
        is_full: bool,
        spend: impl Fn(TokenUsage),
    ) -> Result<Done, EngineError> {
        let run = self.run(self.writer()?, Some(bank.key), operation::MENTAL_MODEL_REFRESH);
        let run = run.with("mental_model_id", row.state.model_id.as_str());
        let settings = &self.settings.reflect;
        let limit = settings.wall_timeout;
        let begin = Instant::now();
        let deadline = begin.checked_add(limit.min(FOR_EVER)).unwrap_or(begin);
        let calls = Calls::new(&run, LlmOperation::MentalModelRefresh, deadline, settings.max_completion);
        let refresh = Refresh::new(self, bank, row, &calls);
        let mut plan = refresh.plan(is_full).await?;
        let refreshed = timeout_at(deadline, refresh.run(&mut plan)).await;
        // What was paid for is told, whatever came of it.
        spend(calls.usage());
        let refreshed = refreshed.unwrap_or_else(|_| {
            Err(EngineError::Late(format!(
                "the mental model was not written within {} s; ask for less",
                limit.as_secs_f64()
            )))
        })?;
        tracing::debug!(prompts = wording::VERSION, calls = calls.count(), "a mental model was written");
        let outcome = match &refreshed.effect {
            Effect::Preserve => outcome::PRESERVED,
            Effect::Fail(failure) => failure.outcome,
            Effect::Write(document) if document.markdown() == row.content => outcome::UNCHANGED,
            Effect::Write(_) => outcome::WRITTEN,
        };
        let trace = RefreshTrace {
            recorded_at: Some(time::format(self.clock.now())),
            effective_mode: plan.effective.as_str().to_owned(),
            mode_fallback_reason: plan
                .fallback
                .and_then(|reason| outcome::fallback(reason).ok())
                .map(str::to_owned),
            outcome: outcome.to_owned(),
            tool_calls: refreshed.searched.iter().map(traced).collect(),
            llm_calls: calls.told(),
            delta_operations: refreshed.operations.clone(),
            retraction: refreshed.retraction.clone(),
            usage: Some(calls.usage()),
            duration_ms: i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX),
            warnings: refreshed.warnings.clone(),
        };
        Ok(Done { plan, refreshed, trace })
    }
}

/// What is stored with an answer.
fn kept(content: &str, plan: &Plan, refreshed: &Refreshed, trace: &RefreshTrace, keeps_trace: bool) -> Value {
    let mut kept = json!({
        "text": content,
        "based_on": refreshed.based_on,
        "outcome": trace.outcome,
        "effective_mode": trace.effective_mode,
        "mode_fallback_reason": plan.fallback,
        "structured_output": refreshed.structured,
        "delta_operations": refreshed.operations,
        "retraction": refreshed.retraction,
        "warnings": refreshed.warnings,
    });
    if keeps_trace && let Some(kept) = kept.as_object_mut() {
        kept.insert("trace".to_owned(), json!(trace));
    }
    kept
}

fn traced(call: &ReflectToolCall) -> TraceToolCall {
    let reason = call.input.get("reason").and_then(Value::as_str).map(str::to_owned);
    let count = call.output.as_ref().and_then(|output| output.get("count")?.as_i64());
    let listed = call.output.as_ref().and_then(|output| output.get("memories")?.as_array());
    TraceToolCall {
        tool: call.tool.clone(),
        reason,
        input: call.input.clone(),
        output: call.output.clone(),
        updated_at: None,
        result_count: count.or_else(|| i64::try_from(listed?.len()).ok()),
        duration_ms: call.duration_ms,
        iteration: call.iteration,
    }
}

/// What is told of a try.
fn tried(row: MentalModelRow, plan: &Plan, refreshed: Refreshed, trace: RefreshTrace) -> MentalModelDryRun {
    let trigger = trigger_of(&row.state);
    let preview = match &refreshed.effect {
        Effect::Write(document) => document.markdown(),
        Effect::Preserve | Effect::Fail(_) => row.content.clone(),
    };
    let diff = TextDiff::from_lines(&row.content, &preview)
        .unified_diff()
        .header("current", "preview")
        .missing_newline_hint(false)
        .to_string();
    let scope = ModelScope::of(&row.state, &trigger);
    let mut warnings = refreshed.warnings;
    if let Effect::Fail(failure) = &refreshed.effect {
        warnings.push(failure.message.clone());
    }
    let used =
        refreshed.based_on.memories.iter().map(|fact| fact.fact_type.map_or("world", FactType::as_str));
    let used = counts(used.chain(refreshed.based_on.mental_models.iter().map(|_| "mental_models")));
    MentalModelDryRun {
        requested_mode: plan.requested.as_str().to_owned(),
        effective_mode: trace.effective_mode.clone(),
        mode_fallback_reason: trace.mode_fallback_reason.clone(),
        outcome: trace.outcome.clone(),
        would_persist: matches!(refreshed.effect, Effect::Write(_)),
        scope: RefreshScope {
            tags: scope.tags.clone(),
            tags_match: scope.matching.as_str().to_owned(),
            tag_groups: scope.groups.as_ref().map(|groups| json!(groups)),
            fact_types: trigger.fact_types.map(|types| types.iter().map(ToString::to_string).collect()),
            exclude_mental_models: trigger.exclude_mental_models,
            exclude_mental_model_ids: trigger.exclude_mental_model_ids.unwrap_or_default(),
        },
        window: RefreshWindow {
            created_after: plan.after.map(time::format),
            created_before: time::format(plan.point.at),
            watermark: plan.point.newest.max(row.state.last_memory_seen_at).map(time::format),
        },
        facts: FactCounts { retrieved: counts(refreshed.retrieved.into_iter()), used },
        based_on: listed(&refreshed.based_on),
        current_content: row.content,
        candidate_content: refreshed.candidate,
        preview_content: preview,
        diff,
        delta_operations: trace.delta_operations.clone(),
        retraction: trace.retraction.clone(),
        usage: trace.usage.unwrap_or_default(),
        duration_ms: trace.duration_ms,
        warnings,
        trace,
        mental_model_id: row.state.model_id,
        name: row.name,
    }
}

fn counts<'k>(kinds: impl Iterator<Item = &'k str>) -> IndexMap<String, i64> {
    let mut counts = IndexMap::new();
    for kind in kinds {
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    counts
}

/// What an answer rests on, as lists of objects.
fn listed(based_on: &ReflectBasedOn) -> IndexMap<String, Vec<Map<String, Value>>> {
    let lists = object(Some(json!(based_on))).unwrap_or_default();
    let objects = |list: Value| match list {
        Value::Array(items) => items.into_iter().filter_map(|item| object(Some(item))).collect(),
        _ => Vec::new(),
    };
    lists.into_iter().map(|(name, list)| (name, objects(list))).collect()
}
