//! The route of attachments: bytes that were sent inside of texts.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Ready;
use crate::error::ApiError;
use crate::extract::PathParams;
use crate::state::State;

/// What lies under an id never changes: the id is made of the bytes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// The label is what the sender says, and may be one that browsers run: they are to run nothing.
const HARMLESS: [(HeaderName, HeaderValue); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
];

pub(super) fn router() -> Router<Arc<State>> {
    Router::new().route("/v1/default/banks/{bank_id}/attachments/{attachment_id}", get(read))
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, attachment_id)): PathParams<(String, String)>,
) -> Result<Response, ApiError> {
    let file = engine.attachment(&bank_id, &attachment_id).await?;
    let label = HeaderValue::from_str(&file.media_type);
    let label = label.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [(header::CONTENT_TYPE, label), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, HARMLESS, file.bytes).into_response())
}
