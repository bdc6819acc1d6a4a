//! Names in a text, by its capital letters.
//!
//! A capital letter counts in the middle of a sentence. At its start it counts only for a
//! name known otherwise: several capital words in a row, a common given name, a word written
//! with a capital elsewhere in the chunk, the subject of a verb that needs a person. Only
//! Latin letters are read; other scripts have no capitals or other uses for them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Draft;
use super::names::{is_common, is_given, is_human_verb, is_spoken};
use crate::text::{is_stop_word, is_unspaced, pattern};

/// More names than this in one fact are a list of something.
const MAX_ENTITIES: usize = 12;
/// More capital words in a row are a title or a heading.
const MAX_WORDS: usize = 4;

static WORD: LazyLock<Regex> = LazyLock::new(|| {
    const LATIN: &str = r"[0-9A-Za-z_\u{C0}-\u{24F}\u{1E00}-\u{1EFF}]";
    pattern(&format!("@?{LATIN}+(?:['’&-]{LATIN}+)*"))
});

/// Words of a chunk that are surely names.
pub(super) struct Known(HashSet<String>);

impl Known {
    /// Speakers, and words with a capital letter in the middle of a sentence.
    pub(super) fn gather(drafts: &[Draft]) -> Self {
        let mut known = HashSet::new();
        let mut last_speaker = None;
        for draft in drafts {
            if draft.speaker != last_speaker {
                last_speaker.clone_from(&draft.speaker);
                let parts = draft.speaker.iter().flat_map(|speaker| speaker.split_whitespace());
                known.extend(parts.map(str::to_lowercase));
            }
            for word in words(&draft.text) {
                if word.shape == Shape::Capital && !word.starts {
                    known.insert(word.text.to_lowercase());
                }
            }
        }
        Self(known)
    }

    fn has(&self, lower: &str) -> bool {
        self.0.contains(lower) || is_given(lower)
    }
}

/// The names in a text, the speaker first, each once.
pub(super) fn entities(text: &str, speaker: Option<&str>, known: &Known) -> Vec<String> {
    let mut found: Vec<String> = speaker.map(str::to_owned).into_iter().collect();
    let mut seen: HashSet<String> = found.iter().map(|name| name.to_lowercase()).collect();
    let words = words(text);
    let mut rest = words.as_slice();
    while let Some(word) = rest.first() {
        let length = run_length(text, rest);
        let (run, after) = rest.split_at(length.max(1));
        rest = after;
        if found.len() >= MAX_ENTITIES {
            break;
        }
        if length == 0 && word.shape != Shape::Handle {
            continue;
        }
        if let Some(name) = name(text, run, after.first(), known)
            && seen.insert(name.to_lowercase())
        {
            found.push(name.to_owned());
        }
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// No name.
    Plain,
    /// `@alice`.
    Handle,
    /// `NASA`.
    Acronym,
    /// `GitHub`, `iPhone`.
    Camel,
    /// `Paris`.
    Capital,
}

#[derive(Debug)]
struct Word<'a> {
    /// Without the possessive.
    text: &'a str,
    start: usize,
    end: usize,
    shape: Shape,
    /// True at the start of a sentence, quotation or line.
    starts: bool,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut before = 0;
    let mut words: Vec<Word<'_>> = Vec::new();
    for found in WORD.find_iter(text) {
        let gap = text.get(before..found.start()).unwrap_or_default();
        before = found.end();
        let bare = without_possessive(found.as_str());
        let follows_title = gap == ". " && words.last().is_some_and(|word| is_title(word.text));
        // The rest of an address, a path or a file name.
        let is_glued = gap.ends_with(['/', '.', '_', '@', '=', '#', '%', '~', '\\', '&'])
            || (gap.is_empty() && found.start() > 0);
        let next_is_unspaced =
            text.get(found.end()..).and_then(|after| after.chars().next()).is_some_and(is_unspaced);
        words.push(Word {
            text: bare,
            start: found.start(),
            end: found.start() + bare.len(),
            shape: if is_glued { Shape::Plain } else { shape(bare) },
            starts: !follows_title && !next_is_unspaced && (found.start() == 0 || begins_something(gap)),
        });
    }
    let (capitals, letters) = words.iter().fold((0, 0), |(capitals, all), word| {
        let is_word = word.text.chars().filter(|c| c.is_alphabetic()).count() >= 3;
        let is_capital = is_word && word.text.chars().all(|c| !c.is_lowercase());
        (capitals + usize::from(is_capital), all + usize::from(is_word))
    });
    // Someone is shouting.
    if letters >= 4 && capitals * 2 > letters {
        words
            .iter_mut()
            .filter(|word| word.shape == Shape::Acronym)
            .for_each(|word| word.shape = Shape::Plain);
    }
    words
}

