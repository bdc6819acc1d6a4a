//! What is told of a call: who was asked, how it went, how long it took and what it cost. Never a
//! text, never a key.

use std::time::Duration;

use hindsight_engine::ports::{LlmFailure, LlmOperation};
use hindsight_types::retain::TokenUsage;
use tracing::Level;

/// What there is to tell besides the outcome.
pub(super) struct Call<'c> {
    pub(super) operation: LlmOperation,
    /// Who answered, or was to.
    pub(super) model: &'c str,
    /// Requests that were sent.
    pub(super) attempts: usize,
    pub(super) duration: Duration,
    pub(super) usage: TokenUsage,
}

/// What an operation is called.
pub(super) fn operation(operation: LlmOperation) -> &'static str {
    match operation {
        LlmOperation::Retain => "retain",
        LlmOperation::RetainWithMedia => "retain_with_media",
        LlmOperation::Reflect => "reflect",
        LlmOperation::Consolidation => "consolidation",
        LlmOperation::MentalModelRefresh => "mental_model_refresh",
    }
}

/// Tells of a call.
pub(super) fn tell(call: &Call<'_>, failure: Option<&LlmFailure>) {
    let status = failure.map_or("success", status);
    let Call { model, attempts, usage, .. } = call;
    let milliseconds = u64::try_from(call.duration.as_millis()).unwrap_or(u64::MAX);
    let operation = operation(call.operation);
    // A level is a constant of the place that tells.
    macro_rules! tell_at {
        ($level:expr) => {
            tracing::event!(
                $level,
                operation,
                model,
                status,
                attempts,
                milliseconds,
                input_tokens = usage.input_tokens,
                output_tokens = usage.output_tokens,
                cached_tokens = usage.cached_tokens,
                thoughts_tokens = usage.thoughts_tokens,
                "language model"
            )
        };
    }
    match failure {
        Some(_) => tell_at!(Level::WARN),
        None => tell_at!(Level::DEBUG),
    }
}

/// One word for a failure.
fn status(failure: &LlmFailure) -> &'static str {
    match failure {
        LlmFailure::OutputTooLong => "output_too_long",
        LlmFailure::Refused(_) => "refused",
        LlmFailure::NotJson(_) => "not_json",
        LlmFailure::Denied(_) => "denied",
        LlmFailure::QuotaUntil(_) => "quota",
        LlmFailure::Busy(_) => "busy",
        LlmFailure::Rejected(_) => "rejected",
        LlmFailure::Late => "late",
        LlmFailure::Failed(_) => "failed",
    }
}
