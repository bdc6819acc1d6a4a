//! Texts as token numbers of the BERT uncased vocabulary.

use std::path::Path;

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{Tokenizer, TruncationParams};

/// Tokens the model reads of a text, both special ones included; what follows is not seen.
const MAX_TOKENS: usize = 256;

/// Bytes of a text that are looked at: far more than so many tokens of real text have.
const MAX_BYTES: usize = 32 * 1024;

const VOCABULARY: &[u8] = include_bytes!("../../data/bert-base-uncased-vocab.txt");

/// Fewest tokens that can be asked for: one, and both special ones.
const MIN_TOKENS: usize = 3;

/// The tokenizer of the model, for as many tokens of a text as are asked for and it takes.
pub(super) fn tokenizer(max_tokens: usize) -> tokenizers::Result<Tokenizer> {
    let words = WordPiece::read_bytes(VOCABULARY)?;
    let special = |token: &str| {
        let id = words.get(token).copied().ok_or_else(|| format!("the vocabulary lacks {token}"))?;
        Ok::<_, tokenizers::Error>((token.to_owned(), id))
    };
    let ends = BertProcessing::new(special("[SEP]")?, special("[CLS]")?);
    let mut tokenizer = Tokenizer::new(WordPiece::builder().vocab(words).build()?);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(true, true, None, true)))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(ends))
        .with_truncation(Some(TruncationParams {
            max_length: max_tokens.clamp(MIN_TOKENS, MAX_TOKENS),
            ..TruncationParams::default()
        }))?;
    Ok(tokenizer)
}

/// The tokenizer in a file, cutting texts after `max_tokens`.
pub(super) fn of_file(file: &Path, max_tokens: usize) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(file)?;
    let truncation =
        TruncationParams { max_length: max_tokens.max(MIN_TOKENS), ..TruncationParams::default() };
    tokenizer.with_padding(None).with_truncation(Some(truncation))?;
    Ok(tokenizer)
}

/// The token numbers of a text.
pub(super) fn encode(tokenizer: &Tokenizer, text: &str) -> tokenizers::Result<Vec<u32>> {
    let seen = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text);
    Ok(tokenizer.encode_fast(seen, true)?.get_ids().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from the tokenizer file that the model was published with.
    #[test]
    fn numbers_are_those_of_the_published_tokenizer() {
        let tokenizer = tokenizer(usize::MAX).unwrap();
        let long_word = format!("word {}", "x".repeat(120));
        let cases: [(&str, &[u32]); 10] = [
            (
                "Alice moved to Zürich in March 2024.",
                &[5650, 2333, 2000, 10204, 1999, 2233, 16798, 2549, 1012],
            ),
            (
                "naïve café — “quotes”, don't!",
                &[15743, 7668, 1517, 1523, 16614, 1524, 1010, 2123, 1005, 1056, 999],
            ),
            ("我喜欢北京烤鸭", &[1855, 100, 100, 1781, 1755, 100, 100]),
            ("🙂 emoji test 👩\u{200d}💻", &[100, 7861, 29147, 2072, 3231, 100]),
            (" tabs\tand\nnewlines\u{200b}\u{a0} end", &[21628, 2015, 1998, 2047, 12735, 2203]),
            ("", &[]),
            ("İstanbul ẞ Æther", &[9960, 1096, 1097, 12399]),
            (
                "한국어 문장",
                &[
                    1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008, 1459, 30014, 30021, 30000, 30006,
                    30025,
                ],
            ),
            (
                "user@example.com #tag $5.00 50%",
                &[5310, 1030, 2742, 1012, 4012, 1001, 6415, 1002, 1019, 1012, 4002, 2753, 1003],
            ),
            (&long_word, &[2773, 100]),
        ];
        for (text, expected) in cases {
            let numbers = encode(&tokenizer, text).unwrap();
            assert_eq!(numbers[1..numbers.len() - 1], *expected, "{text}");
            assert_eq!((numbers[0], numbers[numbers.len() - 1]), (101, 102));
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let tokenizer = tokenizer(usize::MAX).unwrap();
        let numbers = encode(&tokenizer, &"ärger über lange texte ".repeat(10_000)).unwrap();
        assert_eq!(numbers.len(), MAX_TOKENS);
        assert_eq!(numbers.last(), Some(&102));
    }

    /// Words in a text that look like the model's own marks are ordinary words.
    #[test]
    fn marks_in_a_text_have_no_power() {
        let numbers = encode(&tokenizer(usize::MAX).unwrap(), "end [SEP] start").unwrap();
        assert_eq!(numbers.iter().filter(|&&number| number == 102).count(), 1);
    }

    #[test]
    fn fewer_tokens_may_be_asked_for() {
        let text = "word ".repeat(100);
        for (asked, read) in [(0, 3), (1, 3), (10, 10), (1000, 102)] {
            assert_eq!(encode(&tokenizer(asked).unwrap(), &text).unwrap().len(), read, "{asked}");
        }
    }
}
