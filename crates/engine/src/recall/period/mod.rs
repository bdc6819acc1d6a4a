//! The time a query asks about, read by rules.
//!
//! [`period`] finds the first expression that is certainly a time and gives the whole days
//! it means, seen from an anchor. Chinese characters bring the Chinese rules first; after
//! them every language of [`LANGUAGES`] that the query shows signs of is tried, the
//! likeliest first. Languages are tables of words ([`lexicon`]); one grammar ([`grammar`],
//! [`moments`], [`dated`]) reads them all, and [`calendar`] knows what the expressions mean:
//!
//! - Days are UTC, weeks run from Monday to Sunday. "Three weeks ago" is a whole week,
//!   "the last three weeks" are the 21 days up to the anchor.
//! - Without a year the most recent one that has begun is meant ("in May", "Q3", "on
//!   Friday"), in a query that looks ahead ("will") the coming one.
//! - "Last" is the latest that is over, "next" the first still to begin.
//! - Seasons are the northern ones in whole months; the winter of a year runs from its
//!   December to the next February. "Early", "mid" and "late" are the days 1–10, 11–20 and
//!   from 21 on of a month and thirds of anything else; "the beginning" and "the end of" a
//!   year are January and December.
//! - "Since" reaches to the anchor, "until", "by" and "before" begin with the year 1,
//!   "after" ends with the anchor, or with the year 9999 when it lies ahead.
//!
//! What has another likely reading ("may", "march on", "2000 people") is no time, and a
//! date that cannot be (30 February, the year 0000) gives no window at all.

mod calendar;
mod chinese;
mod chinese_readings;
mod dated;
mod english;
mod french_italian;
mod germanic;
mod grammar;
mod iberian;
mod lexicon;
mod moments;
mod numerals;
mod slavic;
mod tokens;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use unicode_normalization::UnicodeNormalization;

use self::calendar::Calendar;
use self::grammar::Reader;
use self::lexicon::{Language, Lexicon};
use self::tokens::{Kind, Token};
use crate::text::dates::DateWindow;

/// The languages of the grammar; of equally likely ones the first is tried first.
static LANGUAGES: LazyLock<Vec<Lexicon>> = LazyLock::new(|| {
    const ALL: [&Language; 8] = [
        &english::ENGLISH,
        &iberian::SPANISH,
        &french_italian::FRENCH,
        &germanic::GERMAN,
        &french_italian::ITALIAN,
        &iberian::PORTUGUESE,
        &slavic::RUSSIAN,
        &germanic::DUTCH,
    ];
    ALL.iter().map(|language| Lexicon::new(language)).collect()
});

/// A window of more days than this is not widened.
const MOST_DAYS_TOLD_LATER: i64 = 3;

/// The closed interval of whole days a query asks about, or None when it names no time.
pub(super) fn period(query: &str, anchor: DateTime<Utc>) -> Option<DateWindow> {
    let text: String = query.nfkc().collect();
    let calendar = Calendar { today: anchor.date_naive() };
    let chinese = if text.contains(|c| matches!(c, '\u{4e00}'..='\u{9fff}')) {
        chinese::find(&text, calendar)
    } else {
        None
    };
    let found = chinese.or_else(|| {
        let tokens = tokens::tokens(&text);
        likely_languages(&tokens).find_map(|lexicon| Reader::new(&tokens, lexicon, calendar).find())
    });
    found.flatten()?.window()
}

/// When memories of what happened in a window were likely told: from a day before, for
/// times of day, to three days after, since things are told later than they happen. Windows
/// of more than three days are wide enough as they are.
pub(super) fn told_within(window: DateWindow) -> DateWindow {
    if window.end - window.start > TimeDelta::days(MOST_DAYS_TOLD_LATER) {
        return window;
    }
    let earlier = window.start.checked_sub_signed(TimeDelta::days(1));
    let later = window.end.checked_add_signed(TimeDelta::days(3));
    DateWindow { start: earlier.unwrap_or(window.start), end: later.unwrap_or(window.end) }
}

/// Languages by how many signs of them the query has; English, whose dates others use,
/// always, the others only when there is one or no language has any.
fn likely_languages(tokens: &[Token]) -> impl Iterator<Item = &'static Lexicon> {
    let signs = |lexicon: &Lexicon| -> usize {
        tokens
            .iter()
            .map(|token| if let Kind::Word(word) = &token.kind { lexicon.sign(word) } else { 0 })
            .sum()
    };
    let mut languages: Vec<_> = LANGUAGES.iter().map(|lexicon| (signs(lexicon), lexicon)).collect();
    let is_known = languages.iter().any(|(signs, _)| *signs > 0);
    languages.sort_by_key(|(signs, _)| std::cmp::Reverse(*signs));
    let english = LANGUAGES.first();
    languages.into_iter().filter_map(move |(signs, lexicon)| {
        let is_english = english.is_some_and(|english| std::ptr::eq(english, lexicon));
        (signs > 0 || !is_known || is_english).then_some(lexicon)
    })
}
