//! Whether two names may be one, and how alike they are.
//!
//! What is never asked: short names and names in scripts without spaces, where one character
//! makes another name and trigrams tell nothing, and roles such as "user", which everybody has.
//! Names part by their numbers, by words that the other lacks in another sense, and by the ends
//! of their words: a misspelling hides inside a word, while "Daniel" and "Daniela" are two.

use std::collections::BTreeSet;

use super::ratio::ratio;
use super::trigrams::Trigrams;
use crate::text::is_unspaced;

/// Names with fewer letters and digits are taken as they are written.
const FEWEST_LETTERS: usize = 5;
/// How alike two spellings of a word are where other words of the names agree.
const ALIKE_AMONG_WORDS: f64 = 0.6;
/// How alike they are where the word is all there is.
const ALIKE_ALONE: f64 = 0.9;
/// Letters that a short form of a word leaves out at least; fewer make another name.
const FEWEST_LEFT_OUT: usize = 3;

/// A name as it is compared.
#[derive(Clone, Debug)]
pub struct Name {
    lower: String,
    words: Vec<String>,
    trigrams: Trigrams,
    numbers: BTreeSet<String>,
}

/// What two names that may be one have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Likeness {
    /// The same words, whatever their order and what stands between them.
    Same,
    /// Other words, or other spellings; the ratio of their letters.
    Alike(f64),
}

impl Likeness {
    /// How alike their letters are.
    pub fn ratio(self) -> f64 {
        match self {
            Self::Same => 1.0,
            Self::Alike(ratio) => ratio,
        }
    }
}

impl Name {
    /// A name, or `None` when it may only be what is written exactly so.
    pub fn of(name: &str) -> Option<Self> {
        let lower = name.to_lowercase();
        let letters = lower.chars().filter(|c| c.is_alphanumeric()).count();
        if letters < FEWEST_LETTERS || lower.contains(is_unspaced) || is_role(&lower) {
            return None;
        }
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        Some(Self {
            words: words.map(str::to_owned).collect(),
            trigrams: Trigrams::of(&lower),
            numbers: numbers(&lower),
            lower,
        })
    }

    /// Its trigrams.
    pub fn trigrams(&self) -> &Trigrams {
        &self.trigrams
    }

    /// What this name has in common with another one, if they may be one. Their trigrams agree
    /// by `least` at least.
    pub fn likeness(&self, other: &Self, least: f64) -> Option<Likeness> {
        if self.trigrams.jaccard(&other.trigrams) < least || self.parts_by_numbers(other) {
            return None;
        }
        if self.has_words_of(other) {
            return Some(Likeness::Same);
        }
        self.agrees_in_words(other).then(|| Likeness::Alike(ratio(&self.lower, &other.lower)))
    }

    fn parts_by_numbers(&self, other: &Self) -> bool {
        self.numbers.difference(&other.numbers).next().is_some()
            && other.numbers.difference(&self.numbers).next().is_some()
    }

    /// The same words in another order, or run together ("Open AI", "OpenAI").
    fn has_words_of(&self, other: &Self) -> bool {
        let sorted = |name: &Self| {
            let mut words = name.words.clone();
            words.sort_unstable();
            words
        };
        self.words.concat() == other.words.concat() || sorted(self) == sorted(other)
    }

    fn agrees_in_words(&self, other: &Self) -> bool {
        let (short, long) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        let is_alone = short.words.len() == 1;
        short.words.iter().all(|word| long.words.iter().any(|there| agree(word, there, is_alone)))
    }
}

/// Whether two words are one: equal, one the short form of the other, or spelled alike.
fn agree(a: &str, b: &str, is_alone: bool) -> bool {
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit());
    if a == b || (is_number(a) && is_number(b)) {
        // Numbers have been compared as such.
        return true;
    }
    if is_alone {
        return is_misspelling(a, b, ALIKE_ALONE);
    }
    is_short_form(a, b) || is_short_form(b, a) || is_misspelling(a, b, ALIKE_AMONG_WORDS)
}

/// "j" and "alex" are, of "john" and "alexander".
fn is_short_form(short: &str, long: &str) -> bool {
    let letters = |word: &str| word.chars().count();
    long.starts_with(short) && (letters(short) == 1 || letters(long) >= letters(short) + FEWEST_LEFT_OUT)
}

