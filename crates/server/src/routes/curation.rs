//! Routes of changes to single memories and to observations.

use std::convert::Infallible;
use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch};
use axum::{Extension, Json, Router};
use hindsight_types::banks::DeleteResponse;
use hindsight_types::memories::{
    ClearMemoryObservationsResponse, MemoryResponse, ObservationVersion, UpdateMemoryRequest,
};

use super::memories::uuid;
use super::{Limits, Ready};
use crate::admission::{Lane, admit};
use crate::error::ApiError;
use crate::extract::{Body, PathParams};
use crate::state::State;

/// The routes; changes take a place among the retains, since they need the same models.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let places = from_fn_with_state(limits.retain.clone(), admit);
    Router::new()
        .route(
            "/v1/default/banks/{bank_id}/memories/{memory_id}",
            patch(update).layer::<_, Infallible>(places),
        )
        .route("/v1/default/banks/{bank_id}/memories/{memory_id}/history", get(history))
        .route("/v1/default/banks/{bank_id}/memories/{memory_id}/observations", delete(clear_of))
        .route("/v1/default/banks/{bank_id}/observations", delete(clear))
}

async fn update(
    Extension(lane): Extension<Lane>,
    Ready(engine): Ready,
    PathParams((bank_id, memory_id)): PathParams<(String, String)>,
    Body(request): Body<UpdateMemoryRequest>,
) -> Result<Json<MemoryResponse>, ApiError> {
    let memory_id = uuid("memory_id", &memory_id)?;
    let _turn = lane.engine().await;
    Ok(Json(engine.update_memory(&bank_id, memory_id, &request).await?))
}

async fn history(
    Ready(engine): Ready,
    PathParams((bank_id, memory_id)): PathParams<(String, String)>,
) -> Result<Json<Vec<ObservationVersion>>, ApiError> {
    let memory_id = uuid("memory_id", &memory_id)?;
    Ok(Json(engine.memory_history(&bank_id, memory_id).await?))
}

async fn clear_of(
    Ready(engine): Ready,
    PathParams((bank_id, memory_id)): PathParams<(String, String)>,
) -> Result<Json<ClearMemoryObservationsResponse>, ApiError> {
    let memory_id = uuid("memory_id", &memory_id)?;
    Ok(Json(engine.delete_observations_of(&bank_id, memory_id).await?))
}

async fn clear(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<DeleteResponse>, ApiError> {
    Ok(Json(engine.delete_observations(&bank_id).await?))
}
