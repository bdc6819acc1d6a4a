//! Numbers, in figures and in words.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::pattern;

/// Up to here a number may be a count that somebody made of what the text lists.
const COUNTABLE: u64 = 12;

static FIGURES: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9]+(?:[.,:/'’\-][0-9]+)*"));
/// Numbers with a word that multiplies them: 5k, 1.5 million, 3万.
static MULTIPLIED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)([0-9]+(?:[.,][0-9]+)?)\s?(k|thousand|m|mio|million|mn|bn|billion|hundred|lakh|crore|万|千|亿|百)(?:\b|\P{L})",
    )
});

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [(&str, u64); 13] = [
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fifth", 5),
    ("eighth", 8),
    ("ninth", 9),
    ("twelfth", 12),
    ("twentieth", 20),
    ("thirtieth", 30),
    ("fortieth", 40),
    ("fiftieth", 50),
    ("sixtieth", 60),
    ("ninetieth", 90),
];
/// Words that stand for percentages and counts.
const PORTIONS: [(&str, &[u64]); 7] = [
    ("half", &[50]),
    ("halves", &[50]),
    ("quarter", &[25, 15]),
    ("quarters", &[75, 45]),
    ("third", &[33]),
    ("thirds", &[66, 67]),
    ("dozen", &[12, 24]),
];

/// The numbers of a source.
#[derive(Debug)]
pub(super) struct Numbers {
    forms: HashSet<String>,
    /// All figures in a row.
    figures: String,
    is_english: bool,
}

impl Numbers {
    pub(super) fn of(source: &str, is_english: bool) -> Self {
        let mut forms: HashSet<String> = HashSet::new();
        for found in FIGURES.find_iter(source) {
            forms.extend(forms_of(found.as_str()));
        }
        for captures in MULTIPLIED.captures_iter(source) {
            let number = captures.get(1).map_or("", |found| found.as_str()).replace(',', ".");
            let factor = captures.get(2).map_or(1.0, |found| factor(&found.as_str().to_lowercase()));
            if let Ok(number) = number.parse::<f64>() {
                forms.insert(canonical(number * factor));
            }
        }
        forms.extend(words(source).into_iter().map(|number| number.to_string()));
        let figures = source.chars().filter(char::is_ascii_digit).collect();
        Self { forms, figures, is_english }
    }

    /// Whether this number is given.
    pub(super) fn has(&self, number: i64) -> bool {
        self.forms.contains(&number.to_string())
    }

    /// The first number of a text that stands nowhere.
    pub(super) fn missing(&self, text: &str) -> Option<String> {
        let found = FIGURES.find_iter(text).find(|found| !self.knows(found.as_str()))?;
        Some(found.as_str().to_owned())
    }

    /// Whether a number as written is given, or so small that it may be a count.
    pub(super) fn knows(&self, written: &str) -> bool {
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        if digits.len() >= 4 && self.figures.contains(&digits) {
            return true;
        }
        if let Some((hour, minute)) = written.split_once(':') {
            return self.knows_time(hour, minute);
        }
        let forms = forms_of(written);
        if forms.iter().any(|form| self.forms.contains(form)) {
            return true;
        }
        let Some(value) = forms.iter().find_map(|form| form.parse::<u64>().ok()) else { return false };
        let is_whole = written.chars().all(|c| c.is_ascii_digit());
        // In other languages it may stand there in words.
        let is_sayable = value <= 100 || (value.is_multiple_of(100) && value <= 1_000_000);
        (is_whole && value <= COUNTABLE) || (!self.is_english && is_sayable)
    }

    /// "15:00" may stand there as "3 pm".
    fn knows_time(&self, hour: &str, minute: &str) -> bool {
        let Ok(hour) = hour.parse::<i64>() else { return true };
        let hours = [hour, (hour + 12) % 24];
        let (minute, _) = minute.split_once(':').unwrap_or((minute, ""));
        let with_minutes = |hour: &i64| self.forms.contains(&format!("{hour}:{minute}"));
        let is_whole = minute == "00";
        hours.iter().any(with_minutes)
            || (hours.iter().any(|hour| self.has(*hour))
                && (is_whole || self.has(minute.parse().unwrap_or(0))))
    }
}

fn factor(word: &str) -> f64 {
    match word {
        "hundred" | "百" => 1e2,
        "k" | "thousand" | "千" => 1e3,
        "万" => 1e4,
        "lakh" => 1e5,
        "crore" => 1e7,
        "亿" => 1e8,
        "bn" | "billion" => 1e9,
        _ => 1e6,
    }
}

