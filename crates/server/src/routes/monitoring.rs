//! Health, version, the contract. None of these waits for the database.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Extension, Json, Router};
use hindsight_engine::Engine;
use hindsight_engine::config::Settings;
use hindsight_engine::ports::LlmOperation;
use hindsight_types::API_VERSION;
use hindsight_types::monitoring::{Build, Features, HealthResponse, LivenessResponse, VersionResponse};

use super::Limits;
use crate::state::{Phase, State};

/// A look at the database older than this says nothing about now.
const STALE: Duration = Duration::from_secs(15);
/// Header of a client that wants a daemon to stay although it has nothing to ask.
const KEEPALIVE: &str = "x-hindsight-keepalive";
/// The contract that clients are generated from.
const OPENAPI: &str = include_str!("../../openapi.json");

pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let offered = Extension(Offered { files: limits.files.enabled, bank_config: limits.bank_config });
    Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(health))
        .route("/health/live", get(live))
        .route("/version", get(version).layer::<_, Infallible>(offered.clone()))
        .route("/v1/version", get(version).layer::<_, Infallible>(offered))
        .route("/docs", get(docs))
        .route("/redoc", get(docs))
}

async fn health(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> impl IntoResponse {
    if headers.contains_key(KEEPALIVE) {
        state.activity().touch();
    }
    let health = describe(&state);
    let status = if health.database.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// Healthy while the last look at the database went well and is not long ago. Over an
/// engine that somebody else looks after there is no look, and nothing to complain about.
fn describe(state: &State) -> HealthResponse {
    let phase = state.phase();
    let probe = state.probe().filter(|_| phase == Phase::Ready);
    let age = probe.as_ref().map(|probe| probe.at.elapsed());
    let pool = probe.as_ref().and_then(|probe| probe.outcome.as_ref().ok().copied());
    let (reason, error) = match (&phase, probe.map(|probe| probe.outcome)) {
        (Phase::Starting, _) => (Some("not_initialized"), None),
        (Phase::Stopping, _) => (Some("stopping"), None),
        (Phase::Failed(problem), _) => (None, Some(problem.clone())),
        (Phase::Ready, Some(Err(problem))) => (None, Some(problem)),
        (Phase::Ready, Some(Ok(_))) if age.is_some_and(|age| age > STALE) => {
            (None, Some("the last look at the database is too long ago".to_owned()))
        }
        (Phase::Ready, Some(Ok(_)) | None) => (None, None),
    };
    let is_healthy = reason.is_none() && error.is_none();
    let (in_flight, idle) = state.activity().now();
    HealthResponse {
        status: if is_healthy { "healthy" } else { "unhealthy" }.to_owned(),
        database: is_healthy.then(|| "connected".to_owned()),
        reason: reason.map(str::to_owned),
        error,
        phase: match phase {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Failed(_) => "failed",
            Phase::Stopping => "stopping",
        }
        .to_owned(),
        db_acquire_ms: pool.map(|pool| pool.acquire_ms),
        pool_size: pool.map(|pool| pool.size),
        pool_idle: pool.map(|pool| pool.idle),
        checked_ms_ago: age.and_then(milliseconds),
        profile: state.identity().map(|identity| identity.profile.clone()),
        instance_id: state.identity().map(|identity| identity.instance_id.clone()),
        in_flight: state.identity().map(|_| in_flight),
        idle_ms: state.identity().and(idle).and_then(milliseconds),
    }
}

fn milliseconds(time: Duration) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
}

async fn live(Shared(state): Shared<Arc<State>>) -> Json<LivenessResponse> {
    Json(LivenessResponse {
        status: "alive".to_owned(),
        version: API_VERSION.to_owned(),
        uptime_seconds: state.uptime().as_secs_f64(),
    })
}

/// What the server lets clients do.
#[derive(Clone)]
struct Offered {
    /// Sending files.
    files: bool,
    /// Changing the settings of banks.
    bank_config: bool,
}

async fn version(
    Extension(offered): Extension<Offered>,
    Shared(state): Shared<Arc<State>>,
) -> Json<VersionResponse> {
    let engine = state.engine();
    let is_on =
        |setting: fn(&Settings) -> bool| engine.as_ref().is_none_or(|engine| setting(engine.settings()));
    Json(VersionResponse {
        api_version: API_VERSION.to_owned(),
        features: Features {
            observations: is_on(|settings| settings.consolidation.observations),
            mcp: false,
            worker: true,
            bank_config_api: offered.bank_config,
            bank_llm_health: false,
            file_upload_api: offered.files,
            document_export_api: false,
            document_import_api: false,
            audit_log: false,
            llm_trace: is_on(|settings| settings.llm_trace.enabled),
            store_document_text: is_on(|settings| settings.store_document_text),
        },
        build: Some(Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("HINDSIGHT_BUILD_COMMIT").map(str::to_owned),
        }),
        llm: engine.as_ref().map(llm),
    })
}

/// Who answers calls of language models, each name once.
fn llm(engine: &Engine) -> String {
    let Some(llm) = engine.llm() else { return "none".to_owned() };
    let mut names: Vec<_> = LlmOperation::ALL.into_iter().map(|operation| llm.name(operation)).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.join("; ")
}

/// The contract as a route: byte for byte, unless a path in front of the routes has to be named
/// in it.
pub(super) fn contract(base_path: &str) -> Router<Arc<State>> {
    let text: Bytes = if base_path.is_empty() {
        Bytes::from_static(OPENAPI.as_bytes())
    } else {
        // It begins with the brace of its object.
        let rest = OPENAPI.trim_start().strip_prefix('{').unwrap_or_default();
        format!("{{\"servers\":[{{\"url\":\"{base_path}\"}}],{rest}").into()
    };
    let serve = async move || ([(header::CONTENT_TYPE, "application/json")], text);
    Router::new().route("/openapi.json", get(serve))
}

/// A page that lists the routes of the contract.
async fn docs() -> Html<&'static str> {
    Html(include_str!("docs.html"))
}
