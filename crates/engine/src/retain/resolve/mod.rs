//! Which entity of the bank a name means.
//!
//! [`mentions`] gathers the names of a batch of facts; those that the bank knows by the same
//! name, whatever the case, are settled. For the others stored names with similar trigrams are
//! found, by [`stored`] or in a large bank by the database; [`likeness`] says which of them may be the same, and [`mod@score`] decides by
//! letters, company and time; what is new in the batch is compared among itself by [`merge`].
//! The outcome is only a spelling: a name that means another one is written as that, so that
//! the store finds or makes entities by exact names and nothing depends on ids of a moment ago.

pub mod likeness;
mod mentions;
mod merge;
pub mod ratio;
pub mod score;
mod stored;
pub mod trigrams;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::likeness::{Likeness, Name};
use self::mentions::Mentions;
use self::score::{company, is_one, score};
use self::stored::similar;
use crate::store::{BankKey, Circle, EntityMention, FactWrite, SimilarEntity};
use crate::{Engine, EngineError};

/// Candidates of one name that are looked at closely.
const CLOSEST: usize = 5;
/// Names of a bank that are read for each new name, and in all, before it is cheaper to let the
/// database search: a search was measured to take 4 to 12 ms for each name in a bank of 5,000.
const READ_FOR_EACH: usize = 1000;
const READ_AT_MOST: usize = 50_000;

impl Engine {
    /// Writes every name in the facts that means an entity of the bank, or another name in
    /// them, as that one.
    pub(crate) async fn resolve_entities(
        &self,
        bank: BankKey,
        facts: &mut [&mut FactWrite],
    ) -> Result<(), EngineError> {
        let mut mentions = Mentions::of(facts.iter().map(|fact| &**fact));
        if mentions.names.is_empty() {
            return Ok(());
        }
        let spellings: Vec<String> =
            mentions.names.values().map(|mention| mention.spelling().to_owned()).collect();
        for (place, entity) in self.store.entities_by_name(bank, &spellings).await? {
            if let Some((_, mention)) = mentions.names.get_index_mut(place) {
                mention.entity = Some(entity);
            }
        }
        let unknown: Vec<usize> =
            (0..mentions.names.len()).filter(|&place| is_open(&mentions, place)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut spelled = self.stored_spellings(bank, &mentions, &unknown).await?;
        let new: Vec<usize> = unknown.into_iter().filter(|place| !spelled.contains_key(place)).collect();
        for (name, chosen) in merge::merge(&mentions, &new, self.settings.entity_batch_similarity) {
            if let Some((_, mention)) = mentions.names.get_index(chosen) {
                spelled.insert(name, mention.spelling().to_owned());
            }
        }
        if spelled.is_empty() {
            return Ok(());
        }
        for fact in facts.iter_mut() {
            respell(&mut fact.entities, &mentions, &spelled);
        }
        Ok(())
    }

    /// Names of the bank that these names mean, by their places.
    async fn stored_spellings(
        &self,
        bank: BankKey,
        mentions: &Mentions,
        unknown: &[usize],
    ) -> Result<HashMap<usize, String>, EngineError> {
        let mut candidates: HashMap<usize, Vec<SimilarEntity>> = HashMap::new();
        for found in self.similar_names(bank, mentions, unknown).await? {
            if let Some(&place) = unknown.get(found.asked) {
                candidates.entry(place).or_default().push(found);
            }
        }
        let least = self.settings.entity_merge_similarity;
        let open: Vec<Open> = candidates
            .into_iter()
            .filter_map(|(place, found)| weigh(mentions, place, found, least))
            .collect();
        let asked: HashSet<Uuid> = open.iter().flat_map(|open| open.asked(mentions)).collect();
        let circles = if asked.is_empty() {
            HashMap::new()
        } else {
            self.store.circles(bank, &asked.into_iter().collect::<Vec<_>>()).await?
        };
        let decided = |open: Open| Some((open.place, open.decide(mentions, &circles)?));
        Ok(open.into_iter().filter_map(decided).collect())
    }
}

impl Engine {
    /// Names of the bank that are similar to these; `asked` is the place among them.
    async fn similar_names(
        &self,
        bank: BankKey,
        mentions: &Mentions,
        unknown: &[usize],
    ) -> Result<Vec<SimilarEntity>, EngineError> {
        let (least, most) = (self.settings.entity_similarity(), self.settings.entity_candidates);
        let limit = unknown.len().saturating_mul(READ_FOR_EACH).min(READ_AT_MOST);
        let stored = self.store.regular_entities(bank, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        if !stored.is_empty() {
            let name = |&place: &usize| mentions.names.get_index(place)?.1.name.clone();
            let new: Vec<Name> = unknown.iter().filter_map(name).collect();
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            return Ok(tokio::task::spawn_blocking(move || similar(stored, &new, least, most)).await?);
        }
        let spelling = |&place: &usize| Some(mentions.names.get_index(place)?.1.spelling().to_owned());
        let names: Vec<String> = unknown.iter().filter_map(spelling).collect();
        let at_once = self.settings.entity_names_at_once;
        let mut all = Vec::new();
        for (part, names) in names.chunks(at_once).enumerate() {
            let found = self.store.similar_entities(bank, names, least, most).await?;
            let shifted =
                |found: SimilarEntity| SimilarEntity { asked: found.asked + part * at_once, ..found };
            all.extend(found.into_iter().map(shifted));
        }
        Ok(all)
    }
}

/// Whether it is still to be found out what a name means.
fn is_open(mentions: &Mentions, place: usize) -> bool {
    mentions
        .names
        .get_index(place)
        .is_some_and(|(_, mention)| mention.entity.is_none() && mention.name.is_some())
}

/// A name with the stored ones that it may mean, the most alike first.
struct Open {
    place: usize,
    candidates: Vec<(SimilarEntity, Likeness)>,
}

/// Keeps the candidates that may be meant: not those that a fact names beside the name.
fn weigh(mentions: &Mentions, place: usize, found: Vec<SimilarEntity>, least: f64) -> Option<Open> {
    let name = mentions.names.get_index(place)?.1.name.as_ref()?;
    let beside: HashSet<Uuid> = mentions
        .scenes(place)
        .flat_map(|scene| &scene.names)
        .filter_map(|&other| mentions.entity(other))
        .collect();
    let mut candidates: Vec<(SimilarEntity, Likeness)> = found
        .into_iter()
        .filter(|candidate| !beside.contains(&candidate.entity_id))
        .filter_map(|candidate| {
            let likeness = Name::of(&candidate.name)?.likeness(name, least)?;
            Some((candidate, likeness))
        })
        .collect();
    candidates.sort_by(|(a, left), (b, right)| {
        right.ratio().total_cmp(&left.ratio()).then_with(|| a.entity_id.cmp(&b.entity_id))
    });
    candidates.truncate(CLOSEST);
    (!candidates.is_empty()).then_some(Open { place, candidates })
}

impl Open {
    /// Entities whose circles are needed for a decision.
    fn asked(&self, mentions: &Mentions) -> Vec<Uuid> {
        if self.candidates.iter().any(|(_, likeness)| *likeness == Likeness::Same) {
            return Vec::new();
        }
        let nearby: Vec<Uuid> = mentions
            .scenes(self.place)
            .flat_map(|scene| &scene.company)
            .filter_map(|&other| mentions.entity(other))
            .collect();
        // Letters alone are never enough.
        if nearby.is_empty() {
            return nearby;
        }
        nearby.into_iter().chain(self.candidates.iter().map(|(candidate, _)| candidate.entity_id)).collect()
    }

