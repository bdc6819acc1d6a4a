//! The measures, per category of question, with what chance may have done to them.

use std::collections::BTreeSet;

use serde::Serialize;

/// Resamples of the questions that the intervals are made from.
pub(super) const RESAMPLES: usize = 1000;
/// Begin of the random numbers: the same answers have the same intervals.
pub(super) const SEED: u64 = 1;

/// What one question showed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    category: u8,
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

/// Where an average lies with 95 % confidence: the lower and the upper end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Interval(pub(super) f64, pub(super) f64);

/// Intervals of the averages over all questions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Intervals {
    pub(super) evidence_recall: Interval,
    pub(super) mrr: Interval,
}

/// The questions that were asked.
#[derive(Debug, Default)]
pub(super) struct Scores(Vec<Asked>);

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
        self.0.push(Asked {
            category,
            evidence_recall: ratio(evidence.len() - missing.len(), evidence.len()),
            reciprocal_rank: first.map_or(0.0, |rank| ratio(1, rank)),
            results: ranked.len(),
        });
    }

    /// Averages over all questions, then for each category.
    pub(super) fn measures(&self) -> Vec<(String, Measures)> {
        let categories: BTreeSet<u8> = self.0.iter().map(|asked| asked.category).collect();
        let of_category = |category: u8| {
            let asked: Vec<Asked> =
                self.0.iter().copied().filter(|asked| asked.category == category).collect();
            (format!("category {category}"), averages(&asked))
        };
        let all = ("all".to_owned(), averages(&self.0));
        [all].into_iter().chain(categories.into_iter().map(of_category)).collect()
    }

    /// Intervals by bootstrap over the questions: averages of as many questions, drawn with repetition.
    pub(super) fn intervals(&self) -> Intervals {
        let mut random = fastrand::Rng::with_seed(SEED);
        let draws: Vec<Measures> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<Asked> =
                    (0..self.0.len()).filter_map(|_| random.choice(&self.0)).copied().collect();
                averages(&drawn)
            })
            .collect();
        Intervals {
            evidence_recall: interval(draws.iter().map(|draw| draw.evidence_recall).collect()),
            mrr: interval(draws.iter().map(|draw| draw.mrr).collect()),
        }
    }
}

fn averages(asked: &[Asked]) -> Measures {
    let mean = |of: fn(&Asked) -> f64| asked.iter().map(of).sum::<f64>() / asked.len().max(1) as f64;
    Measures {
        questions: asked.len(),
        evidence_recall: mean(|asked| asked.evidence_recall),
        mrr: mean(|asked| asked.reciprocal_rank),
        results: mean(|asked| asked.results as f64),
    }
}

/// The span that holds 95 % of the values.
fn interval(mut values: Vec<f64>) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |thousandths: usize| values.get(last * thousandths / 1000).copied().unwrap_or_default();
    Interval(at(25), at(975))
}

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

    #[test]
    fn an_interval_is_around_its_average_and_narrows_with_questions() {
        let evidence = ["a".to_owned()];
        let scores = |questions: usize| {
            let mut scores = Scores::default();
            for number in 0..questions {
                let found = if number % 4 == 0 { vec![] } else { vec![vec!["a"]] };
                scores.add(1, &evidence, &found);
            }
            scores
        };
        let width = |questions| {
            let Interval(low, high) = scores(questions).intervals().evidence_recall;
            assert!(low < 0.75 && 0.75 < high, "{low} to {high}");
            high - low
        };
        // 1.96 standard errors of a share of 0.75 on either side.
        assert!((width(400) - 0.085).abs() < 0.01);
        assert!(width(400) < width(40));
        assert_eq!(scores(40).intervals(), scores(40).intervals());
        assert_eq!(Scores::default().intervals().mrr, Interval(0.0, 0.0));
    }
}
