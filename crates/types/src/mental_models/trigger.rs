//! When and how a mental model is written anew.

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::cron::Cron;
use crate::decode::{Decoder, from_json, request, words};
use crate::recall::{Budget, FactType};
use crate::schema::check_schema;
use crate::tags::{TagGroup, TagsMatch};

words! {
    /// How a mental model is written anew.
    pub enum RefreshMode("literal_error") {
        /// As a whole.
        Full = "full",
        /// By changes of what new memories bear on.
        Delta = "delta",
    }
}

request! {
    /// When and how a mental model is written anew.
    pub struct MentalModelTrigger check check_trigger {
        /// How long to search; none = mid.
        budget: Option<Budget> => optional,
        /// As a whole or by changes.
        mode: RefreshMode => default(RefreshMode::Full),
        /// Whether it is when memories have gone into observations.
        refresh_after_consolidation: bool => default(false),
        /// At which times it is, in UTC.
        refresh_cron: Option<String> => optional,
        /// At which times it is as a whole, in UTC.
        full_refresh_cron: Option<String> => optional,
        /// Shortest time between two times that it is by itself; none = the bank's.
        min_refresh_interval_seconds: Option<i64> => optional,
        /// Types of memory to look at; none = all.
        fact_types: Option<Vec<FactType>> => optional,
        /// Whether other mental models are left alone.
        exclude_mental_models: bool => default(false),
        /// Mental models that are left alone.
        exclude_mental_model_ids: Option<Vec<String>> => optional,
        /// How its tags select memories; none = those with all of them.
        tags_match: Option<TagsMatch> => optional,
        /// Trees of tag filters in place of its tags.
        tag_groups: Option<Vec<TagGroup>> => optional,
        /// Whether facts are shown with the passages they come from; none = as the bank says.
        include_chunks: Option<bool> => optional,
        /// Tokens of the facts of one search; none = as the bank says.
        recall_max_tokens: Option<i64> => optional,
        /// Tokens of the passages around them; none = as the bank says.
        recall_chunks_max_tokens: Option<i64> => optional,
        /// Tokens of one search of observations.
        reflect_search_observations_max_tokens: Option<i64> => optional,
        /// Whether observations are shown with the names of their entities.
        reflect_search_observations_include_entities: Option<bool> => optional,
        /// JSON schema of an answer for programs beside the one in words.
        response_schema: Option<Map<String, Value>> => optional,
        /// Whether it is kept how it came about.
        keep_trace: bool => default(false),
    }
}

impl Default for MentalModelTrigger {
    fn default() -> Self {
        Self {
            budget: None,
            mode: RefreshMode::Full,
            refresh_after_consolidation: false,
            refresh_cron: None,
            full_refresh_cron: None,
            min_refresh_interval_seconds: None,
            fact_types: None,
            exclude_mental_models: false,
            exclude_mental_model_ids: None,
            tags_match: None,
            tag_groups: None,
            include_chunks: None,
            recall_max_tokens: None,
            recall_chunks_max_tokens: None,
            reflect_search_observations_max_tokens: None,
            reflect_search_observations_include_entities: None,
            response_schema: None,
            keep_trace: false,
        }
    }
}

impl MentalModelTrigger {
    /// This trigger with the stated fields of a change in front; null takes a field back. Of the two
    /// times that exclude one another the one that is stated takes the other's place.
    ///
    /// The change is sound by itself, so the whole is as well.
    #[must_use]
    pub fn changed(&self, stated: &Map<String, Value>) -> Self {
        let mut whole = match serde_json::to_value(self) {
            Ok(Value::Object(whole)) => whole,
            _ => Map::new(),
        };
        let change: Self = from_json(&Value::Object(stated.clone())).unwrap_or_default();
        if change.refresh_cron.is_some() {
            whole.insert("refresh_after_consolidation".to_owned(), Value::Bool(false));
        }
        if change.refresh_after_consolidation {
            whole.insert("refresh_cron".to_owned(), Value::Null);
        }
        whole.extend(stated.clone());
        from_json(&Value::Object(whole)).unwrap_or_else(|_| self.clone())
    }
}

impl<'de> Deserialize<'de> for MentalModelTrigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        from_json(&value).map_err(|errors| {
            let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
            de::Error::custom(problems.join("; "))
        })
    }
}