fn begins_something(gap: &str) -> bool {
    gap.contains(['.', '!', '?', ':', ';', '…', '\n', '"', '“', '‘', '(', '[', '{', '*', '#', '>', '|', '•'])
        || [" - ", " – ", " — ", "—", " '"].iter().any(|dash| gap.ends_with(dash))
        || gap.trim_start().starts_with('-')
        || gap.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace() && c != '’')
}

fn without_possessive(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
}

fn is_title(word: &str) -> bool {
    matches!(word, "Dr" | "Mr" | "Mrs" | "Ms" | "Prof" | "St")
}

fn shape(word: &str) -> Shape {
    if let Some(handle) = word.strip_prefix('@') {
        return if handle.len() >= 2 { Shape::Handle } else { Shape::Plain };
    }
    let is_contraction = word
        .rsplit_once(['\'', '’'])
        .is_some_and(|(_, end)| matches!(end.to_lowercase().as_str(), "m" | "t" | "d" | "ll" | "re" | "ve"));
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let starts_alone = word.chars().nth(1).is_none_or(|c| c == '-');
    if is_contraction || letters < 2 || starts_alone || word.contains('_') {
        return Shape::Plain;
    }
    let lower = word.to_lowercase();
    let is_word = is_stop_word(&lower) || is_common(&lower);
    let has_lower = word.contains(char::is_lowercase);
    let starts_with_capital = word.starts_with(char::is_uppercase);
    // A capital inside, other than behind a hyphen or an apostrophe ("iPhone", "McDonald").
    let has_inner = has_lower
        && word.chars().zip(word.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    if has_inner {
        Shape::Camel
    } else if !starts_with_capital || (is_word && word != "US") {
        Shape::Plain
    } else if has_lower {
        Shape::Capital
    } else if letters <= 6 && !is_spoken(word) {
        Shape::Acronym
    } else {
        Shape::Plain
    }
}

/// Number of words at the start that make up one name; 0 if the first is none.
fn run_length(text: &str, words: &[Word<'_>]) -> usize {
    let is_name = |word: &Word<'_>| matches!(word.shape, Shape::Acronym | Shape::Camel | Shape::Capital);
    let gap = |left: &Word<'_>, right: &Word<'_>| text.get(left.end..right.start).unwrap_or_default();
    let mut length = 0;
    let mut links = 0;
    let mut previous: Option<&Word<'_>> = words.first().filter(|word| is_name(word) || is_title(word.text));
    if previous.is_none() {
        return 0;
    }
    for (at, word) in words.iter().enumerate() {
        if let Some(left) = previous.filter(|_| at > 0) {
            let joined = match gap(left, word) {
                " " | " & " => true,
                ". " => is_title(left.text),
                _ => false,
            };
            if !joined {
                break;
            }
        }
        if is_name(word) || (at == 0 && is_title(word.text)) {
            length = at + 1;
            links = 0;
        } else if links < 2 && is_link(word.text) {
            links += 1;
        } else {
            break;
        }
        previous = Some(word);
    }
    length
}

/// Small words inside names: "University of Oxford", "Vincent van Gogh".
fn is_link(word: &str) -> bool {
    matches!(
        word,
        "of" | "de" | "da" | "del" | "della" | "der" | "den" | "di" | "du" | "van" | "von" | "la" | "bin"
    )
}

/// The name a run of words spells, if it is one.
fn name<'a>(text: &'a str, run: &[Word<'_>], next: Option<&Word<'_>>, known: &Known) -> Option<&'a str> {
    let mut run = run;
    if let [first, others @ ..] = run
        && first.starts
        && first.shape == Shape::Capital
    {
        let lower = first.text.to_lowercase();
        let is_known = known.has(&lower);
        match others.iter().find(|word| !is_link(word.text)) {
            None => {
                let has_verb = next.is_some_and(|next| {
                    is_human_verb(next.text) && text.get(first.end..next.start) == Some(" ")
                });
                if !is_known && !has_verb {
                    return None;
                }
            }
            // "Visiting Paris", "Recently Alice", "Woohoo Bob"
            Some(second)
                if !is_known
                    && (["ing", "ed", "ly"].iter().any(|end| lower.ends_with(end))
                        || is_given(&second.text.to_lowercase())) =>
            {
                let links = others.iter().take_while(|word| is_link(word.text)).count();
                run = others.get(links..)?;
            }
            Some(_) => {}
        }
    }
    let capitals = run.iter().filter(|word| !is_link(word.text)).count();
    let only_a_title = capitals == 1 && run.first().is_some_and(|word| is_title(word.text));
    if capitals > MAX_WORDS || only_a_title {
        return None;
    }
    text.get(run.first()?.start..run.last()?.end)
}
