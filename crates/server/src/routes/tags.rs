//! Routes of tags.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use hindsight_types::tags::{ListTagsResponse, ObservationScopesResponse, TagSource};

use super::Ready;
use crate::error::ApiError;
use crate::extract::{FromQuery, Page, PathParams, Query, QueryParams};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/tags", get(list))
        .route("/v1/default/banks/{bank_id}/observations/scopes", get(scopes))
}

struct ListQuery {
    search: Option<String>,
    source: TagSource,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &["q", "source", "limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let source = params.word("source").unwrap_or(TagSource::Memories);
        Ok(Self { search: params.search("q"), source, page: params.page() })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { search, source, page }): Query<ListQuery>,
) -> Result<Json<ListTagsResponse>, ApiError> {
    Ok(Json(engine.list_tags(&bank_id, search.as_deref(), source, page.limit, page.offset).await?))
}

/// Most scopes on a page.
const MAX_SCOPES: i64 = 1000;

struct ScopesQuery(Page);

impl FromQuery for ScopesQuery {
    const NAMES: &'static [&'static str] = &["limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self(params.page_up_to(MAX_SCOPES)))
    }
}

async fn scopes(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ScopesQuery(page)): Query<ScopesQuery>,
) -> Result<Json<ObservationScopesResponse>, ApiError> {
    Ok(Json(engine.observation_scopes(&bank_id, page.limit, page.offset).await?))
}
