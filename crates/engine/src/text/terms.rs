//! Keyword terms: one function for facts and for queries.
//!
//! NFKC and lower case, then runs of letters and digits, stemmed by the bank's language,
//! without English stop words; runs of scripts written without spaces become pairs of
//! characters. A term is kept as a 64-bit hash only. Any change here that can alter a hash
//! must raise [`ANALYZER_VERSION`], so that stored facts are indexed again.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{is_stop_word, is_unspaced};

/// Version of the rules; stored with a bank's terms.
pub const ANALYZER_VERSION: i32 = 1;

/// Counts stop here, so that they fit a PostgreSQL `smallint`.
const MAX_COUNT: u16 = 32_767;

/// Longer runs are identifiers or noise; stemming them gives nothing.
const MAX_STEMMED_BYTES: usize = 64;

/// What words are stemmed by. Stop words are removed for English alone: elsewhere the
/// weight of a word by its frequency does that work.
///
/// Its name, as PostgreSQL's text search configurations have it, is parsed and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    name: &'static str,
    algorithm: Option<Algorithm>,
}

impl Language {
    /// English: stemmed, without stop words.
    pub const ENGLISH: Self = Self::stemmed("english", Algorithm::English);
    /// Words as they are, for languages without a stemmer and for mixed texts.
    pub const SIMPLE: Self = Self { name: "simple", algorithm: None };

    const ALL: [Self; 19] = [
        Self::ENGLISH,
        Self::SIMPLE,
        Self::stemmed("arabic", Algorithm::Arabic),
        Self::stemmed("danish", Algorithm::Danish),
        Self::stemmed("dutch", Algorithm::Dutch),
        Self::stemmed("finnish", Algorithm::Finnish),
        Self::stemmed("french", Algorithm::French),
        Self::stemmed("german", Algorithm::German),
        Self::stemmed("greek", Algorithm::Greek),
        Self::stemmed("hungarian", Algorithm::Hungarian),
        Self::stemmed("italian", Algorithm::Italian),
        Self::stemmed("norwegian", Algorithm::Norwegian),
        Self::stemmed("portuguese", Algorithm::Portuguese),
        Self::stemmed("romanian", Algorithm::Romanian),
        Self::stemmed("russian", Algorithm::Russian),
        Self::stemmed("spanish", Algorithm::Spanish),
        Self::stemmed("swedish", Algorithm::Swedish),
        Self::stemmed("tamil", Algorithm::Tamil),
        Self::stemmed("turkish", Algorithm::Turkish),
    ];

    const fn stemmed(name: &'static str, algorithm: Algorithm) -> Self {
        Self { name, algorithm: Some(algorithm) }
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::ENGLISH
    }
}

