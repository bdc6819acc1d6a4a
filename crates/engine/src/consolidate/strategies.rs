//! What is done in another way in some scopes: mission, most observations, facts shown.

use serde_json::Value;

use super::scopes::is_like;
use crate::config::ConsolidationSettings;

/// How observations of a scope are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeRules {
    /// What they are to be about.
    pub(crate) mission: Option<String>,
    /// How many there may be; none = no limit.
    pub(crate) most: Option<i64>,
    /// Tokens of the facts shown behind all of them; negative = no limit.
    pub(crate) source_tokens: i64,
    /// Tokens of the facts shown behind each; negative = no limit.
    pub(crate) source_tokens_each: i64,
}

/// A strategy: the scopes it claims, and what it says of them.
#[derive(Clone, Debug)]
pub(crate) struct Strategy<'s> {
    /// The patterns, any of which claims.
    pub(crate) patterns: Vec<Pattern>,
    said: &'s Value,
}

/// Tags that a scope has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    tags: Vec<String>,
    /// Whether it may have no other ones.
    is_exact: bool,
}

impl Pattern {
    /// Reads a pattern; none when it is not one.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let tags: Option<Vec<String>> =
            value.get("tags")?.as_array()?.iter().map(|tag| tag.as_str().map(str::to_owned)).collect();
        let tags = tags.filter(|tags| !tags.is_empty())?;
        match value.get("tags_match").and_then(Value::as_str).unwrap_or("all") {
            "all" => Some(Self { tags, is_exact: false }),
            "exact" => Some(Self { tags, is_exact: true }),
            _ => None,
        }
    }

    /// Whether a scope is meant. The one without tags never is.
    pub(crate) fn claims(&self, scope: &[String]) -> bool {
        !scope.is_empty()
            && self.tags.iter().all(|pattern| scope.iter().any(|tag| is_like(pattern, tag)))
            && (!self.is_exact
                || scope.iter().all(|tag| self.tags.iter().any(|pattern| is_like(pattern, tag))))
    }
}

impl<'s> Strategy<'s> {
    /// Reads strategies; what is none is left out.
    pub(crate) fn read_all(value: Option<&'s Value>) -> Vec<Self> {
        let entries = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(Self::read).collect()
    }

    /// Reads one strategy.
    pub(crate) fn read(said: &'s Value) -> Option<Self> {
        let patterns: Vec<Pattern> =
            said.get("scopes")?.as_array()?.iter().filter_map(Pattern::read).collect();
        Some(Self { patterns, said }).filter(|strategy| !strategy.patterns.is_empty())
    }

    /// Whether a scope is done by this strategy.
    pub(crate) fn claims(&self, scope: &[String]) -> bool {
        self.patterns.iter().any(|pattern| pattern.claims(scope))
    }
}

impl ScopeRules {
    /// The rules of a scope: those of the first strategy that claims it, and the bank's for what
    /// it does not say.
    pub(crate) fn of(scope: &[String], settings: &ConsolidationSettings) -> Self {
        let strategies = Strategy::read_all(settings.strategies.as_ref());
        let said = strategies.iter().find(|strategy| strategy.claims(scope)).map(|strategy| strategy.said);
        let number = |key: &str| said?.get(key)?.as_i64();
        let text = |key: &str| said?.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty());
        let most = number("max_observations_per_scope")
            .or_else(|| limit(scope, settings.scope_limits.as_ref()))
            .unwrap_or(settings.max_per_scope);
        Self {
            mission: text("observations_mission").map(str::to_owned).or_else(|| settings.mission.clone()),
            // What is no tag's own has no limit.
            most: Some(most).filter(|most| *most >= 0 && !scope.is_empty()),
            source_tokens: number("consolidation_source_facts_max_tokens").unwrap_or(settings.source_tokens),
            source_tokens_each: number("consolidation_source_facts_max_tokens_per_observation")
                .unwrap_or(settings.source_tokens_each),
        }
    }
}

