//! Routes of banks.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, patch};
use axum::{Json, Router};
use hindsight_types::banks::{
    BankConfigResponse, BankConfigUpdate, BankListResponse, BankProfileResponse, BankStatsResponse,
    CreateBankRequest, DeleteResponse,
};

use super::{Limits, Ready};
use crate::error::ApiError;
use crate::extract::{Body, FromQuery, Page, PathParams, Query, QueryParams};
use crate::state::State;

/// The routes.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let body = || DefaultBodyLimit::max(limits.max_body);
    // A layer holds for the methods before it.
    let bank = patch(update).layer(body()).put(create_or_update).delete(delete);
    let config = if limits.bank_config {
        patch(update_config).layer(body()).get(config).delete(reset_config)
    } else {
        patch(no_config).get(config).delete(no_config)
    };
    Router::new()
        .route("/v1/default/banks", get(list))
        .route("/v1/default/banks/{bank_id}/config", config)
        .route("/v1/default/banks/{bank_id}", bank)
        .route("/v1/default/banks/{bank_id}/stats", get(stats))
}

struct ListQuery {
    search: Option<String>,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &["q", "limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self { search: params.search("q"), page: params.page() })
    }
}

async fn list(
    Ready(engine): Ready,
    Query(ListQuery { search, page }): Query<ListQuery>,
) -> Result<Json<BankListResponse>, ApiError> {
    Ok(Json(engine.list_banks(search.as_deref(), page.limit, page.offset).await?))
}

async fn create_or_update(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<CreateBankRequest>,
) -> Result<Json<BankProfileResponse>, ApiError> {
    Ok(Json(engine.put_bank(&bank_id, &request).await?))
}

async fn update(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<CreateBankRequest>,
) -> Result<Json<BankProfileResponse>, ApiError> {
    Ok(Json(engine.patch_bank(&bank_id, &request).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<DeleteResponse>, ApiError> {
    Ok(Json(engine.delete_bank(&bank_id).await?))
}

/// Whether cached counts must not be used. Counts are always fresh here, so both answers
/// are the same.
struct StatsQuery;

impl FromQuery for StatsQuery {
    const NAMES: &'static [&'static str] = &["refresh"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        params.flag("refresh");
        Ok(Self)
    }
}

async fn stats(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(StatsQuery): Query<StatsQuery>,
) -> Result<Json<BankStatsResponse>, ApiError> {
    Ok(Json(engine.bank_stats(&bank_id).await?))
}

async fn config(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<BankConfigResponse>, ApiError> {
    Ok(Json(engine.bank_config(&bank_id).await?))
}

async fn no_config() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "Changing the settings of banks is switched off on this server")
}

async fn update_config(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<BankConfigUpdate>,
) -> Result<Json<BankConfigResponse>, ApiError> {
    Ok(Json(engine.update_bank_config(&bank_id, request.updates).await?))
}

async fn reset_config(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
) -> Result<Json<BankConfigResponse>, ApiError> {
    Ok(Json(engine.reset_bank_config(&bank_id).await?))
}
