//! Which new names of a batch are one.
//!
//! Pairs are found by the rarest trigrams of each name: two sets that agree by a share `t` of
//! all their trigrams have one in common among the `n - ⌈t·n⌉ + 1` rarest of either set of `n`.
//! So a batch of thousands of names costs little more than the pairs it holds.

use std::collections::{HashMap, HashSet};

use super::likeness::Likeness;
use super::mentions::{Mentions, Scene};
use super::score::{company, is_one, score};

/// Names that one name is compared with at most.
const MOST_COMPARED: usize = 200;

/// For each of these names of the batch (by their places) that is one with others: the place of
/// the one that is used most. Their trigrams agree by `least` at least.
pub(super) fn merge(mentions: &Mentions, names: &[usize], least: f64) -> HashMap<usize, usize> {
    let mut groups = Groups::new(mentions, names);
    let mut circles = Circles { mentions, known: HashMap::new() };
    for (one, other) in pairs(mentions, names, least) {
        if circles.are_one(one, other, least) {
            groups.join(one, other);
        }
    }
    groups.chosen(mentions, names)
}

/// Pairs whose trigrams may agree by `least`.
fn pairs(mentions: &Mentions, names: &[usize], least: f64) -> Vec<(usize, usize)> {
    let compared =
        |&place: &usize| Some((place, mentions.names.get_index(place)?.1.name.as_ref()?.trigrams()));
    let sets: Vec<_> = names.iter().filter_map(compared).collect();
    let mut frequencies: HashMap<&[char; 3], usize> = HashMap::new();
    for trigram in sets.iter().flat_map(|(_, set)| set.iter()) {
        *frequencies.entry(trigram).or_default() += 1;
    }
    let mut holders: HashMap<&[char; 3], Vec<usize>> = HashMap::new();
    let mut pairs = Vec::new();
    for (place, set) in &sets {
        let mut rarest: Vec<_> = set.iter().map(|trigram| (frequencies.get(trigram), trigram)).collect();
        rarest.sort_unstable();
        let kept = rarest.len() + 1 - shared_at_least(rarest.len(), least);
        let mut seen = HashSet::new();
        for (_, trigram) in rarest.into_iter().take(kept) {
            let holders = holders.entry(trigram).or_default();
            for &other in holders.iter().take(MOST_COMPARED) {
                if seen.len() < MOST_COMPARED && seen.insert(other) {
                    pairs.push((other, *place));
                }
            }
            holders.push(*place);
        }
    }
    pairs
}

/// How many of `length` trigrams another set must have to agree by `least`; at least 1.
pub(super) fn shared_at_least(length: usize, least: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let shared = (length as f64 * least).ceil() as usize;
    shared.clamp(1, length.max(1))
}

/// Who is named together with whom.
struct Circles<'m> {
    mentions: &'m Mentions,
    known: HashMap<usize, HashSet<usize>>,
}

impl Circles<'_> {
    fn are_one(&mut self, one: usize, other: usize, least: f64) -> bool {
        let name =
            |place| self.mentions.names.get_index(place).and_then(|(_, mention)| mention.name.as_ref());
        let (Some(left), Some(right)) = (name(one), name(other)) else { return false };
        match left.likeness(right, least) {
            None => false,
            Some(Likeness::Same) => true,
            Some(Likeness::Alike(ratio)) => {
                let shared = self.shared_company(one, other).max(self.shared_company(other, one));
                is_one(score(ratio, shared, days_between(self.mentions, one, other)))
            }
        }
    }

    /// The company of a name, in the fact where it fits best, that another name keeps too.
    fn shared_company(&mut self, name: usize, other: usize) -> f64 {
        self.learn(other);
        for scene in self.mentions.scenes(name) {
            for place in &scene.company {
                self.learn(*place);
            }
        }
        let Some(partners) = self.known.get(&other) else { return 0.0 };
        let degree = |place: &usize| self.known.get(place).map_or(0, HashSet::len);
        let shared = |scene: &Scene| {
            let nearby: HashSet<usize> =
                scene.company.iter().copied().filter(|place| *place != name).collect();
            company(nearby.len(), nearby.intersection(partners).map(degree))
        };
        self.mentions.scenes(name).map(shared).fold(0.0, f64::max)
    }

    fn learn(&mut self, name: usize) {
        let mentions = self.mentions;
        self.known.entry(name).or_insert_with(|| {
            let company = mentions.scenes(name).flat_map(|scene| &scene.company);
            company.copied().filter(|place| *place != name).collect()
        });
    }
}

/// Days between the nearest facts of two names.
fn days_between(mentions: &Mentions, one: usize, other: usize) -> Option<f64> {
    let span = |name| {
        let times = mentions.scenes(name).filter_map(|scene| scene.at);
        times.fold(None, |span: Option<(_, _)>, at| match span {
            None => Some((at, at)),
            Some((first, last)) => Some((first.min(at), last.max(at))),
        })
    };
    let ((a, b), (c, d)) = (span(one)?, span(other)?);
    let gap = (c - b).max(a - d).max(chrono::TimeDelta::zero());
    Some(gap.as_seconds_f64() / 86_400.0)
}

/// Names that are one, as trees with the facts that hold any of them.
struct Groups {
    above: HashMap<usize, usize>,
    facts: HashMap<usize, HashSet<usize>>,
}

