//! All vectors of a bank, searched in this process.
//!
//! A search reads one byte of each number first. How far that is from the truth is known of every
//! vector, so those that cannot be among the nearest are passed over, and only the others are
//! compared as they are: the answer is that of a comparison with all.

use std::iter::zip;

use half::f16;
use half::slice::HalfFloatSliceExt;
use hindsight_types::recall::FactType;
use multiversion::multiversion;
use uuid::Uuid;

use crate::cells::dot;
use crate::store::Near;

/// Greatest whole number of a vector that is held.
const HELD: f32 = 127.0;
/// Greatest whole number of a query: the sum of 16,000 products, as many as a vector of the database
/// has, stays below 2³¹.
const ASKED: f32 = 1023.0;
/// More than what 32-bit arithmetic may get wrong about a cosine.
const ARITHMETIC: f32 = 1e-4;

/// Every vector of a bank.
#[derive(Debug)]
pub(super) struct BankVectors {
    /// How often the bank had been changed when they were read.
    pub(super) changes: i64,
    groups: Vec<Group>,
}

/// The vectors of one type of memory, one behind the other.
#[derive(Debug)]
struct Group {
    fact_type: FactType,
    ids: Vec<Uuid>,
    /// The numbers as the database has them.
    numbers: Vec<f16>,
    /// The same in whole steps.
    steps: Vec<i8>,
    vectors: Vec<Measures>,
}

/// What is known of one vector.
#[derive(Debug, Clone, Copy)]
struct Measures {
    length: f32,
    /// Size of a step, as a part of the length.
    step: f32,
    /// Length of what the steps leave out, as a part of the length.
    rest: f32,
}

/// A vector in whole steps, the largest number `greatest` of them, with the size of a step and the
/// length of what they leave out.
fn stepped(vector: &[f32], greatest: f32) -> (impl Iterator<Item = f32>, f32, f32) {
    let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let size = largest / greatest;
    let scale = if size > 0.0 { 1.0 / size } else { 0.0 };
    let steps = move |number: &f32| (number * scale).round().clamp(-greatest, greatest);
    let rest = vector.iter().map(|number| (number - steps(number) * size).powi(2)).sum::<f32>();
    (vector.iter().map(steps), size, rest.sqrt())
}

impl BankVectors {
    pub(super) fn new(changes: i64) -> Self {
        Self { changes, groups: Vec::new() }
    }

    pub(super) fn push(&mut self, id: Uuid, fact_type: FactType, vector: &[f16]) {
        let at = self.groups.iter().position(|group| group.fact_type == fact_type);
        let group = match at.and_then(|at| self.groups.get_mut(at)) {
            Some(group) => group,
            None => self.groups.push_mut(Group::new(fact_type)),
        };
        group.push(id, vector);
    }

    /// What one vector takes, with whose it is.
    pub(super) fn bytes_of_one(dimension: usize) -> u64 {
        let each = size_of::<f16>() + size_of::<i8>();
        (size_of::<Uuid>() + size_of::<Measures>() + dimension * each) as u64
    }

    pub(super) fn bytes(&self) -> u32 {
        let of = |group: &Group| {
            let vectors = group.ids.len() as u64;
            let dimension = group.steps.len() as u64 / vectors.max(1);
            vectors * Self::bytes_of_one(usize::try_from(dimension).unwrap_or(0))
        };
        u32::try_from(self.groups.iter().map(of).sum::<u64>()).unwrap_or(u32::MAX)
    }

    /// The `limit` nearest memories of each of these types.
    pub(super) fn nearest(&self, query: &[f32], types: &[FactType], limit: usize) -> Vec<Near> {
        // The database compares with the vector at the same precision.
        let query: Vec<f32> = query.iter().map(|number| f16::from_f32(*number).to_f32()).collect();
        let asked = self.groups.iter().filter(|group| types.contains(&group.fact_type));
        asked.flat_map(|group| group.nearest(&query, limit)).collect()
    }
}

impl Group {
    fn new(fact_type: FactType) -> Self {
        Self { fact_type, ids: Vec::new(), numbers: Vec::new(), steps: Vec::new(), vectors: Vec::new() }
    }

    fn push(&mut self, id: Uuid, vector: &[f16]) {
        let floats = vector.to_f32_vec();
        let length = dot(&floats, &floats).sqrt();
        let (steps, size, rest) = stepped(&floats, HELD);
        self.ids.push(id);
        self.numbers.extend_from_slice(vector);
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers of at most 127")]
        self.steps.extend(steps.map(|steps| steps as i8));
        // A vector without a direction is never passed over.
        let measures = if length > 0.0 {
            Measures { length, step: size / length, rest: rest / length }
        } else {
            Measures { length, step: 0.0, rest: f32::INFINITY }
        };
        self.vectors.push(measures);
    }

    fn nearest(&self, query: &[f32], limit: usize) -> Vec<Near> {
        let mut near = if limit < self.ids.len() {
            self.compare(query, self.candidates(query, limit))
        } else {
            self.compare(query, 0..self.ids.len())
        };
        let by_distance = |a: &Near, b: &Near| {
            a.distance.total_cmp(&b.distance).then_with(|| a.memory_id.cmp(&b.memory_id))
        };
        if limit < near.len() {
            near.select_nth_unstable_by(limit, by_distance);
            near.truncate(limit);
        }
        near
    }