    /// The name that is meant, if it is one of the candidates.
    fn decide(self, mentions: &Mentions, circles: &HashMap<Uuid, Circle>) -> Option<String> {
        let mut best: Option<(f64, String)> = None;
        for (candidate, likeness) in self.candidates {
            let score = match likeness {
                Likeness::Same => 1.0,
                Likeness::Alike(ratio) => circles
                    .get(&candidate.entity_id)
                    .map_or(0.0, |circle| best_score(mentions, self.place, ratio, circle, circles)),
            };
            if is_one(score) && best.as_ref().is_none_or(|(known, _)| score > *known) {
                best = Some((score, candidate.name));
            }
        }
        best.map(|(_, name)| name)
    }
}

/// The score of a candidate in the fact where it fits best.
fn best_score(
    mentions: &Mentions,
    place: usize,
    ratio: f64,
    circle: &Circle,
    circles: &HashMap<Uuid, Circle>,
) -> f64 {
    let degree = |entity: Uuid| circles.get(&entity).map_or(usize::MAX, |circle| circle.partners.len());
    let scores = mentions.scenes(place).map(|scene| {
        let others = scene.company.iter().filter(|other| **other != place);
        // Names that the bank does not know are company too, which nobody shares.
        let nearby = others.clone().count();
        let shared = others
            .filter_map(|&other| mentions.entity(other))
            .filter(|entity| circle.partners.contains(entity));
        score(ratio, company(nearby, shared.map(degree)), days_between(scene.at, circle.last_at))
    });
    scores.fold(0.0, f64::max)
}

fn days_between(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<f64> {
    Some((one? - other?).as_seconds_f64() / 86_400.0)
}

/// Writes the names of a fact as they are spelled; each once, the first mention of a name says
/// what it is.
fn respell(entities: &mut Vec<EntityMention>, mentions: &Mentions, spelled: &HashMap<usize, String>) {
    let mut seen = HashSet::new();
    for entity in entities.iter_mut() {
        let place = mentions.names.get_index_of(&entity.name.to_lowercase());
        if let Some(spelling) = place.and_then(|place| spelled.get(&place)) {
            entity.name.clone_from(spelling);
        }
    }
    entities.retain(|entity| seen.insert(entity.name.to_lowercase()));
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use hindsight_types::recall::FactType;
    use uuid::Uuid;

    use crate::store::{EntityMention, FactWrite};
    use crate::text::terms::Terms;

    /// A fact that names these.
    pub(super) fn fact(names: &[&str]) -> FactWrite {
        let mention =
            |name: &&str| EntityMention { name: (*name).to_owned(), is_label: false, is_literal: false };
        FactWrite {
            memory_id: Uuid::now_v7(),
            chunk_index: 0,
            fact_type: FactType::World,
            body: String::new(),
            context: None,
            metadata: None,
            tags: Vec::new(),
            label_tags: Vec::new(),
            observation_scopes: None,
            occurred: None,
            mentioned_at: Utc.timestamp_opt(1_700_000_000, 0).single(),
            embedding: Vec::new(),
            terms: Terms::default(),
            stream: None,
            tokens: 0,
            question_share: 0.0,
            has_time: false,
            author: None,
            entities: names.iter().map(mention).collect(),
            caused_by: Vec::new(),
            attachments: Vec::new(),
            text_hash: 0,
        }
    }
}
