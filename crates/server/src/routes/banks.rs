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
use hindsight_types::graph::{MemoriesTimeseriesResponse, Period, SeriesTime};

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
        .route("/v1/default/banks/{bank_id}/stats/memories-timeseries", get(series))
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

/// Whether the bank is counted anew whatever was counted before.
struct StatsQuery(bool);

impl FromQuery for StatsQuery {
    const NAMES: &'static [&'static str] = &["refresh"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self(params.flag("refresh")))
    }
}

async fn stats(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(StatsQuery(anew)): Query<StatsQuery>,
) -> Result<Json<BankStatsResponse>, ApiError> {
    let stats = if anew { engine.bank_stats_anew(&bank_id).await } else { engine.bank_stats(&bank_id).await };
    Ok(Json(stats?))
}

/// What a time series counts. Unknown words are as good as none, as the contract has it; the answer
/// says what was counted.
struct SeriesQuery {
    period: Period,
    field: SeriesTime,
}

impl FromQuery for SeriesQuery {
    const NAMES: &'static [&'static str] = &["period", "time_field"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let given = |name| params.search(name);
        Ok(Self {
            period: given("period").and_then(|word| word.parse().ok()).unwrap_or(Period::Week),
            field: given("time_field").and_then(|word| word.parse().ok()).unwrap_or(SeriesTime::CreatedAt),
        })
    }
}

async fn series(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(SeriesQuery { period, field }): Query<SeriesQuery>,
) -> Result<Json<MemoriesTimeseriesResponse>, ApiError> {
    Ok(Json(engine.memories_over_time(&bank_id, period, field).await?))
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
