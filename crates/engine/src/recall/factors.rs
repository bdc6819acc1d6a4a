//! How recent a memory is, how near to the time asked about, how well founded.
//!
//! Each factor is a number from 0 to 1 with ½ for "nothing known". They multiply a reranker's
//! score, and the rank fusion of the original, as `1 + a·(factor − ½)`.

use chrono::{DateTime, Utc};

use super::query::Query;
use super::score::Ranked;
use crate::config::RecencyDecay;

/// How much recency may move a score.
const RECENCY: f64 = 0.2;
/// How much nearness to the time asked about may move a score.
const NEARNESS: f64 = 0.2;
/// How much evidence may move a score.
const EVIDENCE: f64 = 0.1;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The three factors of a memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    /// 1 for now, less for what is older.
    pub(super) recency: f64,
    /// 1 in the middle of the time asked about.
    pub(super) nearness: f64,
    /// More for an observation that more facts prove.
    pub(super) evidence: f64,
}

impl Factors {
    pub(super) fn of(ranked: &Ranked, query: &Query) -> Self {
        let event = ranked.candidate.event;
        Self {
            recency: event.map_or(0.5, |event| recency(event, query.anchor, query.decay)),
            nearness: match (&query.window, event) {
                (Some(window), Some((start, end))) => nearness(middle(start, end), window.start, window.end),
                _ => 0.5,
            },
            evidence: evidence(ranked.candidate.proof_count),
        }
    }

    /// The score as the factors move it.
    pub(super) fn apply(self, score: f64) -> f64 {
        score
            * (1.0 + RECENCY * (self.recency - 0.5))
            * (1.0 + NEARNESS * (self.nearness - 0.5))
            * (1.0 + EVIDENCE * (self.evidence - 0.5))
    }
}

fn middle(start: DateTime<Utc>, end: DateTime<Utc>) -> DateTime<Utc> {
    start + (end - start) / 2
}

fn days(span: chrono::TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1000.0 / SECONDS_PER_DAY
}

/// Of a span whose date is known only to the month or year, the end counts, and it is never
/// more recent than something undated.
fn recency(event: (DateTime<Utc>, DateTime<Utc>), now: DateTime<Utc>, decay: RecencyDecay) -> f64 {
    let (start, end) = event;
    let is_coarse = days(end - start) >= 27.0;
    let age = days(now - if is_coarse { end } else { start });
    let value = match decay {
        RecencyDecay::None => 0.5,
        RecencyDecay::Linear { window } => (1.0 - age / window).clamp(0.1, 1.0),
        RecencyDecay::Exponential { half_life } => 0.5_f64.powf(age.max(0.0) / half_life),
    };
    if is_coarse { value.min(0.5) } else { value }
}

/// 1 in the middle of the window, 0 at its ends and beyond; 1 for a window of one instant.
fn nearness(at: DateTime<Utc>, start: DateTime<Utc>, end: DateTime<Utc>) -> f64 {
    let half = days(end - start) / 2.0;
    if half <= 0.0 {
        return 1.0;
    }
    1.0 - (days(at - middle(start, end)).abs() / half).min(1.0)
}

/// `½ + ln(n)/10`, at most 1, for `n` facts behind an observation.
fn evidence(proof_count: i32) -> f64 {
    if proof_count < 1 {
        return 0.5;
    }
    (0.5 + f64::from(proof_count).ln() / 10.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2024, 5, day, 0, 0, 0).unwrap()
    }

    #[test]
    fn recency_falls_with_age() {
        let linear = RecencyDecay::Linear { window: 10.0 };
        assert!((recency((day(10), day(10)), day(15), linear) - 0.5).abs() < 1e-9);
        assert!((recency((day(1), day(1)), day(31), linear) - 0.1).abs() < 1e-9);
        assert!((recency((day(20), day(20)), day(10), linear) - 1.0).abs() < 1e-9);
        let exponential = RecencyDecay::Exponential { half_life: 5.0 };
        assert!((recency((day(10), day(10)), day(15), exponential) - 0.5).abs() < 1e-9);
        assert!((recency((day(10), day(10)), day(15), RecencyDecay::None) - 0.5).abs() < f64::EPSILON);
        // A whole month is not as fresh as its last day.
        assert!((recency((day(1), day(31)), day(31), linear) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_middle_of_a_window_is_nearest() {
        assert!((nearness(day(11), day(1), day(21)) - 1.0).abs() < 1e-9);
        assert!((nearness(day(6), day(1), day(21)) - 0.5).abs() < 1e-9);
        assert!(nearness(day(30), day(1), day(21)).abs() < 1e-9);
        assert!((nearness(day(30), day(1), day(1)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn more_facts_are_better_evidence() {
        assert!((evidence(1) - 0.5).abs() < 1e-9 && evidence(5) > evidence(2) && evidence(10_000) <= 1.0);
        assert!((evidence(0) - 0.5).abs() < 1e-9);
    }
}
