//! Documents and the chunks they were cut into: list, read, relabel, delete; and which tags there are.

use chrono::{DateTime, Utc};
use hindsight_types::documents::{
    ChunkResponse, DeleteDocumentResponse, DocumentHistoryResponse, DocumentResponse, ListDocumentsResponse,
    ReprocessDocumentResponse, UpdateDocumentRequest, UpdateDocumentResponse,
};
use hindsight_types::tags::{ListTagsResponse, ObservationScopesResponse};
use hindsight_types::time;
use reqwest::Method;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Which documents to list.
#[derive(Clone, Debug, Default)]
pub struct DocumentFilter {
    /// Part of the id or text.
    pub search: Option<String>,
    /// Tags to filter by.
    pub tags: Vec<String>,
    /// Only documents stored at this time or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Only documents stored before this time.
    pub created_until: Option<DateTime<Utc>>,
    /// Page size.
    pub limit: Option<i64>,
    /// Documents to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists documents, the last changed first.
    pub async fn list_documents(
        &self,
        bank_id: &str,
        filter: &DocumentFilter,
    ) -> Result<ListDocumentsResponse, ClientError> {
        let query = Query::default()
            .add("q", filter.search.as_ref())
            .add_each("tags", &filter.tags)
            .add("time_field", filter.created_from.or(filter.created_until).map(|_| "created_at"))
            .add("start_date", filter.created_from.map(time::format))
            .add("end_date", filter.created_until.map(time::format))
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/documents")?, &query).await
    }

    /// Reads one document with its text.
    pub async fn get_document(
        &self,
        bank_id: &str,
        document_id: &str,
    ) -> Result<DocumentResponse, ClientError> {
        self.send(Method::GET, &document_path(bank_id, document_id)?, &Query::default()).await
    }

    /// What has happened to a document, the newest first.
    pub async fn document_history(
        &self,
        bank_id: &str,
        document_id: &str,
        limit: Option<i64>,
        offset: Option<i64>,
    ) -> Result<DocumentHistoryResponse, ClientError> {
        let path = format!("{}/history", document_path(bank_id, document_id)?);
        let query = Query::default().add("limit", limit).add("offset", offset);
        self.send(Method::GET, &path, &query).await
    }

    /// Gives a document other tags or scopes, and the memories that were read from it too.
    pub async fn update_document(
        &self,
        bank_id: &str,
        document_id: &str,
        request: &UpdateDocumentRequest,
    ) -> Result<UpdateDocumentResponse, ClientError> {
        self.send_json(Method::PATCH, &document_path(bank_id, document_id)?, request).await
    }

    /// Deletes a document with its memories.
    pub async fn delete_document(
        &self,
        bank_id: &str,
        document_id: &str,
    ) -> Result<DeleteDocumentResponse, ClientError> {
        self.send(Method::DELETE, &document_path(bank_id, document_id)?, &Query::default()).await
    }

    /// Lets a document be made anew from its stored text, in the background.
    pub async fn reprocess_document(
        &self,
        bank_id: &str,
        document_id: &str,
    ) -> Result<ReprocessDocumentResponse, ClientError> {
        let path = format!("{}/reprocess", document_path(bank_id, document_id)?);
        self.send(Method::POST, &path, &Query::default()).await
    }

    /// Lists the tags of a bank's memories, the most frequent first; `*` in `search` stands for
    /// anything.
    pub async fn list_tags(
        &self,
        bank_id: &str,
        search: Option<&str>,
        limit: Option<i64>,
        offset: Option<i64>,
    ) -> Result<ListTagsResponse, ClientError> {
        let query = Query::default().add("q", search).add("limit", limit).add("offset", offset);
        self.send(Method::GET, &bank_path(bank_id, "/tags")?, &query).await
    }

    /// Lists the sets of tags that a bank's observations have, the most frequent first.
    pub async fn observation_scopes(
        &self,
        bank_id: &str,
        limit: Option<i64>,
        offset: Option<i64>,
    ) -> Result<ObservationScopesResponse, ClientError> {
        let query = Query::default().add("limit", limit).add("offset", offset);
        self.send(Method::GET, &bank_path(bank_id, "/observations/scopes")?, &query).await
    }

    /// Reads one chunk; its id names bank, document and place.
    pub async fn get_chunk(&self, chunk_id: &str) -> Result<ChunkResponse, ClientError> {
        let path = format!("/v1/default/chunks/{}", segment(chunk_id)?);
        self.send(Method::GET, &path, &Query::default()).await
    }
}

fn document_path(bank_id: &str, document_id: &str) -> Result<String, ClientError> {
    bank_path(bank_id, &format!("/documents/{}", segment(document_id)?))
}
