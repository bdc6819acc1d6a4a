//! All routes, and what holds for every one of them.

mod attachments;
mod banks;
mod consolidation;
mod curation;
mod directives;
mod documents;
mod entities;
mod files;
mod graph;
mod llm_requests;
mod memories;
mod mental_models;
mod monitoring;
mod operations;
mod reflect;
mod retired;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use hindsight_engine::Engine;
use hindsight_types::errors::SERVER_STOPPING;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::trace::TraceLayer;

use crate::access::log_access;
use crate::activity::track;
use crate::admission::Lane;
use crate::config::{Config, FileOptions};
use crate::error::{ApiError, SPACE_RETRY};
use crate::extract::report_ignored;
use crate::guard::{Guard, authenticate, check_host};
use crate::outage::name_the_cause;
use crate::state::{Phase, State};

/// What routes are served with.
#[expect(clippy::struct_excessive_bools, reason = "they are switches of their own, not one state")]
pub(crate) struct Limits {
    /// Who may talk to the server.
    pub(crate) guard: Guard,
    /// Largest body of a retain or of a change of a bank in bytes.
    pub(crate) max_body: usize,
    /// Answers of at least so many bytes are compressed; none = never.
    pub(crate) gzip_min_size: Option<u64>,
    /// Places for recalls.
    pub(crate) recall: Lane,
    /// Places for questions.
    pub(crate) reflect: Lane,
    /// Places for retains.
    pub(crate) retain: Lane,
    /// Longest time a retain may take.
    pub(crate) retain_timeout: Duration,
    /// Whether there are dry runs.
    pub(crate) dry_run: bool,
    /// Whether the settings of banks can be changed by their own route.
    pub(crate) bank_config: bool,
    /// How files are taken.
    pub(crate) files: FileOptions,
    /// Path in front of all routes; empty = none.
    pub(crate) base_path: String,
    /// Whether there are more routes than those that tell how the server is.
    pub(crate) serves_api: bool,
    /// Whether every request has a log line.
    pub(crate) access_log: bool,
}

impl Limits {
    /// What a config says; `guard` is who may talk to the server.
    pub(crate) fn new(config: &Config, guard: Guard) -> Self {
        Self {
            guard,
            max_body: config.max_body,
            gzip_min_size: config.gzip_min_size,
            recall: Lane::new(config.recall),
            reflect: Lane::new(config.reflect),
            retain: Lane::new(config.retain),
            retain_timeout: config.retain_timeout,
            dry_run: config.dry_run,
            bank_config: config.bank_config,
            files: config.files.clone(),
            base_path: config.base_path.clone(),
            serves_api: config.serves_api,
            access_log: config.access_log,
        }
    }
}

/// The routes on banks and what is in them.
fn api(state: &Arc<State>, limits: &Limits) -> Router<Arc<State>> {
    Router::new()
        .merge(banks::router(limits))
        .merge(memories::router(limits))
        .merge(curation::router(limits))
        .merge(reflect::router(limits))
        .merge(directives::router())
        .merge(mental_models::router(limits))
        .merge(documents::router())
        .merge(files::router(limits))
        .merge(attachments::router())
        .merge(tags::router())
        .merge(consolidation::router())
        .merge(entities::router())
        .merge(graph::router(limits))
        .merge(operations::router())
        .merge(llm_requests::router())
        .route_layer(from_fn_with_state(Arc::clone(state), name_the_cause))
        .route_layer(from_fn_with_state(Arc::clone(state), track))
        .route_layer(from_fn_with_state(limits.guard.clone(), authenticate))
}

/// The service of a server.
pub(crate) fn router(state: Arc<State>, limits: &Limits) -> Router {
    let guarded = if limits.serves_api { api(&state, limits) } else { Router::new() };
    let served = Router::new()
        .merge(monitoring::router(limits))
        .merge(monitoring::contract(&limits.base_path))
        .merge(retired::router())
        .merge(guarded)
        .route_layer(from_fn(report_ignored))
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(from_fn_with_state(limits.guard.clone(), check_host))
        .layer(CatchPanicLayer::custom(|_| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error; the server's log has the cause")
                .into_response()
        }))
        // Failures are logged where they arise; a 503 of health is an answer.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .with_state(state);
    let served = match limits.gzip_min_size {
        // Fast: an answer is waited for, and most lines are short.
        Some(size) => served.layer(
            CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(size)),
        ),
        None => served,
    };
    let served = if limits.access_log { served.layer(from_fn(log_access)) } else { served };
    if limits.base_path.is_empty() {
        return served;
    }
    // A proxy may take the path away or leave it.
    Router::new().nest(&limits.base_path, served.clone()).fallback_service(served)
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
        if let Some(outage) = state.outage() {
            return Err(ApiError::unavailable(outage, SPACE_RETRY));
        }
        let engine = state.engine().map(Self);
        engine.ok_or_else(|| match state.phase() {
            Phase::Failed(problem) => {
                ApiError::unavailable(format!("the server did not start: {problem}"), 30)
            }
            Phase::Stopping => ApiError::unavailable(SERVER_STOPPING, 1),
            Phase::Starting | Phase::Ready => ApiError::unavailable("the server is starting, try again", 1),
        })
    }
}
