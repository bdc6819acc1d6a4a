//! Absolute dates for what a text says about time.
//!
//! The first expression in the text wins. Whatever has more than one likely reading is left
//! undated: a missing date costs little, a wrong one misleads.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc, Weekday};
use regex::{Captures, Regex};

use crate::text::dates::{
    DateWindow, Found, MONTH, Toward, Written, counts_things, leads_to_a_month, month_number, word_before,
    written_dates,
};
use crate::text::pattern;

const WEEKDAY: &str = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";

static RELATIVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?ix)(?-u:\b) (?:
            (?P<before> day \s+ before \s+ yesterday )
          | (?P<after> day \s+ after \s+ tomorrow )
          | (?P<yesterday> yesterday | last \s+ night )
          | (?P<today> today | tonight | this \s+ (?: morning | afternoon | evening ) )
          | (?P<tomorrow> tomorrow )
          | (?P<vague> couple | few ) \s+ (?: of \s+ )? (?P<vague_unit> day | week | month )s \s+ ago
          | (?P<count> [0-9]{{1,4}} | an? | one | two | three | four | five | six | seven | eight | nine | ten
                | eleven | twelve | fifteen | twenty | thirty | fifty )
            \s+ (?P<unit> day | weekend | week | month | year )s? \s+ (?P<way> ago | from \s+ (?: now | today ) )
          | (?P<which> last | next | this (?: \s+ (?: past | coming ) )? ) \s+
            (?: (?P<period> weekend | week | month | year ) | (?P<weekday> {WEEKDAY} ) | (?P<month> {MONTH} ) )
          | (?P<which_short> last | next ) \s+ (?P<short> mon | tues? | weds? | thu | thurs? | fri | sat )
          | on \s+ (?P<on> {WEEKDAY} )
        ) (?-u:\b)"
    ))
});

/// Signs that a sentence speaks of what is to come.
static FUTURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?-u:\b) (?: will | won['’]t | gonna | going \s+ to | plan (?: s | ning )? \s+ (?: to | on ) | hop(?: e | ing ) \s+ to
        | looking \s+ forward | upcoming | scheduled | about \s+ to | can['’]t \s+ wait | shall | let['’]s | due
        | deadline | intends? \s+ to | wants? \s+ to | remind | appointment | next | soon ) (?-u:\b) | ['’]ll (?-u:\b)",
    )
});

/// A day without a year that would be further back than this was likely meant to come.
const MOST_OF_A_YEAR: i64 = 300;

/// What a relative expression is seen from, and which way the text looks.
struct View<'a> {
    text: &'a str,
    today: NaiveDate,
}

/// When the text's event took place, as whole days in UTC; `said_at` is the "now" of the
/// text. Without it only dates that name their year count.
///
/// Weeks run from Monday to Sunday; "three weeks ago" is a whole week, "two years ago" a
/// whole year. "On Monday" is the last one unless the sentence speaks of the future.
pub fn resolve(text: &str, said_at: Option<DateTime<Utc>>) -> Option<DateWindow> {
    let written =
        written_dates(text).find_map(|found| Some((found.start, written_window(text, &found, said_at)?)));
    let Some(said_at) = said_at else { return written.map(|(_, window)| window) };
    let view = View { text, today: said_at.date_naive() };
    let relative = RELATIVE.captures_iter(text).find_map(|captures| {
        let whole = captures.get(0)?;
        Some((whole.start(), whole.end(), view.relative(&captures, whole.start())?))
    });
    match (written, relative) {
        // "on Monday, 8 May 2023": the date says it better.
        (Some((at, date)), Some((start, end, window))) => {
            let date_wins = at < start
                || (at >= end && at - end <= 6 && date.end - date.start <= window.end - window.start);
            Some(if date_wins { date } else { window })
        }
        (written, relative) => written.map(|(_, window)| window).or(relative.map(|(.., window)| window)),
    }
}