/// Words that begin and end alike and are alike between.
fn is_misspelling(a: &str, b: &str, least: f64) -> bool {
    a.chars().next() == b.chars().next() && a.chars().last() == b.chars().last() && ratio(a, b) >= least
}

/// Whoever speaks to or is spoken to by an agent; everyone in a bank keeps company with them.
pub(super) fn is_role(lower: &str) -> bool {
    let lower = lower.strip_prefix("the ").unwrap_or(lower);
    matches!(
        lower,
        "user"
            | "users"
            | "assistant"
            | "agent"
            | "ai"
            | "human"
            | "system"
            | "speaker"
            | "customer"
            | "client"
            | "me"
            | "i"
    )
}

/// The numbers in a text, written one way: "007" is "7", "4.0" is "4".
fn numbers(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|number| number.trim_matches('.'));
    parts.filter(|number| !number.is_empty()).map(normal).collect()
}

fn normal(number: &str) -> String {
    let mut number = number;
    while let Some(rest) = number.strip_suffix(".0") {
        number = rest;
    }
    let whole = number.trim_start_matches('0');
    match whole.chars().next() {
        Some(first) if first.is_ascii_digit() => whole.to_owned(),
        _ => format!("0{whole}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Likeness, Name, numbers};

    fn likeness(a: &str, b: &str) -> Option<Likeness> {
        Name::of(a)?.likeness(&Name::of(b)?, 0.3)
    }

    #[test]
    fn the_same_words_are_the_same_name() {
        for (a, b) in [
            ("Smith, John", "john smith"),
            ("Open AI", "OpenAI"),
            ("GPT-4 Turbo", "gpt 4 turbo"),
            ("Dr. Smith", "dr smith"),
            ("Café Müller", "CAFÉ MÜLLER"),
        ] {
            assert_eq!(likeness(a, b), Some(Likeness::Same), "{a}, {b}");
        }
    }

    #[test]
    fn names_that_may_be_one_are_alike() {
        for (a, b) in [
            ("Alice", "Alice Smith"),
            ("New York", "New York City"),
            ("Alex Smith", "Alexander Smith"),
            ("J. Smithson", "John Smithson"),
            ("Kubernetes", "Kubernets"),
            ("Marta Berg", "Martha Berg"),
            ("Johnson", "Johnston"),
        ] {
            assert!(matches!(likeness(a, b), Some(Likeness::Alike(ratio)) if ratio > 0.5), "{a}, {b}");
            assert!(matches!(likeness(b, a), Some(Likeness::Alike(_))), "{b}, {a}");
        }
    }

    #[test]
    fn names_of_two_people_or_things_are_not() {
        for (a, b) in [
            ("Maria", "Mario"),
            ("Daniel", "Daniela"),
            ("Julia", "Julian"),
            ("Christian", "Christina"),
            ("Daniel Berg", "Daniela Berg"),
            ("Alice Smith", "Bob Smith"),
            ("Room 101", "Room 102"),
            ("Python 3.11", "Python 3.12"),
            ("Harlow", "Marlow"),
            ("Austria", "Australia"),
        ] {
            assert_eq!(likeness(a, b), None, "{a}, {b}");
        }
    }

    #[test]
    fn short_names_roles_and_unspaced_scripts_are_only_themselves() {
        for name in [
            "Anna",
            "C++",
            "Al Bo",
            "user",
            "The User",
            "Assistant",
            "北京师范大学",
            "東京タワー",
            "กรุงเทพมหานคร",
        ] {
            assert!(Name::of(name).is_none(), "{name}");
        }
        assert!(Name::of("Москва").is_some());
    }

    #[test]
    fn numbers_are_written_one_way() {
        let found: Vec<String> = numbers("v007 of 4.0 and 0.50, 1.0.0 or 0.").into_iter().collect();
        assert_eq!(found, ["0", "0.50", "1", "4", "7"]);
        assert!(Name::of("Room 07 A").unwrap().likeness(&Name::of("Room 7 A").unwrap(), 0.3).is_some());
    }
}
