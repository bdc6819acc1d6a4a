//! Routes of memories: retain, recall, list.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hindsight_engine::labels::Labels;
use hindsight_engine::store::{ConsolidationState, MemoryFilter, TagFilter, TimeField};
use hindsight_types::banks::DeleteResponse;
use hindsight_types::dry_run::{DryRunExtractRequest, DryRunExtractionResult};
use hindsight_types::errors::{FieldError, Loc};
use hindsight_types::memories::{ListMemoriesResponse, MemoryResponse};
use hindsight_types::recall::{FactType, RecallRequest, RecallResponse};
use hindsight_types::retain::{RetainRequest, RetainResponse};
use hindsight_types::tags::TagsMatch;
use uuid::Uuid;

use super::{Limits, Ready};
use crate::admission::{Lane, admit};
use crate::error::ApiError;
use crate::extract::{Body, FromQuery, Page, PathParams, Query, QueryParams, Span};
use crate::state::State;

/// The routes, with places for retains and recalls.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let (timeout, body) = (Timeout(limits.retain_timeout), DefaultBodyLimit::max(limits.max_body));
    let places = |lane: &Lane| from_fn_with_state(lane.clone(), admit);
    let dry_run = if limits.dry_run {
        post(dry_run_extract)
            .layer::<_, Infallible>(body)
            .layer::<_, Infallible>(Extension(timeout))
            .layer(places(&limits.retain))
    } else {
        post(async || ApiError::new(StatusCode::NOT_FOUND, "Dry runs are switched off on this server"))
    };
    Router::new()
        .route(
            "/v1/default/banks/{bank_id}/memories",
            // A layer holds for the methods before it.
            post(retain)
                .layer::<_, Infallible>(body)
                .layer::<_, Infallible>(Extension(timeout))
                .layer(places(&limits.retain))
                .delete(delete),
        )
        .route("/v1/default/banks/{bank_id}/memories/dry-run-extract", dry_run)
        .route("/v1/default/banks/{bank_id}/memories/recall", post(recall).layer(places(&limits.recall)))
        .route("/v1/default/banks/{bank_id}/memories/list", get(list))
        .route("/v1/default/banks/{bank_id}/memories/{memory_id}", get(read))
}

/// Longest time a retain may take.
#[derive(Clone, Copy)]
struct Timeout(Duration);

async fn retain(
    Extension(Timeout(timeout)): Extension<Timeout>,
    Extension(lane): Extension<Lane>,
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<RetainRequest>,
) -> Result<Json<RetainResponse>, ApiError> {
    let retained = async {
        let _turn = lane.engine().await;
        engine.retain(&bank_id, request).await
    };
    match tokio::time::timeout(timeout, retained).await {
        Ok(retained) => Ok(Json(retained?)),
        Err(_) => Err(ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!(
                "not retained within {} s and given up; sent again under its document ids it counts once, but for what it appends",
                timeout.as_secs()
            ),
        )),
    }
}

/// Memories of which type go; all when none is named.
struct DeleteQuery(Option<FactType>);

impl FromQuery for DeleteQuery {
    const NAMES: &'static [&'static str] = &["type"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let fact_type = one_of(params, "type", &["world", "experience", "observation"])?;
        Ok(Self(fact_type.and_then(|word| FactType::from_str(&word).ok())))
    }
}

async fn delete(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(DeleteQuery(fact_type)): Query<DeleteQuery>,
) -> Result<Json<DeleteResponse>, ApiError> {
    Ok(Json(engine.delete_memories(&bank_id, fact_type).await?))
}

async fn dry_run_extract(
    Extension(Timeout(timeout)): Extension<Timeout>,
    Extension(lane): Extension<Lane>,
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<DryRunExtractRequest>,
) -> Result<Json<DryRunExtractionResult>, ApiError> {
    check_labels(&request)?;
    let read = async {
        let _turn = lane.engine().await;
        engine.dry_run_extract(&bank_id, request).await
    };
    match tokio::time::timeout(timeout, read).await {
        Ok(read) => Ok(Json(read?)),
        Err(_) => Err(ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!("not read within {} s and given up", timeout.as_secs()),
        )),
    }
}

