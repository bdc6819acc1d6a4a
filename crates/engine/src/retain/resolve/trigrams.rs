//! Sets of three characters in a row, as PostgreSQL's `pg_trgm` makes them.

/// The trigrams of a text: of each word of letters and digits in lower case, with two spaces
/// before and one behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trigrams(Vec<[char; 3]>);

impl Trigrams {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        let mut trigrams = Vec::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let mut last = [' '; 2];
            for next in word.chars().flat_map(char::to_lowercase).chain([' ']) {
                let [first, second] = last;
                trigrams.push([first, second, next]);
                last = [second, next];
            }
        }
        trigrams.sort_unstable();
        trigrams.dedup();
        Self(trigrams)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: the text has no letter and no digit.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them once.
    pub fn iter(&self) -> impl Iterator<Item = &[char; 3]> {
        self.0.iter()
    }

    /// The share of trigrams that both have among all that either has, 0 to 1; texts without
    /// any are alike in nothing.
    pub fn jaccard(&self, other: &Self) -> f64 {
        let shared = self.0.iter().filter(|trigram| other.0.binary_search(trigram).is_ok()).count();
        let all = self.len() + other.len() - shared;
        if all == 0 { 0.0 } else { shared as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::Trigrams;

    #[test]
    fn words_are_padded_and_punctuation_divides() {
        let trigrams: Vec<String> =
            Trigrams::of("Ab-c!").iter().map(|trigram| trigram.iter().collect()).collect();
        assert_eq!(trigrams, ["  a", "  c", " ab", " c ", "ab "]);
        assert_eq!(Trigrams::of("Smith, John"), Trigrams::of("john smith"));
        assert!(Trigrams::of("?!").is_empty());
    }

    #[test]
    fn likeness_is_the_share_of_common_trigrams() {
        let likeness = |a, b| Trigrams::of(a).jaccard(&Trigrams::of(b));
        assert!((likeness("Anna", "Anne") - 3.0 / 7.0).abs() < 1e-12);
        assert!((likeness("Alice", "Alice Smith") - 0.5).abs() < 1e-12);
        assert!((likeness("", "") - 0.0).abs() < 1e-12);
    }
}
