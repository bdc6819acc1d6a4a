//! Cuts a chunk whose facts do not fit into one answer.

use serde_json::{Map, Value};

use crate::attachments::marks;
use crate::retain::chunk::json;
use crate::text::sentences::sentences;

/// Shorter pieces are not cut, in characters.
pub(super) const SHORTEST: usize = 500;

/// Two halves of a text: of a JSON list by its elements, of a single turn by what it says, of
/// anything else at the end of the sentence that is nearest to the middle. A text that is short is
/// cut only between its attachments.
pub(super) fn halves(text: &str) -> Option<(String, String)> {
    if text.chars().count() < SHORTEST {
        return between_marks(text);
    }
    let list = json::array(text).map(|list| (list, true)).or_else(|| Some((json::lines(text)?, false)));
    if let Some((list, is_array)) = list {
        let texts: Vec<&str> = list.iter().map(|object| object.text.as_str()).collect();
        let join = |texts: &[&str]| {
            if is_array { format!("[{}]", texts.join(", ")) } else { texts.join("\n") }
        };
        if texts.len() >= 2 {
            let (first, second) = texts.split_at(middle_element(&texts));
            return Some((join(first), join(second)));
        }
        if let Some((first, second)) = list.into_iter().next().and_then(|turn| turn_halves(&turn.fields)) {
            return Some((join(&[&first]), join(&[&second])));
        }
    } else if let Some(turn) = json::object(text)
        && let Some(halves) = turn_halves(&turn.fields)
    {
        return Some(halves);
    }
    text_halves(text)
}

/// A text with half of its marks, and with the others; none when it has less than two.
fn between_marks(text: &str) -> Option<(String, String)> {
    let places: Vec<usize> = marks(text).map(|(place, _)| place.start).collect();
    let cut = places.get(places.len() / 2).filter(|_| places.len() > 1)?;
    let (first, second) = text.split_at_checked(*cut)?;
    Some((first.trim().to_owned(), second.trim().to_owned()))
}

/// Where a list has about half of its characters before it, with something on either side.
fn middle_element(texts: &[&str]) -> usize {
    let half = texts.iter().map(|text| text.len()).sum::<usize>() / 2;
    let mut before = 0;
    let at = texts.iter().position(|text| {
        before += text.len();
        before >= half
    });
    (at.unwrap_or(0) + 1).min(texts.len() - 1)
}

/// A turn twice, each with half of its longest text.
fn turn_halves(turn: &Map<String, Value>) -> Option<(String, String)> {
    let longest = turn.iter().max_by_key(|(_, value)| value.as_str().map_or(0, str::len));
    let (name, text) = longest.and_then(|(name, value)| Some((name, value.as_str()?)))?;
    let (first, second) = text_halves(text)?;
    let with = |half: String| {
        let mut turn = turn.clone();
        turn.insert(name.clone(), Value::String(half));
        Value::Object(turn).to_string()
    };
    Some((with(first), with(second)))
}

fn text_halves(text: &str) -> Option<(String, String)> {
    let length = text.len();
    let middle = length / 2;
    let mut ends: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mut inside = 0;
        for sentence in sentences(line) {
            if let Some(found) = line.get(inside..).and_then(|rest| rest.find(sentence)) {
                inside += found + sentence.len();
                ends.push(at + inside);
            }
        }
        at += line.len();
    }
    // A sentence end up to a fifth away, else the nearest space, else the middle itself.
    let near = |cut: &usize| *cut > 0 && *cut < length && cut.abs_diff(middle) <= length / 5;
    let sentence = ends.into_iter().filter(near).min_by_key(|cut| cut.abs_diff(middle));
    let space = || {
        let spaces = text.match_indices(char::is_whitespace).map(|(at, _)| at);
        spaces.filter(near).min_by_key(|cut| cut.abs_diff(middle))
    };
    let cut = sentence.or_else(space).unwrap_or_else(|| text.floor_char_boundary(middle));
    // Never inside the mark of an attachment.
    let mark = marks(text).map(|(place, _)| place).find(|place| place.start < cut && cut < place.end);
    let cut = mark.map_or(cut, |place| if place.start > 0 { place.start } else { place.end });
    let (first, second) = text.split_at_checked(cut)?;
    let (first, second) = (first.trim(), second.trim());
    (!first.is_empty() && !second.is_empty()).then(|| (first.to_owned(), second.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeeze(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn short_texts_are_left_alone() {
        assert_eq!(halves(&"a".repeat(499)), None);
        assert!(halves(&"a".repeat(500)).is_some());
    }

    #[test]
    fn short_texts_are_cut_between_attachments() {
        let mark = |id: char| format!("⟦hs-att:{}⟧", id.to_string().repeat(12));
        let (one, two, three) = (mark('1'), mark('2'), mark('3'));
        assert_eq!(halves(&format!("Look: {one}")), None);
        let cut = halves(&format!("Look: {one}\n{two}\n{three} there")).unwrap();
        assert_eq!(cut, (format!("Look: {one}"), format!("{two}\n{three} there")));
        assert_eq!(halves(&cut.1), Some((two, format!("{three} there"))));
    }

    #[test]
    fn text_is_cut_at_the_sentence_next_to_the_middle() {
        let text = "One sentence of some length. ".repeat(30);
        let (first, second) = halves(&text).unwrap();
        assert!(first.ends_with('.') && second.starts_with("One"));
        assert!(first.len().abs_diff(second.len()) < 60);
        assert_eq!(squeeze(&format!("{first}{second}")), squeeze(&text));
    }

    #[test]
    fn text_without_sentences_is_cut_anyway() {
        for text in ["word ".repeat(150), "字".repeat(600), "x".repeat(700)] {
            let (first, second) = halves(&text).unwrap();
            assert_eq!(squeeze(&format!("{first}{second}")), squeeze(&text));
        }
    }

    #[test]
    fn lists_are_cut_between_elements() {
        let turns: Vec<String> = (0..10)
            .map(|n| format!("{{\"role\": \"user\", \"content\": \"{n} {}\"}}", "x".repeat(60)))
            .collect();
        let (first, second) = halves(&format!("[{}]", turns.join(", "))).unwrap();
        assert_eq!(json::array(&first).unwrap().len() + json::array(&second).unwrap().len(), 10);
        assert_eq!(json::array(&first).unwrap().len(), 5);
        let (first, second) = halves(&turns.join("\n")).unwrap();
        assert_eq!((first.lines().count(), second.lines().count()), (5, 5));
    }

    #[test]
    fn a_single_turn_is_cut_inside() {
        let content = "I said this. ".repeat(60);
        for text in [
            format!("[{{\"role\": \"user\", \"content\": \"{content}\"}}]"),
            format!("{{\"role\": \"user\", \"content\": \"{content}\"}}"),
        ] {
            let (first, second) = halves(&text).unwrap();
            for half in [first, second] {
                let turn: Value = serde_json::from_str(&half).unwrap();
                let turn = turn.get(0).unwrap_or(&turn);
                assert_eq!(turn["role"], "user");
                assert!(turn["content"].as_str().unwrap().len() > 300);
            }
        }
    }
}
