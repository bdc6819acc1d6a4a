//! The vectors of a bank, searched in this process.
//!
//! A search reads one byte of each number first. How far that is from the truth is known of every
//! vector, so those that cannot be among the nearest are passed over, and only the others are
//! compared as they are: the answer is that of a comparison with all.

use std::iter::zip;

use half::f16;
use half::slice::HalfFloatSliceExt;
use multiversion::multiversion;

use crate::cells::dot;

/// Greatest whole number of a vector that is held.
const HELD: f32 = 127.0;
/// Greatest whole number of a query: the sum of 16,000 products, as many as a vector of the database
/// has, stays below 2³¹.
const ASKED: f32 = 1023.0;
/// More than what 32-bit arithmetic may get wrong about a cosine.
const ARITHMETIC: f32 = 1e-4;

/// Vectors, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    /// The numbers as the database has them.
    numbers: Vec<f16>,
    /// The same in whole steps.
    steps: Vec<i8>,
    measures: Vec<Measures>,
}

/// What is known of one vector.
#[derive(Debug, Clone, Copy)]
struct Measures {
    /// The square of its length.
    square: f32,
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

impl Vectors {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.measures.len()
    }

    /// Bytes that one vector takes.
    pub(super) fn bytes_of_one(dimension: usize) -> usize {
        size_of::<Measures>() + dimension * (size_of::<f16>() + size_of::<i8>())
    }

    /// Numbers of one; 0 where there is none.
    pub(super) fn dimension(&self) -> usize {
        self.steps.len() / self.len().max(1)
    }

    pub(super) fn push(&mut self, vector: &[f16]) {
        let floats = vector.to_f32_vec();
        let square = dot(&floats, &floats);
        let length = square.sqrt();
        let (steps, size, rest) = stepped(&floats, HELD);
        self.numbers.extend_from_slice(vector);
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers of at most 127")]
        self.steps.extend(steps.map(|steps| steps as i8));
        // A vector without a direction says nothing about the others.
        let measures = if length > 0.0 {
            Measures { square, step: size / length, rest: rest / length }
        } else {
            Measures { square, step: 0.0, rest: f32::INFINITY }
        };
        self.measures.push(measures);
    }

