//! Dates written out in a text, without any notion of "now".
//!
//! Years, months and days in English, ISO and other unambiguous numbers, and the
//! Chinese, Japanese and Korean form. What could be something else ("may" the verb,
//! 5/8/2023) is left out.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use regex::{Captures, Regex};

use super::pattern;

/// A closed span of time; from text always whole days in UTC, the last one to its last microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateWindow {
    /// First moment.
    pub start: DateTime<Utc>,
    /// Last moment.
    pub end: DateTime<Utc>,
}

impl DateWindow {
    /// The days from `first` to `last`, both included.
    pub fn days(first: NaiveDate, last: NaiveDate) -> Self {
        let whole_day = TimeDelta::days(1) - TimeDelta::microseconds(1);
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        let end = midnight(last);
        Self { start: midnight(first), end: end.checked_add_signed(whole_day).unwrap_or(end) }
    }

    /// One day.
    pub fn day(date: NaiveDate) -> Self {
        Self::days(date, date)
    }

    /// A calendar month.
    pub fn month(year: i32, month: u32) -> Option<Self> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let next = first.checked_add_months(chrono::Months::new(1))?;
        Some(Self::days(first, next.pred_opt()?))
    }

    /// A calendar year.
    pub fn year(year: i32) -> Option<Self> {
        Some(Self::days(NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?))
    }

    /// True when the moment lies in the span.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at <= self.end
    }
}

/// Where to look when the year is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Past,
    Future,
}

/// What a written date says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Days of a known year.
    Days(NaiveDate, NaiveDate),
    /// A month of a known year.
    Month(i32, u32),
    /// A year alone.
    Year(i32),
    /// Month, first and last day, year unknown.
    DaysOfMonth(u32, u32, u32),
    /// A month alone.
    BareMonth(u32),
}

/// A written date and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The word before it, as written.
    pub(crate) lead: &'a str,
    pub(crate) written: Written,
}

impl Written {
    /// The days meant, seen from `anchor` where the year is not written; a year or month
    /// that is running counts as past.
    pub(crate) fn window(self, anchor: Option<NaiveDate>, toward: Toward) -> Option<DateWindow> {
        match self {
            Self::Days(first, last) => Some(DateWindow::days(first, last)),
            Self::Month(year, month) => DateWindow::month(year, month),
            Self::Year(year) => DateWindow::year(year),
            Self::DaysOfMonth(month, first, last) => {
                let anchor = anchor?;
                let on = |year| Some((date(year, month, first)?, date(year, month, last)?));
                // 29 February may be up to eight years away.
                let found = match toward {
                    Toward::Past => {
                        (0..=8).filter_map(|n| on(anchor.year() - n)).find(|days| days.0 <= anchor)
                    }
                    Toward::Future => {
                        (0..=8).filter_map(|n| on(anchor.year() + n)).find(|days| days.1 >= anchor)
                    }
                };
                found.map(|(first, last)| DateWindow::days(first, last))
            }
            Self::BareMonth(month) => {
                let anchor = anchor?;
                let year = match toward {
                    Toward::Past if month > anchor.month() => anchor.year() - 1,
                    Toward::Future if month < anchor.month() => anchor.year() + 1,
                    _ => anchor.year(),
                };
                DateWindow::month(year, month)
            }
        }
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Pattern of a month name, short forms included.
pub(crate) const MONTH: &str = "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|\
    aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";

const YEAR: &str = "(?:1[5-9]|20)[0-9]{2}";
const DAY: &str = "[0-9]{1,2}";
const TH: &str = "(?:st|nd|rd|th)?";
const RANGE: &str = r"\s*(?:-|–|to)\s*";

static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?ix)
        (?: (?P<cy>{YEAR}) \s? [年년] \s? )? (?P<cm>[0-9]{{1,2}}) \s? [月월] (?: \s? (?P<cd>{DAY}) \s? [日号일] )?
        | (?-u:\b) (?:
            (?P<iy>{YEAR}) [-/] (?P<im>[0-9]{{1,2}}) [-/] (?P<id>{DAY}) (?: T [0-9:.]+ Z? )?
          | (?P<dd>{DAY}) {TH} (?: {RANGE} (?P<de>{DAY}) {TH} )? \s+ (?:of\s+)? (?P<dm>{MONTH}) (?: \.?,?\s+ (?P<dy>{YEAR}) )?
          | (?P<mm>{MONTH}) \.?\s+ (?:the\s+)? (?P<md>{DAY}) {TH} (?: {RANGE} (?P<me>{DAY}) {TH} )? (?: ,?\s+ (?P<my>{YEAR}) )?
          | (?P<ym>{MONTH}) \.?,?\s+ (?:of\s+)? (?P<yy>{YEAR})
          | (?P<gd>{DAY}) \. (?P<gm>[0-9]{{1,2}}) \. (?P<gy>{YEAR})
          | (?P<sa>[0-9]{{1,2}}) / (?P<sb>[0-9]{{1,2}}) / (?P<sy>{YEAR})
          | (?P<bm>{MONTH})
          | (?P<by>{YEAR})
        ) (?-u:\b)"
    ))
});

