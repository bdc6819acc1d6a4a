//! Readers of single values.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hindsight_client::types::recall::WireTime;
use hindsight_client::types::retain::Timestamp;
use hindsight_client::types::time;

/// A value that is one of the words of an enum of the wire; the help lists them.
pub(super) fn word<T: FromStr<Err = String> + Copy + Send + Sync + 'static>(
    all: &[T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names: Vec<&'static str> = all.iter().copied().map(name).collect();
    PossibleValuesParser::new(names).try_map(|word| word.parse::<T>())
}

/// A JSON object.
pub(super) fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("write it as a JSON object: {error}"))
}

pub(super) fn moment(text: &str) -> Result<WireTime, String> {
    time::parse(text)
        .map(WireTime)
        .ok_or_else(|| "write it like 2025-03-01 or 2025-03-01T18:30:00Z".to_owned())
}

/// A moment as it is written, or nothing.
pub(super) fn clearable_moment(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Ok(String::new()) } else { moment(text).map(|_| text.to_owned()) }
}

/// A day of this machine's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    /// Whichever.
    All,
    /// The one it is now.
    Today,
    /// The one before.
    Yesterday,
    /// This one.
    On(NaiveDate),
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            date => date
                .parse()
                .map(Self::On)
                .map_err(|_| "write today, yesterday, all or a day like 2025-03-01".to_owned()),
        }
    }
}

impl Day {
    /// From when to when it lasts, the end outside; none for whichever day. Where the clock
    /// jumps over the beginning of a day, the day begins an hour later.
    pub(crate) fn span<Z: TimeZone>(self, now: &DateTime<Z>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let today = now.date_naive();
        let day = match self {
            Self::All => return None,
            Self::Today => today,
            Self::Yesterday => today.pred_opt()?,
            Self::On(day) => day,
        };
        let begin = |day: NaiveDate| {
            let hours = [0, 1].map(|hour| day.and_hms_opt(hour, 0, 0));
            let begin = hours
                .into_iter()
                .flatten()
                .find_map(|time| now.timezone().from_local_datetime(&time).earliest());
            begin.map(|begin| begin.to_utc())
        };
        Some((begin(day)?, begin(day.succ_opt()?)?))
    }
}

pub(super) fn timestamp(text: &str) -> Result<Timestamp, String> {
    if text.eq_ignore_ascii_case("unset") {
        return Ok(Timestamp::Unset);
    }
    time::parse(text)
        .map(Timestamp::At)
        .ok_or_else(|| "write it like 2025-03-01 or 2025-03-01T18:30:00Z".to_owned())
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it like source=slack".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn a_day_begins_and_ends_by_the_clock_on_the_wall() {
        let zone = FixedOffset::east_opt(2 * 3600).unwrap();
        // In UTC it is still the day before.
        let now = zone.with_ymd_and_hms(2025, 3, 1, 0, 30, 0).unwrap();
        let span = |day: &str| {
            let (from, until) = day.parse::<Day>().unwrap().span(&now).unwrap();
            (from.to_rfc3339(), until.to_rfc3339())
        };
        let times =
            |from: &str, until: &str| (format!("{from}T22:00:00+00:00"), format!("{until}T22:00:00+00:00"));
        assert_eq!(span("today"), times("2025-02-28", "2025-03-01"));
        assert_eq!(span("yesterday"), times("2025-02-27", "2025-02-28"));
        assert_eq!(span("2024-12-31"), times("2024-12-30", "2024-12-31"));
        assert_eq!("all".parse::<Day>().unwrap().span(&now), None);
        for wrong in ["", "tomorrow", "2025-02-30", "Today"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }
}
