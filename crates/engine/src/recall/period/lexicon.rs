//! What the words of a language say about time.
//!
//! A language is data: phrases with their classes, which the one grammar reads. The words
//! that show a language ("signs") decide in which order languages are tried, so that
//! "hier" is a place in a German question and a day in a French one.

use std::collections::{HashMap, HashSet};

use chrono::Weekday;

use super::calendar::{Part, Season, Unit};

/// What a phrase says; one phrase may have several classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A day so many away from today.
    Day(i64),
    /// Last, this, next, before the noun.
    Step(i64),
    /// The same behind the noun.
    StepAfter(i64),
    /// "past": the time up to today, whatever the calendar says.
    Past,
    Unit(Unit),
    /// Half of a year.
    Half,
    Month(u32),
    Weekday(Weekday),
    Season(Season),
    /// A holiday: month and day.
    Holiday(u32, u32),
    Count(u32),
    Ordinal(u32),
    /// "couple"
    Couple,
    /// "few"
    Few,
    /// "ago" behind the units.
    Ago,
    /// The same before them.
    AgoBefore,
    /// One unit ago, where the language leaves out the number.
    OneAgo(Unit),
    /// "from now"
    Later,
    /// Introduces a year, month or season.
    In,
    /// Introduces a weekday or holiday.
    At,
    /// "year" before its number.
    YearWord,
    /// Word before a number that makes it a decade.
    DecadeWord,
    /// Letters behind a number that make it a decade.
    DecadeSuffix,
    /// Letters behind the number of a day.
    OrdinalSuffix,
    Since,
    Until,
    /// Like until, but also before an author.
    By,
    Before,
    After,
    Between,
    From,
    To,
    And,
    Onward,
    Part(Part),
    /// Articles and "of": passed over.
    Filler,
    /// "of" behind a unit: "the last week of the course" is not counted from today.
    Of,
    /// Makes "last week" one of something else: "my last week".
    Owner,
    /// Makes a count inexact: "more than".
    Inexact,
    /// "about": passed over before a count.
    About,
    /// Says that the sentence looks ahead.
    Ahead,
    /// Makes "yesterday" a figure, "mañana" the morning.
    NotADay,
    /// Follows "may" the verb.
    Pronoun,
}

/// A language as written down.
pub(super) struct Language {
    /// Words that only sentences of the language have, with spaces between.
    pub(super) signs: &'static str,
    /// Classes and their phrases, with `|` between.
    pub(super) phrases: &'static [(Class, &'static str)],
}

/// A language ready for look-ups.
pub(super) struct Lexicon {
    signs: HashSet<&'static str>,
    /// Names of months, weekdays and seasons.
    names: HashSet<&'static str>,
    /// By first word: the words behind it and the class, the longest first.
    phrases: HashMap<&'static str, Vec<(Vec<&'static str>, Class)>>,
}

impl Lexicon {
    pub(super) fn new(language: &Language) -> Self {
        let mut phrases: HashMap<_, Vec<_>> = HashMap::new();
        let mut names = HashSet::new();
        for (class, forms) in language.phrases {
            for form in forms.split('|') {
                if matches!(class, Class::Month(_) | Class::Weekday(_) | Class::Season(_)) {
                    names.insert(form);
                }
                let mut words = form.split(' ');
                let Some(first) = words.next() else { continue };
                phrases.entry(first).or_default().push((words.collect::<Vec<_>>(), *class));
            }
        }
        for behind in phrases.values_mut() {
            behind.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        Self { signs: language.signs.split_whitespace().collect(), names, phrases }
    }

    /// How much a word speaks for the language; a name of a month says more than "de".
    pub(super) fn sign(&self, word: &str) -> usize {
        usize::from(self.signs.contains(word)) + 2 * usize::from(self.names.contains(word))
    }

    /// Phrases that begin with a word.
    pub(super) fn phrases(&self, first: &str) -> &[(Vec<&'static str>, Class)] {
        self.phrases.get(first).map_or(&[], Vec::as_slice)
    }
}