    /// Places and cosines of the `limit` vectors that are nearest to a query, in no order. Those without a
    /// direction are near nothing.
    pub(super) fn nearest(&self, query: &Asked, limit: usize) -> Vec<(usize, f64)> {
        let mut near = if limit < self.len() {
            self.compare(query, self.candidates(query, limit))
        } else {
            self.compare(query, 0..self.len())
        };
        if limit < near.len() {
            near.select_nth_unstable_by(limit, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            near.truncate(limit);
        }
        near
    }

    /// Where those vectors stand that may be among the `limit` nearest; `limit` is below their number.
    fn candidates(&self, query: &Asked, limit: usize) -> impl Iterator<Item = usize> + use<> {
        let (steps, size, left_out) = stepped(&query.numbers, ASKED);
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers of at most 1,023")]
        let steps: Vec<i16> = steps.map(|steps| steps as i16).collect();
        let length = query.square.sqrt().max(f32::MIN_POSITIVE);
        let mut products = Vec::with_capacity(self.len());
        inner_products(&self.steps, &steps, &mut products);
        // With v = s + r for a vector and q = t + u for the query: |v·q - s·t| = |r·q + s·u|, which is
        // at most |r||q| + (|v| + |r|)|u|.
        let bounds = zip(&self.measures, products).map(|(vector, product)| {
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

    /// The cosines of the vectors that stand at these places.
    fn compare(&self, query: &Asked, places: impl Iterator<Item = usize>) -> Vec<(usize, f64)> {
        places.filter_map(|at| Some((at, self.cosine(at, query)?))).collect()
    }

    /// The cosine of the vector at a place; none where one of both has no direction.
    pub(super) fn cosine(&self, at: usize, query: &Asked) -> Option<f64> {
        let numbers = self.numbers_of(at, query.numbers.len())?;
        let squares = f64::from(self.measures.get(at)?.square) * f64::from(query.square);
        let cosine = || f64::from(product(numbers, &query.numbers)) / squares.sqrt();
        (squares > 0.0).then(|| cosine().clamp(-1.0, 1.0))
    }

    /// The vector at a place, to compare others with.
    pub(super) fn asked(&self, at: usize) -> Option<Asked> {
        let numbers = self.numbers_of(at, self.dimension())?.to_f32_vec();
        Some(Asked { numbers, square: self.measures.get(at)?.square })
    }

    fn numbers_of(&self, at: usize, dimension: usize) -> Option<&[f16]> {
        self.numbers.get(at * dimension..)?.get(..dimension)
    }
}

/// A vector that others are compared with.
#[derive(Debug)]
pub(super) struct Asked {
    numbers: Vec<f32>,
    /// The square of its length.
    square: f32,
}

impl Asked {
    /// A query, at the precision that the database compares with.
    pub(super) fn of(query: &[f32]) -> Self {
        let numbers: Vec<f32> = query.iter().map(|number| f16::from_f32(*number).to_f32()).collect();
        let square = dot(&numbers, &numbers);
        Self { numbers, square }
    }
}

/// The inner product of a vector and a query.
#[multiversion(targets("x86_64+avx2"))]
fn product(vector: &[f16], query: &[f32]) -> f32 {
    const LANES: usize = 32;
    let (vectors, queries) = (vector.chunks_exact(LANES), query.chunks_exact(LANES));
    let rest: f32 = zip(vectors.remainder(), queries.remainder()).map(|(a, b)| widened(*a) * b).sum();
    let mut sums = [0.0_f32; LANES];
    for (vector, query) in zip(vectors, queries) {
        for ((sum, a), b) in sums.iter_mut().zip(vector).zip(query) {
            *sum += widened(*a) * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// A finite number in 32 bits, in a way that is done with several at a time: the bits of exponent and
/// fraction have to move, and the exponents count from elsewhere.
#[inline(always)]
fn widened(number: f16) -> f32 {
    const FROM_15_TO_127: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let bits = u32::from(number.to_bits());
    let size = f32::from_bits((bits & 0x7fff) << 13) * FROM_15_TO_127;
    f32::from_bits(size.to_bits() | (bits & 0x8000) << 16)
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

    fn held(vectors: &[Vec<f32>]) -> Vectors {
        let mut held = Vectors::default();
        for vector in vectors {
            held.push(&vector.iter().map(|number| f16::from_f32(*number)).collect::<Vec<_>>());
        }
        held
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
            let held = held(&sized);
            let query = Asked::of(&query);
            let sorted = |mut near: Vec<(usize, f64)>| {
                near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                near.into_iter().map(|(at, _)| at).take(limit).collect::<Vec<_>>()
            };
            let by_all = sorted(held.compare(&query, 0..held.len()));
            prop_assert_eq!(sorted(held.nearest(&query, limit)), by_all);
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
        let held = held(&vectors);
        let query: Vec<f32> = (0..384).map(|_| random()).collect();
        let candidates = held.candidates(&Asked::of(&query), 50).count();
        assert!((50..400).contains(&candidates), "{candidates}");
    }

    #[test]
    fn finite_numbers_stay_what_they_are() {
        for number in (0..=u16::MAX).map(f16::from_bits).filter(|number| number.is_finite()) {
            assert_eq!(widened(number).to_bits(), number.to_f32().to_bits(), "{number}");
        }
    }

    #[test]
    fn the_largest_products_fit() {
        let (dimension, mut products) = (16_000, Vec::new());
        inner_products(&vec![-127; dimension], &vec![1023; dimension], &mut products);
        assert_eq!(products, [-127 * 1023 * 16_000]);
    }
}
