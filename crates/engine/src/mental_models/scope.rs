//! Which memories a mental model is made of, and whether there are some that it was not written from.

use chrono::{DateTime, Utc};
use hindsight_types::mental_models::MentalModelTrigger;
use hindsight_types::recall::FactType;
use hindsight_types::tags::{TagGroup, TagsMatch};

use crate::store::{BankRow, MemoryScope, ModelState, TagFilter};
use crate::{Engine, EngineError};

/// Memories of a mental model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelScope {
    /// Tags of the memories; not set where trees select.
    pub(super) tags: Option<Vec<String>>,
    /// How they select.
    pub(super) matching: TagsMatch,
    /// Trees of tag filters in their place.
    pub(super) groups: Option<Vec<TagGroup>>,
    /// Types of memory.
    pub(super) types: Vec<FactType>,
}

impl ModelScope {
    /// The scope of a mental model.
    pub(super) fn of(state: &ModelState, trigger: &MentalModelTrigger) -> Self {
        let types = trigger.fact_types.clone().filter(|types| !types.is_empty());
        let types = types.unwrap_or_else(|| FactType::ALL.to_vec());
        if let Some(groups) = trigger.tag_groups.clone().filter(|groups| !groups.is_empty()) {
            return Self { tags: None, matching: TagsMatch::Any, groups: Some(groups), types };
        }
        let usual = if state.tags.is_empty() { TagsMatch::Any } else { TagsMatch::AllStrict };
        let matching = trigger.tags_match.unwrap_or(usual);
        let has_tags = !state.tags.is_empty() || matching == TagsMatch::Exact;
        Self { tags: has_tags.then(|| state.tags.clone()), matching, groups: None, types }
    }

    /// All memories that may be read for it.
    pub(super) fn memories(&self) -> MemoryScope {
        let tags = match &self.groups {
            Some(groups) => TagFilter::Groups(groups.clone()),
            None => TagFilter::list(self.tags.clone(), self.matching),
        };
        MemoryScope { tags, types: self.types.clone() }
    }

    /// Those that it is written anew for: memories without tags belong to all, and would make all of
    /// them stale.
    fn news(&self) -> MemoryScope {
        let tags = match &self.groups {
            Some(groups) => TagFilter::Groups(groups.iter().map(strict_group).collect()),
            None => TagFilter::list(self.tags.clone(), strict(self.matching)),
        };
        MemoryScope { tags, types: self.types.clone() }
    }
}

fn strict(matching: TagsMatch) -> TagsMatch {
    match matching {
        TagsMatch::Any => TagsMatch::AnyStrict,
        TagsMatch::All => TagsMatch::AllStrict,
        matching => matching,
    }
}

fn strict_group(group: &TagGroup) -> TagGroup {
    match group {
        TagGroup::Leaf { tags, matching, resolve } => {
            TagGroup::Leaf { tags: tags.clone(), matching: strict(*matching), resolve: *resolve }
        }
        TagGroup::And { and } => TagGroup::And { and: and.iter().map(strict_group).collect() },
        TagGroup::Or { or } => TagGroup::Or { or: or.iter().map(strict_group).collect() },
        // What is not to be is not made less.
        TagGroup::Not { not } => TagGroup::Not { not: not.clone() },
    }
}

/// The trigger as it is stored; one that this version cannot read is the usual one.
pub(super) fn trigger_of(state: &ModelState) -> MentalModelTrigger {
    serde_json::from_value(state.trigger.clone()).unwrap_or_default()
}

/// Whether the content answers another question than the one that is asked.
pub(super) fn is_of_another_question(state: &ModelState) -> bool {
    state.last_refreshed_source_query.as_deref() != Some(state.source_query.as_str())
}

impl Engine {
    /// Which of these were never written, answer another question, or were not written from all of
    /// their memories.
    pub(crate) async fn stale_models(
        &self,
        bank: &BankRow,
        states: &[&ModelState],
    ) -> Result<Vec<bool>, EngineError> {
        let news = self.have_news(bank, states).await?;
        let stale = std::iter::zip(states, news);
        Ok(stale.map(|(state, has_news)| has_news || is_of_another_question(state)).collect())
    }

    /// Which of these have memories that they were not written from.
    pub(super) async fn have_news(
        &self,
        bank: &BankRow,
        states: &[&ModelState],
    ) -> Result<Vec<bool>, EngineError> {
        let scopes: Vec<(MemoryScope, Option<DateTime<Utc>>)> = states
            .iter()
            .map(|state| (ModelScope::of(state, &trigger_of(state)).news(), state.last_memory_seen_at))
            .collect();
        Ok(self.store.have_new_memories(bank.key, &scopes).await?)
    }

    /// The same of one, and whether memories are gone that it rests on.
    pub(super) async fn is_model_stale(
        &self,
        bank: &BankRow,
        state: &ModelState,
    ) -> Result<bool, EngineError> {
        if self.stale_models(bank, &[state]).await?.contains(&true) {
            return Ok(true);
        }
        let gone = self.store.gone_sources(bank.key, std::slice::from_ref(&state.model_id)).await?;
        Ok(!gone.is_empty())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A mental model with these tags and this trigger.
    pub(in crate::mental_models) fn model(tags: &[&str], trigger: Value) -> ModelState {
        ModelState {
            model_id: "m".to_owned(),
            source_query: "q".to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            trigger,
            created_at: DateTime::UNIX_EPOCH,
            last_refreshed_at: None,
            last_memory_seen_at: None,
            last_full_refreshed_at: None,
            last_refreshed_source_query: None,
        }
    }

    #[test]
    fn tags_select_strictly_unless_the_trigger_says_otherwise() {
        let passes = |tags: &[&str], trigger: Value| {
            let row = model(tags, trigger);
            let scope = ModelScope::of(&row, &trigger_of(&row));
            let of = |filter: &TagFilter| {
                [&[][..], &["a"], &["b"], &["a", "b"]]
                    .map(|tags| filter.passes(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()))
            };
            (of(&scope.memories().tags), of(&scope.news().tags))
        };
        let same = |passes: [bool; 4]| (passes, passes);
        assert_eq!(passes(&[], json!({})), same([true; 4]));
        assert_eq!(passes(&[], json!({"tags_match": "exact"})), same([true, false, false, false]));
        assert_eq!(passes(&["a"], json!({})), same([false, true, false, true]));
        assert_eq!(
            passes(&["a"], json!({"tags_match": "any"})),
            ([true, true, false, true], [false, true, false, true]),
            "what belongs to all is read, and makes nothing stale"
        );
        assert_eq!(
            passes(&["a"], json!({"tag_groups": [{"tags": ["b"], "match": "all"}]})),
            ([true, false, true, true], [false, false, true, true]),
            "trees take the place of tags"
        );
        assert_eq!(
            passes(&[], json!({"tag_groups": [{"not": {"tags": ["b"]}}]})),
            same([true, true, false, false])
        );
    }
}
