//! Times on the wire.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Timelike, Utc};

/// Reads an ISO-8601 date or date-time of the years 1 to 9999. A date is its midnight; a time
/// without an offset is UTC.
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    read(text.trim()).filter(|time| (1..=9999).contains(&time.year()))
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    for format in
        ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"]
    {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.with_timezone(&Utc));
        }
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc())
}

/// Writes a time as responses have it: offset `+00:00`, microseconds only when there are some.
pub fn format(time: DateTime<Utc>) -> String {
    let digits = if time.nanosecond() / 1_000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    time.to_rfc3339_opts(digits, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_iso_8601_clients_send() {
        for (text, expected) in [
            ("2024-01-15", "2024-01-15T00:00:00+00:00"),
            ("2024-01-15T10:30", "2024-01-15T10:30:00+00:00"),
            ("2024-01-15T10:30:05", "2024-01-15T10:30:05+00:00"),
            ("2024-01-15 10:30:05.25", "2024-01-15T10:30:05.250000+00:00"),
            ("2024-01-15T10:30:05Z", "2024-01-15T10:30:05+00:00"),
            ("2024-01-15T10:30:05.000001+02:00", "2024-01-15T08:30:05.000001+00:00"),
            ("2024-01-15T10:30:05+0200", "2024-01-15T08:30:05+00:00"),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "soon",
            "2024-13-01",
            "15.01.2024",
            "2024-01-15T25:00:00Z",
            "-5000-01-01",
            "0000-01-01",
            "+12000-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
