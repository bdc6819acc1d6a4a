//! The order of candidates: score fusion of meaning and words, with small priors.
//!
//! `final = sem + 0.25 · kw + p`. A memory that stands in a conversation shares in what was
//! said around it:
//!
//! - `sem` is the cosine between the query and `v(i) + ½·v(i−1) + ¼·v(i−2)`, the blend of the
//!   memory's vector with those of its two predecessors. It is linear in the stored vectors,
//!   so the blend is never made: its parts are the similarities of the three memories to the
//!   query and, for its length, to one another.
//! - `kw` is BM25 (k1 = 1.2, b = 0.4; Robertson & Zaragoza, "The Probabilistic Relevance
//!   Framework", 2009), where each word counts at its best place among the neighbours,
//!   weighed by [`WINDOW`], over the highest inverse document frequency a word can have in
//!   the bank: it counts rare words matched, whatever the size of the bank.
//!
//! Neighbours are only those the caller may see. Without a conversation both reduce to plain
//! cosine and BM25. Floors on the final score are stable: no term of a hit near the top
//! depends on the other candidates. The weights were chosen by measuring evidence recall on
//! dated dialogues.

use hindsight_types::recall::MinScores;

use super::query::Query;
use crate::store::{Candidate, NEIGHBOURS, RecallBank, StreamPlace, TermProbe};
use crate::text::signals;

/// Weight of the keyword part.
const KEYWORD_WEIGHT: f64 = 0.25;
/// Weights of the vectors one and two places before.
const BLEND: [f64; 2] = [0.5, 0.25];
/// What a word is worth that stands some places away: before (negative) and after.
const WINDOW: [(i32, f64); 5] = [(0, 1.0), (-1, 0.7), (-2, 0.5), (1, 0.5), (2, 0.25)];
/// Penalty of a turn that only asks, times the share of it that asks.
const QUESTION_PENALTY: f64 = 0.10;
/// A memory that names a time, for a query that asks for one.
const TIME_BONUS: f64 = 0.10;
/// A memory by the one author the query names.
const AUTHOR_BONUS: f64 = 0.05;
/// A memory inside the time the query asks about.
const WINDOW_BONUS: f64 = 0.10;
/// BM25's saturation of repeated words.
const BM25_K1: f64 = 1.2;
/// BM25's share of length normalisation.
const BM25_B: f64 = 0.4;

/// The bank's numbers that scores are computed with.
#[derive(Debug)]
pub(super) struct Weights<'q> {
    /// Terms of the query, as the candidates' matches number them.
    pub(super) terms: &'q [TermProbe],
    /// Mean length of the bank's memories in terms.
    pub(super) mean_length: f64,
    /// Number of the bank's memories.
    pub(super) memories: f64,
}

impl<'q> Weights<'q> {
    /// Those of a bank for these terms.
    pub(super) fn of(bank: &RecallBank, terms: &'q [TermProbe]) -> Self {
        Self { terms, mean_length: mean_length(bank), memories: bank.memories as f64 }
    }
}

/// Mean length of a bank's memories in terms; 1 for an empty bank.
pub(super) fn mean_length(bank: &RecallBank) -> f64 {
    if bank.memories > 0 { bank.term_length as f64 / bank.memories as f64 } else { 1.0 }
}

/// A candidate with its scores.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) candidate: Candidate,
    /// Cosine similarity, if the semantic arm found it.
    pub(super) semantic: Option<f64>,
    /// BM25 of its own words, if one matched.
    pub(super) keyword: Option<f64>,
    /// Score of the reranker, if it gave one.
    pub(super) reranker: Option<f64>,
    /// What the order follows.
    pub(super) score: f64,
    /// The parts of the score.
    pub(super) parts: Parts,
}

impl Ranked {
    /// Whether it is above the floors of the final score and the reranker's.
    pub(super) fn passes(&self, floors: &MinScores) -> bool {
        floors.r#final.is_none_or(|floor| self.score >= floor)
            && floors.reranker.is_none_or(|floor| self.reranker.is_some_and(|score| score >= floor))
    }
}

/// What a final score is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// Similarity of the blended vector.
    pub(super) meaning: f64,
    /// Keyword part before its weight.
    pub(super) words: f64,
    /// The sum of the priors.
    pub(super) priors: f64,
}

