//! Doing claimed work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hindsight_types::decode::from_json;
use hindsight_types::retain::RetainRequest;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::attached::{WaitingAttachment, take_up};
use super::settings::WorkerSettings;
use super::{Errand, FILE_CONVERT_RETAIN, Progress, RETAIN};
use crate::error::Remedy;
use crate::ports::ConvertError;
use crate::store::{CONSOLIDATION, ClaimedOperation, OperationEnd, REFRESH_MENTAL_MODEL, StoreError};
use crate::{Engine, EngineError};

/// The part of a retain's payload that is no retain request.
#[derive(Deserialize)]
struct Handed {
    submitted_at: DateTime<Utc>,
    accepted: i64,
    #[serde(default)]
    is_forced: bool,
    #[serde(default)]
    said: Vec<Option<DateTime<Utc>>>,
    #[serde(default)]
    attachments: Vec<WaitingAttachment>,
}

/// Wait behind the first failed attempt of consolidation.
const CONSOLIDATION_BACKOFF: Duration = Duration::from_secs(5);
/// Longest wait between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_mins(30);

impl Engine {
    /// Does the work of an operation and completes it, both in one transaction.
    ///
    /// What has been done meanwhile is noted in `progress`.
    pub(super) async fn perform(
        &self,
        claimed: &ClaimedOperation,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        match claimed.operation_type.as_str() {
            RETAIN => {
                let (request, submitted) = read(&claimed.payload)?;
                let errand = Errand {
                    now: submitted.submitted_at,
                    accepted: submitted.accepted,
                    is_forced: submitted.is_forced,
                    said: submitted.said,
                    lease: Some(claimed.lease),
                    progress: progress.clone(),
                };
                let attached = if submitted.attachments.is_empty() {
                    Vec::new()
                } else {
                    let bytes = self.store.file(claimed.lease).await?.unwrap_or_default();
                    take_up(submitted.attachments, &bytes)?
                };
                self.retain_on_errand(&claimed.bank_id, request, attached, &errand).await
            }
            FILE_CONVERT_RETAIN => self.retain_file(claimed, progress).await,
            CONSOLIDATION => self.consolidate_claimed(claimed, progress).await,
            REFRESH_MENTAL_MODEL => self.refresh_claimed(claimed, progress).await,
            other => Err(EngineError::Invalid(format!("this version cannot do work of type '{other}'"))),
        }
    }
}

fn read(payload: &Value) -> Result<(RetainRequest, Handed), EngineError> {
    let unreadable =
        |problem: String| EngineError::Invalid(format!("the stored work cannot be read: {problem}"));
    let request = from_json(payload).map_err(|errors| {
        let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        unreadable(problems.join("; "))
    })?;
    let submitted = Handed::deserialize(payload).map_err(|error| unreadable(error.to_string()))?;
    Ok((request, submitted))
}

/// How an attempt ends that failed with this error; `None` when the work is not ours any more.
pub(super) fn end_of(error: &EngineError, attempt: i32, settings: &WorkerSettings) -> Option<OperationEnd> {
    let is_passing = match error {
        EngineError::Store(StoreError::LeaseLost) => return None,
        EngineError::Invalid(_)
        | EngineError::Unprocessable(_)
        | EngineError::Conflict(_)
        | EngineError::BankNotFound(_)
        | EngineError::NotFound { .. }
        | EngineError::Store(StoreError::NoText(_))
        | EngineError::Conversion(ConvertError::Refused(_))
        | EngineError::Extraction { remedy: Remedy::Rewrite | Remedy::Configure, .. }
        | EngineError::Reflection { remedy: Remedy::Rewrite | Remedy::Configure, .. } => false,
        // When it goes on is known: that is no failed attempt.
        EngineError::Extraction { remedy: Remedy::Wait(after), .. }
        | EngineError::Reflection { remedy: Remedy::Wait(after), .. } => {
            let (after, error) = (*after, Some(error.to_string()));
            return Some(OperationEnd::Again { after, error, counts: false });
        }
        // Nobody has looked at the file yet.
        EngineError::Conversion(ConvertError::Busy) => {
            let (after, error) = (wait(attempt, settings.backoff), Some(error.to_string()));
            return Some(OperationEnd::Again { after, error, counts: false });
        }
        EngineError::Extraction { .. }
        | EngineError::Reflection { .. }
        | EngineError::Late(_)
        | EngineError::Embedding(_)
        | EngineError::Store(_)
        | EngineError::Interrupted(_) => true,
    };
    Some(next(error.to_string(), is_passing, attempt, settings))
}

