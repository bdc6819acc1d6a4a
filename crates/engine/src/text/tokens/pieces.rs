//! The pieces of a text that no token reaches beyond: words, numbers, signs and spaces.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::pattern;

/// Letters that can begin a word, and those that can go on in it.
const BEGINNING: &str = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
const REST: &str = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
/// One sign or space in front of a word.
const FRONT: &str = r"[^\r\n\p{L}\p{N}]?";
const CONTRACTION: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

static PIECE: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = [
        format!("{FRONT}{BEGINNING}*{REST}+{CONTRACTION}"),
        format!("{FRONT}{BEGINNING}+{REST}*{CONTRACTION}"),
        r"\p{N}{1,3}".to_owned(),
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*".to_owned(),
        r"\s*[\r\n]+".to_owned(),
        r"\s+".to_owned(),
    ];
    pattern(&format!(r"\A(?:{})", kinds.join("|")))
});

/// The pieces of a text in their order; together they are the text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        // Every character begins a piece of one kind, so that none is found at the end only.
        let end = PIECE.find(rest)?.end();
        let (piece, behind) = rest.split_at_checked(end)?;
        // The last of several spaces belongs to what is behind them, as a pattern cannot say that
        // does not look ahead. A piece that ends with another space is one of nothing but spaces.
        let last =
            piece.chars().next_back().filter(|last| last.is_whitespace() && !matches!(last, '\r' | '\n'));
        let given_back = last.map(char::len_utf8).filter(|len| !behind.is_empty() && *len < piece.len());
        let (piece, behind) = rest.split_at_checked(end - given_back.unwrap_or(0))?;
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_the_space_before_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("Hello world", &["Hello", " world"]),
            ("a  b", &["a", " ", " b"]),
            ("a   \n  b  ", &["a", "   \n", " ", " b", "  "]),
            ("don't THEY'LL go", &["don't", " THEY'LL", " go"]),
            ("camelCase", &["camel", "Case"]),
            ("12345 apples", &["123", "45", " apples"]),
            ("wait... what?!\nyes", &["wait", "...", " what", "?!\n", "yes"]),
            ("a\u{3000}\u{3000}长城", &["a", "\u{3000}", "\u{3000}长城"]),
            ("http://a/b", &["http", "://", "a", "/b"]),
            (" \t", &[" \t"]),
            ("\u{a0}\u{2028}x", &["\u{a0}", "\u{2028}x"]),
            ("a\u{85}\u{85}1", &["a", "\u{85}", "\u{85}", "1"]),
        ] {
            assert_eq!(pieces(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }
}
