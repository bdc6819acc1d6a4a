//! Prose: sentences, put together so that each fact can stand alone.

use std::ops::Range;

use super::{MAX_FACT, pieces};
use crate::text::is_unspaced;
use crate::text::sentences::{is_finished, sentences};

/// A shorter sentence says little alone, in characters.
const SHORT: usize = 60;
/// A sentence this short always joins its neighbour.
const TINY: usize = 25;
/// A short sentence joins the fact before it up to this length.
const COMFORTABLE: usize = 200;
/// One that begins with "she" or "this" up to this length, since it needs what it points to.
const REFERRING: usize = 300;
/// No fact of several sentences is longer.
const MAX_GROUP: usize = 400;

/// The facts of a text: its own words, white space at the ends of each fact aside.
pub(super) fn facts(text: &str) -> impl Iterator<Item = String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for segment in segments(text) {
        match groups.last_mut() {
            Some(group) if group.takes(&segment) => group.add(&segment),
            _ => groups.push(Group::new(text, segment)),
        }
    }
    groups.into_iter().flat_map(|group| {
        let fact = group.text().trim();
        if fact.chars().count() > MAX_FACT { pieces(fact, MAX_FACT) } else { vec![fact.to_owned()] }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Item,
    Text,
}

/// A heading, or a sentence of an item or of running text.
struct Segment<'a> {
    text: &'a str,
    span: Range<usize>,
    kind: Kind,
    paragraph: usize,
}

/// Neighbouring segments that make one fact.
struct Group<'a> {
    source: &'a str,
    span: Range<usize>,
    last: Kind,
    paragraph: usize,
}

impl<'a> Group<'a> {
    fn new(source: &'a str, segment: Segment<'_>) -> Self {
        Self { source, span: segment.span, last: segment.kind, paragraph: segment.paragraph }
    }

    fn text(&self) -> &'a str {
        self.source.get(self.span.clone()).unwrap_or_default()
    }

    fn add(&mut self, segment: &Segment<'_>) {
        self.span.end = segment.span.end;
        self.last = segment.kind;
        self.paragraph = segment.paragraph;
    }

    fn takes(&self, segment: &Segment<'_>) -> bool {
        let length = self.text().chars().count();
        let added = segment.text.chars().count();
        let together = length + 1 + added;
        if together > MAX_GROUP {
            return false;
        }
        let introduces = self.last == Kind::Heading || self.text().trim_end().ends_with([':', '：']);
        if introduces || segment.kind == Kind::Heading {
            return introduces;
        }
        segment.paragraph == self.paragraph
            && (length < SHORT
                || added < TINY
                || (added < SHORT && together <= COMFORTABLE)
                || (together <= REFERRING && refers_back(segment.text)))
    }
}

/// True for a sentence whose subject stands in the one before.
fn refers_back(sentence: &str) -> bool {
    let first = sentence.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    matches!(
        first,
        "He" | "She" | "It" | "They" | "This" | "That" | "These" | "Those" | "His" | "Her" | "Its" | "Their"
    )
}

/// Headings, items and sentences, in order. Lines of signs alone ("---") are left out unless
/// there is nothing else.
fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    for block in blocks(text) {
        let content = text.get(block.span.clone()).unwrap_or_default();
        let mut from = block.span.start;
        let parts: Vec<&str> =
            if block.kind == Kind::Heading { vec![content.trim()] } else { sentences(content).collect() };
        for part in parts {
            let Some(start) = text.get(from..).and_then(|rest| rest.find(part)).map(|at| from + at) else {
                continue;
            };
            from = start + part.len();
            segments.push(Segment {
                text: part,
                span: start..from,
                kind: block.kind,
                paragraph: block.paragraph,
            });
        }
    }
    let says_something = |segment: &Segment<'_>| segment.text.contains(char::is_alphanumeric);
    if segments.iter().any(says_something) {
        segments.retain(says_something);
    }
    segments
}

/// Lines that belong together.
struct Block {
    span: Range<usize>,
    kind: Kind,
    paragraph: usize,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut paragraph) = (0, 0);
    let mut previous: Option<&str> = None;
    for full_line in text.split_inclusive('\n') {
        let span = at..at + full_line.len();
        at = span.end;
        let line = full_line.trim();
        if line.is_empty() {
            paragraph += 1;
            previous = None;
            continue;
        }
        let kind = kind(line);
        match (previous, blocks.last_mut()) {
            (Some(before), Some(block)) if kind == Kind::Text && continues(before, line) => {
                block.span.end = span.end;
            }
            _ => blocks.push(Block { span, kind, paragraph }),
        }
        previous = Some(line);
    }
    blocks
}

fn kind(line: &str) -> Kind {
    let rest = line.trim_start_matches('#');
    if rest.len() < line.len() && rest.starts_with(' ') {
        return Kind::Heading;
    }
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = line.starts_with(['|', '•'])
        || ["- ", "* ", "+ ", "> "].iter().any(|bullet| line.starts_with(bullet))
        || (number.len() < line.len() && (number.starts_with(". ") || number.starts_with(") ")));
    if is_item { Kind::Item } else { Kind::Text }
}

/// True if a line carries on the sentence of the line before, as in wrapped text.
fn continues(before: &str, line: &str) -> bool {
    if kind(before) == Kind::Heading || is_finished(before) || before.ends_with([':', '：']) {
        return false;
    }
    if before.chars().next_back().is_some_and(is_unspaced) {
        return false;
    }
    line.starts_with(char::is_lowercase) || before.chars().count() >= SHORT
}
