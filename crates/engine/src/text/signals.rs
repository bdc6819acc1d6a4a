//! Small signs that ranking adds up: questions, time words, authors.
//!
//! The words are English; where a text is in another language the signs are absent and
//! ranking rests on vectors and terms.

use std::sync::LazyLock;

use regex::Regex;

use super::dates::MONTH;
use super::sentences::{is_question, sentences};
use super::{is_unspaced, pattern, speaker};

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?x)(?-u:\b) (?:
            (?i: (?: mon|tues|wednes|thurs|fri|satur|sun ) days? )
          | (?i: january|february|april|june|july|august|september|october|november|december )
          # Verbs or names unless written like a month.
          | May | March
          | (?i: {MONTH} ) \.?\s [0-9]
          | [0-9]{{4}} | [0-9]{{1,2}} (?: st|nd|rd|th )
          | (?i: spring|summer|autumn|winter | (?: the|last|this|next ) \s fall )
          | (?i: yesterday|today|tonight|tomorrow|last|next|ago|since|recently|days?|week|weekend|months?|years?
              |birthday|anniversary )
        ) (?-u:\b)"
    ))
});

static ASKS_FOR_TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)^\W* (?: (?: and|but|so|then|ok|okay|hey|please ) \W+ )?
        (?: (?: in|on|at|since|until|till|from|by|for|around|about ) \s+ )?
        (?: when | how\s+long
          | (?: what|which ) (?: ['’]s | \s+is | \s+was )? (?: \s+the )? (?: \s+exact )? \s+ (?: date|day|month|year )
        ) (?-u:\b)",
    )
});

/// Share of the text, from 0 to 1, that stands in sentences ending with a question mark.
pub fn question_share(text: &str) -> f32 {
    let (mut asked, mut all) = (0_usize, 0_usize);
    for sentence in text.lines().flat_map(sentences) {
        let length = sentence.chars().count();
        all += length;
        if is_question(sentence) {
            asked += length;
        }
    }
    if all == 0 { 0.0 } else { asked as f32 / all as f32 }
}

/// True when the text speaks of a time: a weekday, month, year, season, "last", "ago" …
pub fn has_time(text: &str) -> bool {
    TIME.is_match(text)
}

/// The speaker's name before the colon at the start; rules in [`speaker::turn`].
pub fn author(text: &str) -> Option<&str> {
    speaker::turn(text).map(|turn| turn.name)
}

/// True when the query asks when something was or how long it took.
pub fn asks_for_time(query: &str) -> bool {
    ASKS_FOR_TIME.is_match(query)
}

/// Those of `known` that the query names, by the whole name or by its first word.
pub fn named_authors<'a, S: AsRef<str>>(query: &str, known: &'a [S]) -> Vec<&'a str> {
    let asked = query.to_lowercase();
    let words = words_of(&asked);
    known.iter().map(AsRef::as_ref).filter(|name| is_named(&asked, &words, &name.to_lowercase())).collect()
}

fn is_named(query: &str, words: &[&str], name: &str) -> bool {
    if name.contains(is_unspaced) {
        return query.contains(name);
    }
    let parts = words_of(name);
    let Some(first) = parts.first() else { return false };
    words.windows(parts.len()).any(|run| run == parts.as_slice())
        || (first.chars().count() >= 3 && words.contains(first))
}

fn words_of(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_share_is_by_characters() {
        assert!((question_share("How are you? Fine now, ok.") - 12.0 / 25.0).abs() < 0.01);
        for (text, expected) in
            [("", 0.0), ("Fine.", 0.0), ("Why?", 1.0), ("为什么？", 1.0), ("Why?!\nHow?", 1.0)]
        {
            assert!((question_share(text) - expected).abs() < f32::EPSILON, "{text:?}");
        }
    }

    #[test]
    fn time_words() {
        for text in [
            "I went on Monday",
            "we met in May",
            "in 2019",
            "her 18th",
            "last time",
            "three years ago",
            "this summer",
            "on my birthday",
            "see you TOMORROW",
            "jan 5",
            "in the fall",
            "SUNDAYS",
        ] {
            assert!(has_time(text), "{text}");
        }
        for text in
            ["you may go", "we march on", "don't fall", "blast furnace", "in 20190", "lasting", "a mayor", ""]
        {
            assert!(!has_time(text), "{text}");
        }
    }

    #[test]
    fn authors() {
        assert_eq!(author("Caroline: I went"), Some("Caroline"));
        assert_eq!(author("I went: yes"), None);
    }

    #[test]
    fn questions_for_a_time() {
        for query in [
            "When did she go?",
            "when",
            "How long was it?",
            "What date was it?",
            "which year",
            "In which month did he",
            "On what day",
            "Since when does",
            "And when, then?",
            "What was the exact date of",
            "what's the year",
        ] {
            assert!(asks_for_time(query), "{query}");
        }
        for query in [
            "What did she do when",
            "How longingly",
            "Who",
            "whenever",
            "What daylight",
            "which yearbook",
            "",
        ] {
            assert!(!asks_for_time(query), "{query}");
        }
    }

    #[test]
    fn authors_in_a_query() {
        let known = ["Caroline", "Mel Gibson", "小明", "Al", "Ann-Marie"];
        assert_eq!(named_authors("What is Caroline's job?", &known), ["Caroline"]);
        assert_eq!(named_authors("did mel or CAROLINE go", &known), ["Caroline", "Mel Gibson"]);
        assert_eq!(named_authors("小明喜欢什么？", &known), ["小明"]);
        assert_eq!(named_authors("also also all", &known), Vec::<&str>::new());
        assert_eq!(named_authors("ann marie", &known), ["Ann-Marie"]);
    }
}