/// A language name that is not known.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown text search language '{0}': use simple, english, german, french or another Snowball language"
)]
pub struct UnknownLanguage(String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wanted = name.trim();
        let known = Self::ALL.into_iter().find(|language| language.name.eq_ignore_ascii_case(wanted));
        known.ok_or_else(|| UnknownLanguage(name.to_owned()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One term of a text and how often it occurs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Stable hash of the stem, the same on every machine.
    pub hash: i64,
    /// Occurrences, at most 32,767.
    pub count: u16,
}

/// The terms of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Each term once, in ascending order of its hash.
    pub terms: Vec<Term>,
    /// All occurrences together (the length of BM25), at most 32,767.
    pub length: u16,
}

/// The terms of a fact.
pub fn analyze(text: &str, language: Language) -> Terms {
    let mut hashes = hashes(text, language);
    let length = bounded(hashes.len());
    hashes.sort_unstable();
    let terms = hashes
        .chunk_by(|a, b| a == b)
        .filter_map(|same| same.first().map(|&hash| Term { hash, count: bounded(same.len()) }))
        .collect();
    Terms { terms, length }
}

/// The distinct terms of a query, in ascending order. A query of stop words alone has none:
/// no fact is indexed by them, so nothing could match.
pub fn query_terms(text: &str, language: Language) -> Vec<i64> {
    let mut hashes = hashes(text, language);
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// A hash by which texts are told that say the same: case, spaces and punctuation at the ends
/// make no difference.
pub fn text_hash(text: &str) -> i64 {
    let folded = fold(text);
    let mut words = folded.split_whitespace();
    let mut normal = words.next().unwrap_or_default().to_owned();
    for word in words {
        normal.push(' ');
        normal.push_str(word);
    }
    hash(normal.trim_matches(|c: char| !c.is_alphanumeric()))
}

fn bounded(count: usize) -> u16 {
    u16::try_from(count).map_or(MAX_COUNT, |count| count.min(MAX_COUNT))
}

fn hashes(text: &str, language: Language) -> Vec<i64> {
    let text = fold(text);
    let stemmer = language.algorithm.map(Stemmer::create);
    let mut hashes = Vec::with_capacity(text.len() / 6);
    for word in words(&text) {
        if word.chars().next().is_some_and(is_unspaced) {
            push_pairs(word, &mut hashes);
        } else if language != Language::ENGLISH || !is_stop_word(word) {
            let stem = match &stemmer {
                Some(stemmer) if word.len() <= MAX_STEMMED_BYTES => stemmer.stem(word),
                _ => Cow::Borrowed(word),
            };
            hashes.push(hash(&stem));
        }
    }
    hashes
}

/// NFKC and lower case, with one sign for all apostrophes.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let normal: String = text.nfkc().map(|c| if matches!(c, '’' | 'ʼ') { '\'' } else { c }).collect();
    normal.to_lowercase()
}

/// Runs of letters, digits and the marks on them, cut where an unspaced script begins or
/// ends; what follows an apostrophe in an English contraction is left out.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
            let unspaced = is_unspaced(rest.chars().next()?);
            let end = rest.find(|c| !is_word_char(c) || is_unspaced(c) != unspaced).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end)?;
            let suffix = contraction(after);
            rest = after.get(suffix.len()..)?;
            // "don't", "can't", "isn't": an auxiliary each.
            if !(suffix == "'t" && word.ends_with('n')) {
                return Some(word);
            }
        }
    })
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c))
}

/// The possessive or the shortened auxiliary `text` begins with, or nothing.
fn contraction(text: &str) -> &str {
    ["'s", "'t", "'m", "'d", "'ll", "'re", "'ve"]
        .into_iter()
        .find(|suffix| {
            text.strip_prefix(suffix).is_some_and(|after| !after.chars().next().is_some_and(is_word_char))
        })
        .unwrap_or_default()
}

