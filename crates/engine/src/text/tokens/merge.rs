//! Byte pair merging: of all neighbours that make a token together, those of the lowest rank
//! become one first, until no two do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// Where the tokens of a piece end. It takes time in proportion to the length of the piece, give or
/// take a logarithm, whatever stands in it.
pub(super) fn token_ends(vocabulary: &Vocabulary, piece: &[u8]) -> Vec<usize> {
    if vocabulary.rank(piece).is_some() {
        return vec![piece.len()];
    }
    let mut parts = Parts {
        vocabulary,
        piece,
        ends: (1..=piece.len()).collect(),
        starts: (0..=piece.len()).map(|end| end.saturating_sub(1)).collect(),
        merges: BinaryHeap::new(),
    };
    parts.merge();
    std::iter::successors(parts.end_of(0), |start| parts.end_of(*start)).collect()
}

/// Two parts that make a token together. The leftmost comes first among those of one rank.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Merge {
    rank: u32,
    start: usize,
    end: usize,
}

/// A piece on its way from bytes to tokens.
struct Parts<'p> {
    vocabulary: &'p Vocabulary,
    piece: &'p [u8],
    /// Where the part that begins at a place ends; 0 where none begins any more.
    ends: Vec<usize>,
    /// Where the part that ends at a place begins.
    starts: Vec<usize>,
    /// What may be merged; a part of it is out of date.
    merges: BinaryHeap<Reverse<Merge>>,
}

impl Parts<'_> {
    fn merge(&mut self) {
        for start in 0..self.piece.len() {
            self.propose(start);
        }
        while let Some(Reverse(Merge { start, end, .. })) = self.merges.pop() {
            let Some(middle) = self.end_of(start).filter(|_| self.end_of_pair(start) == Some(end)) else {
                // One of both has become part of another.
                continue;
            };
            set(&mut self.ends, start, end);
            set(&mut self.ends, middle, 0);
            set(&mut self.starts, end, start);
            if start > 0
                && let Some(before) = self.starts.get(start).copied()
            {
                self.propose(before);
            }
            self.propose(start);
        }
    }

    /// Notes that the part that begins at `start` may be merged with the next, if it may.
    fn propose(&mut self, start: usize) {
        let Some(end) = self.end_of_pair(start) else { return };
        let rank = self.piece.get(start..end).and_then(|bytes| self.vocabulary.rank(bytes));
        self.merges.extend(rank.map(|rank| Reverse(Merge { rank, start, end })));
    }

    /// Where the part behind the one that begins at `start` ends.
    fn end_of_pair(&self, start: usize) -> Option<usize> {
        self.end_of(self.end_of(start)?)
    }

    /// Where the part that begins at `start` ends.
    fn end_of(&self, start: usize) -> Option<usize> {
        self.ends.get(start).copied().filter(|end| *end > 0)
    }
}

fn set(places: &mut [usize], at: usize, value: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::vocabulary;
    use super::*;

    fn tokens(piece: &str) -> Vec<&str> {
        let mut start = 0;
        let ends = token_ends(vocabulary(), piece.as_bytes()).into_iter();
        ends.map(|end| &piece[std::mem::replace(&mut start, end)..end]).collect()
    }

    #[test]
    fn the_tokens_of_a_piece_are_the_published_ones() {
        for (piece, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("tiktoken", &["t", "ikt", "oken"]),
            ("antidisestablishmentarianism", &["ant", "idis", "est", "ablishment", "arian", "ism"]),
        ] {
            assert_eq!(tokens(piece), expected, "{piece:?}");
        }
    }

    #[test]
    fn a_piece_without_end_takes_no_time_without_end() {
        // Merging by looking at all neighbours again each time would take hours.
        let piece = "abcdefghij".repeat(20_000);
        let ends = token_ends(vocabulary(), piece.as_bytes());
        assert_eq!(ends.last(), Some(&piece.len()));
        assert!(ends.is_sorted() && ends.len() < piece.len() / 2);
    }
}
