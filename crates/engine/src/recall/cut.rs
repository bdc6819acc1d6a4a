//! The cut of what each arm found, over all types.

use std::collections::HashSet;

use uuid::Uuid;

use super::fusion;
use super::score::Ranked;
use crate::store::NEIGHBOURS;

/// Takes from each arm what it found beyond its best `limit` memories. What no arm has found
/// then goes, and so do neighbours without a hit near them.
pub(super) fn cut_arms(ranked: &mut Vec<Ranked>, limit: usize) {
    let best = fusion::arms(ranked)
        .map(|found| -> HashSet<Uuid> { found.into_iter().take(limit).map(|(memory, _)| memory).collect() });
    let [meaning, words, graph, time] = &best;
    for row in ranked.iter_mut() {
        let memory = row.candidate.memory_id;
        let found = &mut row.candidate.found_by;
        found.meaning &= meaning.contains(&memory);
        found.words &= words.contains(&memory);
        found.graph = found.graph.filter(|_| graph.contains(&memory));
        found.time &= time.contains(&memory);
        row.semantic = row.semantic.filter(|_| found.meaning);
    }
    let is_hit = |row: &Ranked| best.iter().any(|found| found.contains(&row.candidate.memory_id));
    let near: HashSet<(Uuid, i32)> = ranked
        .iter()
        .filter(|row| is_hit(row))
        .filter_map(|row| row.candidate.place)
        .flat_map(|place| {
            let steps = -NEIGHBOURS..=NEIGHBOURS;
            steps.filter_map(move |step| Some((place.stream_id, place.position.checked_add(step)?)))
        })
        .collect();
    let is_near = |row: &Ranked| {
        let place = row.candidate.place;
        row.candidate.distance > 0
            && place.is_some_and(|place| near.contains(&(place.stream_id, place.position)))
    };
    ranked.retain(|row| is_hit(row) || is_near(row));
}
