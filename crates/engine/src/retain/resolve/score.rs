//! How much speaks for two names that are alike being one: their letters, the company they
//! keep, and the time between them.

/// Score from which two names are one.
const ONE: f64 = 0.6;
const LETTERS: f64 = 0.5;
const COMPANY: f64 = 0.3;
const TIME: f64 = 0.2;
/// Days after which time speaks for nothing.
const DAYS: f64 = 7.0;
/// Whoever is named together with more others than this is no company: with them is everybody.
const HUB: usize = 20;

/// How much of its company a name shares with a candidate, 0 to 1: of `nearby` others named
/// beside it, those that the candidate is named with too, by the number of names that each of
/// them is named with in all. The more these are, the less it says.
pub fn company(nearby: usize, shared: impl IntoIterator<Item = usize>) -> f64 {
    if nearby == 0 {
        return 0.0;
    }
    let weight = |degree: usize| match degree.max(1) {
        many if many > HUB => 0.0,
        few => 1.0 / (few as f64).sqrt(),
    };
    shared.into_iter().map(weight).sum::<f64>() / nearby as f64
}

/// The score of a name and a candidate: ratio of their letters, company they share, and days
/// between the fact and the candidate's last mention.
///
/// Without any company, time does not count: that two names come up in one week says nothing
/// about them.
pub fn score(ratio: f64, company: f64, days: Option<f64>) -> f64 {
    let near = days.map_or(0.0, |days| (1.0 - days.abs() / DAYS).max(0.0));
    let time = if company > 0.0 { near } else { 0.0 };
    LETTERS * ratio + COMPANY * company + TIME * time
}

/// Whether a score makes two names one.
pub fn is_one(score: f64) -> bool {
    (score * 1e6).round() >= ONE * 1e6
}

#[cfg(test)]
mod tests {
    use super::{HUB, company, is_one, score};

    #[test]
    fn company_counts_by_how_rare_it_is() {
        assert!((company(2, [1]) - 0.5).abs() < 1e-12);
        assert!((company(2, [4]) - 0.25).abs() < 1e-12);
        assert!((company(2, [1, 1]) - 1.0).abs() < 1e-12);
        assert!(company(1, [HUB + 1]).abs() < 1e-12);
        assert!(company(0, []).abs() < 1e-12);
    }

    #[test]
    fn letters_and_time_alone_make_nothing_one() {
        assert!(!is_one(score(0.99, 0.0, Some(0.0))));
        assert!(is_one(score(0.8, 0.4, Some(2.0))));
        assert!(!is_one(score(0.8, 0.1, Some(8.0))));
        assert!(is_one(score(0.6, 1.0, None)));
    }
}
