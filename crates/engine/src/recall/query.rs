//! Reading the request: text, types, time, filters.

use chrono::{DateTime, Utc};
use hindsight_types::recall::{FactType, MinScores, RecallRequest, Types};
use hindsight_types::tags::TagGroup;
use hindsight_types::time;

use super::fuzzy::is_fuzzy;
use super::period::{period, told_within};
use crate::EngineError;
use crate::config::{RecencyDecay, Settings};
use crate::store::TagFilter;
use crate::text::dates::DateWindow;
use crate::text::terms::{Language, query_terms};
use crate::text::{is_stop_word, sanitize, signals, tokens};

/// Words of a query, from its start, that names of entities are looked for in.
const NAME_WORDS: usize = 64;
/// Words of the longest name that is looked for.
const LONGEST_NAME: usize = 3;

/// A request as recall uses it.
#[derive(Debug)]
pub(super) struct Query {
    /// The text, cleaned and cut to the longest allowed.
    pub(super) text: String,
    /// Its terms.
    pub(super) terms: Vec<i64>,
    /// Types to search; empty when only retired ones were asked for.
    pub(super) types: Vec<FactType>,
    /// The "now" of the query.
    pub(super) anchor: DateTime<Utc>,
    /// The time it asks about.
    pub(super) window: Option<DateWindow>,
    /// When memories of that time were likely told.
    pub(super) told: Option<DateWindow>,
    /// Whether it asks for a time.
    pub(super) asks_for_time: bool,
    /// Which memories may be seen.
    pub(super) tags: TagFilter,
    /// Lowest scores.
    pub(super) floors: MinScores,
    /// Lower-case runs of its words that may be names of entities.
    pub(super) names: Vec<String>,
    /// How memories fade with age.
    pub(super) decay: RecencyDecay,
}

impl Query {
    pub(super) fn read(
        request: &RecallRequest,
        now: DateTime<Utc>,
        language: Language,
        settings: &Settings,
    ) -> Result<Self, EngineError> {
        let floors = request.min_scores.clone().unwrap_or_default();
        let anchor = match request.query_timestamp.as_deref().filter(|text| !text.trim().is_empty()) {
            None => now,
            Some(text) => time::parse(text).ok_or_else(|| {
                EngineError::Invalid(format!(
                    "Invalid query_timestamp: '{text}' is not an ISO-8601 datetime."
                ))
            })?,
        };
        let text = sanitize(&request.query);
        let text = match settings.max_query_tokens {
            0 => text.into_owned(),
            max => tokens::truncate(&text, max).to_owned(),
        };
        let window = match &request.temporal_window {
            Some(window) => Some(DateWindow { start: window.start.0, end: window.end.0 }),
            None => period(&text, anchor),
        };
        let told = if request.temporal_window.is_some() { window } else { window.map(told_within) };
        Ok(Self {
            terms: query_terms(&text, language),
            types: request.types.as_ref().map_or(FactType::ALL, Types::selected).to_vec(),
            anchor,
            window,
            told,
            asks_for_time: signals::asks_for_time(&text),
            tags: tag_filter(request),
            floors,
            names: names(&text),
            decay: settings.recency,
            text,
        })
    }

    /// The tag trees, if a word of theirs is to be looked up by likeness.
    pub(super) fn fuzzy_groups(&self) -> Option<&[TagGroup]> {
        match &self.tags {
            TagFilter::Groups(groups) if groups.iter().any(is_fuzzy) => Some(groups),
            _ => None,
        }
    }
}

/// Runs of one to three words in lower case, from the first words of a query: one of them may
/// be the name of an entity. Stop words alone are none.
fn names(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .map(|word| word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word))
        .filter(|word| !word.is_empty())
        .take(NAME_WORDS)
        .collect();
    let mut names: Vec<String> = (1..=LONGEST_NAME)
        .flat_map(|length| words.windows(length))
        .filter(|run| !run.iter().all(|word| is_stop_word(word)))
        .map(|run| run.join(" "))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn tag_filter(request: &RecallRequest) -> TagFilter {
    match &request.tag_groups {
        Some(groups) => TagFilter::Groups(groups.clone()),
        None => TagFilter::list(request.tags.clone(), request.tags_match),
    }
}