fn written_window(text: &str, found: &Found<'_>, said_at: Option<DateTime<Utc>>) -> Option<DateWindow> {
    let lead = found.lead.to_lowercase();
    match found.written {
        Written::Days(..) | Written::Month(..) | Written::DaysOfMonth(..) => {}
        Written::Year(_) => {
            let counted = text.get(found.end..).is_some_and(counts);
            if counted || !matches!(lead.as_str(), "in" | "during" | "throughout" | "year") {
                return None;
            }
        }
        Written::BareMonth(_) => {
            // "last May" and the like are relative expressions.
            if !leads_to_a_month(&lead) || matches!(lead.as_str(), "last" | "this" | "next") {
                return None;
            }
        }
    }
    let toward = toward(text, found.start);
    let window = found.written.window(said_at.map(|at| at.date_naive()), toward)?;
    // "On the 15th of March", said two weeks before: hardly the one of last year, but the
    // sentence does not say so.
    let is_far_past = said_at.is_some_and(|at| (at - window.start).num_days() > MOST_OF_A_YEAR);
    let yearless = matches!(found.written, Written::DaysOfMonth(..));
    (!(yearless && is_far_past)).then_some(window)
}

/// "in 2000 steps" is no year.
fn counts(after: &str) -> bool {
    let word = after.split_whitespace().next().unwrap_or_default().trim_matches(|c: char| !c.is_alphabetic());
    after.starts_with(' ') && counts_things(word)
}

fn toward(text: &str, at: usize) -> Toward {
    let is_end = |c: char| matches!(c, '.' | '!' | '?' | '\n' | '。');
    let start = text.get(..at).and_then(|before| before.rfind(is_end)).unwrap_or(0);
    let end = text.get(at..).and_then(|after| after.find(is_end)).map_or(text.len(), |length| at + length);
    if text.get(start..end).is_some_and(|sentence| FUTURE.is_match(sentence)) {
        Toward::Future
    } else {
        Toward::Past
    }
}

