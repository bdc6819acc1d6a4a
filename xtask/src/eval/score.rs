//! The measures, per category of question.

use std::collections::BTreeMap;

use serde::Serialize;

/// Sums over questions of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    questions: usize,
    evidence_recall: f64,
    reciprocal_rank: f64,
    results: usize,
}

/// Averages over questions of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measures {
    pub(super) questions: usize,
    pub(super) evidence_recall: f64,
    pub(super) mrr: f64,
    pub(super) results: f64,
}

/// Sums for each category.
#[derive(Debug, Default)]
pub(super) struct Scores(BTreeMap<u8, Sums>);

impl Scores {
    /// Counts one question: the turns that hold the evidence, and for every result in order those it holds.
    pub(super) fn add(&mut self, category: u8, evidence: &[String], ranked: &[Vec<&str>]) {
        let mut missing: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let mut first = None;
        for (index, turns) in ranked.iter().enumerate() {
            let before = missing.len();
            missing.retain(|turn| !turns.contains(turn));
            if missing.len() < before {
                first.get_or_insert(index + 1);
            }
        }
        let sums = self.0.entry(category).or_default();
        sums.questions += 1;
        sums.evidence_recall += ratio(evidence.len() - missing.len(), evidence.len());
        sums.reciprocal_rank += first.map_or(0.0, |rank| ratio(1, rank));
        sums.results += ranked.len();
    }

    /// Adds what another dialogue showed.
    pub(super) fn merge(&mut self, other: Self) {
        for (category, sums) in other.0 {
            self.0.entry(category).or_default().add(sums);
        }
    }

    /// Averages over all questions, then for each category.
    pub(super) fn measures(&self) -> Vec<(String, Measures)> {
        let mut all = Sums::default();
        for sums in self.0.values() {
            all.add(*sums);
        }
        let categories =
            self.0.iter().map(|(category, sums)| (format!("category {category}"), sums.averages()));
        [("all".to_owned(), all.averages())].into_iter().chain(categories).collect()
    }
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.questions += other.questions;
        self.evidence_recall += other.evidence_recall;
        self.reciprocal_rank += other.reciprocal_rank;
        self.results += other.results;
    }

    fn averages(self) -> Measures {
        let per_question = |sum: f64| sum * ratio(1, self.questions.max(1));
        Measures {
            questions: self.questions,
            evidence_recall: per_question(self.evidence_recall),
            mrr: per_question(self.reciprocal_rank),
            results: ratio(self.results, self.questions.max(1)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of questions and turns are small")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_counted_once_and_ranked_by_its_first_turn() {
        let mut scores = Scores::default();
        let evidence = ["a".to_owned(), "b".to_owned()];
        scores.add(1, &evidence, &[vec!["x"], vec!["a"], vec!["a"]]);
        scores.add(2, &evidence, &[vec!["b", "a"]]);
        scores.add(2, &evidence, &[]);
        let measures = scores.measures();
        assert_eq!(
            measures[0].1,
            Measures { questions: 3, evidence_recall: 0.5, mrr: 0.5, results: 4.0 / 3.0 }
        );
        assert_eq!(measures[1].0, "category 1");
        assert!((measures[1].1.evidence_recall - 0.5).abs() < 1e-9);
        assert!((measures[2].1.mrr - 0.5).abs() < 1e-9);
    }
}
