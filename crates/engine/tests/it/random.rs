//! Cases by chance that can be had again: a failure tells the seed, and `PROPTEST_RNG_SEED` sets it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use uuid::Uuid;

/// A runner whose cases follow from a seed. Nothing is kept in files.
#[expect(clippy::print_stdout, reason = "shown with a test that fails")]
pub(crate) fn runner(config: &Config) -> TestRunner {
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => hash(&Uuid::new_v4()),
    };
    println!("these cases again: PROPTEST_RNG_SEED={seed}");
    TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..config.clone() })
}

/// Numbers for what a double does next. They follow from a seed, from what it is asked, and from how
/// often that was asked: not from the order in which questions happen to come.
pub(crate) struct Turns {
    seed: u64,
    asked: Mutex<BTreeMap<String, u64>>,
}

impl Turns {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, asked: Mutex::default() }
    }

    pub(crate) fn next(&self, question: String) -> u64 {
        let first = hash(&(self.seed, &question));
        let mut asked = self.asked.lock().expect("nobody panics with it");
        let times = asked.entry(question).or_default();
        *times += 1;
        first.wrapping_add(*times)
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn cases_of_one_seed_are_the_same_and_others_are_not() {
    let drawn = |seed| {
        let mut runner = runner(&Config { rng_seed: seed, ..Config::default() });
        let numbers = proptest::collection::vec(0..1000_u32, 20);
        numbers.new_tree(&mut runner).expect("numbers").current()
    };
    assert_eq!(drawn(RngSeed::Fixed(7)), drawn(RngSeed::Fixed(7)));
    assert_ne!(drawn(RngSeed::Fixed(7)), drawn(RngSeed::Fixed(8)));
    assert_ne!(drawn(RngSeed::Random), drawn(RngSeed::Random));
}

#[test]
fn turns_follow_from_the_question_and_not_from_the_order() {
    let of = |seed, order: &[&str]| {
        let turns = Turns::new(seed);
        let mut told: Vec<(String, u64)> = order
            .iter()
            .map(|question| ((*question).to_owned(), turns.next((*question).to_owned())))
            .collect();
        told.sort();
        told
    };
    assert_eq!(of(1, &["a", "b", "a"]), of(1, &["b", "a", "a"]));
    assert_ne!(of(1, &["a"]), of(2, &["a"]));
    let again = of(1, &["a", "a"]);
    assert_eq!(again[0].1 + 1, again[1].1, "the next one does something else");
}