/// Every two neighbouring characters; one that stands alone, itself.
fn push_pairs(word: &str, hashes: &mut Vec<i64>) {
    let ends: Vec<usize> = word.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    if let [_] = ends.as_slice() {
        hashes.push(hash(word));
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    hashes.extend(starts.zip(ends.iter().skip(1)).filter_map(|(start, &end)| word.get(start..end)).map(hash));
}

/// FNV-1a, 64 bits: written down here because it is stored.
fn hash(term: &str) -> i64 {
    let hash = term.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashed(words: &[&str]) -> Vec<i64> {
        let mut hashes: Vec<i64> = words.iter().map(|word| hash(word)).collect();
        hashes.sort_unstable();
        hashes
    }

    fn all(text: &str, language: Language) -> Vec<i64> {
        let mut hashes = hashes(text, language);
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325_u64.cast_signed());
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c_u64.cast_signed());
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8_u64.cast_signed());
    }

    #[test]
    fn english_terms() {
        for (text, expected) in [
            ("Caroline: I went hiking yesterday!", vec!["carolin", "went", "hike", "yesterday"]),
            ("Alice's co-op at 3:30", vec!["alic", "co", "op", "3", "30"]),
            ("Alice’s 2nd book, 2023-05-08", vec!["alic", "2nd", "book", "2023", "05", "08"]),
            ("What did she do? I don't know, they can't, it's 'quoted'", vec!["know", "quot"]),
            ("vitamin d and plan B's d", vec!["vitamin", "d", "plan", "b", "d"]),
            ("won in May", vec!["won", "may"]),
            ("snake_case e.g. a.b/c", vec!["snake", "case", "e", "g", "b", "c"]),
            ("ﬁne Ｆｕｌｌ ｗｉｄｔｈ café", vec!["fine", "full", "width", "café"]),
            ("rock'n'roll o'brien", vec!["rock", "n", "roll", "o", "brien"]),
            ("", vec![]),
            ("?!… 🎉", vec![]),
        ] {
            assert_eq!(all(text, Language::ENGLISH), hashed(&expected), "{text:?}");
        }
    }

    #[test]
    fn unspaced_scripts_become_pairs() {
        for (text, expected) in [
            ("我喜欢茶", vec!["我喜", "喜欢", "欢茶"]),
            ("茶", vec!["茶"]),
            ("iPhone手机很好", vec!["iphon", "手机", "机很", "很好"]),
            ("東京タワー、行く", vec!["東京", "京タ", "タワ", "ワー", "行く"]),
            ("서울에서", vec!["서울", "울에", "에서"]),
            ("ไทย", vec!["ไท", "ทย"]),
        ] {
            assert_eq!(all(text, Language::ENGLISH), hashed(&expected), "{text:?}");
        }
    }

    #[test]
    fn every_script_finds_itself() {
        for text in
            ["привет мир", "नमस्ते दुनिया", "γειά σου", "שלום עולם", "مرحبا بالعالم", "ສະບາຍດີ", "გამარჯობა"]
        {
            let fact = analyze(text, Language::ENGLISH);
            assert!(!fact.terms.is_empty(), "{text}");
            let known: Vec<i64> = fact.terms.iter().map(|term| term.hash).collect();
            assert_eq!(query_terms(text, Language::ENGLISH), known, "{text}");
        }
        // Composed and decomposed letters are one.
        assert_eq!(query_terms("cafe\u{301}", Language::ENGLISH), query_terms("café", Language::ENGLISH));
    }

    #[test]
    fn other_languages_stem_by_their_own_rules() {
        let german: Language = "german".parse().unwrap();
        assert_eq!(query_terms("Häuser", german), query_terms("Häusern", german));
        assert_eq!(all("Running runs", Language::SIMPLE), hashed(&["running", "runs"]));
        assert!("klingon".parse::<Language>().is_err());
        for language in Language::ALL {
            assert_eq!(language.to_string().parse::<Language>().unwrap(), language);
        }
    }

    #[test]
    fn repeated_terms_are_counted_and_bounded() {
        let terms = analyze("tea, more tea and coffee", Language::ENGLISH);
        assert_eq!(terms.length, 3);
        assert_eq!(terms.terms.iter().map(|term| term.count).max(), Some(2));
        let long = analyze(&"tea ".repeat(70_000), Language::ENGLISH);
        assert_eq!((long.length, long.terms.len()), (32_767, 1));
    }

    #[test]
    fn a_query_of_stop_words_is_empty() {
        assert!(query_terms("What is it that you do?", Language::ENGLISH).is_empty());
    }

    proptest! {
        #[test]
        fn every_language_takes_any_text(text in "(?s).{0,120}", which in 0..Language::ALL.len()) {
            let language = Language::ALL[which];
            let terms = analyze(&text, language);
            prop_assert!(terms.terms.is_sorted_by(|a, b| a.hash < b.hash));
            prop_assert_eq!(terms.terms.iter().map(|term| usize::from(term.count)).sum::<usize>(), usize::from(terms.length));
            let known: Vec<i64> = terms.terms.iter().map(|term| term.hash).collect();
            prop_assert_eq!(query_terms(&text, language), known);
        }

        #[test]
        fn stemmers_take_words_of_their_alphabets(
            text in "[a-zäöüßåøæéèêçñãõışğ]{1,20}( [\u{600}-\u{6ff}\u{b80}-\u{bff}\u{370}-\u{3ff}а-я]{1,20}){0,3}",
            which in 0..Language::ALL.len(),
        ) {
            analyze(&text, Language::ALL[which]);
        }
    }
}
