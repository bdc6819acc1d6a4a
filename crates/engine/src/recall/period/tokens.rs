//! A query cut into words, numbers and dates written in figures.

use crate::text::dates::{Written, written_dates};

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, in lower case.
    Word(String),
    /// Figures: the value and how many there are.
    Number(u32, usize),
    /// A date in figures.
    Date(Written),
    /// Anything else but spaces and apostrophes.
    Mark(char),
}

/// A token and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// False when it touches the one before.
    pub(super) spaced: bool,
    /// An apostrophe stands right before it.
    pub(super) quoted: bool,
    /// Its first letter is a capital.
    pub(super) capital: bool,
}

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let dates: Vec<_> = if text.contains(|c: char| c.is_ascii_digit()) {
        written_dates(text)
            .filter(|found| text.get(found.start..found.end).is_some_and(is_in_figures))
            .collect()
    } else {
        Vec::new()
    };
    let mut dates = dates.into_iter().peekable();
    let mut tokens = Vec::new();
    let (mut at, mut spaced, mut quoted) = (0, true, false);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        while dates.next_if(|found| found.start < at).is_some() {}
        let (kind, length) = if let Some(found) = dates.next_if(|found| found.start == at) {
            (Kind::Date(found.written), found.end - found.start)
        } else if first.is_whitespace() || is_apostrophe(first) {
            at += first.len_utf8();
            quoted = is_apostrophe(first);
            spaced |= first.is_whitespace();
            continue;
        } else if first.is_ascii_digit() {
            let length = run(rest, |c| c.is_ascii_digit());
            // More figures than fit are no number of interest.
            let value = rest.get(..length).and_then(|figures| figures.parse().ok()).unwrap_or(u32::MAX);
            (Kind::Number(value, length), length)
        } else if first.is_alphabetic() {
            let length = run(rest, char::is_alphabetic);
            (Kind::Word(rest.get(..length).unwrap_or_default().to_lowercase()), length)
        } else {
            (Kind::Mark(first), first.len_utf8())
        };
        tokens.push(Token { kind, spaced, quoted, capital: first.is_uppercase() });
        at += length;
        (spaced, quoted) = (false, false);
    }
    tokens
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`')
}

/// Month names are read by the grammar, which knows more languages.
fn is_in_figures(date: &str) -> bool {
    let is_bare_year = date.len() == 4 && date.bytes().all(|byte| byte.is_ascii_digit());
    !is_bare_year && date.starts_with(|c: char| c.is_ascii_digit()) && {
        // A time of day may follow: 2023-05-08T13:56Z.
        let day = date.split('T').next().unwrap_or_default();
        !day.contains(|c: char| c.is_ascii_alphabetic())
    }
}