impl View<'_> {
    fn relative(&self, captures: &Captures<'_>, at: usize) -> Option<DateWindow> {
        let has = |name: &str| captures.name(name).is_some();
        let lower = |name: &str| captures.name(name).map(|found| found.as_str().to_lowercase());

        if has("before") {
            return self.day(-2);
        } else if has("after") {
            return self.day(2);
        } else if has("yesterday") {
            return if self.is_a_figure(at) { None } else { self.day(-1) };
        } else if has("today") {
            return self.day(0);
        } else if has("tomorrow") {
            return self.day(1);
        } else if let (Some(word), Some(unit)) = (lower("vague"), lower("vague_unit")) {
            return self.vaguely_ago(&word, &unit);
        } else if let (Some(count), Some(unit)) = (lower("count"), lower("unit")) {
            let is_past = lower("way")? == "ago";
            return if self.is_exact_count(at) {
                self.counted(number(&count)?, &unit, is_past)
            } else {
                None
            };
        } else if let Some(weekday) = lower("on") {
            let toward = toward(self.text, at);
            return self.weekday(weekday_of(&weekday)?, toward);
        }
        // "the last week", "my next year": not counted from today.
        if is_determiner(word_before(self.text, at)) {
            return None;
        }
        let which = lower("which").or_else(|| lower("which_short"))?;
        let step = match which.split_whitespace().last()? {
            "last" | "past" => -1,
            "this" => 0,
            _ => 1,
        };
        if let Some(period) = lower("period") {
            return self.period(&period, step);
        }
        if let Some(month) = captures.name("month") {
            return self.month(month_number(month.as_str())?, step);
        }
        let weekday = weekday_of(&lower("weekday").or_else(|| lower("short"))?)?;
        match step {
            0 => {
                let offset = i64::from(weekday.num_days_from_monday()) - i64::from(self.weekday_index());
                self.day(offset)
            }
            step => self.weekday(weekday, if step < 0 { Toward::Past } else { Toward::Future }),
        }
    }

    fn weekday_index(&self) -> u32 {
        self.today.weekday().num_days_from_monday()
    }

    fn day(&self, offset: i64) -> Option<DateWindow> {
        shifted(self.today, offset).map(DateWindow::day)
    }

    /// The nearest such weekday, never today itself.
    fn weekday(&self, weekday: Weekday, toward: Toward) -> Option<DateWindow> {
        let today = i64::from(self.weekday_index());
        let wanted = i64::from(weekday.num_days_from_monday());
        let ahead = (wanted - today).rem_euclid(7);
        match toward {
            Toward::Past => self.day(if ahead == 0 { -7 } else { ahead - 7 }),
            Toward::Future => self.day(if ahead == 0 { 7 } else { ahead }),
        }
    }

    /// The week, weekend, month or year `step` away from the running one.
    fn period(&self, period: &str, step: i64) -> Option<DateWindow> {
        let monday = shifted(self.today, -i64::from(self.weekday_index()))?;
        match period {
            "week" => span(shifted(monday, 7 * step)?, 6),
            // Asked on a weekend, the last one is the one before.
            "weekend" => span(shifted(monday, 7 * step + 5)?, 1),
            "month" => {
                let first = months_away(self.today.with_day(1)?, step)?;
                DateWindow::month(first.year(), first.month())
            }
            _ => DateWindow::year(self.today.year().checked_add(i32::try_from(step).ok()?)?),
        }
    }

    fn month(&self, month: u32, step: i64) -> Option<DateWindow> {
        let (year, now) = (self.today.year(), self.today.month());
        let year = match step {
            0 => year,
            step if step < 0 => year - i32::from(month >= now),
            _ => year + i32::from(month <= now),
        };
        DateWindow::month(year, month)
    }

    fn counted(&self, count: i64, unit: &str, is_past: bool) -> Option<DateWindow> {
        let step = if is_past { -count } else { count };
        if unit == "day" { self.day(step) } else { self.period(unit, step) }
    }

    fn vaguely_ago(&self, word: &str, unit: &str) -> Option<DateWindow> {
        let (far, near) = if word == "couple" { (3, 1) } else { (5, 2) };
        let days = match unit {
            "day" => 1,
            "week" => 7,
            _ => 30,
        };
        span(shifted(self.today, -far * days)?, (far - near) * days)
    }

    /// True for "it feels like yesterday".
    fn is_a_figure(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default().trim_end();
        ["like", "like just", "like only", "like it was", "like it was just", "like it was only"]
            .iter()
            .any(|figure| before.ends_with(figure))
    }

    /// False for "over two years ago", "two or three days ago", "1.5 years ago".
    fn is_exact_count(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        if before.ends_with(|c: char| !c.is_whitespace() && !matches!(c, '(' | '"' | '“' | '—' | ',' | ':'))
        {
            return false;
        }
        let word = word_before(self.text, at).to_lowercase();
        !matches!(
            word.as_str(),
            "over" | "than" | "or" | "to" | "and" | "least" | "most" | "within" | "under"
        )
    }
}

fn is_determiner(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "the" | "my" | "your" | "his" | "her" | "its" | "our" | "their" | "a" | "every" | "each" | "s"
    )
}

fn number(word: &str) -> Option<i64> {
    const WORDS: [&str; 12] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    match word {
        "a" | "an" => Some(1),
        "fifteen" => Some(15),
        "twenty" => Some(20),
        "thirty" => Some(30),
        "fifty" => Some(50),
        _ => match WORDS.iter().position(|known| *known == word) {
            Some(at) => i64::try_from(at + 1).ok(),
            None => word.parse().ok(),
        },
    }
}

fn weekday_of(name: &str) -> Option<Weekday> {
    name.get(..3)?.parse().ok()
}

fn shifted(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { date.checked_sub_days(distance) } else { date.checked_add_days(distance) }
}

fn months_away(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let distance = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { date.checked_sub_months(distance) } else { date.checked_add_months(distance) }
}

fn span(first: NaiveDate, days: i64) -> Option<DateWindow> {
    Some(DateWindow::days(first, shifted(first, days)?))
}

#[cfg(test)]
mod tests;