impl Groups {
    fn new(mentions: &Mentions, names: &[usize]) -> Self {
        let facts = |&place: &usize| {
            let (_, mention) = mentions.names.get_index(place)?;
            Some((place, mention.facts.iter().copied().collect()))
        };
        Self { above: HashMap::new(), facts: names.iter().filter_map(facts).collect() }
    }

    fn root(&self, mut name: usize) -> usize {
        while let Some(above) = self.above.get(&name) {
            name = *above;
        }
        name
    }

    /// Makes two groups one, unless a fact names members of both: whoever names two means two.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (Some(left), Some(right)) = (self.facts.get(&one), self.facts.get(&other)) else { return };
        if one == other || !left.is_disjoint(right) {
            return;
        }
        // The smaller under the larger, so that no way to the root is long.
        let (below, above) = if left.len() <= right.len() { (one, other) } else { (other, one) };
        let moved = self.facts.remove(&below).unwrap_or_default();
        self.facts.entry(above).or_default().extend(moved);
        self.above.insert(below, above);
    }

    fn chosen(&self, mentions: &Mentions, names: &[usize]) -> HashMap<usize, usize> {
        let count =
            |place: usize| mentions.names.get_index(place).map_or(0, |(_, mention)| mention.facts.len());
        let mut best: HashMap<usize, usize> = HashMap::new();
        for &name in names {
            let chosen = best.entry(self.root(name)).or_insert(name);
            if count(name) > count(*chosen) {
                *chosen = name;
            }
        }
        let chosen = |&name: &usize| Some((name, *best.get(&self.root(name))?));
        names.iter().filter_map(chosen).filter(|(name, chosen)| name != chosen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fact;
    use super::{Mentions, merge};
    use crate::store::FactWrite;

    /// Each name that is one with another one, with that.
    fn merged(facts: &[FactWrite]) -> Vec<(String, String)> {
        let mentions = Mentions::of(facts);
        let names: Vec<usize> = (0..mentions.names.len()).collect();
        let spelling = |place: usize| mentions.names[place].spelling().to_owned();
        let mut merged: Vec<_> = merge(&mentions, &names, 0.5)
            .into_iter()
            .map(|(name, chosen)| (spelling(name), spelling(chosen)))
            .collect();
        merged.sort();
        merged
    }

    #[test]
    fn spellings_become_the_one_that_is_used_most() {
        let facts = [fact(&["OpenAI"]), fact(&["Open AI"]), fact(&["OpenAI", "Paris"]), fact(&["open-ai"])];
        let chosen = "OpenAI".to_owned();
        assert_eq!(merged(&facts), [("Open AI".to_owned(), chosen.clone()), ("open-ai".to_owned(), chosen)]);
    }

    #[test]
    fn alike_names_need_company_that_is_no_crowd() {
        let apart = [fact(&["Alice", "Berlin"]), fact(&["Alice Smith", "Lisbon"])];
        assert_eq!(merged(&apart), []);
        let together = [fact(&["Alice", "Berlin"]), fact(&["Alice Smith", "Berlin"])];
        assert_eq!(merged(&together), [("Alice Smith".to_owned(), "Alice".to_owned())]);
        // Everybody is named together with the user, and with whoever is in every fact.
        let user = [fact(&["Alice", "user"]), fact(&["Alice Smith", "user"])];
        assert_eq!(merged(&user), []);
        let mut crowd = vec![fact(&["Alice", "Berlin"]), fact(&["Alice Smith", "Berlin"])];
        crowd.extend((0..30).map(|number| fact(&[&format!("Person{number}x{number}"), "Berlin"])));
        assert_eq!(merged(&crowd), []);
    }

    #[test]
    fn whoever_speaks_is_no_company() {
        let said = |names| FactWrite { author: Some("Berlin".to_owned()), ..fact(names) };
        assert_eq!(merged(&[said(&["Alice", "Berlin"]), said(&["Alice Smith", "Berlin"])]), []);
    }

    #[test]
    fn names_of_one_fact_are_two() {
        let facts = [fact(&["OpenAI", "Open AI"])];
        assert_eq!(merged(&facts), []);
        let facts = [fact(&["OpenAI", "Open AI"]), fact(&["open-ai"])];
        assert_eq!(merged(&facts).len(), 1, "and a third one is one of them, not both");
    }

    #[test]
    fn labels_and_literal_names_stay_apart() {
        let mut facts = [fact(&["OpenAI"]), fact(&["Open AI"]), fact(&["open-ai"])];
        facts[1].entities[0].is_literal = true;
        facts[2].entities[0].is_label = true;
        assert_eq!(merged(&facts), []);
    }

    #[test]
    fn thousands_of_names_are_compared_all_the_same() {
        let mut facts: Vec<FactWrite> = (0..4000)
            .map(|number: u32| fact(&[&format!("Name{} Part{}", number * 7919 % 100_003, number)]))
            .collect();
        facts.push(fact(&["Wolfgang Amadeus"]));
        facts.push(fact(&["amadeus, wolfgang"]));
        let chosen = "Wolfgang Amadeus".to_owned();
        assert_eq!(merged(&facts), [("amadeus, wolfgang".to_owned(), chosen)]);
    }
}
