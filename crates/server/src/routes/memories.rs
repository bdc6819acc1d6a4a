//! Routes of memories: retain, recall, list.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router};
use hindsight_engine::store::{MemoryFilter, TagFilter, TimeField};
use hindsight_types::limits::PAGE_LIMIT;
use hindsight_types::memories::ListMemoriesResponse;
use hindsight_types::recall::{FactType, RecallRequest, RecallResponse};
use hindsight_types::retain::{RetainRequest, RetainResponse};
use hindsight_types::tags::TagsMatch;
use uuid::Uuid;

use super::Ready;
use crate::error::ApiError;
use crate::extract::{Body, PathParams, QueryParams, Span};
use crate::state::State;

/// Largest body of a retain in bytes.
const RETAIN_BODY_LIMIT: usize = 128 << 20;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route(
            "/v1/default/banks/{bank_id}/memories",
            post(retain).layer(DefaultBodyLimit::max(RETAIN_BODY_LIMIT)),
        )
        .route("/v1/default/banks/{bank_id}/memories/recall", post(recall))
        .route("/v1/default/banks/{bank_id}/memories/list", get(list))
}

async fn retain(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<RetainRequest>,
) -> Result<Json<RetainResponse>, ApiError> {
    Ok(Json(engine.retain(&bank_id, request).await?))
}

async fn recall(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<RecallRequest>,
) -> Result<Json<RecallResponse>, ApiError> {
    Ok(Json(engine.recall(&bank_id, &request).await?))
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    mut query: QueryParams,
) -> Result<Json<ListMemoriesResponse>, ApiError> {
    let (filter, shows_none) = read_filter(&mut query)?;
    let limit = query.count("limit", PAGE_LIMIT);
    let offset = query.count("offset", 0);
    query.finish()?;
    let mut page =
        engine.list_memories(&bank_id, &filter, if shows_none { 0 } else { limit }, offset).await?;
    if shows_none {
        page.total = 0;
        page.limit = limit;
    }
    Ok(Json(page))
}

/// The filter, and whether it asks for memories in a state that none is in.
fn read_filter(query: &mut QueryParams) -> Result<(MemoryFilter, bool), ApiError> {
    let fact_type = match query.search("type") {
        None => None,
        Some(word) => Some(word.parse::<FactType>().map_err(|_| {
            ApiError::bad_request(format!(
                "Invalid type: '{word}' is not one of world, experience, observation."
            ))
        })?),
    };
    let shows_none = match query.search("state").as_deref() {
        None | Some("valid") => false,
        Some("invalidated") => true,
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "Invalid state: '{other}' is not one of valid, invalidated."
            )));
        }
    };
    let shows_none = match query.search("consolidation_state").as_deref() {
        None | Some("pending") => shows_none,
        Some("failed" | "done") => true,
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "Invalid consolidation_state: '{other}' is not one of failed, pending, done."
            )));
        }
    };
    let entity_id = match query.search("entity_id") {
        None => None,
        Some(text) => Some(
            Uuid::try_parse(&text)
                .map_err(|_| ApiError::bad_request(format!("Invalid entity_id: '{text}' is not a UUID.")))?,
        ),
    };
    let time_field = match query.search("time_field").as_deref() {
        None => None,
        Some("created_at") => Some(TimeField::CreatedAt),
        Some("updated_at") => Some(TimeField::UpdatedAt),
        Some("mentioned_at") => Some(TimeField::MentionedAt),
        Some("occurred_start") => Some(TimeField::OccurredStart),
        Some("occurred_end") => Some(TimeField::OccurredEnd),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "Invalid time_field: '{other}' is not one of created_at, updated_at, mentioned_at, occurred_start, occurred_end."
            )));
        }
    };
    let Span { from, until } = query.span()?;
    let tags_match = query.tags_match(TagsMatch::Any);
    let filter = MemoryFilter {
        fact_type,
        search: query.search("q"),
        document_id: query.search("document_id"),
        entity_id,
        tags: TagFilter::list(query.list("tags"), tags_match),
        time_field,
        from,
        until,
    };
    Ok((filter, shows_none))
}
