//! How long a service asks to wait, in the many ways in which services say it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// Words of an error message before a time.
const BEFORE: [&str; 5] = ["again in ", "retry in ", "retry after ", "reset in ", "resets in "];
/// Headers of limits: what is left, and when there is more.
const RESETS: [(&str, &str); 7] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

/// The wait that an answer asks for, if it does.
pub(super) fn asked(
    headers: &HeaderMap,
    error: &Value,
    message: &str,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = || Some(Duration::from_millis(header("retry-after-ms")?.parse().ok()?));
    let seconds_or_date = || {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        seconds(value).or_else(|| Some(until(DateTime::parse_from_rfc2822(value).ok()?.into(), now)))
    };
    milliseconds()
        .or_else(seconds_or_date)
        .or_else(|| retry_info(error))
        .or_else(|| told(message))
        .or_else(|| resets(&header, now))
}

/// The latest time at which a limit that is used up is raised again.
fn resets<'h>(header: &dyn Fn(&str) -> Option<&'h str>, now: DateTime<Utc>) -> Option<Duration> {
    let used_up = RESETS.iter().filter(|(left, _)| header(left) == Some("0"));
    used_up.filter_map(|(_, reset)| reset_time(header(reset)?, now)).max()
}

/// A time of day, a length of time, or a number of seconds, since 1970 when it is large.
fn reset_time(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        return Some(until(time.into(), now));
    }
    match value.parse::<f64>() {
        Ok(number) if number > 1e12 => Some(until(DateTime::from_timestamp_millis(whole(number)?)?, now)),
        Ok(number) if number > 1e9 => Some(until(DateTime::from_timestamp(whole(number)?, 0)?, now)),
        Ok(_) => seconds(value),
        Err(_) => length(value),
    }
}

/// The number without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "numbers that do not fit are none of times")]
fn whole(number: f64) -> Option<i64> {
    (number.abs() < 1e15).then_some(number as i64)
}

/// Time from now until then; none is left when it has passed.
fn until(then: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (then - now).max(TimeDelta::zero()).to_std().unwrap_or_default()
}

fn seconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse().ok()?).ok()
}

/// The detail that Google's services send.
fn retry_info(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    let delay = |detail: &Value| length(detail.get("retryDelay")?.as_str()?);
    details.iter().find_map(delay)
}

/// A time that a message tells in words.
fn told(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let behind = BEFORE.iter().find_map(|words| message.split_once(words).map(|(_, behind)| behind))?;
    let mut words = behind.split_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ';', ')']);
    let unit = words.next().unwrap_or_default();
    match (first.parse::<f64>(), unit) {
        (Ok(_), unit) if unit.starts_with("milli") || unit.starts_with("ms") => {
            seconds(first).map(|time| time / 1000)
        }
        (Ok(_), unit) if unit.starts_with('m') => seconds(first).map(|time| time * 60),
        (Ok(_), unit) if unit.starts_with('h') => seconds(first).map(|time| time * 3600),
        (Ok(_), unit) if unit.starts_with('s') => seconds(first),
        (Ok(_), _) => None,
        (Err(_), _) => length(first),
    }
}

/// A length of time like `1h2m3.5s` or `120ms`.
fn length(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, behind) = rest.split_at(digits);
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let seconds = number.parse::<f64>().ok()? * factor;
        sum = sum.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = behind;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn wait(headers: &[(&'static str, &'static str)], error: &Value, message: &str) -> Option<f64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        asked(&headers, error, message, now).map(|time| time.as_secs_f64())
    }

    #[test]
    fn headers_say_it_in_many_ways() {
        for (headers, expected) in [
            (&[("retry-after", "7")][..], Some(7.0)),
            (&[("retry-after", "0.25")], Some(0.25)),
            (&[("retry-after-ms", "1500"), ("retry-after", "9")], Some(1.5)),
            (&[("retry-after", "Sun, 01 Mar 2026 12:01:30 GMT")], Some(90.0)),
            (&[("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT")], Some(0.0)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-3")], None),
            (
                &[
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "2m59.5s"),
                    ("x-ratelimit-remaining-tokens", "100"),
                    ("x-ratelimit-reset-tokens", "6h"),
                ],
                Some(179.5),
            ),
            (
                &[
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2026-03-01T12:00:20Z"),
                ],
                Some(20.0),
            ),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1772366410000")], Some(10.0)),
            (&[("x-ratelimit-reset-tokens", "6h")], None),
        ] {
            assert_eq!(wait(headers, &Value::Null, ""), expected, "{headers:?}");
        }
    }

    #[test]
    fn bodies_say_it_too() {
        let google = json!({"details": [{"@type": "other"}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]});
        assert_eq!(wait(&[], &google, ""), Some(34.5));
        for (message, expected) in [
            ("Rate limit reached. Please try again in 7m12.5s. Visit …", Some(432.5)),
            ("Please try again in 120ms.", Some(0.12)),
            ("Please retry after 20 seconds.", Some(20.0)),
            ("quota resets in 2 hours", Some(7200.0)),
            ("Please retry in 3 minutes", Some(180.0)),
            ("try again in a while", None),
            ("too much", None),
            ("again in 9999999999999999999999d", None),
        ] {
            assert_eq!(wait(&[], &Value::Null, message), expected, "{message}");
        }
    }
}
