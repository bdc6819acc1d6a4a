//! The keyword arm: which memories hold the query's words, and which of them are the best.
//!
//! The lists of all words but the most frequent are read, and meet here. Few words of a list make
//! its memories candidates of their own: the rarest one does, and others as long as their lists
//! are short together. Beyond, a memory has to hold two of the words: so those that hold several
//! are found although each of the words is frequent, and those that hold one are not dragged along.

use uuid::Uuid;

use super::score;
use crate::store::{Candidate, CandidateQuery, ListQuery, Posting, TermProbe, WordHit};

/// Postings of a term up to which its list is read as a whole: beyond, to look the term up for
/// each row of the pool costs less.
const LONGEST_LIST: i32 = 10_000;
/// Where every list is longer, so many times the postings that make candidates of their own are
/// read, of each list the same share: memories of the same time meet.
const SHARE: i64 = 10;

/// How the terms of a query are looked up.
#[derive(Debug)]
pub(super) struct Reading {
    /// The lists that are read: all of them whole, or all of them cut.
    pub(super) lists: Vec<ListQuery>,
    /// Terms that are looked up for each row of the pool, by place and hash.
    pub(super) probed: Vec<(usize, i64)>,
    /// Terms before this place make candidates of their own.
    alone: usize,
}

impl Reading {
    /// For these terms, the rarest first. `postings` of the rarest together make candidates of
    /// their own.
    pub(super) fn of(terms: &[TermProbe], postings: i64) -> Self {
        let mut read = 0;
        let rare = terms.iter().take_while(|term| {
            read += i64::from(term.df);
            read <= postings
        });
        let alone = rare.count().max(1);
        let list = |(place, term): (usize, &TermProbe), depth| ListQuery { place, hash: term.hash, depth };
        let (whole, long): (Vec<_>, Vec<_>) =
            terms.iter().enumerate().partition(|(_, term)| term.df <= LONGEST_LIST);
        let lists = if whole.is_empty() {
            let all: i64 = terms.iter().map(|term| i64::from(term.df)).sum();
            let most = postings.saturating_mul(SHARE);
            let share =
                |term: &TermProbe| i64::from(term.df).saturating_mul(most).div_euclid(all.max(1)).max(1);
            long.iter().map(|term| list(*term, Some(share(term.1)))).collect()
        } else {
            whole.iter().map(|term| list(*term, None)).collect()
        };
        let probed = long.into_iter().map(|(place, term)| (place, term.hash)).collect();
        Self { lists, probed, alone }
    }

    fn is_cut(&self) -> bool {
        self.lists.iter().any(|list| list.depth.is_some())
    }
}

/// The postings that were read, those of a memory together.
#[derive(Debug)]
pub(super) struct Words<'q> {
    terms: &'q [TermProbe],
    mean_length: f64,
    reading: &'q Reading,
    postings: Vec<Posting>,
}

impl<'q> Words<'q> {
    /// Brings the lists together.
    pub(super) fn new(
        reading: &'q Reading,
        terms: &'q [TermProbe],
        mean_length: f64,
        mut postings: Vec<Posting>,
    ) -> Self {
        // Each list is sorted already, so this merges.
        postings.sort_by_key(|posting| (posting.memory_id, posting.place));
        Self { terms, mean_length, reading, postings }
    }

    /// The memories of the types asked for that are candidates, the best first: of each type as
    /// many as the arm may take, or all where the store has yet to see which pass the filter.
    pub(super) fn hits(&self, query: &CandidateQuery<'_>) -> Vec<WordHit> {
        let mut scored: Vec<(f64, Uuid, WordHit)> = self
            .postings
            .chunk_by(|one, other| one.memory_id == other.memory_id)
            .filter_map(|held| {
                let first = held.first().filter(|first| query.types.contains(&first.fact_type))?;
                // Sorted by place: the first is the rarest.
                if held.len() < 2 && first.place >= self.reading.alone {
                    return None;
                }
                let hit = WordHit { memory_id: first.memory_id, fact_type: first.fact_type };
                Some((held.iter().map(|posting| self.score(posting)).sum(), first.memory_id, hit))
            })
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        let hits = scored.into_iter().map(|(_, _, hit)| hit);
        if !query.tags.passes_all() {
            return hits.collect();
        }
        let mut left: Vec<_> = query.types.iter().map(|fact_type| (*fact_type, query.per_arm)).collect();
        let mut within = |hit: &WordHit| {
            let left = left.iter_mut().find(|(fact_type, _)| *fact_type == hit.fact_type);
            left.is_some_and(|(_, left)| {
                *left -= 1;
                *left >= 0
            })
        };
        hits.filter(|hit| within(hit)).collect()
    }

    /// Tells the candidates which of the words they hold.
    pub(super) fn tell(&self, candidates: &mut [Candidate]) {
        if self.reading.is_cut() {
            // Every term was looked up: a list that is cut says nothing about what is behind the cut.
            return;
        }
        for candidate in candidates {
            let from = self.postings.partition_point(|posting| posting.memory_id < candidate.memory_id);
            let held = self.postings.get(from..).unwrap_or_default().iter();
            for posting in held.take_while(|posting| posting.memory_id == candidate.memory_id) {
                candidate.matches.push((posting.place, posting.count));
                candidate.length = candidate.length.max(posting.length);
            }
        }
    }

    fn score(&self, posting: &Posting) -> f64 {
        self.terms.get(posting.place).map_or(0.0, |term| {
            score::bm25(term, posting.count, score::norm(posting.length, self.mean_length))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(frequencies: &[i32]) -> Vec<TermProbe> {
        let term = |(hash, df): (i64, &i32)| TermProbe { hash, df: *df, idf: 1.0 };
        (0..).zip(frequencies).map(term).collect()
    }

    #[test]
    fn lists_are_read_as_a_whole_up_to_a_length() {
        let reading = Reading::of(&terms(&[10, 900, 3_000, 10_000, 10_001]), 1_000);
        assert_eq!(reading.lists.iter().map(|list| list.place).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(!reading.is_cut());
        assert_eq!(reading.probed, [(4, 4)]);
        assert_eq!(reading.alone, 2);
    }

    #[test]
    fn the_rarest_term_makes_candidates_however_frequent_it_is() {
        assert_eq!(Reading::of(&terms(&[9_000, 9_000]), 1_000).alone, 1);
    }

    #[test]
    fn of_lists_that_are_all_too_long_the_same_share_is_read() {
        let reading = Reading::of(&terms(&[20_000, 30_000, 50_000]), 1_000);
        let depths: Vec<Option<i64>> = reading.lists.iter().map(|list| list.depth).collect();
        assert_eq!(depths, [Some(2_000), Some(3_000), Some(5_000)]);
        assert_eq!(reading.probed, [(0, 0), (1, 1), (2, 2)]);
    }
}
