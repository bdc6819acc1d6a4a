//! What follows when a model gives no usable answer.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::EngineError;
use crate::error::Remedy;
use crate::ports::LlmFailure;

/// Whether another question, of fewer facts, may be answered although this one was not.
pub(super) fn is_of_the_question(failure: &LlmFailure) -> bool {
    matches!(failure, LlmFailure::OutputTooLong | LlmFailure::NotJson(_) | LlmFailure::Refused(_))
}

/// The error of a run that a model does not answer; the facts wait on.
pub(super) fn error(failure: &LlmFailure, now: DateTime<Utc>) -> EngineError {
    let remedy = match failure {
        LlmFailure::Denied(_) | LlmFailure::Rejected(_) => Remedy::Configure,
        LlmFailure::QuotaUntil(at) => {
            Remedy::Wait((*at - now).to_std().unwrap_or_default().max(Duration::from_secs(1)))
        }
        LlmFailure::Busy(_) => Remedy::Busy,
        _ => Remedy::Retry,
    };
    EngineError::Extraction {
        message: format!("observations could not be made: {failure}; the facts wait for the next try"),
        remedy,
    }
}
