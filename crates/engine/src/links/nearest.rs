//! The nearest memories of some, found by a look at all vectors page by page.

use std::collections::HashMap;

use uuid::Uuid;

use crate::cells::{dot, scaled};
use crate::store::{SemanticLink, TypedVector};

/// Memories with the nearest others that were seen so far.
#[derive(Debug)]
pub(super) struct Nearest {
    /// By type.
    seeds: HashMap<i16, Vec<Seed>>,
    most: usize,
    least: f32,
}

#[derive(Debug)]
struct Seed {
    memory_id: Uuid,
    /// Of length 1.
    direction: Vec<f32>,
    /// Similarity and id; a few more than wanted, until they are cut.
    found: Vec<(f32, Uuid)>,
}

impl Nearest {
    /// For these memories, the `most` nearest whose cosine is `least` at least.
    #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more digits")]
    pub(super) fn new(seeds: Vec<TypedVector>, most: usize, least: f64) -> Self {
        let mut by_type: HashMap<i16, Vec<Seed>> = HashMap::new();
        for seed in seeds {
            by_type.entry(seed.fact_type).or_default().push(Seed {
                memory_id: seed.memory_id,
                direction: scaled(seed.embedding),
                found: Vec::new(),
            });
        }
        Self { seeds: by_type, most, least: least as f32 }
    }

    /// Looks at more memories.
    pub(super) fn look_at(&mut self, page: &[TypedVector]) {
        for row in page {
            let Some(seeds) = self.seeds.get_mut(&row.fact_type) else { continue };
            let direction = scaled(row.embedding.clone());
            for seed in seeds.iter_mut().filter(|seed| seed.memory_id != row.memory_id) {
                let similarity = dot(&seed.direction, &direction);
                if similarity >= self.least {
                    seed.found.push((similarity, row.memory_id));
                    if seed.found.len() >= 4 * self.most {
                        seed.cut(self.most);
                    }
                }
            }
        }
    }

    /// The links from each memory to its nearest.
    pub(super) fn links(self) -> Vec<SemanticLink> {
        let most = self.most;
        let mut links = Vec::new();
        for mut seed in self.seeds.into_values().flatten() {
            seed.cut(most);
            links.extend(seed.found.iter().map(|&(similarity, other_id)| SemanticLink {
                memory_id: seed.memory_id,
                other_id,
                similarity,
            }));
        }
        links
    }
}

impl Seed {
    fn cut(&mut self, most: usize) {
        self.found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        self.found.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Nearest, TypedVector};

    fn vector(id: u128, fact_type: i16, embedding: [f32; 2]) -> TypedVector {
        TypedVector { memory_id: Uuid::from_u128(id), fact_type, embedding: embedding.to_vec() }
    }

    #[test]
    fn the_nearest_of_the_same_type_are_kept_whatever_the_pages() {
        let rows: Vec<TypedVector> = (0..100_u16)
            .map(|number| vector(u128::from(number) + 1, 1, [10.0, f32::from(number)]))
            .chain([vector(900, 2, [10.0, 0.0])])
            .collect();
        let mut nearest = Nearest::new(vec![rows[0].clone()], 3, 0.5);
        for page in rows.chunks(7) {
            nearest.look_at(page);
        }
        let others: Vec<u128> = nearest.links().iter().map(|link| link.other_id.as_u128()).collect();
        assert_eq!(others, [2, 3, 4]);
    }

    #[test]
    fn what_is_less_alike_is_no_neighbour() {
        let rows = [vector(1, 1, [1.0, 0.0]), vector(2, 1, [1.0, 1.0]), vector(3, 1, [0.0, 1.0])];
        let mut nearest = Nearest::new(rows[..1].to_vec(), 20, 0.7);
        nearest.look_at(&rows);
        let links = nearest.links();
        assert_eq!(links.len(), 1);
        assert!((links[0].similarity - 0.5_f32.sqrt()).abs() < 1e-6);
    }
}