/// The dates written in a text, in order.
pub(crate) fn written_dates(text: &str) -> impl Iterator<Item = Found<'_>> {
    WRITTEN.captures_iter(text).filter_map(move |captures| {
        let whole = captures.get(0)?;
        let lead = word_before(text, whole.start());
        let written = read(&captures, lead)?;
        Some(Found { start: whole.start(), end: whole.end(), lead, written })
    })
}

/// The word that ends right before `at`, spaces and one hyphen aside.
pub(crate) fn word_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default().trim_end();
    let before = before.strip_suffix('-').unwrap_or(before);
    before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// True for words after which a bare month is meant as one.
pub(crate) fn leads_to_a_month(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "in" | "during" | "throughout" | "early" | "late" | "mid" | "last" | "this" | "next"
    )
}

/// True for what a number of four figures may count: "2000 steps" is no year.
pub(crate) fn counts_things(word: &str) -> bool {
    matches!(
        word,
        "people"
            | "steps"
            | "dollars"
            | "euros"
            | "pounds"
            | "words"
            | "characters"
            | "lines"
            | "miles"
            | "meters"
            | "metres"
            | "feet"
            | "points"
            | "users"
            | "customers"
            | "cases"
            | "km"
            | "calories"
            | "places"
            | "cities"
            | "countries"
            | "pieces"
            | "days"
            | "hours"
            | "minutes"
            | "years"
            | "other"
    )
}

fn read(captures: &Captures<'_>, lead: &str) -> Option<Written> {
    let number = |name: &str| captures.name(name)?.as_str().parse::<u32>().ok();
    let year = |name: &str| captures.name(name)?.as_str().parse::<i32>().ok();
    let month = |name: &str| month_number(captures.name(name)?.as_str());
    let certain = |name: &str| captures.name(name).is_some_and(|found| !is_also_a_word(found.as_str()));

    if let Some(year) = year("iy") {
        return one_day(year, number("im")?, number("id")?);
    }
    for (month_name, first, last, year_name) in [("dm", "dd", "de", "dy"), ("mm", "md", "me", "my")] {
        if let (Some(month), Some(first)) = (month(month_name), number(first)) {
            let last = number(last).unwrap_or(first);
            return match year(year_name) {
                Some(year) => days(date(year, month, first)?, date(year, month, last)?),
                // 2024 is a leap year: any day that can exist.
                None if certain(month_name) => {
                    days(date(2024, month, first)?, date(2024, month, last)?)?;
                    Some(Written::DaysOfMonth(month, first, last))
                }
                None => None,
            };
        }
    }
    if let (Some(month), Some(year)) = (month("ym"), year("yy")) {
        return (certain("ym") || leads_to_a_month(lead)).then_some(Written::Month(year, month));
    }
    if let Some(year) = year("gy") {
        return one_day(year, number("gm")?, number("gd")?);
    }
    if let Some(year) = year("sy") {
        return match (number("sa")?, number("sb")?) {
            (day, month) if day > 12 || day == month => one_day(year, month, day),
            (month, day) if day > 12 => one_day(year, month, day),
            _ => None,
        };
    }
    if let Some(month) = month("bm") {
        return Some(Written::BareMonth(month));
    }
    if let Some(year) = year("by") {
        return Some(Written::Year(year));
    }
    let month = number("cm").filter(|month| (1..=12).contains(month))?;
    match (year("cy"), number("cd")) {
        (Some(year), Some(day)) => one_day(year, month, day),
        (Some(year), None) => Some(Written::Month(year, month)),
        (None, Some(day)) => date(2024, month, day).map(|_| Written::DaysOfMonth(month, day, day)),
        (None, None) => None,
    }
}

/// 1 to 12 for a month name or its short form.
pub(crate) fn month_number(name: &str) -> Option<u32> {
    let short = name.get(..3)?;
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(short))?;
    u32::try_from(at + 1).ok()
}

