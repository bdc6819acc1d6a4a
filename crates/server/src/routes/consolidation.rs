//! Routes of consolidation: requesting runs, letting facts wait again, trying strategies.

use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use hindsight_types::consolidation::{
    ConsolidationRequest, ConsolidationResponse, ConsolidationStrategiesPreview,
    ConsolidationStrategiesPreviewRequest, RecoverConsolidationResponse,
};

use super::Ready;
use crate::error::ApiError;
use crate::extract::{Body, OptionalBody, PathParams};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/consolidate", post(consolidate))
        .route("/v1/default/banks/{bank_id}/consolidation/recover", post(recover))
        .route("/v1/default/banks/{bank_id}/consolidation-strategies/preview", post(preview))
}

async fn consolidate(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    OptionalBody(request): OptionalBody<ConsolidationRequest>,
) -> Result<Json<ConsolidationResponse>, ApiError> {
    let request = request.unwrap_or(ConsolidationRequest { observation_scopes: None });
    Ok(Json(engine.consolidate(&bank_id, &request).await?))
}

async fn recover(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<RecoverConsolidationResponse>, ApiError> {
    Ok(Json(engine.recover_consolidation(&bank_id).await?))
}

async fn preview(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<ConsolidationStrategiesPreviewRequest>,
) -> Result<Json<ConsolidationStrategiesPreview>, ApiError> {
    Ok(Json(engine.preview_strategies(&bank_id, &request).await?))
}