    /// Where those vectors stand that may be among the `limit` nearest; `limit` is below their number.
    fn candidates(&self, query: &[f32], limit: usize) -> impl Iterator<Item = usize> + use<> {
        let (steps, size, left_out) = stepped(query, ASKED);
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers of at most 1,023")]
        let steps: Vec<i16> = steps.map(|steps| steps as i16).collect();
        let length = dot(query, query).sqrt().max(f32::MIN_POSITIVE);
        let mut products = Vec::with_capacity(self.ids.len());
        inner_products(&self.steps, &steps, &mut products);
        // With v = s + r for a vector and q = t + u for the query: |v·q - s·t| = |r·q + s·u|, which is
        // at most |r||q| + (|v| + |r|)|u|.
        let bounds = zip(&self.vectors, products).map(|(vector, product)| {
            #[expect(clippy::cast_precision_loss, reason = "within what is added for arithmetic")]
            let cosine = product as f32 * vector.step * (size / length);
            let slack = vector.rest + (1.0 + vector.rest) * (left_out / length) + ARITHMETIC;
            (cosine - slack, cosine + slack)
        });
        let bounds: Vec<(f32, f32)> = bounds.collect();
        let mut least: Vec<f32> = bounds.iter().map(|(least, _)| *least).collect();
        let (_, worst, _) = least.select_nth_unstable_by(limit.saturating_sub(1), |a, b| b.total_cmp(a));
        let worst = *worst;
        let among = move |(at, (_, most)): (usize, (f32, f32))| (most >= worst).then_some(at);
        bounds.into_iter().enumerate().filter_map(among)
    }

    /// The distances of the vectors that stand at these places.
    fn compare(&self, query: &[f32], places: impl Iterator<Item = usize>) -> Vec<Near> {
        let query_length = dot(query, query).sqrt();
        let mut floats = vec![0.0; query.len()];
        let compare = |at: usize| {
            let (id, measures) = (self.ids.get(at)?, self.vectors.get(at)?);
            self.numbers.get(at * query.len()..)?.get(..query.len())?.convert_to_f32_slice(&mut floats);
            let cosine = f64::from(dot(&floats, query)) / f64::from(measures.length * query_length);
            let distance = 1.0 - cosine.clamp(-1.0, 1.0);
            Some(Near { memory_id: *id, fact_type: self.fact_type, distance })
        };
        places.filter_map(compare).collect()
    }
}

/// The inner product of a query with each of the vectors that stand one behind the other.
#[multiversion(targets("x86_64+avx2"))]
fn inner_products(vectors: &[i8], query: &[i16], products: &mut Vec<i32>) {
    for vector in vectors.chunks_exact(query.len().max(1)) {
        products.push(zip(vector, query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(vectors: &[Vec<f32>]) -> Group {
        let mut group = Group::new(FactType::World);
        for (at, vector) in vectors.iter().enumerate() {
            let numbers: Vec<f16> = vector.iter().map(|number| f16::from_f32(*number)).collect();
            group.push(Uuid::from_u128(at as u128), &numbers);
        }
        group
    }

    proptest! {
        #[test]
        fn what_is_passed_over_is_not_among_the_nearest(
            vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 24), 1..200),
            copies in prop::collection::vec((any::<prop::sample::Index>(), -0.01_f32..0.01), 0..100),
            sizes in prop::collection::vec(prop_oneof![Just(0.0_f32), Just(1.0), 0.001_f32..1000.0], 300),
            query in prop::collection::vec(-1.0_f32..1.0, 24),
            limit in 0_usize..120,
        ) {
            // Some are nearly the same, as texts about one thing are.
            let mut all = vectors.clone();
            all.extend(copies.iter().map(|(which, far)| {
                which.get(&vectors).iter().enumerate().map(|(at, x)| x + far * (at % 3) as f32).collect()
            }));
            let sized: Vec<Vec<f32>> =
                zip(&all, &sizes).map(|(vector, size)| vector.iter().map(|x| x * size).collect()).collect();
            let group = group(&sized);
            let mut by_all = group.compare(&query, 0..group.ids.len());
            by_all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.memory_id.cmp(&b.memory_id)));
            by_all.truncate(limit);
            let mut near = group.nearest(&query, limit);
            near.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.memory_id.cmp(&b.memory_id)));
            let places = |near: &[Near]| near.iter().map(|near| near.memory_id).collect::<Vec<_>>();
            prop_assert_eq!(places(&near), places(&by_all));
        }
    }

    #[test]
    fn most_are_passed_over() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        let vectors: Vec<Vec<f32>> = (0..2000).map(|_| (0..384).map(|_| random()).collect()).collect();
        let group = group(&vectors);
        let query: Vec<f32> = (0..384).map(|_| random()).collect();
        let candidates = group.candidates(&query, 50).count();
        assert!((50..400).contains(&candidates), "{candidates}");
    }

    #[test]
    fn the_largest_products_fit() {
        let (dimension, mut products) = (16_000, Vec::new());
        inner_products(&vec![-127; dimension], &vec![1023; dimension], &mut products);
        assert_eq!(products, [-127 * 1023 * 16_000]);
    }
}
