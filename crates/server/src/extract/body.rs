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
