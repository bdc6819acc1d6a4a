//! The order of candidates: score fusion of meaning and words, with small priors.
//!
//! `final = cos + 0.25 · kw + p`. The keyword part is BM25 (k1 = 1.2, b = 0.4; Robertson &
//! Zaragoza, "The Probabilistic Relevance Framework", 2009) over the highest inverse
//! document frequency a word can have in the bank: it counts rare words matched, whatever
//! the pool and mostly whatever the size of the bank. No term depends on the other
//! candidates, so floors on the final score are stable. The weights were chosen by
//! measuring evidence recall on dated dialogues.

use crate::store::{Candidate, TermProbe};
use crate::text::signals;

use super::period::told_within;
use super::query::Query;

/// Weight of the keyword part.
const KEYWORD_WEIGHT: f64 = 0.25;
/// Penalty of a turn that only asks, times the share of it that asks.
const QUESTION_PENALTY: f64 = 0.10;
/// A memory that names a time, for a query that asks for one.
const TIME_BONUS: f64 = 0.10;
/// A memory by the one author the query names.
const AUTHOR_BONUS: f64 = 0.05;
/// A memory inside the time the query asks about.
const WINDOW_BONUS: f64 = 0.10;
/// BM25's saturation of repeated words.
pub(crate) const BM25_K1: f64 = 1.2;
/// BM25's share of length normalisation.
pub(crate) const BM25_B: f64 = 0.4;

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

/// A candidate with its scores.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) candidate: Candidate,
    /// Cosine similarity, if the semantic arm found it.
    pub(super) semantic: Option<f64>,
    /// BM25, if a word matched.
    pub(super) keyword: Option<f64>,
    /// What the order follows.
    pub(super) score: f64,
    /// The sum of the priors in it.
    pub(super) priors: f64,
}

/// Inverse document frequency of a term that `df` of `memories` hold.
pub(super) fn idf(memories: f64, df: f64) -> f64 {
    (1.0 + (memories - df + 0.5).max(0.0) / (df + 0.5)).ln()
}

/// Scores the candidates, drops those under the floors and sorts the rest, the best first.
pub(super) fn rank(candidates: Vec<Candidate>, query: &Query, weights: &Weights) -> Vec<Ranked> {
    let author = only_named_author(&candidates, &query.text);
    let floors = &query.floors;
    let mut ranked: Vec<Ranked> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let semantic = candidate.similarity.filter(|_| candidate.by_meaning);
            let keyword = (!candidate.matches.is_empty()).then(|| bm25(&candidate, weights));
            let keyword = keyword.filter(|score| floors.keyword.is_none_or(|floor| *score >= floor));
            if semantic.is_none() && keyword.is_none() {
                return None;
            }
            let priors = priors(&candidate, query, author.as_deref());
            let words = keyword.unwrap_or(0.0) / highest_idf(weights.memories);
            let score = candidate.similarity.unwrap_or(0.0) + KEYWORD_WEIGHT * words + priors;
            floors.r#final.is_none_or(|floor| score >= floor).then_some(Ranked {
                candidate,
                semantic,
                keyword,
                score,
                priors,
            })
        })
        .collect();
    ranked.sort_unstable_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| b.candidate.memory_id.cmp(&a.candidate.memory_id))
    });
    ranked
}

fn bm25(candidate: &Candidate, weights: &Weights) -> f64 {
    let length = f64::from(candidate.length) / weights.mean_length.max(1.0);
    let norm = BM25_K1 * (1.0 - BM25_B + BM25_B * length);
    let matches = candidate.matches.iter().filter_map(|(place, count)| {
        let term = weights.terms.get(*place)?;
        let tf = f64::from(*count);
        Some(term.idf * tf * (BM25_K1 + 1.0) / (tf + norm))
    });
    matches.sum()
}

/// The idf of a word seen once.
fn highest_idf(memories: f64) -> f64 {
    (1.0 + (memories - 0.5).max(0.5) / 1.5).ln()
}

fn priors(candidate: &Candidate, query: &Query, author: Option<&str>) -> f64 {
    let mut sum = 0.0;
    if candidate.author.is_some() {
        sum -= QUESTION_PENALTY * f64::from(candidate.question_share);
    }
    if query.asks_for_time && candidate.has_time {
        sum += TIME_BONUS;
    }
    if author.is_some() && candidate.author.as_deref() == author {
        sum += AUTHOR_BONUS;
    }
    if let (Some(window), Some(event_at)) = (&query.window, candidate.event_at)
        && told_within(*window).contains(event_at)
    {
        sum += WINDOW_BONUS;
    }
    sum
}

/// The author whom the query names, if it names exactly one of the candidates'.
fn only_named_author(candidates: &[Candidate], query: &str) -> Option<String> {
    let mut authors: Vec<&str> =
        candidates.iter().filter_map(|candidate| candidate.author.as_deref()).collect();
    authors.sort_unstable();
    authors.dedup();
    match signals::named_authors(query, &authors).as_slice() {
        [author] => Some((*author).to_owned()),
        _ => None,
    }
}
