//! Routes of banks.

use std::sync::Arc;

use axum::routing::{get, put};
use axum::{Json, Router};
use hindsight_types::banks::{BankListResponse, BankProfileResponse, CreateBankRequest, DeleteResponse};
use hindsight_types::limits::PAGE_LIMIT;

use super::Ready;
use crate::error::ApiError;
use crate::extract::{Body, PathParams, QueryParams};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks", get(list))
        .route("/v1/default/banks/{bank_id}", put(create_or_update).delete(delete))
}

async fn list(Ready(engine): Ready, mut query: QueryParams) -> Result<Json<BankListResponse>, ApiError> {
    let search = query.search("q");
    let limit = query.count("limit", PAGE_LIMIT);
    let offset = query.count("offset", 0);
    query.finish()?;
    Ok(Json(engine.list_banks(search.as_deref(), limit, offset).await?))
}

async fn create_or_update(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<CreateBankRequest>,
) -> Result<Json<BankProfileResponse>, ApiError> {
    Ok(Json(engine.put_bank(&bank_id, &request).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<DeleteResponse>, ApiError> {
    Ok(Json(engine.delete_bank(&bank_id).await?))
}
