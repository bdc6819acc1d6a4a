//! The names in a batch of facts, each once, and what the batch knows about them.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use uuid::Uuid;

use super::likeness::{Name, is_role};
use crate::store::FactWrite;

/// All names of a batch.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// By their lower case, in the order in which they come up.
    pub(super) names: IndexMap<String, Mention>,
    /// The facts.
    pub(super) facts: Vec<Scene>,
}

/// A name and where it stands.
#[derive(Debug)]
pub(super) struct Mention {
    /// Each spelling of it with its number.
    spellings: IndexMap<String, usize>,
    /// Facts that hold it, by their places.
    pub(super) facts: Vec<usize>,
    /// How it is compared; `None` when it is only what is written exactly so.
    pub(super) name: Option<Name>,
    /// The entity of the bank that it is, once that is known.
    pub(super) entity: Option<Uuid>,
}

/// What one fact names.
#[derive(Debug)]
pub(super) struct Scene {
    /// All names, by their places.
    pub(super) names: HashSet<usize>,
    /// Those among them that are company: neither the speaker nor a role.
    pub(super) company: HashSet<usize>,
    /// When it happened or was said.
    pub(super) at: Option<DateTime<Utc>>,
}

impl Mentions {
    /// The names of these facts.
    pub(super) fn of<'f>(facts: impl IntoIterator<Item = &'f FactWrite>) -> Self {
        let mut mentions = Self::default();
        for fact in facts {
            let author = fact.author.as_deref().map(str::to_lowercase);
            let place = mentions.facts.len();
            let mut scene = Scene { names: HashSet::new(), company: HashSet::new(), at: fact.event_at() };
            for entity in &fact.entities {
                let lower = entity.name.to_lowercase();
                let is_company = !is_role(&lower) && author.as_ref() != Some(&lower);
                let entry = mentions.names.entry(lower);
                let at = entry.index();
                let mention = entry.or_insert_with(|| Mention::new(&entity.name));
                if entity.is_label || entity.is_literal {
                    mention.name = None;
                }
                *mention.spellings.entry(entity.name.clone()).or_default() += 1;
                if scene.names.insert(at) {
                    mention.facts.push(place);
                }
                if is_company {
                    scene.company.insert(at);
                }
            }
            mentions.facts.push(scene);
        }
        mentions
    }

    /// The facts that hold a name.
    pub(super) fn scenes(&self, name: usize) -> impl Iterator<Item = &Scene> {
        let facts =
            self.names.get_index(name).map(|(_, mention)| mention.facts.as_slice()).unwrap_or_default();
        facts.iter().filter_map(|&fact| self.facts.get(fact))
    }

    /// The entity that a name is, as far as known.
    pub(super) fn entity(&self, name: usize) -> Option<Uuid> {
        self.names.get_index(name)?.1.entity
    }
}

impl Mention {
    fn new(name: &str) -> Self {
        Self { spellings: IndexMap::new(), facts: Vec::new(), name: Name::of(name), entity: None }
    }

    /// The spelling that is used most, and first among equals.
    pub(super) fn spelling(&self) -> &str {
        let mut best: (&str, usize) = ("", 0);
        for (spelling, &count) in &self.spellings {
            if count > best.1 {
                best = (spelling, count);
            }
        }
        best.0
    }
}
