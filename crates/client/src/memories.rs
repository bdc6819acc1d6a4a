//! Memories: retain, recall, read, list, change, delete.

use hindsight_types::banks::DeleteResponse;
use hindsight_types::dry_run::{DryRunExtractRequest, DryRunExtractionResult};
use hindsight_types::memories::{
    ClearMemoryObservationsResponse, ListMemoriesResponse, MemoryResponse, ObservationVersion,
    UpdateMemoryRequest,
};
use hindsight_types::recall::{FactType, RecallRequest, RecallResponse};
use hindsight_types::retain::{MemoryItem, RetainRequest, RetainResponse};
use hindsight_types::tags::TagsMatch;
use reqwest::Method;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Which memories to list.
#[derive(Clone, Debug, Default)]
pub struct MemoryFilter {
    /// Only this type.
    pub fact_type: Option<FactType>,
    /// Part of the text or context.
    pub search: Option<String>,
    /// Only memories of this document.
    pub document_id: Option<String>,
    /// `valid` or `invalidated`; only valid ones when none is named.
    pub state: Option<String>,
    /// Tags to filter by.
    pub tags: Vec<String>,
    /// How the tags select.
    pub tags_match: Option<TagsMatch>,
    /// Page size.
    pub limit: Option<i64>,
    /// Memories to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Remembers one text. When this returns, the text can be recalled.
    pub async fn retain(&self, bank_id: &str, item: MemoryItem) -> Result<RetainResponse, ClientError> {
        let request =
            RetainRequest { items: vec![item], run_async: false, document_tags: None, operation_id: None };
        self.retain_batch(bank_id, &request).await
    }

    /// Remembers several texts, in the background if the request says so.
    pub async fn retain_batch(
        &self,
        bank_id: &str,
        request: &RetainRequest,
    ) -> Result<RetainResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/memories")?, request).await
    }

    /// What a retain would make of a text. Nothing is stored.
    pub async fn dry_run_extract(
        &self,
        bank_id: &str,
        request: &DryRunExtractRequest,
    ) -> Result<DryRunExtractionResult, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/memories/dry-run-extract")?, request).await
    }

    /// Finds what matters for a query inside a token budget.
    pub async fn recall(
        &self,
        bank_id: &str,
        request: &RecallRequest,
    ) -> Result<RecallResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/memories/recall")?, request).await
    }

    /// Reads one memory.
    pub async fn get_memory(&self, bank_id: &str, memory_id: &str) -> Result<MemoryResponse, ClientError> {
        let path = bank_path(bank_id, &format!("/memories/{}", segment(memory_id)?))?;
        self.send(Method::GET, &path, &Query::default()).await
    }

    /// Lists memories, the last mentioned first.
    pub async fn list_memories(
        &self,
        bank_id: &str,
        filter: &MemoryFilter,
    ) -> Result<ListMemoriesResponse, ClientError> {
        let query = Query::default()
            .add("type", filter.fact_type)
            .add("q", filter.search.as_ref())
            .add("document_id", filter.document_id.as_ref())
            .add("state", filter.state.as_ref())
            .add_each("tags", &filter.tags)
            .add("tags_match", filter.tags_match)
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/memories/list")?, &query).await
    }

    /// Edits a memory, declares it invalid or takes that back. Returns it as it is then.
    pub async fn update_memory(
        &self,
        bank_id: &str,
        memory_id: &str,
        request: &UpdateMemoryRequest,
    ) -> Result<MemoryResponse, ClientError> {
        let path = bank_path(bank_id, &format!("/memories/{}", segment(memory_id)?))?;
        self.send_json(Method::PATCH, &path, request).await
    }

    /// Earlier versions of an observation, the oldest first; a fact has none.
    pub async fn memory_history(
        &self,
        bank_id: &str,
        memory_id: &str,
    ) -> Result<Vec<ObservationVersion>, ClientError> {
        let path = bank_path(bank_id, &format!("/memories/{}/history", segment(memory_id)?))?;
        self.send(Method::GET, &path, &Query::default()).await
    }

    /// Deletes the observations that were made of a fact, so that they are made anew.
    pub async fn delete_observations_of(
        &self,
        bank_id: &str,
        memory_id: &str,
    ) -> Result<ClearMemoryObservationsResponse, ClientError> {
        let path = bank_path(bank_id, &format!("/memories/{}/observations", segment(memory_id)?))?;
        self.send(Method::DELETE, &path, &Query::default()).await
    }

    /// Deletes all observations of a bank, so that they are made anew.
    pub async fn delete_observations(&self, bank_id: &str) -> Result<DeleteResponse, ClientError> {
        self.send(Method::DELETE, &bank_path(bank_id, "/observations")?, &Query::default()).await
    }

    /// Deletes the memories of a bank, or those of one type; documents and entities stay.
    pub async fn delete_memories(
        &self,
        bank_id: &str,
        fact_type: Option<FactType>,
    ) -> Result<DeleteResponse, ClientError> {
        let query = Query::default().add("type", fact_type);
        self.send(Method::DELETE, &bank_path(bank_id, "/memories")?, &query).await
    }
}