/// How a run of consolidation ends that failed with this error. Its facts wait, so it is tried
/// again as long as it takes; runs behind it wait in line.
pub(super) fn end_of_consolidation(
    error: &EngineError,
    attempt: i32,
    settings: &WorkerSettings,
) -> Option<OperationEnd> {
    let backoff = settings.backoff.min(CONSOLIDATION_BACKOFF);
    let settings = WorkerSettings { retries: i32::MAX, backoff, ..WorkerSettings::default() };
    match error {
        EngineError::Extraction { remedy: Remedy::Configure | Remedy::Rewrite, .. } => {
            Some(next(error.to_string(), true, attempt, &settings))
        }
        error => end_of(error, attempt, &settings),
    }
}

/// Whether an error passes by itself, so that the same work may be done later.
pub(super) fn passes(error: &EngineError) -> bool {
    match error {
        EngineError::Extraction { remedy, .. } | EngineError::Reflection { remedy, .. } => {
            matches!(remedy, Remedy::Retry | Remedy::Busy | Remedy::Wait(_))
        }
        EngineError::Late(_)
        | EngineError::Embedding(_)
        | EngineError::Store(_)
        | EngineError::Interrupted(_)
        | EngineError::Conversion(ConvertError::Busy) => true,
        _ => false,
    }
}

/// How an attempt ends in which the program itself had a fault.
pub(super) fn end_of_broken(attempt: i32, settings: &WorkerSettings) -> OperationEnd {
    next("internal error; the server's log has the cause".to_owned(), true, attempt, settings)
}

fn next(error: String, is_passing: bool, attempt: i32, settings: &WorkerSettings) -> OperationEnd {
    if !is_passing || attempt > settings.retries {
        return OperationEnd::Failed { error };
    }
    OperationEnd::Again { after: wait(attempt, settings.backoff), error: Some(error), counts: true }
}

/// Wait behind a failed attempt: doubles every time, a fifth more or less, so that what failed
/// together does not come back together.
fn wait(attempt: i32, backoff: Duration) -> Duration {
    let times = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default();
    let wait = backoff.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST_BACKOFF);
    let chance = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0;
    wait.mul_f64(0.8 + 0.4 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_did_not_read_ends_by_what_can_be_done() {
        let settings = WorkerSettings::default();
        let end = |remedy, attempt| {
            end_of(&EngineError::Extraction { message: "m".to_owned(), remedy }, attempt, &settings)
        };
        let hour = Duration::from_hours(1);
        for attempt in [1, 1000] {
            assert!(matches!(
                end(Remedy::Wait(hour), attempt),
                Some(OperationEnd::Again { after, counts: false, .. }) if after == hour
            ));
        }
        let busy = end_of(&EngineError::Conversion(ConvertError::Busy), 1000, &settings);
        assert!(matches!(busy, Some(OperationEnd::Again { counts: false, .. })));
        for remedy in [Remedy::Rewrite, Remedy::Configure] {
            assert!(matches!(end(remedy, 1), Some(OperationEnd::Failed { .. })));
        }
        for remedy in [Remedy::Retry, Remedy::Busy] {
            assert!(matches!(end(remedy, 1), Some(OperationEnd::Again { counts: true, .. })));
            assert!(matches!(end(remedy, 1000), Some(OperationEnd::Failed { .. })));
        }
    }

    #[test]
    fn consolidation_is_tried_for_ever_unless_it_cannot_be_done() {
        let settings = WorkerSettings::default();
        let extraction = |remedy| EngineError::Extraction { message: "m".to_owned(), remedy };
        for remedy in [Remedy::Retry, Remedy::Busy, Remedy::Configure, Remedy::Rewrite] {
            let Some(OperationEnd::Again { after, counts: true, .. }) =
                end_of_consolidation(&extraction(remedy), 1000, &settings)
            else {
                panic!("{remedy:?} ends it");
            };
            assert!(after <= LONGEST_BACKOFF.mul_f64(1.2));
        }
        let hour = Duration::from_hours(1);
        let end = end_of_consolidation(&extraction(Remedy::Wait(hour)), 1, &settings);
        assert!(matches!(end, Some(OperationEnd::Again { after, counts: false, .. }) if after == hour));
        let end = end_of_consolidation(&EngineError::Conflict("m".to_owned()), 1, &settings);
        assert!(matches!(end, Some(OperationEnd::Failed { .. })));
        let lost = EngineError::Store(StoreError::LeaseLost);
        assert!(end_of_consolidation(&lost, 1, &settings).is_none());
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let minute = Duration::from_mins(1);
        for (attempt, seconds) in [(1, 60.0), (2, 120.0), (3, 240.0), (40, 1800.0), (i32::MAX, 1800.0)] {
            let waited = wait(attempt, minute).as_secs_f64();
            assert!((seconds * 0.8..=seconds * 1.2).contains(&waited), "{attempt}: {waited}");
        }
        assert_eq!(wait(5, Duration::ZERO), Duration::ZERO);
    }
}
