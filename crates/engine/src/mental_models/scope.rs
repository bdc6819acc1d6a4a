//! Which memories a mental model is made of, and whether there are some that it was not written from.

use chrono::{DateTime, Utc};
use hindsight_types::mental_models::MentalModelTrigger;
use hindsight_types::recall::FactType;
use hindsight_types::tags::{TagGroup, TagsMatch};
use serde_json::Value;
use uuid::Uuid;

use super::trigger_of;
use crate::store::{BankRow, MemoryScope, MentalModelRow, TagFilter};
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
    pub(super) fn of(row: &MentalModelRow, trigger: &MentalModelTrigger) -> Self {
        let types = trigger.fact_types.clone().filter(|types| !types.is_empty());
        let types = types.unwrap_or_else(|| FactType::ALL.to_vec());
        if let Some(groups) = trigger.tag_groups.clone().filter(|groups| !groups.is_empty()) {
            return Self { tags: None, matching: TagsMatch::Any, groups: Some(groups), types };
        }
        let usual = if row.tags.is_empty() { TagsMatch::Any } else { TagsMatch::AllStrict };
        let matching = trigger.tags_match.unwrap_or(usual);
        let has_tags = !row.tags.is_empty() || matching == TagsMatch::Exact;
        Self { tags: has_tags.then(|| row.tags.clone()), matching, groups: None, types }
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

/// Ids of the memories that an answer rests on.
pub(super) fn cited(response: Option<&Value>) -> Vec<Uuid> {
    let memories = response.and_then(|response| response.pointer("/based_on/memories")?.as_array());
    let ids = memories.into_iter().flatten().filter_map(|memory| memory.get("id")?.as_str());
    ids.filter_map(|id| Uuid::try_parse(id).ok()).collect()
}

/// Whether the content answers another question than the one that is asked.
pub(super) fn is_of_another_question(row: &MentalModelRow) -> bool {
    row.last_refreshed_source_query.as_deref() != Some(row.source_query.as_str())
}

impl Engine {
    /// Which of these were never written, answer another question, or were not written from all of
    /// their memories.
    pub(crate) async fn stale_models(
        &self,
        bank: &BankRow,
        rows: &[MentalModelRow],
    ) -> Result<Vec<bool>, EngineError> {
        let news = self.have_news(bank, rows).await?;
        let stale = std::iter::zip(rows, news);
        Ok(stale.map(|(row, has_news)| has_news || is_of_another_question(row)).collect())
    }

    /// Which of these have memories that they were not written from.
    pub(super) async fn have_news(
        &self,
        bank: &BankRow,
        rows: &[MentalModelRow],
    ) -> Result<Vec<bool>, EngineError> {
        let scopes: Vec<(MemoryScope, Option<DateTime<Utc>>)> = rows
            .iter()
            .map(|row| (ModelScope::of(row, &trigger_of(row)).news(), row.last_memory_seen_at))
            .collect();
        Ok(self.store.have_new_memories(bank.key, &scopes).await?)
    }

    /// The same of one, and whether memories are gone that it rests on.
    pub(super) async fn is_model_stale(
        &self,
        bank: &BankRow,
        row: &MentalModelRow,
    ) -> Result<bool, EngineError> {
        if self.stale_models(bank, std::slice::from_ref(row)).await?.contains(&true) {
            return Ok(true);
        }
        Ok(!self.gone_of(bank, row).await?.is_empty())
    }

    /// Memories that a mental model rests on and that are not there any more.
    pub(super) async fn gone_of(
        &self,
        bank: &BankRow,
        row: &MentalModelRow,
    ) -> Result<Vec<Uuid>, EngineError> {
        let mut cited = cited(row.reflect_response.as_ref());
        if cited.is_empty() {
            return Ok(cited);
        }
        let there = self.store.current_session().await?.visible(bank.key, &cited, &TagFilter::All).await?;
        cited.retain(|id| !there.contains(id));
        Ok(cited)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A mental model with these tags and this trigger.
    pub(in crate::mental_models) fn model(tags: &[&str], trigger: Value) -> MentalModelRow {
        MentalModelRow {
            model_id: "m".to_owned(),
            name: "n".to_owned(),
            source_query: "q".to_owned(),
            content: String::new(),
            structure: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            max_tokens: 2048,
            trigger,
            reflect_response: None,
            revision: 0,
            created_at: DateTime::UNIX_EPOCH,
            last_refreshed_at: None,
            last_memory_seen_at: None,
            last_refresh_failed_at: None,
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

    #[test]
    fn what_an_answer_rests_on_is_read_from_it() {
        let id = "00000000-0000-4000-8000-000000000001";
        let response = json!({"based_on": {"memories": [{"id": id, "text": "t"}, {"id": "x"}, {}]}});
        assert_eq!(cited(Some(&response)), [Uuid::try_parse(id).unwrap()]);
        assert!(cited(Some(&json!({}))).is_empty() && cited(None).is_empty());
    }
}
