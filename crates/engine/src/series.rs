//! How many memories came when, for a curve.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use hindsight_types::graph::{MemoriesTimeseriesResponse, MemoryTimeseriesBucket, Period, SeriesTime};
use hindsight_types::recall::FactType;
use hindsight_types::time;

use crate::store::fact_type_of;
use crate::{Engine, EngineError};

/// The spans of a period.
#[derive(Clone, Copy, Debug)]
struct Spans {
    /// What a span is called.
    unit: &'static str,
    /// Length of each in seconds.
    seconds: i32,
    /// How many there are.
    count: i32,
}

const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;
const DAY: i32 = 24 * HOUR;

impl Spans {
    fn of(period: Period) -> Self {
        let (unit, seconds, count) = match period {
            Period::Hour => ("minute", MINUTE, 60),
            Period::HalfDay => ("hour", HOUR, 12),
            Period::Day => ("hour", HOUR, 24),
            Period::Week => ("day", DAY, 7),
            Period::Month => ("day", DAY, 30),
            Period::Quarter => ("day", DAY, 90),
        };
        Self { unit, seconds, count }
    }

    /// Begin of each span, the last of which is under way. Spans begin where clocks of UTC say so.
    fn begins(self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let length = TimeDelta::seconds(self.seconds.into());
        // Fails for times that no clock shows only.
        let last = now.duration_trunc(length).unwrap_or(now);
        (0..self.count).rev().map(|before| last - length * before).collect()
    }
}

impl Engine {
    /// How many memories of each type came in each span of a period until now.
    pub async fn memories_over_time(
        &self,
        bank_id: &str,
        period: Period,
        field: SeriesTime,
    ) -> Result<MemoriesTimeseriesResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let spans = Spans::of(period);
        let begins = spans.begins(self.clock.now());
        let mut buckets: Vec<MemoryTimeseriesBucket> = begins
            .iter()
            .map(|begin| MemoryTimeseriesBucket {
                time: time::format(*begin),
                world: 0,
                experience: 0,
                observation: 0,
            })
            .collect();
        if let Some(first) = begins.first() {
            let counts =
                self.store.count_over_time(bank.key, field, *first, spans.seconds, spans.count).await?;
            for count in counts {
                let place = usize::try_from(count.bucket).ok();
                let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) else { continue };
                match fact_type_of(count.fact_type) {
                    FactType::World => bucket.world = count.memories,
                    FactType::Experience => bucket.experience = count.memories,
                    FactType::Observation => bucket.observation = count.memories,
                }
            }
        }
        Ok(MemoriesTimeseriesResponse {
            bank_id: bank.bank_id,
            period: period.to_string(),
            trunc: spans.unit.to_owned(),
            time_field: field.to_string(),
            buckets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_with_the_clock_and_the_last_is_under_way() {
        let now: DateTime<Utc> = "2024-03-01T12:34:56Z".parse().expect("a time");
        for (period, first, last, count) in [
            (Period::Hour, "2024-03-01T11:35:00Z", "2024-03-01T12:34:00Z", 60),
            (Period::HalfDay, "2024-03-01T01:00:00Z", "2024-03-01T12:00:00Z", 12),
            (Period::Day, "2024-02-29T13:00:00Z", "2024-03-01T12:00:00Z", 24),
            (Period::Week, "2024-02-24T00:00:00Z", "2024-03-01T00:00:00Z", 7),
            (Period::Month, "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", 30),
            (Period::Quarter, "2023-12-03T00:00:00Z", "2024-03-01T00:00:00Z", 90),
        ] {
            let begins = Spans::of(period).begins(now);
            let time = |text: &str| text.parse::<DateTime<Utc>>().ok();
            assert_eq!((begins.first().copied(), begins.last().copied()), (time(first), time(last)));
            assert_eq!(begins.len(), count, "{period}");
        }
    }
}
