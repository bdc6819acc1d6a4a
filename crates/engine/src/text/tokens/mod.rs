//! Model tokens (`o200k_base`): what budgets are counted in.

mod merge;
mod pieces;
mod vocabulary;

use merge::token_ends;
use pieces::pieces;
use vocabulary::vocabulary;

/// Makes the vocabulary ready, which the first count does otherwise.
pub fn load() {
    count(" ");
}

/// Number of tokens of a text. Special tokens such as `<|endoftext|>` count as plain text.
pub fn count(text: &str) -> usize {
    let vocabulary = vocabulary();
    let tokens = |piece: &str| match vocabulary.rank(piece.as_bytes()) {
        Some(_) => 1,
        None => token_ends(vocabulary, piece.as_bytes()).len(),
    };
    pieces(text).map(tokens).sum()
}

/// The longest beginning of `text` (give or take the last token) of at most `max` tokens.
///
/// It takes time in proportion to `max`, not to the text.
pub fn truncate(text: &str, max: usize) -> &str {
    let vocabulary = vocabulary();
    // What is beyond cannot fit, however long its tokens are.
    let near = prefix(text, max.saturating_mul(vocabulary.longest()));
    let (mut left, mut end) = (max, 0);
    for piece in pieces(near) {
        let ends = token_ends(vocabulary, piece.as_bytes());
        if ends.len() > left {
            end += left.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
            break;
        }
        left -= ends.len();
        end += piece.len();
    }
    // A cut can fall inside a character, and can change how the last words split into tokens.
    let mut cut = prefix(text, end);
    while cut.len() < text.len() && count(cut) > max {
        cut = prefix(cut, cut.len().saturating_sub(1));
    }
    cut
}

fn prefix(text: &str, end: usize) -> &str {
    text.get(..text.floor_char_boundary(end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_agree_with_the_published_ones() {
        for (text, expected) in [
            ("", 0),
            ("hello world", 2),
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("2 + 2 = 4", 7),
            ("お誕生日おめでとう", 8),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }

    #[test]
    fn special_tokens_and_emoji_are_plain_text() {
        assert!(count("<|endoftext|>") > 1);
        assert_eq!(count("a <|endoftext|> b"), count("a") + count(" <|endoftext|>") + count(" b"));
        assert!((1..=3).contains(&count("😀")));
        assert_eq!(truncate("🧑‍🚀🧑‍🚀", 1).chars().filter(|c| *c == '\u{fffd}').count(), 0);
    }

    #[test]
    fn truncate_keeps_what_fits() {
        assert_eq!(truncate("hello world", 2), "hello world");
        assert_eq!(truncate("hello world", 1), "hello");
        assert_eq!(truncate("hello world", 0), "");
        assert_eq!(truncate("", 0), "");
    }

    #[test]
    fn truncate_of_a_huge_text_reads_only_its_beginning() {
        let text = "word and another one, ".repeat(1_000_000);
        let cut = truncate(&text, 100);
        assert!((98..=100).contains(&count(cut)));
    }

    #[test]
    fn truncate_of_a_huge_word_reads_only_its_beginning() {
        let text = "wordandanotherone".repeat(1_000_000);
        let cut = truncate(&text, 100);
        assert!((98..=100).contains(&count(cut)));
        assert_eq!(count(truncate(&"我们昨天去了长城".repeat(1_000_000), 1)), 1);
    }

    proptest! {
        #[test]
        fn truncate_is_a_prefix_within_the_limit(text in "(?s).{0,200}|[a-z '\n  ]{0,200}", max in 0_usize..60) {
            let cut = truncate(&text, max);
            prop_assert!(text.starts_with(cut));
            prop_assert!(count(cut) <= max);
            if count(&text) <= max {
                prop_assert_eq!(cut, text.as_str());
            } else {
                prop_assert!(count(cut) + 8 >= max, "{} of {}", count(cut), max);
            }
        }
    }
}