/// Labels that cannot be read are a fault of the request's shape, not of a setting's value.
fn check_labels(request: &DryRunExtractRequest) -> Result<(), ApiError> {
    let Some(labels) = &request.entity_labels else { return Ok(()) };
    Labels::read(labels).map(|_| ()).map_err(|problem| {
        let loc = vec![Loc::from("body"), Loc::from("entity_labels")];
        ApiError::invalid(vec![FieldError::value_error(loc, &problem, labels.clone())])
    })
}

async fn recall(
    Extension(lane): Extension<Lane>,
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<RecallRequest>,
) -> Result<Json<RecallResponse>, ApiError> {
    let _turn = lane.engine().await;
    Ok(Json(engine.recall(&bank_id, &request).await?))
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, memory_id)): PathParams<(String, String)>,
) -> Result<Json<MemoryResponse>, ApiError> {
    let memory_id = uuid("memory_id", &memory_id)?;
    Ok(Json(engine.memory(&bank_id, memory_id).await?))
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListMemoriesResponse>, ApiError> {
    let Page { limit, offset } = query.page;
    Ok(Json(engine.list_memories(&bank_id, &query.filter, limit, offset).await?))
}

struct ListQuery {
    filter: MemoryFilter,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &[
        "type",
        "q",
        "consolidation_state",
        "state",
        "document_id",
        "entity_id",
        "tags",
        "tags_match",
        "time_field",
        "start_date",
        "end_date",
        "limit",
        "offset",
    ];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let state = one_of(params, "state", &["valid", "invalidated"])?;
        let consolidation = one_of(params, "consolidation_state", &["failed", "pending", "done"])?;
        let fact_type = one_of(params, "type", &["world", "experience", "observation"])?;
        let time_field = one_of(
            params,
            "time_field",
            &["created_at", "updated_at", "mentioned_at", "occurred_start", "occurred_end"],
        )?;
        let entity_id = match params.search("entity_id") {
            None => None,
            Some(text) => Some(uuid("entity_id", &text)?),
        };
        let Span { from, until } = params.span()?;
        let tags_match = params.tags_match(TagsMatch::Any);
        Ok(Self {
            filter: MemoryFilter {
                fact_type: fact_type.and_then(|word| FactType::from_str(&word).ok()),
                search: params.search("q"),
                document_id: params.search("document_id"),
                entity_id,
                tags: TagFilter::list(params.list("tags"), tags_match),
                time_field: time_field.as_deref().map(|word| match word {
                    "updated_at" => TimeField::UpdatedAt,
                    "mentioned_at" => TimeField::MentionedAt,
                    "occurred_start" => TimeField::OccurredStart,
                    "occurred_end" => TimeField::OccurredEnd,
                    _ => TimeField::CreatedAt,
                }),
                from,
                until,
                consolidation: consolidation.map(|word| match word.as_str() {
                    "failed" => ConsolidationState::Failed,
                    "done" => ConsolidationState::Done,
                    _ => ConsolidationState::Pending,
                }),
                is_archived: state.as_deref() == Some("invalidated"),
            },
            page: params.page(),
        })
    }
}

/// A parameter that takes one of a few words; another one is a 400.
pub(super) fn one_of(
    params: &QueryParams,
    name: &'static str,
    words: &[&str],
) -> Result<Option<String>, ApiError> {
    match params.search(name) {
        Some(word) if !words.contains(&word.as_str()) => Err(ApiError::bad_request(format!(
            "Invalid {name}: '{word}' is not one of {}.",
            words.join(", ")
        ))),
        word => Ok(word),
    }
}

/// An id in a path or query; another text is a 400.
pub(super) fn uuid(name: &str, text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text)
        .map_err(|_| ApiError::bad_request(format!("Invalid {name}: '{text}' is not a UUID.")))
}
