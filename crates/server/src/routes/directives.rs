//! Routes of directives.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use hindsight_engine::store::DirectiveFilter;
use hindsight_types::directives::{
    CreateDirectiveRequest, DirectiveListResponse, DirectiveResponse, UpdateDirectiveRequest,
};
use hindsight_types::limits::PAGE_LIMIT;
use hindsight_types::tags::DirectiveTagsMatch;
use serde_json::{Value, json};

use super::Ready;
use crate::error::ApiError;
use crate::extract::{Body, FromQuery, Page, PathParams, Query, QueryParams};
use crate::state::State;

/// Most directives on a page.
const MOST: i64 = 1000;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new().route("/v1/default/banks/{bank_id}/directives", get(list).post(create)).route(
        "/v1/default/banks/{bank_id}/directives/{directive_id}",
        get(read).patch(update).delete(delete),
    )
}

struct ListQuery {
    filter: DirectiveFilter,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &["tags", "tags_match", "active_only", "limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let matching = params.word("tags_match").unwrap_or(DirectiveTagsMatch::Any);
        let tags = params.list("tags").unwrap_or_default();
        // Without tags all are listed, except where exactly none are asked for.
        let is_filter = !tags.is_empty() || matching == DirectiveTagsMatch::Exact;
        let active_only = params.search("active_only").is_none() || params.flag("active_only");
        let filter = DirectiveFilter { tags: is_filter.then_some((tags, matching)), active_only };
        let limit = params.number("limit", PAGE_LIMIT, 1, MOST);
        Ok(Self { filter, page: Page { limit, offset: params.count("offset", 0) } })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { filter, page }): Query<ListQuery>,
) -> Result<Json<DirectiveListResponse>, ApiError> {
    Ok(Json(engine.list_directives(&bank_id, &filter, page.limit, page.offset).await?))
}

async fn create(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<CreateDirectiveRequest>,
) -> Result<Json<DirectiveResponse>, ApiError> {
    Ok(Json(engine.create_directive(&bank_id, &request).await?))
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<DirectiveResponse>, ApiError> {
    Ok(Json(engine.directive(&bank_id, &id).await?))
}

async fn update(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
    Body(request): Body<UpdateDirectiveRequest>,
) -> Result<Json<DirectiveResponse>, ApiError> {
    Ok(Json(engine.update_directive(&bank_id, &id, &request).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    engine.delete_directive(&bank_id, &id).await?;
    Ok(Json(json!({"status": "deleted"})))
}
