//! Routes of mental models.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use hindsight_engine::store::MentalModelFilter;
use hindsight_types::limits::PAGE_LIMIT;
use hindsight_types::mental_models::{
    AsyncOperationSubmitResponse, CreateMentalModelRequest, CreateMentalModelResponse, MentalModelDetail,
    MentalModelDryRun, MentalModelHistoryEntry, MentalModelListResponse, MentalModelResponse,
    RefreshMentalModelRequest, UpdateMentalModelRequest,
};
use hindsight_types::tags::DirectiveTagsMatch;
use serde_json::{Value, json};

use super::{Limits, Ready};
use crate::admission::admit;
use crate::error::ApiError;
use crate::extract::{Body, FromQuery, OptionalBody, Page, PathParams, Query, QueryParams};
use crate::state::State;

const MODELS: &str = "/v1/default/banks/{bank_id}/mental-models";
/// Most mental models on a page.
const MOST: i64 = 1000;

/// The routes; a try takes a place among the questions.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let places = from_fn_with_state(limits.reflect.clone(), admit);
    let one = format!("{MODELS}/{{mental_model_id}}");
    Router::new()
        .route(MODELS, get(list).post(create))
        .route(&one, get(read).patch(update).delete(delete))
        .route(&format!("{one}/history"), get(history))
        .route(&format!("{one}/refresh"), post(refresh))
        .route(&format!("{one}/dry-run-refresh"), post(dry_run).layer(places))
        .route(&format!("{one}/clear"), post(clear))
}

struct ListQuery {
    filter: MentalModelFilter,
    detail: MentalModelDetail,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] =
        &["tags", "tags_match", "detail", "limit", "offset", "exclude_knowledge_pages"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let matching = params.word("tags_match").unwrap_or(DirectiveTagsMatch::Any);
        let tags = params.list("tags").unwrap_or_default();
        // Without tags all are listed, except where exactly none are asked for.
        let is_filter = !tags.is_empty() || matching == DirectiveTagsMatch::Exact;
        // There are no pages to be left out.
        params.flag("exclude_knowledge_pages");
        let limit = params.number("limit", PAGE_LIMIT, 1, MOST);
        Ok(Self {
            filter: MentalModelFilter { tags: is_filter.then_some((tags, matching)) },
            detail: params.word("detail").unwrap_or(MentalModelDetail::Metadata),
            page: Page { limit, offset: params.count("offset", 0) },
        })
    }
}

struct DetailQuery(MentalModelDetail);

impl FromQuery for DetailQuery {
    const NAMES: &'static [&'static str] = &["detail"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self(params.word("detail").unwrap_or(MentalModelDetail::Full)))
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { filter, detail, page }): Query<ListQuery>,
) -> Result<Json<MentalModelListResponse>, ApiError> {
    Ok(Json(engine.list_mental_models(&bank_id, &filter, detail, page.limit, page.offset).await?))
}

async fn create(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<CreateMentalModelRequest>,
) -> Result<Json<CreateMentalModelResponse>, ApiError> {
    Ok(Json(engine.create_mental_model(&bank_id, &request).await?))
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
    Query(DetailQuery(detail)): Query<DetailQuery>,
) -> Result<Json<MentalModelResponse>, ApiError> {
    Ok(Json(engine.mental_model(&bank_id, &id, detail).await?))
}

async fn update(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
    Body(request): Body<UpdateMentalModelRequest>,
) -> Result<Json<MentalModelResponse>, ApiError> {
    Ok(Json(engine.update_mental_model(&bank_id, &id, &request).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    engine.delete_mental_model(&bank_id, &id).await?;
    Ok(Json(json!({"status": "deleted"})))
}

async fn history(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<Vec<MentalModelHistoryEntry>>, ApiError> {
    Ok(Json(engine.mental_model_history(&bank_id, &id).await?))
}

async fn refresh(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
    OptionalBody(request): OptionalBody<RefreshMentalModelRequest>,
) -> Result<Json<AsyncOperationSubmitResponse>, ApiError> {
    let is_full = request.is_some_and(|request| request.mode.is_some());
    Ok(Json(engine.refresh_mental_model(&bank_id, &id, is_full).await?))
}

/// A client that hangs up drops this, and with it whatever is under way.
async fn dry_run(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<MentalModelDryRun>, ApiError> {
    Ok(Json(engine.dry_run_refresh(&bank_id, &id).await?))
}

async fn clear(
    Ready(engine): Ready,
    PathParams((bank_id, id)): PathParams<(String, String)>,
) -> Result<Json<MentalModelResponse>, ApiError> {
    Ok(Json(engine.clear_mental_model(&bank_id, &id).await?))
}
