//! Facts without a language model, in the writer's own words.
//!
//! A dialogue becomes one fact per turn, a JSON record one fact, prose one per sentence or
//! short group of sentences. No word of the text is lost. The same text always gives the
//! same facts. In doubt a text is prose, a word is no name, and an event has no date.

mod dialogue;
mod entities;
mod names;
mod prose;
mod records;

use chrono::{DateTime, Utc};

use super::chunk::json;
use super::when;
use crate::text::sentences::sentences;

/// Longer turns and sentences are cut, in characters.
const MAX_FACT: usize = 1000;

/// A fact as the writer put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainFact {
    /// The writer's words; a turn with its speaker: `Alice: I moved to Rome`.
    pub text: String,
    /// Who said it.
    pub speaker: Option<String>,
    /// First and last moment of the days it speaks of.
    pub occurred: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Names in it, the speaker first.
    pub entities: Vec<String>,
}

/// A fact before its date and names are read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Draft {
    text: String,
    speaker: Option<String>,
    /// When it was said, where the record itself tells.
    said_at: Option<DateTime<Utc>>,
}

/// The facts of a chunk, in order; `said_at` is the "now" its relative dates count from.
pub fn extract(chunk: &str, said_at: Option<DateTime<Utc>>) -> Vec<PlainFact> {
    let drafts = drafts(chunk);
    let known = entities::Known::gather(&drafts);
    drafts
        .into_iter()
        .map(|draft| {
            let window = when::resolve(&draft.text, draft.said_at.or(said_at));
            PlainFact {
                occurred: window.map(|window| (window.start, window.end)),
                entities: entities::entities(&draft.text, draft.speaker.as_deref(), &known),
                text: draft.text,
                speaker: draft.speaker,
            }
        })
        .collect()
}

fn drafts(chunk: &str) -> Vec<Draft> {
    let records = json::array(chunk).or_else(|| json::lines(chunk));
    if let Some(records) = records.or_else(|| json::object(chunk).map(|object| vec![object])) {
        return records::drafts(records);
    }
    dialogue::drafts(chunk).unwrap_or_else(|| prose_drafts(chunk))
}

fn prose_drafts(text: &str) -> Vec<Draft> {
    prose::facts(text).map(|text| Draft { text, ..Draft::default() }).collect()
}

/// What someone said, behind a prefix such as `Alice: `; a long speech in several pieces,
/// each with the prefix.
fn turn_texts(prefix: &str, said: &str) -> Vec<String> {
    let prefix_length = prefix.chars().count();
    if prefix_length + said.chars().count() <= MAX_FACT {
        return vec![format!("{prefix}{said}").trim().to_owned()];
    }
    let room = MAX_FACT.saturating_sub(prefix_length).max(MAX_FACT / 2);
    pieces(said, room).into_iter().map(|piece| format!("{prefix}{piece}").trim().to_owned()).collect()
}

/// Pieces of at most `max` characters, cut at sentence ends, then at spaces, then anywhere.
fn pieces(text: &str, max: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut room = 0;
    let mut add = |part: &str, separator: &str| {
        let length = part.chars().count() + separator.len();
        match pieces.last_mut().filter(|_| length <= room) {
            Some(last) => {
                last.push_str(separator);
                last.push_str(part);
                room -= length;
            }
            None => {
                pieces.push(part.to_owned());
                room = max.saturating_sub(part.chars().count());
            }
        }
    };
    for sentence in sentences(text) {
        if sentence.chars().count() <= max {
            add(sentence, " ");
            continue;
        }
        for word in sentence.split_whitespace() {
            let mut rest = word;
            while let Some((cut, _)) = rest.char_indices().nth(max) {
                let (head, tail) = rest.split_at(cut);
                add(head, " ");
                rest = tail;
            }
            add(rest, " ");
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