fn check_trigger(trigger: &MentalModelTrigger, value: &Value, decoder: &mut Decoder) {
    let input = |name: &str| value.get(name).unwrap_or(&Value::Null);
    if trigger.refresh_after_consolidation && trigger.refresh_cron.is_some() {
        decoder.value_error("refresh_after_consolidation and refresh_cron exclude one another", value);
    }
    for (name, cron) in
        [("refresh_cron", &trigger.refresh_cron), ("full_refresh_cron", &trigger.full_refresh_cron)]
    {
        if let Some(Err(problem)) = cron.as_deref().map(Cron::parse) {
            decoder.at(name, |decoder| decoder.value_error(&problem, input(name)));
        }
    }
    for (name, number, least) in [
        ("min_refresh_interval_seconds", trigger.min_refresh_interval_seconds, 0),
        ("recall_max_tokens", trigger.recall_max_tokens, 1),
        ("recall_chunks_max_tokens", trigger.recall_chunks_max_tokens, 1),
        ("reflect_search_observations_max_tokens", trigger.reflect_search_observations_max_tokens, 1),
    ] {
        if let Some(number) = number {
            decoder.at(name, |decoder| decoder.within(number, Some(least), None, input(name)));
        }
    }
    if trigger.fact_types.as_ref().is_some_and(Vec::is_empty) {
        let rule = "name at least one type, or leave it out for all";
        decoder.at("fact_types", |decoder| decoder.value_error(rule, input("fact_types")));
    }
    if trigger.tag_groups.iter().flatten().any(TagGroup::is_fuzzy) {
        let rule = "tags of a mental model are looked up as written; use resolve \"exact\"";
        decoder.at("tag_groups", |decoder| decoder.value_error(rule, input("tag_groups")));
    }
    if let Some(Err(problem)) = trigger.response_schema.as_ref().map(check_schema) {
        let schema = input("response_schema");
        decoder.at("response_schema", |decoder| decoder.value_error(&problem, schema));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> MentalModelTrigger {
        from_json(value).unwrap()
    }

    fn stated(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_change_keeps_what_it_does_not_state() {
        let before = read(&json!({"mode": "delta", "refresh_cron": "0 3 * * *", "keep_trace": true}));
        let after = before.changed(&stated(&json!({"full_refresh_cron": "0 0 1 * *"})));
        assert_eq!(
            after,
            MentalModelTrigger { full_refresh_cron: Some("0 0 1 * *".to_owned()), ..before.clone() }
        );
        let after = before.changed(&stated(&json!({"refresh_cron": null, "mode": null})));
        assert_eq!((after.refresh_cron, after.mode, after.keep_trace), (None, RefreshMode::Full, true));
        let after = before.changed(&stated(&json!({"refresh_after_consolidation": true})));
        assert_eq!((after.refresh_after_consolidation, &after.refresh_cron), (true, &None));
        let after = after.changed(&stated(&json!({"refresh_cron": "5 * * * *"})));
        assert!(!after.refresh_after_consolidation && after.refresh_cron.is_some());
    }

    #[test]
    fn what_is_written_is_read() {
        let trigger = read(&json!({
            "budget": "high", "fact_types": ["observation"], "tags_match": "exact", "min_refresh_interval_seconds": 60,
            "tag_groups": [{"or": [{"tags": ["a"]}, {"not": {"tags": ["b"], "match": "all"}}]}],
        }));
        let written = serde_json::to_value(&trigger).unwrap();
        assert_eq!(serde_json::from_value::<MentalModelTrigger>(written.clone()).unwrap(), trigger);
        assert_eq!(written["refresh_cron"], Value::Null, "every field is told");
    }

    #[test]
    fn every_rule_is_told() {
        for (value, place) in [
            (json!({"refresh_cron": "0 3 * * *", "refresh_after_consolidation": true}), "body"),
            (json!({"refresh_cron": "0 3 * *"}), "body.refresh_cron"),
            (json!({"full_refresh_cron": "daily"}), "body.full_refresh_cron"),
            (json!({"min_refresh_interval_seconds": -1}), "body.min_refresh_interval_seconds"),
            (json!({"recall_max_tokens": 0}), "body.recall_max_tokens"),
            (json!({"fact_types": []}), "body.fact_types"),
            (json!({"fact_types": ["opinion"]}), "body.fact_types.0"),
            (json!({"tag_groups": [{"tags": ["a"], "resolve": "fuzzy"}]}), "body.tag_groups"),
            (json!({"tag_groups": [{"and": [{"tags": ["a"], "resolve": "fuzzy"}]}]}), "body.tag_groups"),
            (json!({"response_schema": {}}), "body.response_schema"),
            (json!({"budget": "huge"}), "body.budget"),
        ] {
            let errors = from_json::<MentalModelTrigger>(&value).expect_err("has problems");
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(&format!("{place}:")), "{told:?}");
        }
    }
}