/// The values that a number as written can have, each in one spelling.
fn forms_of(written: &str) -> Vec<String> {
    let mut forms = Vec::new();
    if let Some((hour, rest)) = written.split_once(':') {
        let minute = rest.get(..2).unwrap_or(rest);
        forms.push(format!("{}:{minute}", hour.trim_start_matches('0')));
        if hour.trim_start_matches('0').is_empty() {
            forms.push(format!("0:{minute}"));
        }
    }
    let groups: Vec<&str> = written.split(['.', ',', '\'', '’']).collect();
    let are_plain = groups.iter().all(|group| group.chars().all(|c| c.is_ascii_digit()));
    if let ([first, rest @ ..], true) = (groups.as_slice(), are_plain) {
        if rest.iter().all(|group| group.len() == 3) && first.len() <= 3 || rest.is_empty() {
            forms.push(whole(&groups.concat()));
        }
        if let [fraction] = rest {
            forms.push(decimal(first, fraction));
        }
        // 1,234.50
        if let [middle @ .., fraction] = rest
            && !middle.is_empty()
            && middle.iter().all(|group| group.len() == 3)
        {
            forms.push(decimal(&format!("{first}{}", middle.concat()), fraction));
        }
    }
    if forms.is_empty() || written.contains([':', '/', '-']) {
        forms.extend(written.split(|c: char| !c.is_ascii_digit()).map(whole));
    }
    forms
}

fn whole(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

fn decimal(integer: &str, fraction: &str) -> String {
    let fraction = fraction.trim_end_matches('0');
    let integer = whole(integer);
    if fraction.is_empty() { integer } else { format!("{integer}.{fraction}") }
}

fn canonical(number: f64) -> String {
    // The shortest spelling: whole numbers have no fraction.
    format!("{}", (number * 1e6).round() / 1e6)
}

/// Numbers written in English words: "twenty-five", "two hundred and three", "eighteenth".
fn words(text: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    let (mut done, mut open): (u64, Option<u64>) = (0, None);
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        if let Some((_, portions)) = PORTIONS.iter().find(|(name, _)| *name == word) {
            numbers.extend_from_slice(portions);
        }
        if let Some(value) = value(&word) {
            let fits = open
                .is_none_or(|open| value < 10 && (20..100).contains(&(open % 100)) && open % 10 == 0)
                || open.is_some_and(|open| open % 100 == 0 && value < 100);
            if !fits {
                numbers.push(done + open.unwrap_or(0));
                done = 0;
                open = None;
            }
            open = Some(open.unwrap_or(0) + value);
            continue;
        }
        match (word.as_str(), open) {
            ("hundred" | "hundreds", before) => open = Some(before.unwrap_or(1).saturating_mul(100)),
            ("thousand" | "thousands" | "million" | "millions", before) => {
                let factor = if word.starts_with('t') { 1_000 } else { 1_000_000 };
                done = done.saturating_add(before.unwrap_or(1).saturating_mul(factor));
                numbers.push(done);
                open = None;
            }
            ("and", Some(_)) => {}
            _ => {
                if open.is_some() || done > 0 {
                    numbers.push(done.saturating_add(open.unwrap_or(0)));
                }
                (done, open) = (0, None);
            }
        }
    }
    if open.is_some() || done > 0 {
        numbers.push(done.saturating_add(open.unwrap_or(0)));
    }
    numbers
}

fn value(word: &str) -> Option<u64> {
    let at = |list: &[&str], word: &str| list.iter().position(|name| *name == word).map(|at| at as u64);
    let cardinal = |word: &str| at(&UNITS, word).or_else(|| at(&TENS, word).map(|at| (at + 2) * 10));
    cardinal(word)
        .or_else(|| ORDINALS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value))
        .or_else(|| cardinal(word.strip_suffix("th")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbers() {
        for (text, expected) in [
            ("twenty-five people", vec![25]),
            ("two hundred and three", vec![203]),
            ("three thousand five hundred", vec![3000, 3500]),
            ("her eighteenth", vec![18]),
            ("one two", vec![1, 2]),
            ("a hundred", vec![100]),
            ("half of it", vec![50]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn spellings_of_a_number_are_one() {
        for (one, other) in
            [("1,000", "1000"), ("1.000", "1000"), ("3.50", "3,5"), ("007", "7"), ("1,234.50", "1234.5")]
        {
            let (one, other) = (forms_of(one), forms_of(other));
            assert!(one.iter().any(|form| other.contains(form)), "{one:?} {other:?}");
        }
        assert!(!forms_of("3.5").contains(&"35".to_owned()));
    }
}
