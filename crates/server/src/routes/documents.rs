//! Routes of documents.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use hindsight_engine::store::{DocumentFilter, TagFilter, TimeField};
use hindsight_types::documents::{DeleteDocumentResponse, DocumentResponse, ListDocumentsResponse};
use hindsight_types::limits::PAGE_LIMIT;
use hindsight_types::tags::TagsMatch;

use super::Ready;
use crate::error::ApiError;
use crate::extract::{PathParams, QueryParams, Span};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/documents", get(list))
        // Document ids may contain slashes.
        .route("/v1/default/banks/{bank_id}/documents/{*document_id}", get(read).delete(delete))
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    mut query: QueryParams,
) -> Result<Json<ListDocumentsResponse>, ApiError> {
    let time_field = match query.search("time_field").as_deref() {
        None => None,
        Some("created_at") => Some(TimeField::CreatedAt),
        Some("updated_at") => Some(TimeField::UpdatedAt),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "Invalid time_field: '{other}' is not one of created_at, updated_at."
            )));
        }
    };
    let Span { from, until } = query.span()?;
    let tags_match = query.tags_match(TagsMatch::AnyStrict);
    let filter = DocumentFilter {
        search: query.search("q"),
        tags: TagFilter::list(query.list("tags"), tags_match),
        time_field,
        from,
        until,
    };
    let limit = query.count("limit", PAGE_LIMIT);
    let offset = query.count("offset", 0);
    query.finish()?;
    Ok(Json(engine.list_documents(&bank_id, &filter, limit, offset).await?))
}

async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
) -> Result<Json<DocumentResponse>, ApiError> {
    Ok(Json(engine.document(&bank_id, &document_id).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
) -> Result<Json<DeleteDocumentResponse>, ApiError> {
    Ok(Json(engine.delete_document(&bank_id, &document_id).await?))
}
