//! Routes of documents and chunks.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hindsight_engine::store::{DocumentFilter, TagFilter, TimeField};
use hindsight_types::documents::{
    ChunkResponse, DeleteDocumentResponse, ListDocumentsResponse, UpdateDocumentRequest,
    UpdateDocumentResponse,
};
use hindsight_types::tags::TagsMatch;

use super::Ready;
use super::memories::one_of;
use crate::error::ApiError;
use crate::extract::{Body, FromQuery, Page, PathParams, Query, QueryParams, Span};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/default/banks/{bank_id}/documents", get(list))
        // Document and chunk ids may contain slashes.
        .route(
            "/v1/default/banks/{bank_id}/documents/{*document_id}",
            get(read).patch(update).delete(delete).post(act),
        )
        .route("/v1/default/chunks/{*chunk_id}", get(chunk))
}

struct ListQuery {
    filter: DocumentFilter,
    page: Page,
}

impl FromQuery for ListQuery {
    const NAMES: &'static [&'static str] =
        &["q", "tags", "tags_match", "time_field", "start_date", "end_date", "limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let time_field = one_of(params, "time_field", &["created_at", "updated_at"])?;
        let Span { from, until } = params.span()?;
        let tags_match = params.tags_match(TagsMatch::AnyStrict);
        let filter = DocumentFilter {
            search: params.search("q"),
            tags: TagFilter::list(params.list("tags"), tags_match),
            time_field: time_field.as_deref().map(|word| match word {
                "updated_at" => TimeField::UpdatedAt,
                _ => TimeField::CreatedAt,
            }),
            from,
            until,
        };
        Ok(Self { filter, page: params.page() })
    }
}

async fn list(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(ListQuery { filter, page }): Query<ListQuery>,
) -> Result<Json<ListDocumentsResponse>, ApiError> {
    Ok(Json(engine.list_documents(&bank_id, &filter, page.limit, page.offset).await?))
}

/// The page of a document's chunks or events; a document itself has no such parameters.
struct PartQuery(Page);

impl FromQuery for PartQuery {
    const NAMES: &'static [&'static str] = &["limit", "offset"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        Ok(Self(params.page()))
    }
}

/// A document, its chunks or its history: the suffix wins over an id that ends the same way.
async fn read(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
    Query(PartQuery(page)): Query<PartQuery>,
) -> Result<Response, ApiError> {
    if let Some(document_id) = document_id.strip_suffix("/chunks") {
        let chunks = engine.document_chunks(&bank_id, document_id, page.limit, page.offset).await?;
        return Ok(Json(chunks).into_response());
    }
    if let Some(document_id) = document_id.strip_suffix("/history") {
        let history = engine.document_history(&bank_id, document_id, page.limit, page.offset).await?;
        return Ok(Json(history).into_response());
    }
    Ok(Json(engine.document(&bank_id, &document_id).await?).into_response())
}

/// What is done to a document: the last part of the path says what.
async fn act(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
) -> Result<Response, ApiError> {
    let Some(document_id) = document_id.strip_suffix("/reprocess") else {
        let refused = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        return Ok(([(header::ALLOW, "GET,HEAD,PATCH,DELETE")], refused).into_response());
    };
    Ok(Json(engine.reprocess_document(&bank_id, document_id).await?).into_response())
}

async fn update(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
    Body(request): Body<UpdateDocumentRequest>,
) -> Result<Json<UpdateDocumentResponse>, ApiError> {
    Ok(Json(engine.update_document(&bank_id, &document_id, &request).await?))
}

async fn delete(
    Ready(engine): Ready,
    PathParams((bank_id, document_id)): PathParams<(String, String)>,
) -> Result<Json<DeleteDocumentResponse>, ApiError> {
    Ok(Json(engine.delete_document(&bank_id, &document_id).await?))
}

async fn chunk(
    Ready(engine): Ready,
    PathParams(chunk_id): PathParams<String>,
) -> Result<Json<ChunkResponse>, ApiError> {
    Ok(Json(engine.chunk(&chunk_id).await?))
}
