//! Cuts a text where an earlier version of it was cut.
//!
//! A few words put in near the start move every cut behind them. Where the chunks of the earlier
//! version still stand in the text, in their order, they are taken as they are, and only what
//! lies between them is cut.

use std::collections::HashMap;

use super::chunk::{ChunkLimits, chunk, json};

/// Shorter chunks are no landmarks: they may stand anywhere.
const LANDMARK_CHARS: usize = 100;
/// How often a text is searched from one end to the other at most, all chunks together.
const SEARCHES: usize = 16;

/// The chunks of a text, those of an earlier version among them where they are still there.
pub(super) fn chunk_as(text: &str, earlier: &[String], limits: ChunkLimits) -> Vec<String> {
    let size = limits.chunk_size.max(1);
    if text.chars().nth(size).is_none() {
        return vec![text.to_owned()];
    }
    if let Some(items) = json::array(text) {
        let earlier: Vec<_> = earlier.iter().map(|chunk| json::array(chunk).unwrap_or_default()).collect();
        let join = |items: &[&str]| format!("[{}]", items.join(", "));
        return items_as(&items, &earlier, join, limits);
    }
    if json::object(text).is_some() {
        return chunk(text, limits);
    }
    if let Some(items) = json::lines(text) {
        let lines = |chunk: &String| match json::lines(chunk) {
            Some(lines) => lines,
            None => json::object(chunk).into_iter().collect(),
        };
        let earlier: Vec<_> = earlier.iter().map(lines).collect();
        return items_as(&items, &earlier, |items| items.join("\n"), limits);
    }
    text_as(text, earlier, limits)
}

/// Items are searched for as whole runs, by where the first of a run stands.
fn items_as(
    items: &[json::Object],
    earlier: &[Vec<json::Object>],
    join: impl Fn(&[&str]) -> String,
    limits: ChunkLimits,
) -> Vec<String> {
    let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, text) in texts.iter().enumerate() {
        places.entry(text).or_default().push(place);
    }
    let mut chunks = Vec::new();
    let mut done = 0;
    let cut = |from: usize, to: usize, chunks: &mut Vec<String>| {
        if let Some(between) = texts.get(from..to).filter(|between| !between.is_empty()) {
            chunks.extend(chunk(&join(between), limits));
        }
    };
    for run in earlier {
        let stands_at = |place: usize| {
            let here = texts.get(place..place + run.len());
            here.is_some_and(|here| std::iter::zip(here, run).all(|(here, item)| **here == *item.text))
        };
        let found = run.first().and_then(|first| {
            let of_first = places.get(first.text.as_str())?;
            of_first.iter().copied().find(|place| *place >= done && stands_at(*place))
        });
        if let Some(place) = found {
            cut(done, place, &mut chunks);
            done = place + run.len();
            chunks.push(join(texts.get(place..done).unwrap_or_default()));
        }
    }
    cut(done, texts.len(), &mut chunks);
    chunks
}

