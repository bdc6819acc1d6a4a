//! Evidence in parts of a bounded size. Nothing of it is left out, whatever the size.

use serde_json::{Map, Value};

use super::conversation::Evidence;
use crate::text::tokens;

/// Tokens that a part spends on what stands around its entries.
const FRAME: usize = 32;

/// One result in words.
pub(super) fn piece(evidence: &Evidence) -> String {
    written(&evidence.tool, &evidence.shown)
}

fn written(tool: &str, shown: &Map<String, Value>) -> String {
    format!("## {tool}\n{}", Value::Object(shown.clone()))
}

/// All results, in order, in parts of about `limit` tokens.
pub(super) fn pack(evidence: &[Evidence], limit: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    for evidence in evidence {
        let whole = piece(evidence);
        if tokens::count(&whole) <= limit {
            pieces.push(whole);
        } else {
            pieces.extend(split(evidence, limit));
        }
    }
    join(pieces, limit)
}

/// Pieces next to one another in one part as long as they fit.
pub(super) fn join(pieces: Vec<String>, limit: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut size = 0;
    for piece in pieces {
        let more = tokens::count(&piece) + 1;
        match parts.last_mut() {
            Some(part) if size + more <= limit => {
                part.push_str("\n\n");
                part.push_str(&piece);
                size += more;
            }
            _ => {
                parts.push(piece);
                size = more;
            }
        }
    }
    parts
}

/// One large result in several, cut between its entries.
fn split(evidence: &Evidence, limit: usize) -> Vec<String> {
    let mut heading = Map::new();
    let mut entries: Vec<(&str, Option<&str>, &Value)> = Vec::new();
    for (key, value) in &evidence.shown {
        match value {
            Value::Array(list) => entries.extend(list.iter().map(|entry| (key.as_str(), None, entry))),
            Value::Object(object) => {
                entries.extend(object.iter().map(|(name, entry)| (key.as_str(), Some(name.as_str()), entry)));
            }
            value => {
                heading.insert(key.clone(), value.clone());
            }
        }
    }
    // A heading may be as long as a part: entries are not cut to bits for it.
    let around = FRAME + tokens::count(&Value::Object(heading.clone()).to_string());
    let inner = limit.saturating_sub(around).max(limit / 2).max(1);
    let mut pieces = Vec::new();
    let mut current = heading.clone();
    let mut size = 0;
    for (key, name, entry) in entries {
        let text = entry.to_string();
        let more = tokens::count(&text) + name.map_or(1, |name| tokens::count(name) + 2);
        if size > 0 && size + more > inner {
            pieces.push(written(&evidence.tool, &std::mem::replace(&mut current, heading.clone())));
            size = 0;
        }
        if more > inner {
            let place = name.map_or_else(|| key.to_owned(), |name| format!("{key} {name}"));
            pieces.extend(windows(&text, inner).enumerate().map(|(number, window)| {
                format!("## {}, {place}, piece {}\n{window}", evidence.tool, number + 1)
            }));
            continue;
        }
        put(&mut current, key, name, entry);
        size += more;
    }
    if size > 0 || pieces.is_empty() {
        pieces.push(written(&evidence.tool, &current));
    }
    pieces
}

/// Adds an entry to the list or object of this name.
fn put(result: &mut Map<String, Value>, key: &str, name: Option<&str>, entry: &Value) {
    match name {
        Some(name) => {
            let slot = result.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Some(object) = slot.as_object_mut() {
                object.insert(name.to_owned(), entry.clone());
            }
        }
        None => {
            let slot = result.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = slot.as_array_mut() {
                list.push(entry.clone());
            }
        }
    }
}

/// A text in pieces of so many tokens, one behind the other.
fn windows(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = tokens::truncate(rest, limit);
        // A character that is longer than the limit is a piece all the same.
        let end =
            if cut.is_empty() { rest.chars().next().map_or(rest.len(), char::len_utf8) } else { cut.len() };
        let (window, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(window)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn evidence(memories: usize, words: usize) -> Evidence {
        let memories: Vec<Value> = (0..memories)
            .map(|number| json!({"id": format!("f{number}"), "text": format!("<{number}> {}", "tea ".repeat(words))}))
            .collect();
        let chunks = json!({"c1": {"chunk_text": "<chunk> the passage"}});
        let shown = json!({"query": "tea", "memories": memories, "chunks": chunks});
        Evidence { tool: "recall".to_owned(), shown: shown.as_object().cloned().unwrap() }
    }

    #[test]
    fn what_fits_is_one_part() {
        let all = [evidence(2, 3), evidence(1, 1)];
        let parts = pack(&all, 1000);
        assert_eq!(parts.len(), 1);
        assert!(parts[0].starts_with("## recall\n{\"query\":\"tea\"") && parts[0].contains("<chunk>"));
    }

    #[test]
    fn large_results_are_cut_between_their_entries() {
        let parts = pack(&[evidence(20, 30)], 200);
        assert!(parts.len() > 3, "{}", parts.len());
        for part in &parts {
            assert!(tokens::count(part) <= 220, "{}", tokens::count(part));
            let (_, json) = part.split_once('\n').unwrap();
            let value: Value = serde_json::from_str(json).expect("every part is whole");
            assert_eq!(value["query"], "tea", "every part says what was searched for");
        }
        let all = parts.concat();
        for number in 0..20 {
            assert_eq!(all.matches(&format!("<{number}>")).count(), 1);
        }
        assert_eq!(all.matches("<chunk>").count(), 1);
    }

    #[test]
    fn an_entry_that_is_too_long_goes_on_in_the_next_part() {
        let words: Vec<String> = (0..500).map(|number| format!("w{number}")).collect();
        let text = words.join(" ");
        let shown = json!({"results": [{"memory_id": "f1", "document": {"full_text": text}}]});
        let long = Evidence { tool: "expand".to_owned(), shown: shown.as_object().cloned().unwrap() };
        let parts = pack(&[long], 100);
        assert!(parts.len() > 5);
        let joined = parts.join("\n");
        let all: String = joined.lines().filter(|line| !line.starts_with("## ")).collect();
        assert!(all.contains(&text), "nothing is lost where it is cut");
    }

    #[test]
    fn a_long_heading_does_not_cut_entries_to_bits() {
        let shown =
            json!({"query": "tea ".repeat(300), "memories": [{"id": "f1", "text": "tea ".repeat(80)}]});
        let long = Evidence { tool: "recall".to_owned(), shown: shown.as_object().cloned().unwrap() };
        assert_eq!(pack(&[long], 200).len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_left_out(
            sizes in proptest::collection::vec((0_usize..12, 0_usize..60), 0..5), limit in 1_usize..400,
        ) {
            let all: Vec<_> = sizes.iter().map(|(memories, words)| evidence(*memories, *words)).collect();
            let packed = pack(&all, limit).concat();
            let teas: usize = sizes.iter().map(|(memories, words)| memories * words).sum();
            // Words may be cut through where the limit is tiny, letters never go.
            let letters = |text: &str| text.chars().filter(|c| *c == 'e').count();
            prop_assert!(letters(&packed) >= teas);
        }
    }
}
