//! Query strings.

use std::borrow::Cow;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use hindsight_engine::text::sanitize;
use hindsight_types::errors::{FieldError, Loc};
use hindsight_types::limits::PAGE_LIMIT;
use hindsight_types::tags::TagsMatch;
use hindsight_types::time;
use serde_json::{Value, json};

use super::Ignored;
use crate::error::ApiError;

/// What a route takes from its query string.
pub(crate) trait FromQuery: Sized {
    /// Names of the parameters.
    const NAMES: &'static [&'static str];

    /// Reads the parameters. Problems that `params` notes are reported after this.
    fn read(params: &mut QueryParams) -> Result<Self, ApiError>;
}

/// A query string, fully checked.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut params = QueryParams::of(parts);
        if let Some(ignored) = parts.extensions.get::<Ignored>() {
            ignored.query_keys(
                params.pairs.iter().map(|(key, _)| key).filter(|key| !T::NAMES.contains(&key.as_str())),
            );
        }
        let read = T::read(&mut params)?;
        if params.errors.is_empty() { Ok(Self(read)) } else { Err(ApiError::invalid(params.errors)) }
    }
}

/// One page of a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Most rows to show; 0 shows none.
    pub(crate) limit: i64,
    /// Rows to skip.
    pub(crate) offset: i64,
}

/// A span of time, open where an end is missing.
pub(crate) struct Span {
    /// First instant.
    pub(crate) from: Option<DateTime<Utc>>,
    /// First instant behind it.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// The parameters as sent. Getters note problems, so that all are reported together.
pub(crate) struct QueryParams {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl QueryParams {
    pub(super) fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        // No stored text holds control characters, and the database refuses U+0000.
        let clean = |text: Cow<str>| sanitize(&text).into_owned();
        let pairs = url::form_urlencoded::parse(query.as_bytes())
            .map(|(key, value)| (key.into_owned(), clean(value)))
            .collect();
        Self { pairs, errors: Vec::new() }
    }

    /// Names of all parameters as sent.
    pub(super) fn names(self) -> Vec<String> {
        self.pairs.into_iter().map(|(key, _)| key).collect()
    }

    /// A flag; `false` when it is not given.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        let Some(text) = self.search(name) else {
            return false;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => true,
            "false" | "0" | "no" | "off" | "f" | "n" => false,
            _ => {
                let message = "Input should be a valid boolean, unable to interpret input".to_owned();
                self.note(name, "bool_parsing", message, text, None);
                false
            }
        }
    }

    /// `limit` and `offset`.
    pub(crate) fn page(&mut self) -> Page {
        Page { limit: self.count("limit", PAGE_LIMIT), offset: self.count("offset", 0) }
    }

    /// The same, with a largest `limit`.
    pub(crate) fn page_up_to(&mut self, most: i64) -> Page {
        let page = self.page();
        if page.limit > most {
            let message = format!("Input should be less than or equal to {most}");
            let ctx = json!({"le": most});
            self.note("limit", "less_than_equal", message, page.limit.to_string(), Some(ctx));
        }
        page
    }

    /// The last value of a key.
    fn text(&self, name: &str) -> Option<String> {
        self.pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// The value of a key, unless it is empty.
    pub(crate) fn search(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// All values of a key; `None` when there is none.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let values: Vec<String> =
            self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect();
        (!values.is_empty()).then_some(values)
    }

    /// A count of at least 0.
    pub(crate) fn count(&mut self, name: &'static str, default: i64) -> i64 {
        self.number(name, default, 0, i64::MAX)
    }

    /// A whole number between two bounds.
    pub(crate) fn number(&mut self, name: &'static str, default: i64, least: i64, most: i64) -> i64 {
        let Some(text) = self.text(name) else {
            return default;
        };
        let (kind, message, ctx) = match text.trim().parse::<i64>() {
            Ok(number) if number < least => (
                "greater_than_equal",
                format!("Input should be greater than or equal to {least}"),
                Some(json!({"ge": least})),
            ),
            Ok(number) if number > most => (
                "less_than_equal",
                format!("Input should be less than or equal to {most}"),
                Some(json!({"le": most})),
            ),
            Ok(number) => return number,
            Err(_) => (
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer".to_owned(),
                None,
            ),
        };
        self.note(name, kind, message, text, ctx);
        default
    }

    /// One of a set of words.
    pub(crate) fn word<T: FromStr<Err = String>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(word) => Some(word),
            Err(message) => {
                let expected = message.trim_start_matches("Input should be ").to_owned();
                self.note(name, "literal_error", message, text, Some(json!({"expected": expected})));
                None
            }
        }
    }

    /// How `tags` select.
    pub(crate) fn tags_match(&mut self, default: TagsMatch) -> TagsMatch {
        self.word("tags_match").unwrap_or(default)
    }

    /// A date or date-time; a bad one is a 400 of its own form.
    fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(text) = self.search(name) else {
            return Ok(None);
        };
        let parsed = time::parse(&text);
        parsed.map(Some).ok_or_else(|| {
            ApiError::bad_request(format!("Invalid {name}: '{text}' is not an ISO-8601 datetime."))
        })
    }

    /// `[start_date, end_date)`.
    pub(crate) fn span(&self) -> Result<Span, ApiError> {
        let (from, until) = (self.time("start_date")?, self.time("end_date")?);
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            return Err(ApiError::bad_request("end_date must be after start_date"));
        }
        Ok(Span { from, until })
    }

    fn note(&mut self, name: &str, kind: &str, msg: String, input: String, ctx: Option<Value>) {
        let loc = vec![Loc::from("query"), Loc::from(name)];
        self.errors.push(FieldError { kind: kind.to_owned(), loc, msg, input: Value::String(input), ctx });
    }
}
