//! Model tokens (`o200k_base`): what budgets are counted in.

use bpe_openai::o200k_base;

/// Number of tokens of a text. Special tokens such as `<|endoftext|>` count as plain text.
///
/// The first call loads the vocabulary; call it once at start to keep that out of a request.
pub fn count(text: &str) -> usize {
    o200k_base().count(text)
}

/// The longest beginning of `text` (give or take the last token) of at most `max` tokens.
///
/// It takes time in proportion to `max`, not to the text.
pub fn truncate(text: &str, max: usize) -> &str {
    let tokenizer = o200k_base();
    let mut left = max;
    let mut end = 0;
    for piece in tokenizer.split(text) {
        if let Some(used) = tokenizer.bpe.count_till_limit(piece.as_bytes(), left) {
            left -= used;
            end += piece.len();
        } else {
            let tokens = tokenizer.bpe.encode_via_backtracking(piece.as_bytes());
            end += tokens.iter().take(left).map(|&token| tokenizer.bpe.token_len(token)).sum::<usize>();
            break;
        }
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
