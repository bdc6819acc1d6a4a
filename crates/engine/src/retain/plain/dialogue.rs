//! Dialogues written as lines of `Name: text`.

use std::collections::HashSet;

use super::{Draft, prose_drafts, turn_texts};
use crate::text::sentences::is_finished;
use crate::text::speaker::{self, Turn};

/// A line that begins a turn.
struct Start<'a> {
    at: usize,
    line: &'a str,
    turn: Turn<'a>,
}

impl Start<'_> {
    fn said(&self) -> &str {
        self.line.get(self.turn.prefix..).unwrap_or_default().trim()
    }
}

/// One draft per turn, lines without a name belonging to the turn before; what stands before
/// the first turn is prose. Nothing if the text does not read like a dialogue.
pub(super) fn drafts(text: &str) -> Option<Vec<Draft>> {
    let starts = starts(text);
    if !is_dialogue(text, &starts) {
        return None;
    }
    let first = starts.first()?.at;
    let mut drafts = prose_drafts(text.get(..first)?);
    let ends = starts.iter().skip(1).map(|start| start.at).chain(std::iter::once(text.len()));
    for (start, end) in starts.iter().zip(ends) {
        let (prefix, said) = text.get(start.at..end)?.split_at_checked(start.turn.prefix)?;
        drafts.extend(turn_texts(prefix, said.trim_end()).into_iter().map(|text| Draft {
            text,
            speaker: Some(start.turn.name.to_owned()),
            said_at: None,
        }));
    }
    Some(drafts)
}

fn starts(text: &str) -> Vec<Start<'_>> {
    let mut at = 0;
    let mut starts = Vec::new();
    for full_line in text.split_inclusive('\n') {
        let line = full_line.trim_end();
        if let Some(turn) = speaker::turn(line) {
            starts.push(Start { at, line, turn });
        }
        at += full_line.len();
    }
    starts
}

/// One turn must be the whole text. Two make a dialogue. Among more, someone speaks twice;
/// if not, it may be a list of terms, unless most lines are sentences and none is an item.
fn is_dialogue(text: &str, starts: &[Start<'_>]) -> bool {
    match starts {
        [] => false,
        [only] => {
            text.get(..only.at).is_some_and(|before| before.trim().is_empty()) && !only.said().is_empty()
        }
        [_, _] => true,
        _ => {
            let names: HashSet<&str> = starts.iter().map(|start| start.turn.name).collect();
            let sentences = starts.iter().filter(|start| is_finished(start.said())).count();
            let is_list = starts.iter().any(|start| start.line.trim_start().starts_with(['-', '*', '•']));
            names.len() < starts.len() || (2 * sentences > starts.len() && !is_list)
        }
    }
}
