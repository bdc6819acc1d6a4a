//! The names of a bank that new names are similar to, found without the database: reading all
//! names of a bank and comparing them here costs less than a search by trigrams for each of many.

use std::collections::{HashMap, HashSet};

use super::likeness::Name;
use super::merge::shared_at_least;
use crate::store::{EntityName, SimilarEntity};

/// For each of these new names the stored ones that it may mean, the `most` similar; their
/// trigrams agree by `least` at least. `asked` in the answer is the place among the new names.
pub(super) fn similar(stored: Vec<EntityName>, new: &[Name], least: f64, most: usize) -> Vec<SimilarEntity> {
    let stored: Vec<(EntityName, Name)> =
        stored.into_iter().filter_map(|entity| Name::of(&entity.name).map(|name| (entity, name))).collect();
    let mut holders: HashMap<&[char; 3], Vec<usize>> = HashMap::new();
    for (place, (_, name)) in stored.iter().enumerate() {
        for trigram in name.trigrams().iter() {
            holders.entry(trigram).or_default().push(place);
        }
    }
    let mut found = Vec::new();
    for (asked, name) in new.iter().enumerate() {
        let mut rarest: Vec<&[usize]> = name
            .trigrams()
            .iter()
            .map(|trigram| holders.get(trigram).map(Vec::as_slice).unwrap_or_default())
            .collect();
        rarest.sort_unstable_by_key(|holders| holders.len());
        // Who agrees by enough has one of these.
        let kept = rarest.len() + 1 - shared_at_least(rarest.len(), least);
        let places: HashSet<usize> = rarest.into_iter().take(kept).flatten().copied().collect();
        let mut similar: Vec<(f64, &EntityName)> = places
            .into_iter()
            .filter_map(|place| stored.get(place))
            .filter(|(_, known)| known.likeness(name, least).is_some())
            .map(|(entity, known)| (known.trigrams().jaccard(name.trigrams()), entity))
            .collect();
        similar.sort_unstable_by(|(a, left), (b, right)| {
            b.total_cmp(a).then_with(|| left.entity_id.cmp(&right.entity_id))
        });
        found.extend(similar.into_iter().take(most).map(|(_, entity)| SimilarEntity {
            asked,
            entity_id: entity.entity_id,
            name: entity.name.clone(),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{EntityName, Name, similar};

    #[test]
    fn every_name_that_is_alike_is_found() {
        let named = |name: String| EntityName { entity_id: Uuid::now_v7(), name };
        let mut stored: Vec<EntityName> =
            (0..2000).map(|number| named(format!("Person Number{number}x{number}"))).collect();
        stored.push(named("Open AI".to_owned()));
        stored.push(named("Alice Smith".to_owned()));
        let new: Vec<Name> =
            ["OpenAI", "Alice", "Nobody Known"].iter().filter_map(|name| Name::of(name)).collect();
        let found: Vec<(usize, String)> =
            similar(stored, &new, 0.3, 10).into_iter().map(|found| (found.asked, found.name)).collect();
        assert_eq!(found, [(0, "Open AI".to_owned()), (1, "Alice Smith".to_owned())]);
    }
}
