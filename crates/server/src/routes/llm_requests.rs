//! Routes of the records of model calls.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use hindsight_engine::store::ModelCallFilter;
use hindsight_types::llm_requests::{CallType, LlmRequestListResponse, LlmRequestStatsResponse};

use super::Ready;
use super::memories::{one_of, uuid};
use crate::error::ApiError;
use crate::extract::{FromQuery, PathParams, Query, QueryParams};
use crate::state::State;

/// Records on a page unless asked otherwise, and at most.
const PAGE: i64 = 50;
const LARGEST_PAGE: i64 = 500;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/llm-requests", get(list))
        .route("/v1/default/banks/{bank_id}/llm-requests/stats", get(stats))
}

struct ListQuery {
    filter: ModelCallFilter,
    group: bool,
    limit: i64,
    offset: i64,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &[
        "status",
        "operation",
        "scope",
        "call_type",
        "provider",
        "trace_id",
        "document_id",
        "memory_id",
        "group",
        "start_date",
        "end_date",
        "limit",
        "offset",
    ];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let status = one_of(params, "status", &["success", "error"])?;
        let memory_id = params.search("memory_id").map(|id| uuid("memory_id", &id)).transpose()?;
        let span = params.span()?;
        Ok(Self {
            filter: ModelCallFilter {
                is_success: status.map(|status| status == "success"),
                operation: params.search("operation"),
                scope: params.search("scope"),
                call_type: params.word("call_type"),
                provider: params.search("provider"),
                trace_id: params.search("trace_id"),
                document_id: params.search("document_id"),
                memory_id,
                from: span.from,
                until: span.until,
            },
            group: params.flag("group"),
            limit: params.number("limit", PAGE, 1, LARGEST_PAGE),
            offset: params.number("offset", 0, 0, i64::MAX),
        })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { filter, group, limit, offset }): Query<ListQuery>,
) -> Result<Json<LlmRequestListResponse>, ApiError> {
    Ok(Json(engine.list_model_calls(&bank_id, &filter, group, limit, offset).await?))
}

struct StatsQuery {
    operation: Option<String>,
    call_type: Option<CallType>,
    days: u16,
}

impl FromQuery for StatsQuery {
    const NAMES: &'static [&'static str] = &["operation", "call_type", "period"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let days = match one_of(params, "period", &["1d", "7d", "30d"])?.as_deref() {
            Some("1d") => 1,
            Some("30d") => 30,
            _ => 7,
        };
        Ok(Self { operation: params.search("operation"), call_type: params.word("call_type"), days })
    }
}

async fn stats(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(StatsQuery { operation, call_type, days }): Query<StatsQuery>,
) -> Result<Json<LlmRequestStatsResponse>, ApiError> {
    Ok(Json(engine.model_call_stats(&bank_id, operation.as_deref(), call_type, days).await?))
}
