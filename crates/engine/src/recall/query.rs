//! Reading the request: text, types, time, filters.

use chrono::{DateTime, Utc};
use hindsight_types::recall::{FactType, MinScores, RecallRequest, Types};
use hindsight_types::tags::{TagGroup, TagResolve};
use hindsight_types::time;

use super::period::period;
use crate::EngineError;
use crate::config::Settings;
use crate::store::TagFilter;
use crate::text::dates::DateWindow;
use crate::text::terms::{Language, query_terms};
use crate::text::{sanitize, signals, tokens};

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
    /// Whether it asks for a time.
    pub(super) asks_for_time: bool,
    /// Which memories may be seen.
    pub(super) tags: TagFilter,
    /// Lowest scores.
    pub(super) floors: MinScores,
}

impl Query {
    pub(super) fn read(
        request: &RecallRequest,
        now: DateTime<Utc>,
        language: Language,
        settings: &Settings,
    ) -> Result<Self, EngineError> {
        let floors = request.min_scores.clone().unwrap_or_default();
        if floors.reranker.is_some() {
            return Err(EngineError::Invalid(
                "min_scores.reranker needs a reranker that scores; none is configured".to_owned(),
            ));
        }
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
        Ok(Self {
            terms: query_terms(&text, language),
            types: request.types.as_ref().map_or(FactType::ALL, Types::selected).to_vec(),
            anchor,
            window,
            asks_for_time: signals::asks_for_time(&text),
            tags: tag_filter(request)?,
            floors,
            text,
        })
    }
}

fn tag_filter(request: &RecallRequest) -> Result<TagFilter, EngineError> {
    let Some(groups) = &request.tag_groups else {
        return Ok(TagFilter::list(request.tags.clone(), request.tags_match));
    };
    if groups.iter().any(is_fuzzy) {
        return Err(EngineError::Invalid(
            "fuzzy tag resolution is not available in this version; use resolve \"exact\"".to_owned(),
        ));
    }
    Ok(TagFilter::Groups(groups.clone()))
}

fn is_fuzzy(group: &TagGroup) -> bool {
    match group {
        TagGroup::Leaf { resolve, .. } => *resolve == TagResolve::Fuzzy,
        TagGroup::And { and } => and.iter().any(is_fuzzy),
        TagGroup::Or { or } => or.iter().any(is_fuzzy),
        TagGroup::Not { not } => is_fuzzy(not),
    }
}
