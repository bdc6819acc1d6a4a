//! Routes of operations.

use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hindsight_engine::store::OperationFilter;
use hindsight_types::operations::{
    OperationChangeResponse, OperationStatus, OperationStatusResponse, OperationsListResponse,
};
use uuid::Uuid;

use super::Ready;
use super::memories::{one_of, uuid};
use crate::error::ApiError;
use crate::extract::{FromQuery, PathParams, Query, QueryParams};
use crate::state::State;

/// Operations on a page unless asked otherwise, and at most.
const PAGE: i64 = 20;
const LARGEST_PAGE: i64 = 100;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/operations", get(list))
        .route("/v1/default/banks/{bank_id}/operations/{operation_id}", get(read).delete(cancel))
        .route("/v1/default/banks/{bank_id}/operations/{operation_id}/retry", post(retry))
        .route("/v1/default/banks/{bank_id}/operations/{operation_id}/delete", delete(forget))
}

struct ListQuery {
    filter: OperationFilter,
    limit: i64,
    offset: i64,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &["status", "type", "limit", "offset", "exclude_parents"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let words = ["pending", "processing", "completed", "failed", "cancelled"];
        let status = one_of(params, "status", &words)?;
        Ok(Self {
            filter: OperationFilter {
                status: status.and_then(|word| word.parse::<OperationStatus>().ok()),
                operation_type: params.search("type"),
                exclude_parents: params.flag("exclude_parents"),
            },
            limit: params.number("limit", PAGE, 1, LARGEST_PAGE),
            offset: params.number("offset", 0, 0, i64::MAX),
        })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { filter, limit, offset }): Query<ListQuery>,
) -> Result<Json<OperationsListResponse>, ApiError> {
    Ok(Json(engine.list_operations(&bank_id, &filter, limit, offset).await?))
}

struct ReadQuery {
    include_payload: bool,
}

impl FromQuery for ReadQuery {
    const NAMES: &'static [&'static str] = &["include_payload"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self { include_payload: params.flag("include_payload") })
    }
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, operation_id)): PathParams<(String, String)>,
    Query(ReadQuery { include_payload }): Query<ReadQuery>,
) -> Result<Json<OperationStatusResponse>, ApiError> {
    Ok(Json(engine.operation(&bank_id, id(&operation_id)?, include_payload).await?))
}

async fn cancel(
    Ready(engine): Ready,
    PathParams((bank_id, operation_id)): PathParams<(String, String)>,
) -> Result<Json<OperationChangeResponse>, ApiError> {
    Ok(Json(engine.cancel_operation(&bank_id, id(&operation_id)?).await?))
}

async fn retry(
    Ready(engine): Ready,
    PathParams((bank_id, operation_id)): PathParams<(String, String)>,
) -> Result<Json<OperationChangeResponse>, ApiError> {
    Ok(Json(engine.retry_operation(&bank_id, id(&operation_id)?).await?))
}

async fn forget(
    Ready(engine): Ready,
    PathParams((bank_id, operation_id)): PathParams<(String, String)>,
) -> Result<Json<OperationChangeResponse>, ApiError> {
    Ok(Json(engine.delete_operation(&bank_id, id(&operation_id)?).await?))
}

fn id(text: &str) -> Result<Uuid, ApiError> {
    uuid("operation_id", text)
}
