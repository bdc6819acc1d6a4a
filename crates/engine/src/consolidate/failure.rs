//! What follows when a model gives no usable answer.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::EngineError;
use crate::error::Remedy;
use crate::ports::LlmFailure;

/// Whether another question, of fewer facts, may be answered although this one of so many was not.
pub(super) fn is_of_the_question(failure: &LlmFailure, facts: usize) -> bool {
    match failure {
        LlmFailure::OutputTooLong | LlmFailure::NotJson(_) | LlmFailure::Refused(_) => true,
        // One fact is not too much: it is the model that is slow.
        LlmFailure::Late => facts > 1,
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_asked_for_in_halves_but_one_fact_is_not() {
        assert!(is_of_the_question(&LlmFailure::Late, 2));
        assert!(!is_of_the_question(&LlmFailure::Late, 1));
        assert!(is_of_the_question(&LlmFailure::OutputTooLong, 1));
        assert!(!is_of_the_question(&LlmFailure::Denied("no".to_owned()), 2));
    }
}
