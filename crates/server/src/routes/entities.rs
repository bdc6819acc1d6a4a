//! Routes of entities.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use hindsight_engine::store::TagFilter;
use hindsight_types::decode::from_json;
use hindsight_types::entities::{EntityDetailResponse, EntityGraphResponse, EntityListResponse};
use hindsight_types::tags::{TagGroup, TagResolve, TagsMatch};
use serde_json::Value;

use super::Ready;
use super::memories::uuid;
use crate::error::ApiError;
use crate::extract::{FromQuery, Page, PathParams, Query, QueryParams};
use crate::state::State;

/// Most edges of a graph where a request does not say, and most of all.
const GRAPH_LIMIT: i64 = 1000;
const MOST_EDGES: i64 = 10_000;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/entities", get(list))
        .route("/v1/default/banks/{bank_id}/entities/graph", get(graph))
        .route("/v1/default/banks/{bank_id}/entities/{entity_id}", get(read))
}

struct ListQuery {
    tags: TagFilter,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] = &["limit", "offset", "tags", "tags_match", "tag_groups"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self { tags: tag_filter(params)?, page: params.page() })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { tags, page }): Query<ListQuery>,
) -> Result<Json<EntityListResponse>, ApiError> {
    Ok(Json(engine.list_entities(&bank_id, &tags, page.limit, page.offset).await?))
}

struct ReadQuery(TagFilter);

impl FromQuery for ReadQuery {
    const NAMES: &'static [&'static str] = &["tags", "tags_match", "tag_groups"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self(tag_filter(params)?))
    }
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, entity_id)): PathParams<(String, String)>,
    Query(ReadQuery(tags)): Query<ReadQuery>,
) -> Result<Json<EntityDetailResponse>, ApiError> {
    let entity_id = uuid("entity_id", &entity_id)?;
    Ok(Json(engine.entity(&bank_id, entity_id, &tags).await?))
}

struct GraphQuery {
    tags: TagFilter,
    min_count: i64,
    limit: i64,
}

impl FromQuery for GraphQuery {
    const NAMES: &'static [&'static str] = &["limit", "min_count", "tags", "tags_match", "tag_groups"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self {
            tags: tag_filter(params)?,
            min_count: params.number("min_count", 1, i64::MIN, i64::MAX),
            limit: params.count("limit", GRAPH_LIMIT).min(MOST_EDGES),
        })
    }
}

async fn graph(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(GraphQuery { tags, min_count, limit }): Query<GraphQuery>,
) -> Result<Json<EntityGraphResponse>, ApiError> {
    Ok(Json(engine.entity_graph(&bank_id, &tags, min_count, limit).await?))
}

/// Which memories count: by a list of tags, or by trees of them as JSON.
fn tag_filter(params: &mut QueryParams) -> Result<TagFilter, ApiError> {
    let tags = params.list("tags");
    let matching = params.tags_match(TagsMatch::Any);
    let Some(text) = params.search("tag_groups") else {
        return Ok(TagFilter::list(tags, matching));
    };
    if tags.is_some() {
        return Err(ApiError::bad_request("send either tags or tag_groups, not both"));
    }
    let wrong = |why: &str| ApiError::bad_request(format!("Invalid tag_groups: {why}."));
    let trees: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let Value::Array(trees) = trees else { return Err(wrong("a list of tag groups is wanted")) };
    let mut groups = Vec::new();
    for tree in &trees {
        let group: TagGroup = from_json(tree)
            .map_err(|errors| wrong(errors.first().map_or("not a tag group", |error| error.msg.as_str())))?;
        if is_fuzzy(&group) {
            return Err(wrong("resolve \"fuzzy\" is for recall only, name the tags exactly"));
        }
        groups.push(group);
    }
    Ok(TagFilter::Groups(groups))
}

fn is_fuzzy(group: &TagGroup) -> bool {
    match group {
        TagGroup::Leaf { resolve, .. } => *resolve == TagResolve::Fuzzy,
        TagGroup::And { and: groups } | TagGroup::Or { or: groups } => groups.iter().any(is_fuzzy),
        TagGroup::Not { not } => is_fuzzy(not),
    }
}