/// The limit that the older form of strategies gives a scope.
fn limit(scope: &[String], limits: Option<&Value>) -> Option<i64> {
    limits?.as_array()?.iter().find_map(|entry| {
        let tags = entry.get("scope")?.as_array()?;
        let tags: Option<Vec<String>> = tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect();
        let pattern = Pattern { tags: tags?, is_exact: true };
        pattern.claims(scope).then(|| entry.get("limit")?.as_i64()).flatten()
    })
}

/// Strategies as a bank may have them; an error says what they have to be.
pub(crate) fn check_strategies(name: &str, value: &Value) -> Result<(), String> {
    let list = value.as_array().ok_or_else(|| format!("{name} must be a list of strategies"))?;
    for (place, strategy) in list.iter().enumerate() {
        let here = format!("{name}[{place}]");
        let fields = strategy.as_object().ok_or_else(|| format!("{here} must be an object"))?;
        for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let wanted = match key.as_str() {
                "scopes" => {
                    let scopes = value.as_array().map(Vec::as_slice).unwrap_or_default();
                    let is_sound =
                        !scopes.is_empty() && scopes.iter().all(|scope| Pattern::read(scope).is_some());
                    (!is_sound)
                        .then_some("a list of objects with tags, not empty, and tags_match all or exact")
                }
                "observations_mission" => (!value.is_string()).then_some("a text"),
                "max_observations_per_scope"
                | "consolidation_source_facts_max_tokens"
                | "consolidation_source_facts_max_tokens_per_observation" => {
                    value.as_i64().is_none_or(|number| number < -1).then_some("a whole number of at least -1")
                }
                _ => return Err(format!("{here}: '{key}' is no part of a strategy")),
            };
            if let Some(wanted) = wanted {
                return Err(format!("{here}.{key} must be {wanted}"));
            }
        }
        if !fields.contains_key("scopes") {
            return Err(format!("{here} needs scopes"));
        }
    }
    Ok(())
}

/// Limits of scopes as a bank may have them.
pub(crate) fn check_scope_limits(name: &str, value: &Value) -> Result<(), String> {
    let is_sound = |entry: &Value| {
        let scope = entry.get("scope").and_then(Value::as_array);
        scope.is_some_and(|scope| scope.iter().all(Value::is_string))
            && entry.get("limit").and_then(Value::as_i64).is_some_and(|limit| limit >= -1)
    };
    let list = value.as_array().filter(|list| list.iter().all(is_sound));
    list.map(|_| ()).ok_or_else(|| {
        format!("{name} must be a list of objects with scope, a list of tags, and limit, a whole number of at least -1")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope(tags: &[&str]) -> Vec<String> {
        tags.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_strategy_that_claims_wins_whole() {
        let settings = ConsolidationSettings {
            mission: Some("the bank's".to_owned()),
            max_per_scope: 9,
            scope_limits: Some(json!([{"scope": ["user:*"], "limit": 5}, {"scope": ["x"], "limit": 6}])),
            strategies: Some(json!([
                "no strategy",
                {"scopes": [{"tags": []}], "max_observations_per_scope": 0},
                {"scopes": [{"tags": ["user:*"], "tags_match": "exact"}], "observations_mission": "theirs"},
                {"scopes": [{"tags": ["team"]}, {"tags": ["user:*"], "tags_match": "odd"}], "max_observations_per_scope": 1,
                 "consolidation_source_facts_max_tokens": 7},
                {"scopes": [{"tags": ["team"]}], "max_observations_per_scope": 2},
            ])),
            ..ConsolidationSettings::default()
        };
        let of = |tags: &[&str]| ScopeRules::of(&scope(tags), &settings);
        let user = of(&["user:ann"]);
        assert_eq!((user.mission.as_deref(), user.most), (Some("theirs"), Some(5)));
        let both = of(&["team", "user:ann"]);
        assert_eq!(
            (both.mission.as_deref(), both.most, both.source_tokens),
            (Some("the bank's"), Some(1), 7)
        );
        assert_eq!(of(&["x"]).most, Some(6));
        assert_eq!(of(&["x", "y"]).most, Some(9));
        assert_eq!(of(&[]).most, None, "what is no tag's own");
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(ScopeRules::of(&scope(&["a"]), &ConsolidationSettings::default()).most, None);
    }
}