fn text_as(text: &str, earlier: &[String], limits: ChunkLimits) -> Vec<String> {
    let mut chunks = Vec::new();
    let mut rest = text;
    let mut budget = text.len().saturating_mul(SEARCHES);
    let cut = |between: &str, chunks: &mut Vec<String>| {
        let between = between.trim();
        if !between.is_empty() {
            chunks.extend(chunk(between, limits));
        }
    };
    for landmark in earlier.iter().filter(|chunk| chunk.chars().nth(LANDMARK_CHARS).is_some()) {
        let found = rest.find(landmark.as_str());
        budget = budget.saturating_sub(found.unwrap_or(rest.len()));
        if let Some((before, after)) = found.and_then(|at| rest.split_at_checked(at)) {
            cut(before, &mut chunks);
            chunks.push(landmark.clone());
            rest = after.get(landmark.len()..).unwrap_or_default();
        }
        if budget == 0 {
            break;
        }
    }
    cut(rest, &mut chunks);
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ChunkLimits = ChunkLimits { chunk_size: 300, structured_chunk_size: 300 };

    fn prose(sentences: std::ops::Range<usize>) -> String {
        let sentence = |i| format!("Sentence number {i} tells of day {} and of the weather.", i * 37 % 101);
        sentences.map(sentence).collect::<Vec<_>>().join(" ")
    }

    fn dialogue(turns: std::ops::Range<usize>) -> String {
        let turn =
            |i| format!(r#"{{"role": "user", "content": "turn {i} says {}"}}"#, "word ".repeat(i * 7 % 13));
        format!("[{}]", turns.map(turn).collect::<Vec<_>>().join(", "))
    }

    fn kept(before: &str, after: &str) -> (usize, usize, usize) {
        let earlier = chunk(before, LIMITS);
        let again = chunk_as(after, &earlier, LIMITS);
        assert!(again.iter().all(|chunk| chunk.chars().count() <= 300), "{again:?}");
        let natural = chunk(after, LIMITS);
        let among = |chunks: &[String]| earlier.iter().filter(|chunk| chunks.contains(chunk)).count();
        (earlier.len(), among(&natural), among(&again))
    }

    #[test]
    fn what_is_put_in_at_the_start_costs_one_chunk() {
        let text = prose(0..300);
        let (all, natural, again) = kept(&text, &format!("A new beginning. {text}"));
        assert!(natural <= again && again == all, "{all} {natural} {again}");
        let turns = dialogue(0..200);
        let longer = turns.replacen('[', r#"[{"role": "user", "content": "a new beginning"}, "#, 1);
        let (all, natural, again) = kept(&turns, &longer);
        assert!(natural <= again && again == all, "{all} {natural} {again}");
        let lines = |text: &str| text.trim_matches(['[', ']']).replace("}, {", "}\n{");
        let (all, _, again) = kept(&lines(&turns), &lines(&longer));
        assert_eq!(again, all);
    }

    #[test]
    fn cuts_of_long_texts_do_not_find_back_by_themselves() {
        let limits = ChunkLimits { chunk_size: 3000, structured_chunk_size: 3000 };
        let paragraph =
            |i: usize| format!("{} {}", "word".repeat(i * 7 % 5 + 1), "and so on ".repeat(i * 31 % 97));
        let text = (0..300).map(paragraph).collect::<Vec<_>>().join("\n\n");
        let (mut kept_by_cut, mut kept_by_landmarks, mut all) = (0, 0, 0);
        for at in (0..2000).step_by(200) {
            let earlier = chunk(&text, limits);
            let longer = format!("{}\n\n{text}", "new ".repeat(at / 4 + 1));
            let among = |chunks: &[String]| earlier.iter().filter(|chunk| chunks.contains(chunk)).count();
            all += earlier.len();
            kept_by_cut += among(&chunk(&longer, limits));
            kept_by_landmarks += among(&chunk_as(&longer, &earlier, limits));
        }
        println!("of {all} chunks {kept_by_cut} stay when cut anew, {kept_by_landmarks} by landmarks");
        assert_eq!(kept_by_landmarks, all);
        assert!(kept_by_cut < all);
    }

    #[test]
    fn nothing_is_lost_whatever_changes() {
        // A cut may stand before the stop that ends a sentence.
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        let before = prose(0..100);
        for after in [
            prose(50..150),
            format!("{} {}", prose(50..100), prose(0..50)),
            before.replace("number 40 ", "number forty "),
            prose(200..300),
            String::from("x ").repeat(400),
        ] {
            let chunks = chunk_as(&after, &chunk(&before, LIMITS), LIMITS);
            assert_eq!(letters(&chunks.join(" ")), letters(&after));
            // What was cut this way is cut this way again.
            assert_eq!(chunk_as(&after, &chunks, LIMITS).len(), chunks.len());
        }
    }
}
