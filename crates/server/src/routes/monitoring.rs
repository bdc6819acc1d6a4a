//! Health, version, the contract. None of these waits for the database.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hindsight_types::API_VERSION;
use hindsight_types::monitoring::{Build, Features, HealthResponse, LivenessResponse, VersionResponse};

use crate::state::{Phase, State};

/// A look at the database older than this says nothing about now.
const STALE: Duration = Duration::from_secs(15);
/// The contract that clients are generated from.
const OPENAPI: &str = include_str!("../../openapi.json");

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(health))
        .route("/health/live", get(live))
        .route("/version", get(version))
        .route("/v1/version", get(version))
        .route("/openapi.json", get(openapi))
}

async fn health(Shared(state): Shared<Arc<State>>) -> impl IntoResponse {
    let health = describe(&state);
    let status = if health.status == "healthy" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

fn describe(state: &State) -> HealthResponse {
    let phase = state.phase();
    let mut health = HealthResponse {
        status: "unhealthy".to_owned(),
        database: None,
        reason: None,
        error: None,
        phase: match phase {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Failed(_) => "failed",
            Phase::Stopping => "stopping",
        }
        .to_owned(),
        db_acquire_ms: None,
        pool_size: None,
        pool_idle: None,
        checked_ms_ago: None,
    };
    match phase {
        Phase::Starting => health.reason = Some("not_initialized".to_owned()),
        Phase::Failed(problem) => health.error = Some(problem),
        Phase::Stopping => health.reason = Some("stopping".to_owned()),
        Phase::Ready => describe_database(state, &mut health),
    }
    health
}

fn describe_database(state: &State, health: &mut HealthResponse) {
    let Some(probe) = state.probe() else {
        health.reason = Some("not_initialized".to_owned());
        return;
    };
    let age = probe.at.elapsed();
    health.checked_ms_ago = u64::try_from(age.as_millis()).ok();
    match probe.outcome {
        Ok(_) if age > STALE => {
            health.error = Some("the last look at the database is too long ago".to_owned())
        }
        Ok(pool) => {
            health.status = "healthy".to_owned();
            health.database = Some("connected".to_owned());
            health.db_acquire_ms = Some(pool.acquire_ms);
            health.pool_size = Some(pool.size);
            health.pool_idle = Some(pool.idle);
        }
        Err(problem) => health.error = Some(problem),
    }
}

async fn live(Shared(state): Shared<Arc<State>>) -> Json<LivenessResponse> {
    Json(LivenessResponse {
        status: "alive".to_owned(),
        version: API_VERSION.to_owned(),
        uptime_seconds: state.uptime().as_secs_f64(),
    })
}

async fn version() -> Json<VersionResponse> {
    Json(VersionResponse {
        api_version: API_VERSION.to_owned(),
        features: Features {
            observations: false,
            mcp: false,
            worker: false,
            bank_config_api: false,
            bank_llm_health: false,
            file_upload_api: false,
            document_export_api: false,
            document_import_api: false,
            audit_log: false,
            llm_trace: false,
            store_document_text: true,
        },
        build: Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("HINDSIGHT_BUILD_COMMIT").map(str::to_owned),
        },
        llm: "none".to_owned(),
    })
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
