//! Spherical k-means: groups of vectors by direction.
//!
//! Dhillon & Modha, "Concept Decompositions for Large Sparse Text Data Using Clustering"
//! (2001). Centres have length 1 and a vector belongs to the one with the largest inner
//! product. Pure and deterministic: the same vectors give the same groups.

/// Groups of a sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Groups {
    /// Directions of the groups, each of length 1.
    pub(super) centres: Vec<Vec<f32>>,
    /// How many vectors of the sample each has.
    pub(super) sizes: Vec<usize>,
}

/// Passes over the vectors; the gain of more was not worth their time.
const ROUNDS: usize = 6;
/// A group of more than this many times the mean is divided.
const LARGEST: usize = 8;

/// At most `k` groups of `vectors`, and a few more where large ones are divided.
pub(super) fn group(vectors: &[Vec<f32>], k: usize) -> Groups {
    let unit: Vec<Vec<f32>> = vectors.iter().map(|vector| scaled(vector.clone())).collect();
    let rows: Vec<&[f32]> = unit.iter().map(Vec::as_slice).collect();
    let mut centres = rounds(&rows, spread(&rows, k));
    let mean = (rows.len() / centres.len().max(1)).max(1);
    let members = assign(&rows, &centres);
    let large: Vec<usize> = sizes(&members, centres.len())
        .into_iter()
        .enumerate()
        .filter(|(_, size)| *size > LARGEST * mean)
        .map(|(centre, _)| centre)
        .collect();
    // From the last, so that removing one leaves the numbers of those before it.
    for centre in large.into_iter().rev() {
        let own: Vec<&[f32]> =
            rows.iter().zip(&members).filter(|(_, of)| **of == centre).map(|(row, _)| *row).collect();
        let parts = rounds(&own, spread(&own, own.len() / mean));
        centres.swap_remove(centre);
        centres.extend(parts);
    }
    let sizes = sizes(&assign(&rows, &centres), centres.len());
    // Where many vectors are alike, some centres end with none.
    let (centres, sizes) = centres.into_iter().zip(sizes).filter(|(_, size)| *size > 0).unzip();
    Groups { centres, sizes }
}

/// The centre with the largest inner product.
pub(super) fn nearest(vector: &[f32], centres: &[Vec<f32>]) -> Option<usize> {
    let products = centres.iter().enumerate().map(|(at, centre)| (at, dot(vector, centre)));
    products.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// `k` of the vectors, evenly from first to last.
fn spread(rows: &[&[f32]], k: usize) -> Vec<Vec<f32>> {
    let k = k.clamp(1, rows.len().max(1));
    (0..k).filter_map(|at| rows.get(at * rows.len() / k)).map(|row| row.to_vec()).collect()
}

fn rounds(rows: &[&[f32]], mut centres: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    for _ in 0..ROUNDS {
        let mut sums: Vec<Vec<f32>> = centres.iter().map(|centre| vec![0.0; centre.len()]).collect();
        for (row, of) in rows.iter().zip(assign(rows, &centres)) {
            for (sum, value) in sums.get_mut(of).into_iter().flatten().zip(*row) {
                *sum += value;
            }
        }
        for (centre, sum) in centres.iter_mut().zip(sums) {
            // A centre that has lost all its vectors stays where it is.
            if sum.iter().any(|value| *value != 0.0) {
                *centre = scaled(sum);
            }
        }
    }
    centres
}

fn assign(rows: &[&[f32]], centres: &[Vec<f32>]) -> Vec<usize> {
    rows.iter().map(|row| nearest(row, centres).unwrap_or_default()).collect()
}

fn sizes(members: &[usize], centres: usize) -> Vec<usize> {
    let mut sizes = vec![0; centres];
    for of in members {
        if let Some(size) = sizes.get_mut(*of) {
            *size += 1;
        }
    }
    sizes
}

/// The vector at length 1.
pub(crate) fn scaled(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 {
        for value in &mut vector {
            *value /= length;
        }
    }
    vector
}

/// Inner product, in eight sums that the compiler can compute at once.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut sums, mut rest) = ([0.0_f32; 8], 0.0);
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in left.remainder().iter().zip(right.remainder()) {
        rest += x * y;
    }
    for (x, y) in left.zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors around `directions` axes, `each` of them.
    fn around(directions: usize, each: usize) -> Vec<Vec<f32>> {
        (0..directions * each)
            .map(|i| {
                let mut state = u32::try_from(i).unwrap() + 1;
                let mut vector: Vec<f32> = (0..16)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 16) as f32 / 65_536.0 * 0.2
                    })
                    .collect();
                vector[i % directions] += 1.0;
                vector
            })
            .collect()
    }

    #[test]
    fn vectors_of_one_direction_are_one_group() {
        let vectors = around(4, 50);
        let groups = group(&vectors, 4);
        assert_eq!(groups.sizes, [50; 4]);
        for (i, vector) in vectors.iter().enumerate() {
            assert_eq!(nearest(vector, &groups.centres), nearest(&vectors[i % 4], &groups.centres));
        }
        assert_eq!(group(&vectors, 4), groups, "the same again");
    }

    #[test]
    fn a_group_that_is_far_too_large_is_divided() {
        // One direction for nearly all; those far away stand where the first centres are taken.
        let mut vectors = around(1, 1_600);
        for axis in 1..16 {
            vectors[axis * 100] = vec![0.0; 16];
            vectors[axis * 100][axis] = -1.0;
        }
        let groups = group(&vectors, 16);
        assert!(groups.centres.len() > 16, "{:?}", groups.sizes);
        assert!(groups.sizes.iter().all(|size| *size <= LARGEST * 100), "{:?}", groups.sizes);
        assert_eq!(groups.sizes.iter().sum::<usize>(), vectors.len());
    }

    #[test]
    fn few_vectors_make_few_groups() {
        assert_eq!(group(&around(2, 1), 50).centres.len(), 2);
        assert_eq!(group(&[], 5).centres.len(), 0);
        assert_eq!(nearest(&[1.0], &[]), None);
    }

    #[test]
    fn products_are_exact_for_any_length() {
        let vector: Vec<f32> = (0..19).map(|i| i as f32).collect();
        assert!((dot(&vector, &vector) - 2109.0).abs() < f32::EPSILON);
    }
}