/// Inverse document frequency of a term that `df` of `memories` hold.
pub(super) fn idf(memories: f64, df: f64) -> f64 {
    (1.0 + (memories - df + 0.5).max(0.0) / (df + 0.5)).ln()
}

/// The idf of a word seen once.
fn highest_idf(memories: f64) -> f64 {
    (1.0 + (memories - 0.5).max(0.5) / 1.5).ln()
}

/// Scores the candidates and sorts them, the best first. Hits whose only arm is under its
/// floor go.
///
/// `keyword_floor` is the lowest score of a hit of the keyword arm.
pub(super) fn rank(
    rows: Vec<Candidate>,
    query: &Query,
    weights: &Weights,
    keyword_floor: Option<f64>,
) -> Vec<Ranked> {
    let author = only_named_author(&rows, &query.text);
    let scorer = Scorer::new(&rows, weights);
    let mut best = Vec::new();
    let mut scored: Vec<(f64, usize, Option<f64>, Parts)> = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        if row.distance > NEIGHBOURS || !query.types.contains(&row.fact_type) {
            continue;
        }
        let keyword = scorer.own_words(at);
        let found = row.found_by;
        let by_words =
            found.words && keyword_floor.is_none_or(|floor| keyword.is_some_and(|score| score >= floor));
        if row.distance == 0 && !(found.meaning || by_words || found.graph.is_some() || found.time) {
            continue;
        }
        let parts = Parts {
            meaning: scorer.meaning(at, row),
            words: scorer.words(at, &mut best) / highest_idf(weights.memories),
            priors: priors(row, query, author.as_deref()),
        };
        let score = parts.meaning + KEYWORD_WEIGHT * parts.words + parts.priors;
        scored.push((score, at, keyword, parts));
    }
    let id = |at: usize| rows.get(at).map(|row| row.memory_id);
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| id(b.1).cmp(&id(a.1))));
    // Rows are large: they are moved once.
    let mut rows: Vec<Option<Candidate>> = rows.into_iter().map(Some).collect();
    let ranked = scored.into_iter().filter_map(|(score, at, keyword, parts)| {
        let candidate = rows.get_mut(at)?.take()?;
        let semantic = candidate.similarity.filter(|_| candidate.found_by.meaning);
        Some(Ranked { candidate, semantic, keyword, reranker: None, score, parts })
    });
    ranked.collect()
}

/// The rows of a recall with those around them, and what each matched word is worth.
struct Scorer<'r> {
    rows: &'r [Candidate],
    /// For each row those up to two places before and after it, itself in the middle.
    around: Vec<[Option<usize>; 5]>,
    /// Matched terms of all rows with their BM25, row after row.
    words: Vec<(usize, f64)>,
    /// Where those of each row end.
    ends: Vec<usize>,
    terms: usize,
}

impl<'r> Scorer<'r> {
    fn new(rows: &'r [Candidate], weights: &Weights) -> Self {
        let (mut words, mut ends) = (Vec::new(), Vec::with_capacity(rows.len()));
        for row in rows {
            words.extend(bm25_of(row, weights));
            ends.push(words.len());
        }
        Self { rows, around: around(rows), words, ends, terms: weights.terms.len() }
    }

    /// The terms that a row matches, each with its BM25.
    fn words_of(&self, at: usize) -> &[(usize, f64)] {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let words = start.zip(self.ends.get(at)).and_then(|(start, end)| self.words.get(start..*end));
        words.unwrap_or_default()
    }

    /// The row `steps` places further in the same conversation.
    fn neighbour(&self, at: usize, steps: i32) -> Option<usize> {
        let around = self.around.get(at)?;
        *around.get(usize::try_from(steps.checked_add(2)?).ok()?)?
    }

    /// Similarity of the row's blend to the query.
    fn meaning(&self, at: usize, row: &Candidate) -> f64 {
        let Some(own) = row.similarity else { return 0.0 };
        let previous = self.neighbour(at, -1).and_then(|at| self.rows.get(at));
        let earlier = self.neighbour(at, -2).and_then(|at| self.rows.get(at));
        let [near, far] = BLEND;
        let mut sum = own;
        let mut square = 1.0;
        if let (Some(previous), Some(cosine)) = (previous, row.before[0]) {
            sum += near * previous.similarity.unwrap_or(0.0);
            square += near * near + 2.0 * near * cosine;
        }
        if let (Some(earlier), Some(cosine)) = (earlier, row.before[1]) {
            sum += far * earlier.similarity.unwrap_or(0.0);
            square += far * far + 2.0 * far * cosine;
            if let Some(between) = previous.and_then(|previous| previous.before[0]) {
                square += 2.0 * near * far * between;
            }
        }
        sum / square.max(f64::EPSILON).sqrt()
    }

