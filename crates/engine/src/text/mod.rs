//! Text analysis: pure functions from a text to what the store and the ranking need.
//!
//! - [`sanitize`] removes what no database text can hold.
//! - [`tokens`] counts and cuts by model tokens.
//! - [`terms`] makes the keyword terms of facts and queries, by one function for both.
//! - [`signals`] reads the small signs ranking uses: questions, time words, authors.
//! - [`sentences`], [`speaker`] and [`dates`] are what these and retain share.
//!
//! Nothing here does I/O, keeps state or knows a bank.

pub mod dates;
pub mod sentences;
pub mod signals;
pub mod speaker;
mod stopwords;
pub mod terms;
pub mod tokens;

use std::borrow::Cow;

use regex::Regex;

pub(crate) use stopwords::is_stop_word;

/// The text without control characters; tab, line feed and carriage return stay.
///
/// PostgreSQL refuses U+0000, and the others only ever come from broken input.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.contains(is_unwanted) { Cow::Owned(text.replace(is_unwanted, "")) } else { Cow::Borrowed(text) }
}

fn is_unwanted(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}')
}

/// Compiles a pattern of ours.
#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests compile each of them")]
pub(crate) fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a constant pattern is valid")
}

/// True for scripts written without spaces between words, and for Hangul, whose
/// particles stick to the word: here single characters carry meaning.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0fff}' // Thai, Lao, Tibetan
        | '\u{1000}'..='\u{109f}' // Myanmar
        | '\u{1100}'..='\u{11ff}' // Hangul parts
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_line_breaks_stay() {
        assert_eq!(sanitize("a\0b\u{8}\u{b}\u{c}\u{e}\u{1f}\u{7f}c"), "abc");
        assert_eq!(sanitize("a\tb\r\nc\u{80}é"), "a\tb\r\nc\u{80}é");
    }

    #[test]
    fn clean_text_is_borrowed() {
        assert!(matches!(sanitize("clean\n"), Cow::Borrowed("clean\n")));
    }
}
