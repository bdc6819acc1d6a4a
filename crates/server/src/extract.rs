//! Reading requests in the forms the contract wants errors in.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use hindsight_types::decode::{FromJson, from_json};
use hindsight_types::errors::{FieldError, Loc};
use hindsight_types::tags::TagsMatch;
use hindsight_types::time;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::ApiError;

/// A JSON body, fully checked.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: FromJson> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = labelled_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let message = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => "the request body is too large".to_owned(),
                _ => rejection.body_text(),
            };
            ApiError::new(rejection.status(), message)
        })?;
        let value =
            if is_json { parse(&bytes)? } else { Value::String(String::from_utf8_lossy(&bytes).into()) };
        from_json(&value).map(Self).map_err(ApiError::invalid)
    }
}

fn labelled_json(headers: &HeaderMap) -> bool {
    let label = headers.get(header::CONTENT_TYPE).and_then(|label| label.to_str().ok()).unwrap_or_default();
    let media_type = label.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let problem = |offset: usize, message: &str| {
        ApiError::invalid(vec![FieldError {
            kind: "json_invalid".to_owned(),
            loc: vec![Loc::from("body"), Loc::from(offset)],
            msg: "JSON decode error".to_owned(),
            input: json!({}),
            ctx: Some(json!({"error": message})),
        }])
    };
    if bytes.is_empty() {
        return Err(ApiError::invalid(vec![FieldError {
            kind: "missing".to_owned(),
            loc: vec![Loc::from("body")],
            msg: "Field required".to_owned(),
            input: Value::Null,
            ctx: None,
        }]));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| problem(offset(bytes, error.line(), error.column()), &error.to_string()))
}

/// Byte offset of a line and column, both counted from 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + column.saturating_sub(1)
}

/// Parts of the path.
pub(crate) struct PathParams<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}

/// A span of time, open where an end is missing.
pub(crate) struct Span {
    /// First instant.
    pub(crate) from: Option<DateTime<Utc>>,
    /// First instant behind it.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// The query string. Its getters note problems; [`QueryParams::finish`] reports them all.
pub(crate) struct QueryParams {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { pairs, errors: Vec::new() })
    }
}

impl QueryParams {
    /// The last value of a key.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
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
        let Some(text) = self.text(name) else {
            return default;
        };
        match text.trim().parse::<i64>() {
            Ok(count) if count >= 0 => return count,
            Ok(_) => self.note(
                name,
                "greater_than_equal",
                "Input should be greater than or equal to 0".to_owned(),
                text,
                Some(json!({"ge": 0})),
            ),
            Err(_) => self.note(
                name,
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer".to_owned(),
                text,
                None,
            ),
        }
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

    /// Reports what the getters noted.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.errors)) }
    }

    fn note(&mut self, name: &str, kind: &str, msg: String, input: String, ctx: Option<Value>) {
        let loc = vec![Loc::from("query"), Loc::from(name)];
        self.errors.push(FieldError { kind: kind.to_owned(), loc, msg, input: Value::String(input), ctx });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_counts_bytes_over_lines() {
        let bytes = b"{\n  \"a\": x\n}";
        let error = serde_json::from_slice::<Value>(bytes).expect_err("broken");
        assert_eq!(bytes[offset(bytes, error.line(), error.column())], b'x');
    }
}
