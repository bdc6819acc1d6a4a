//! JSON bodies, fully checked.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use hindsight_types::decode::{Body as Known, from_json};
use hindsight_types::errors::{FieldError, Loc};
use serde_json::{Value, json};

use super::Ignored;
use crate::error::ApiError;

/// A JSON body, fully checked.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: Known> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = labelled_json(request.headers());
        let ignored = request.extensions().get::<Ignored>().cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let message = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => "the request body is too large".to_owned(),
                _ => rejection.body_text(),
            };
            ApiError::new(rejection.status(), message)
        })?;
        let value =
            if is_json { parse(&bytes)? } else { Value::String(String::from_utf8_lossy(&bytes).into()) };
        if let (Some(ignored), Some(object)) = (ignored, value.as_object()) {
            ignored.body_keys(object.keys().filter(|key| !T::FIELDS.contains(&key.as_str())));
        }
        from_json(&value).map(Self).map_err(ApiError::invalid)
    }
}

/// A body that may be left out, or be null.
pub(crate) struct OptionalBody<T>(pub(crate) Option<T>);

impl<S: Send + Sync, T: Known> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
            .await
            .map_err(|rejection| ApiError::new(rejection.status(), rejection.body_text()))?;
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(Self(None));
        }
        let request = Request::from_parts(parts, axum::body::Body::from(bytes));
        Body::from_request(request, state).await.map(|Body(body)| Self(Some(body)))
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
    serde_json::from_slice(bytes).or_else(|error| {
        // Programs escape half of a character when they cut a text inside one; the contract
        // wants such halves dropped.
        without_lone_surrogates(bytes)
            .and_then(|mended| serde_json::from_slice(&mended).ok())
            .ok_or_else(|| problem(offset(bytes, error.line(), error.column()), &error.to_string()))
    })
}

/// The JSON without escapes of lone surrogates; `None` when there are none.
fn without_lone_surrogates(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut mended = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let taken = match (byte, unit(at)) {
            (b'\\', Some(0xd800..=0xdbff)) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                at += 6;
                continue;
            }
            // Any other escape, so that an escaped backslash is not taken for the start of one.
            (b'\\', _) => 2,
            _ => 1,
        };
        mended.extend_from_slice(bytes.get(at..(at + taken).min(bytes.len()))?);
        at += taken;
    }
    (mended.len() < bytes.len()).then_some(mended)
}

/// Byte offset of a line and column, both counted from 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + column.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_dropped_and_nothing_else() {
        let mended = |text: &str| {
            without_lone_surrogates(text.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text"))
        };
        assert_eq!(mended(r#"{"a": "x\ud83dy\udc00"}"#).as_deref(), Some(r#"{"a": "xy"}"#));
        assert_eq!(mended(r#""\ud83d\ud83d\ude00""#).as_deref(), Some(r#""\ud83d\ude00""#));
        for sound in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u0041 \n""#, "", "\\u"] {
            assert_eq!(mended(sound), None, "{sound}");
        }
    }

    #[test]
    fn the_offset_counts_bytes_over_lines() {
        let bytes = b"{\n  \"a\": x\n}";
        let error = serde_json::from_slice::<Value>(bytes).expect_err("broken");
        assert_eq!(bytes[offset(bytes, error.line(), error.column())], b'x');
    }
}
