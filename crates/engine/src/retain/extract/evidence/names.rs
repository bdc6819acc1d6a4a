//! Names: words written large where a sentence does not begin.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::text::is_stop_word;
use crate::text::sentences::sentences;

/// Words that may be written large and name nobody who has to stand in the text. Sorted.
#[rustfmt::skip]
const FREE: &[&str] = &[
    "agent", "ai", "american", "apr", "april", "assistant", "aug", "august", "author", "benutzer",
    "british", "danish", "dec", "december", "dr", "dutch", "english", "feb", "february", "french", "fri",
    "friday", "human", "involving", "jan", "january", "jul", "july", "jun", "june", "mar", "march",
    "may", "mon", "monday", "mr", "mrs", "ms", "narrator", "nov", "november", "nutzer", "oct", "october",
    "prof", "sat", "saturday", "sep", "sept", "september", "speaker", "sun", "sunday", "swiss", "thu",
    "thursday", "tue", "tuesday", "user", "users", "usuario", "utc", "utente", "utilisateur", "wed",
    "wednesday", "welsh", "when", "where",
];

/// Function words of German that English does not have. German writes every noun large.
const GERMAN: &[&str] =
    &["und", "der", "das", "ist", "nicht", "ich", "mit", "ein", "eine", "auf", "sich", "wir", "habe", "fur"];

/// Longest row of words that an abbreviation may stand for.
const LONGEST_ABBREVIATION: usize = 5;

/// The words of a source.
#[derive(Debug)]
pub(super) struct Names {
    /// All words, folded, and without the ending of a plural.
    words: HashSet<String>,
    /// Those written large, folded.
    large: HashSet<String>,
    /// All letters and figures in a row, folded.
    squeezed: String,
    /// First letters of two to five words in a row.
    initials: HashSet<String>,
    language: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    English,
    German,
    Other,
}

impl Language {
    fn of(text: &str) -> Self {
        let words: Vec<String> = split(text).map(fold).collect();
        let stop_words = words.iter().filter(|word| is_stop_word(word)).count();
        let german = GERMAN.iter().filter(|known| words.iter().any(|word| word == *known)).count();
        if german >= 2 {
            Self::German
        } else if stop_words * 5 >= words.len() {
            Self::English
        } else {
            Self::Other
        }
    }
}

impl Names {
    /// Of everything there is; `text` is what facts are taken from.
    pub(super) fn of(source: &str, text: &str) -> Self {
        let (mut words, mut large, mut squeezed) = (HashSet::new(), HashSet::new(), String::new());
        let mut firsts: Vec<char> = Vec::new();
        for word in split(source) {
            let folded = fold(word);
            if !is_stop_word(&folded) && word.starts_with(char::is_uppercase) {
                large.insert(folded.clone());
            }
            squeezed.push_str(&folded);
            firsts.extend(folded.chars().next());
            words.insert(singular(&folded).to_owned());
            words.insert(folded);
        }
        let initials = (2..=LONGEST_ABBREVIATION)
            .flat_map(|length| firsts.windows(length).map(|row| row.iter().collect()))
            .collect();
        Self { words, large, squeezed, initials, language: Language::of(text) }
    }

    pub(super) fn is_english(&self) -> bool {
        self.language == Language::English
    }

    /// The first name of a text that stands nowhere; `claimed` are words of the entities that
    /// go with it.
    pub(super) fn missing(&self, text: &str, claimed: &HashSet<String>) -> Option<String> {
        if self.language == Language::German {
            return None;
        }
        text.lines().flat_map(sentences).find_map(|sentence| {
            let mut run: Vec<(&str, bool)> = Vec::new();
            for Place { word, begins } in places(sentence) {
                if !word.starts_with(char::is_uppercase) {
                    if let Some(missing) = self.missing_of(&run) {
                        return Some(missing);
                    }
                    run.clear();
                    continue;
                }
                let folded = fold(word);
                // Elsewhere than in English, what is written large is too often no name.
                let counts = claimed.contains(&folded) || (!begins && self.is_english());
                run.push((word, counts && !is_free(&folded)));
            }
            self.missing_of(&run)
        })
    }

    /// The first word of a row of large ones that counts and stands nowhere.
    fn missing_of(&self, run: &[(&str, bool)]) -> Option<String> {
        let whole: String = run.iter().map(|(word, _)| fold(word)).collect();
        let initials: String = run.iter().filter_map(|(word, _)| fold(word).chars().next()).collect();
        if (whole.chars().count() >= 4 && self.squeezed.contains(&whole))
            || (run.len() >= 2 && self.words.contains(&initials))
        {
            return None;
        }
        let missing = run.iter().find(|(word, counts)| *counts && !self.knows(&fold(word)));
        missing.map(|(word, _)| (*word).to_owned())
    }

    fn knows(&self, name: &str) -> bool {
        self.words.contains(name)
            || self.words.contains(singular(name))
            || self.initials.contains(name)
            || (name.chars().count() >= 5 && self.squeezed.contains(name))
            || self.large.iter().any(|known| is_like(name, known, 3))
            || self.words.iter().any(|known| is_like(name, known, 5))
    }
}

/// The words of a text, folded.
pub(super) fn folded_words(text: &str) -> HashSet<String> {
    split(text).map(fold).collect()
}

/// The same beginning, or one within the other: Germany and German, Liz and Elizabeth.
fn is_like(one: &str, other: &str, letters: usize) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let is_within = |short: &str, long: &str| short.chars().count() >= letters && long.contains(short);
    common >= letters || is_within(one, other) || is_within(other, one)
}

fn is_free(folded: &str) -> bool {
    folded.chars().nth(1).is_none() || is_stop_word(folded) || FREE.binary_search(&folded).is_ok()
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|stem| stem.chars().count() >= 3).unwrap_or(word)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).filter(|word| !word.is_empty())
}

/// A word of a sentence.
struct Place<'s> {
    word: &'s str,
    /// Whether something begins with it: the sentence, a quotation, what is behind a colon.
    begins: bool,
}

fn places(sentence: &str) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut begins = true;
    for piece in sentence.split_inclusive(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)) {
        let word = split(piece).next();
        if let Some(word) = word {
            places.push(Place { word, begins });
            begins = false;
        }
        begins |= piece.ends_with(['"', '“', '„', '«', ':', ';', '(', '[', '•', '*', '|']);
    }
    places
}

/// Lower case, without marks on letters.
fn fold(word: &str) -> String {
    let plain = word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    plain.collect::<String>().replace('ß', "ss")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(FREE.is_sorted(), "{:?}", FREE.windows(2).find(|pair| pair[0] > pair[1]));
    }
}
