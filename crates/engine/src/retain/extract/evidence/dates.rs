//! Dates, those that stand there and those that can be meant by them.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use regex::Regex;

use super::numbers::Numbers;
use crate::text::dates::{DateWindow, Found, Toward, Written, written_dates};
use crate::text::pattern;

/// How far words like "last month" reach, in days.
const REACH: i64 = 400;

/// Words that count days, weeks and months from a day.
static NEAR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?-u:\b) (?: yesterday | today | tonight | tomorrow | ago | last | next | past | previous | coming | recent(?:ly)?
        | since | (?:mon|tues|wednes|thurs|fri|satur|sun)days? | days? | nights? | mornings? | evenings? | afternoons?
        | weeks? | weekends? | fortnights? | months? | spring | summer | autumn | fall | winter | season | quarter | q[1-4]
        | christmas | easter | thanksgiving | halloween | holidays? | vacations? | later | earlier | soon | until | after | before
        ) (?-u:\b)",
    )
});

/// Words that count years.
static FAR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?-u:\b) (?: years? | yrs? | decades? | centur(?:y|ies) | generations? | anniversar(?:y|ies) | birthdays? | born
        | age[ds]? | old | childhood | teens? | twenties | thirties | forties | kid | college | school | university
        | [0-9]0s | jahr(?:e|en|es)? | ans? | ann[ée]es? | años? | anos? | anni | jaar | rok | lat | let | yıl | лет | года? | году
        ) (?-u:\b) | [年년] | (?-u:\b) [0-9]{2}s",
    )
});

/// The text with a word that says nothing in place of each date.
pub(super) fn without_dates(text: &str) -> String {
    let (mut bare, mut end) = (String::with_capacity(text.len()), 0);
    for found in written_dates(text) {
        bare.push_str(text.get(end..found.start).unwrap_or_default());
        bare.push_str(" then ");
        end = found.end;
    }
    bare + text.get(end..).unwrap_or_default()
}

/// The dates of a source.
#[derive(Debug)]
pub(super) struct Dates {
    /// Those that are written there.
    written: Vec<Written>,
    /// The days that others are counted from.
    anchors: Vec<NaiveDate>,
    /// How far a day may be from an anchor, in days; none = however far.
    reach: Option<i64>,
    /// Numbers that are no parts of dates: years may be counted by them.
    counts: Numbers,
}

impl Dates {
    pub(super) fn of(source: &str, said_at: Option<DateTime<Utc>>, is_english: bool) -> Self {
        let written: Vec<Written> = written_dates(source).map(|found| found.written).collect();
        let starts = written.iter().filter_map(|date| date.window(None, Toward::Past));
        let anchors: Vec<NaiveDate> = said_at
            .map(|at| at.date_naive())
            .into_iter()
            .chain(starts.map(|window| window.start.date_naive()))
            .collect();
        let reach = if FAR.is_match(source) {
            None
        } else if NEAR.is_match(source) || !is_english {
            Some(REACH)
        } else {
            // A day said in one place is another one elsewhere.
            Some(1)
        };
        let counts = Numbers::of(&without_dates(source), is_english);
        Self { written, anchors, reach, counts }
    }

    /// The first date of a text that cannot be meant.
    pub(super) fn missing(&self, text: &str, numbers: &Numbers) -> Option<String> {
        let found = written_dates(text).find(|found| !self.knows(found, text, numbers))?;
        text.get(found.start..found.end).map(str::to_owned)
    }

    pub(super) fn allows(&self, window: DateWindow, numbers: &Numbers) -> bool {
        let (first, last) = (window.start.date_naive(), window.end.date_naive());
        self.knows_days(first, last) || self.is_whole_known_year(first, last, numbers)
    }

    fn knows(&self, found: &Found<'_>, text: &str, numbers: &Numbers) -> bool {
        match found.written {
            Written::Days(first, last) => self.knows_days(first, last),
            Written::Month(year, month) => {
                let window = DateWindow::month(year, month);
                window.is_none_or(|window| {
                    self.knows_days(window.start.date_naive(), window.end.date_naive())
                        || self.written.contains(&Written::BareMonth(month))
                })
            }
            // It may be no year: "2000 steps".
            Written::Year(year) => {
                self.knows_year(year, numbers)
                    || text.get(found.start..found.end).is_some_and(|written| numbers.knows(written))
            }
            Written::DaysOfMonth(month, first, last) => self.knows_days_of_month(month, first, last),
            Written::BareMonth(_) => true,
        }
    }

    fn knows_days(&self, first: NaiveDate, last: NaiveDate) -> bool {
        let stands_there = self.written.iter().any(|date| match *date {
            Written::Days(from, to) => from <= last && to >= first,
            Written::DaysOfMonth(month, from, to) => {
                first.month() == month && first.day() <= to && last.day() >= from
            }
            _ => false,
        });
        stands_there || self.is_near(first, last)
    }

    fn knows_days_of_month(&self, month: u32, first: u32, last: u32) -> bool {
        let stands_there = self.written.iter().any(|date| match *date {
            Written::Days(from, to) => from.month() == month && from.day() <= last && to.day() >= first,
            Written::DaysOfMonth(known, from, to) => known == month && from <= last && to >= first,
            _ => false,
        });
        let years = self.anchors.iter().flat_map(|anchor| [-1, 0, 1].map(|step| anchor.year() + step));
        let mut days = years.filter_map(|year| {
            Some((NaiveDate::from_ymd_opt(year, month, first)?, NaiveDate::from_ymd_opt(year, month, last)?))
        });
        stands_there || days.any(|(first, last)| self.is_near(first, last))
    }

    /// Whether some day of the span is within reach of an anchor.
    fn is_near(&self, first: NaiveDate, last: NaiveDate) -> bool {
        if self.anchors.is_empty() {
            return false;
        }
        let Some(reach) = self.reach else { return true };
        self.anchors
            .iter()
            .any(|anchor| (*anchor - last).num_days() <= reach && (first - *anchor).num_days() <= reach)
    }

    fn knows_year(&self, year: i32, numbers: &Numbers) -> bool {
        if numbers.has(year.into()) {
            return true;
        }
        // "'98", and what is counted from a year that is known.
        let short = numbers.has(i64::from(year.rem_euclid(100))) && self.reach.is_none();
        let is_counted = self.anchors.iter().any(|anchor| {
            let distance = i64::from((anchor.year() - year).abs());
            distance <= 1 || self.counts.has(distance)
        });
        short || is_counted || (self.reach.is_none() && !self.anchors.is_empty())
    }

    fn is_whole_known_year(&self, first: NaiveDate, last: NaiveDate, numbers: &Numbers) -> bool {
        first.year() == last.year()
            && first.ordinal() == 1
            && last.month() == 12
            && self.knows_year(first.year(), numbers)
    }
}
