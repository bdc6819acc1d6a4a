//! All routes, and what holds for every one of them.

mod banks;
mod documents;
mod memories;
mod monitoring;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hindsight_engine::Engine;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::error::ApiError;
use crate::state::{Phase, State};

/// The service of a server.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .merge(monitoring::router())
        .merge(banks::router())
        .merge(memories::router())
        .merge(documents::router())
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;

            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error; the server's log has the cause")
                .into_response()
        }))
        .layer(TraceLayer::new_for_http())
        .with_state(state)
}

/// The engine, for routes that need the store.
pub(crate) struct Ready(pub(crate) Engine);

impl<S> FromRequestParts<S> for Ready
where
    S: Send + Sync,
    Arc<State>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(_parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let state = Arc::<State>::from_ref(state);
        let engine = state.engine().map(Self);
        engine.ok_or_else(|| match state.phase() {
            Phase::Failed(problem) => {
                ApiError::unavailable(format!("the server did not start: {problem}"), 30)
            }
            Phase::Stopping => ApiError::unavailable("the server is stopping", 5),
            Phase::Starting | Phase::Ready => ApiError::unavailable("the server is starting, try again", 1),
        })
    }
}
