//! Parameters nobody asked for: never an error, always reported.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::QueryParams;

/// Names of unknown parameters, query names first, then top-level keys of the body.
const HEADER: HeaderName = HeaderName::from_static("x-ignored-params");

/// Collects the unknown names of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    /// `None` until a route has read its query: one that never does knows no names.
    query: Option<Vec<String>>,
    body: Vec<String>,
}

impl Ignored {
    pub(super) fn query_keys<'k>(&self, keys: impl Iterator<Item = &'k String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).query = Some(keys.cloned().collect());
    }

    pub(super) fn body_keys<'k>(&self, keys: impl Iterator<Item = &'k String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body = keys.cloned().collect();
    }
}

/// Adds the header with the names that were ignored, if there are any.
pub(crate) async fn report_ignored(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let ignored = Ignored::default();
    parts.extensions.insert(ignored.clone());
    let sent = QueryParams::of(&parts).names();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let names = std::mem::take(&mut *ignored.0.lock().unwrap_or_else(PoisonError::into_inner));
    let mut all: Vec<String> = Vec::new();
    for name in names.query.unwrap_or(sent).into_iter().chain(names.body) {
        let printable: String =
            name.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
        if !all.contains(&printable) {
            all.push(printable);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&all.join(", "))
        && !all.is_empty()
    {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
