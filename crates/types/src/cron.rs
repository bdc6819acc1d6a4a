//! Times that come again and again, as five fields: minute, hour, day of the month, month, day of
//! the week. All in UTC.
//!
//! A field is `*`, a number, a range `a-b`, a step `*/n` or `a-b/n`, or several of these with commas
//! between; months and days of the week have their English names of three letters too, and Sunday
//! is 0 or 7. Where both days are given, either of them does.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc};

/// Days that are looked back: eight years hold every date there is, a leap day among them.
const MOST_DAYS: u64 = 8 * 366;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Times that come again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day of the month, and the day of the week, is any.
    any_day: bool,
    any_weekday: bool,
}

impl Cron {
    /// Reads the five fields; the error says what is wrong with them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!(
                "'{text}' needs five fields: minute, hour, day of the month, month, day of the week"
            ));
        };
        let read = |name: &str, field: &str, bounds: (u32, u32), names: &[&str]| {
            set(field, bounds, names).ok_or_else(|| format!("'{field}' is no {name} of a cron expression"))
        };
        let weekdays_read = read("day of the week", weekdays, (0, 7), &WEEKDAYS)?;
        let cron = Self {
            minutes: read("minute", minutes, (0, 59), &[])?,
            hours: read("hour", hours, (0, 23), &[])?,
            days: read("day of the month", days, (1, 31), &[])?,
            months: read("month", months, (1, 12), &MONTHS)?,
            // Sunday has two numbers.
            weekdays: (weekdays_read | weekdays_read >> 7) & 0x7f,
            any_day: days.starts_with('*'),
            any_weekday: weekdays.starts_with('*'),
        };
        if cron.ever() { Ok(cron) } else { Err(format!("'{text}' names a day that never comes")) }
    }

    /// The last of these times that is not after `now`.
    pub fn last(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = now.date_naive();
        let minute_of_day = now.hour() * 60 + now.minute();
        (0..MOST_DAYS).find_map(|back| {
            let day = today.checked_sub_days(Days::new(back))?;
            if !self.is_day(day) {
                return None;
            }
            let latest = if back == 0 { minute_of_day } else { 24 * 60 - 1 };
            let minute = (0..=latest)
                .rev()
                .find(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60))?;
            let begin = day.and_time(chrono::NaiveTime::MIN).and_utc();
            begin.checked_add_signed(TimeDelta::minutes(minute.into()))
        })
    }

    fn is_day(&self, day: NaiveDate) -> bool {
        let of_month = has(self.days, day.day());
        let of_week = has(self.weekdays, day.weekday().num_days_from_sunday());
        let is_right = match (self.any_day, self.any_weekday) {
            (false, false) => of_month || of_week,
            _ => of_month && of_week,
        };
        is_right && has(self.months, day.month())
    }

    /// Whether there is such a day at all.
    fn ever(&self) -> bool {
        let longest = |month: u32| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let of_month = || {
            (1..=12)
                .any(|month| has(self.months, month) && (1..=longest(month)).any(|day| has(self.days, day)))
        };
        (!self.any_day && !self.any_weekday) || of_month()
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

/// The numbers of a field as bits.
fn set(field: &str, bounds: (u32, u32), names: &[&str]) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let number = |word: &str| number(word, bounds, names);
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => bounds,
            Some((first, last)) => (number(first)?, number(last)?),
            // A step without an end goes on to the last there is.
            None if step.is_some() => (number(range)?, bounds.1),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return None;
        }
        for number in (first..=last).step_by(step.unwrap_or(1) as usize) {
            bits |= 1 << number;
        }
    }
    Some(bits)
}

fn number(word: &str, (least, most): (u32, u32), names: &[&str]) -> Option<u32> {
    let word = word.to_ascii_lowercase();
    if let Some(place) = names.iter().position(|name| *name == word) {
        return Some(u32::try_from(place).ok()? + least);
    }
    // A sign is no part of a number here.
    let is_plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|number| is_plain && (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(cron: &str, now: &str) -> String {
        let now = crate::time::parse(now).expect("a time");
        let last = Cron::parse(cron).expect("a cron expression").last(now).expect("a time before");
        last.format("%Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn the_last_time_is_found() {
        // 2024-05-10 is a Friday.
        for (cron, now, expected) in [
            ("* * * * *", "2024-05-10T12:34:56Z", "2024-05-10 12:34"),
            ("0 * * * *", "2024-05-10T12:00:00Z", "2024-05-10 12:00"),
            ("30 3 * * *", "2024-05-10T03:29:59Z", "2024-05-09 03:30"),
            ("*/15 9-17 * * 1-5", "2024-05-12T12:00:00Z", "2024-05-10 17:45"),
            ("0 0 1 * *", "2024-05-10T12:00:00Z", "2024-05-01 00:00"),
            ("0 0 29 2 *", "2024-02-28T00:00:00Z", "2020-02-29 00:00"),
            ("0 0 29 feb *", "2023-02-28T00:00:00Z", "2020-02-29 00:00"),
            ("0 0 * * sun", "2024-05-10T12:00:00Z", "2024-05-05 00:00"),
            ("0 0 * * 7", "2024-05-10T12:00:00Z", "2024-05-05 00:00"),
            ("0 0 13 * 5", "2024-05-10T12:00:00Z", "2024-05-10 00:00"),
            ("0 0 9 * 0", "2024-05-10T12:00:00Z", "2024-05-09 00:00"),
            ("5,10/20 1 * JAN,MAR *", "2024-05-10T12:00:00Z", "2024-03-31 01:50"),
            ("0 0 31 12 *", "2024-05-10T12:00:00Z", "2023-12-31 00:00"),
        ] {
            assert_eq!(last(cron, now), expected, "{cron} at {now}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        for cron in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "a * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "1,,2 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "@daily",
            "0 0 * foo *",
            "*/ * * * *",
        ] {
            assert!(Cron::parse(cron).is_err(), "{cron}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap_err(), "'0 0 30 2 *' names a day that never comes");
        assert!(Cron::parse("0 0 30 2 1").is_ok(), "a Monday in February comes");
        assert_eq!(Cron::parse("60 * * * *").unwrap_err(), "'60' is no minute of a cron expression");
    }
}