/// "may" and "march" in lower case are verbs more often than months.
fn is_also_a_word(month: &str) -> bool {
    matches!(month, "may" | "march" | "mar")
}

fn date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

fn one_day(year: i32, month: u32, day: u32) -> Option<Written> {
    date(year, month, day).map(|date| Written::Days(date, date))
}

fn days(first: NaiveDate, last: NaiveDate) -> Option<Written> {
    (first <= last).then_some(Written::Days(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Written {
        one_day(year, month, day).unwrap()
    }

    #[test]
    fn written_dates_are_read() {
        use Written::{BareMonth, Days, DaysOfMonth, Month, Year};
        let d = |y, m, d| date(y, m, d).unwrap();
        for (text, expected) in [
            ("on 2023-05-08 and 2023/05/09", vec![day(2023, 5, 8), day(2023, 5, 9)]),
            ("at 2023-05-08T13:56:00Z", vec![day(2023, 5, 8)]),
            ("8 May, 2023", vec![day(2023, 5, 8)]),
            ("the 8th of May 2023.", vec![day(2023, 5, 8)]),
            ("May 8, 2023 or Sept. 3rd 2021", vec![day(2023, 5, 8), day(2021, 9, 3)]),
            ("May 8-10, 2023", vec![Days(d(2023, 5, 8), d(2023, 5, 10))]),
            ("8 to 10 May 2023", vec![Days(d(2023, 5, 8), d(2023, 5, 10))]),
            ("may 8 2023", vec![day(2023, 5, 8)]),
            ("8.5.2023", vec![day(2023, 5, 8)]),
            ("25/12/2022 and 12/25/2022", vec![day(2022, 12, 25), day(2022, 12, 25)]),
            ("5/8/2023", vec![]),
            ("May 2023", vec![Month(2023, 5)]),
            ("in may 2023, december 2020", vec![Month(2023, 5), Month(2020, 12)]),
            ("June 5th", vec![DaysOfMonth(6, 5, 5)]),
            ("29 Feb", vec![DaysOfMonth(2, 29, 29)]),
            ("in March", vec![BareMonth(3)]),
            ("in 2019", vec![Year(2019)]),
            ("2023年5月8日", vec![day(2023, 5, 8)]),
            ("去年5月8日", vec![DaysOfMonth(5, 8, 8)]),
            ("2023年 5月", vec![Month(2023, 5)]),
            // Not dates.
            ("31 February 2023", vec![]),
            ("we march 3 miles and they may 5 times", vec![]),
            ("2023-13-45", vec![]),
            ("room 20231, decent, mayor, 3個月", vec![]),
        ] {
            let found: Vec<_> = written_dates(text).map(|found| found.written).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn the_word_before_is_known() {
        assert_eq!(written_dates("back in mid-May").next().unwrap().lead, "mid");
        assert_eq!(written_dates("May").next().unwrap().lead, "");
    }

    #[test]
    fn a_missing_year_is_the_nearest_on_the_asked_side() {
        let anchor = date(2023, 5, 20);
        let start = |written: Written, toward| written.window(anchor, toward).unwrap().start.date_naive();
        let d = |y, m, d| date(y, m, d).unwrap();
        assert_eq!(start(Written::DaysOfMonth(5, 20, 20), Toward::Past), d(2023, 5, 20));
        assert_eq!(start(Written::DaysOfMonth(5, 21, 21), Toward::Past), d(2022, 5, 21));
        assert_eq!(start(Written::DaysOfMonth(5, 19, 19), Toward::Future), d(2024, 5, 19));
        assert_eq!(start(Written::DaysOfMonth(2, 29, 29), Toward::Past), d(2020, 2, 29));
        assert_eq!(start(Written::BareMonth(5), Toward::Past), d(2023, 5, 1));
        assert_eq!(start(Written::BareMonth(6), Toward::Past), d(2022, 6, 1));
        assert_eq!(start(Written::BareMonth(4), Toward::Future), d(2024, 4, 1));
        assert_eq!(Written::BareMonth(4).window(None, Toward::Past), None);
    }

    #[test]
    fn windows_hold_whole_days() {
        let window = DateWindow::month(2024, 2).unwrap();
        assert_eq!(window.start.to_rfc3339(), "2024-02-01T00:00:00+00:00");
        assert_eq!(window.end.to_rfc3339(), "2024-02-29T23:59:59.999999+00:00");
        assert!(window.contains(window.end) && !window.contains(window.end + TimeDelta::microseconds(1)));
    }
}