    /// BM25 of the row's own words.
    fn own_words(&self, at: usize) -> Option<f64> {
        let words = self.words_of(at);
        (!words.is_empty()).then(|| words.iter().map(|(_, score)| score).sum())
    }

    /// Each word at its best place around the row. `best` is room to work in.
    fn words(&self, at: usize, best: &mut Vec<f64>) -> f64 {
        best.clear();
        best.resize(self.terms, 0.0);
        for (steps, weight) in WINDOW {
            let place = self.neighbour(at, steps);
            for (term, score) in place.map(|place| self.words_of(place)).unwrap_or_default() {
                if let Some(best) = best.get_mut(*term) {
                    *best = best.max(weight * score);
                }
            }
        }
        best.iter().sum()
    }
}

/// For each row those around it.
fn around(rows: &[Candidate]) -> Vec<[Option<usize>; 5]> {
    let mut around: Vec<[Option<usize>; 5]> =
        (0..rows.len()).map(|at| [None, None, Some(at), None, None]).collect();
    let mut order: Vec<(StreamPlace, usize)> =
        rows.iter().enumerate().filter_map(|(at, row)| Some((row.place?, at))).collect();
    // Most come sorted from the database.
    order.sort_by_key(|(place, _)| (place.stream_id, place.position));
    let mut set = |at: usize, place: usize, other: usize| {
        if let Some(slot) = around.get_mut(at).and_then(|around| around.get_mut(place)) {
            *slot = Some(other);
        }
    };
    for near in order.windows(2).chain(order.windows(3)) {
        if let (Some((first, one)), Some((last, other))) = (near.first(), near.last())
            && first.stream_id == last.stream_id
            && let Some(steps @ 1..=2) = last.position.checked_sub(first.position)
        {
            let steps = if steps == 1 { 1 } else { 2 };
            set(*one, 2 + steps, *other);
            set(*other, 2 - steps, *one);
        }
    }
    around
}

/// The terms that a row matches, each with its BM25.
fn bm25_of(row: &Candidate, weights: &Weights) -> impl Iterator<Item = (usize, f64)> {
    let norm = norm(row.length, weights.mean_length);
    row.matches.iter().filter_map(move |(place, count)| {
        let term = weights.terms.get(*place)?;
        Some((*place, bm25(term, *count, norm)))
    })
}

/// BM25 of a term that a memory holds so many times; see [`norm`].
pub(super) fn bm25(term: &TermProbe, count: i16, norm: f64) -> f64 {
    let tf = f64::from(count);
    term.idf * tf * (BM25_K1 + 1.0) / (tf + norm)
}

/// What the length of a memory, in terms, does to its BM25.
pub(super) fn norm(length: i16, mean_length: f64) -> f64 {
    BM25_K1 * (1.0 - BM25_B + BM25_B * f64::from(length) / mean_length.max(1.0))
}

fn priors(row: &Candidate, query: &Query, author: Option<&str>) -> f64 {
    let mut sum = 0.0;
    if row.author.is_some() {
        sum -= QUESTION_PENALTY * f64::from(row.question_share);
    }
    if query.asks_for_time && row.has_time {
        sum += TIME_BONUS;
    }
    if author.is_some() && row.author.as_deref() == author {
        sum += AUTHOR_BONUS;
    }
    if let (Some(window), Some((start, end))) = (query.told, row.event)
        && start <= window.end
        && end >= window.start
    {
        sum += WINDOW_BONUS;
    }
    sum
}

/// The author whom the query names, if it names exactly one of the candidates'.
fn only_named_author(rows: &[Candidate], query: &str) -> Option<String> {
    let mut authors: Vec<&str> = rows.iter().filter_map(|row| row.author.as_deref()).collect();
    authors.sort_unstable();
    authors.dedup();
    match signals::named_authors(query, &authors).as_slice() {
        [author] => Some((*author).to_owned()),
        _ => None,
    }
}
