//! Fusion by ranks, as the original does it: to compare with.
//!
//! `Σ 1/(60 + rank)` over the arms that found a memory (Cormack, Clarke & Büttcher,
//! "Reciprocal Rank Fusion", 2009), then the original's pass-through score, linear in the
//! rank, moved by the factors.

use std::collections::HashMap;

use uuid::Uuid;

use super::factors::Factors;
use super::query::Query;
use super::score::Ranked;

/// What softens the weight of the first ranks.
const K: f64 = 60.0;
/// How far the last rank falls below the first.
const SPAN: f64 = 0.9;

/// The arms, in the order in which ties are kept.
pub(super) const ARMS: [&str; 4] = ["semantic", "bm25", "graph", "temporal"];

/// For each arm the memories it found with their scores, the best first.
pub(super) fn arms(ranked: &[Ranked]) -> [Vec<(Uuid, f64)>; 4] {
    let list = |score: &dyn Fn(&Ranked) -> Option<f64>| {
        let mut found: Vec<(Uuid, f64)> =
            ranked.iter().filter_map(|row| Some((row.candidate.memory_id, score(row)?))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        found
    };
    [
        list(&|row| row.semantic),
        list(&|row| row.keyword.filter(|_| row.candidate.found_by.words)),
        list(&|row| row.candidate.found_by.graph),
        list(&|row| row.candidate.similarity.filter(|_| row.candidate.found_by.time)),
    ]
}

/// Reciprocal ranks summed over the arms, and the ranks themselves (from 1).
pub(super) fn reciprocal_ranks(ranked: &[Ranked]) -> HashMap<Uuid, (f64, [Option<usize>; 4])> {
    let mut sums: HashMap<Uuid, (f64, [Option<usize>; 4])> = HashMap::new();
    for (arm, found) in arms(ranked).into_iter().enumerate() {
        for (index, (memory, _)) in found.into_iter().enumerate() {
            let entry = sums.entry(memory).or_default();
            entry.0 += 1.0 / (K + index as f64 + 1.0);
            if let Some(rank) = entry.1.get_mut(arm) {
                *rank = Some(index + 1);
            }
        }
    }
    sums
}

/// Puts the memories in the order of the original and scores them as it does. Neighbours,
/// which no arm found, go.
pub(super) fn by_ranks(ranked: &mut Vec<Ranked>, query: &Query) {
    let sums = reciprocal_ranks(ranked);
    ranked.retain(|row| sums.contains_key(&row.candidate.memory_id));
    let sum = |row: &Ranked| sums.get(&row.candidate.memory_id).map_or(0.0, |(sum, _)| *sum);
    ranked.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    let last = ranked.len().saturating_sub(1).max(1) as f64;
    for (index, row) in ranked.iter_mut().enumerate() {
        let pass_through = 1.0 - SPAN * index as f64 / last;
        row.score = Factors::of(row, query).apply(pass_through);
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
}
