//! Mental models: answers that are kept.

use hindsight_types::mental_models::{
    AsyncOperationSubmitResponse, CreateMentalModelRequest, CreateMentalModelResponse, FullMode,
    MentalModelDetail, MentalModelDryRun, MentalModelHistoryEntry, MentalModelListResponse,
    MentalModelResponse, RefreshMentalModelRequest, UpdateMentalModelRequest,
};
use hindsight_types::tags::DirectiveTagsMatch;
use reqwest::Method;
use serde_json::Value;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Which mental models to list.
#[derive(Clone, Debug, Default)]
pub struct MentalModelFilter {
    /// Tags to filter by.
    pub tags: Vec<String>,
    /// How the tags select.
    pub tags_match: Option<DirectiveTagsMatch>,
    /// How much of each is shown; only what it is called unless this says otherwise.
    pub detail: Option<MentalModelDetail>,
    /// Page size.
    pub limit: Option<i64>,
    /// Mental models to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists mental models, the newest first.
    pub async fn list_mental_models(
        &self,
        bank_id: &str,
        filter: &MentalModelFilter,
    ) -> Result<MentalModelListResponse, ClientError> {
        let query = Query::default()
            .add_each("tags", &filter.tags)
            .add("tags_match", filter.tags_match)
            .add("detail", filter.detail)
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/mental-models")?, &query).await
    }

    /// Adds a mental model to a bank, and has it written in the background.
    pub async fn create_mental_model(
        &self,
        bank_id: &str,
        request: &CreateMentalModelRequest,
    ) -> Result<CreateMentalModelResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/mental-models")?, request).await
    }

    /// Reads one mental model with all there is to it.
    pub async fn get_mental_model(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<MentalModelResponse, ClientError> {
        self.send(Method::GET, &path(bank_id, id, "")?, &Query::default()).await
    }

    /// Changes the given fields of a mental model.
    pub async fn update_mental_model(
        &self,
        bank_id: &str,
        id: &str,
        request: &UpdateMentalModelRequest,
    ) -> Result<MentalModelResponse, ClientError> {
        self.send_json(Method::PATCH, &path(bank_id, id, "")?, request).await
    }

    /// Deletes a mental model.
    pub async fn delete_mental_model(&self, bank_id: &str, id: &str) -> Result<(), ClientError> {
        let _: Value = self.send(Method::DELETE, &path(bank_id, id, "")?, &Query::default()).await?;
        Ok(())
    }

    /// Has a mental model written anew in the background; as a whole, or as its trigger says.
    pub async fn refresh_mental_model(
        &self,
        bank_id: &str,
        id: &str,
        is_full: bool,
    ) -> Result<AsyncOperationSubmitResponse, ClientError> {
        let request = RefreshMentalModelRequest { mode: is_full.then_some(FullMode::Full) };
        self.send_json(Method::POST, &path(bank_id, id, "/refresh")?, &request).await
    }

    /// Tells what a refresh of a mental model would do, which costs as much as one.
    pub async fn dry_run_refresh_mental_model(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<MentalModelDryRun, ClientError> {
        self.send(Method::POST, &path(bank_id, id, "/dry-run-refresh")?, &Query::default()).await
    }

    /// Takes the content of a mental model away.
    pub async fn clear_mental_model(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<MentalModelResponse, ClientError> {
        self.send(Method::POST, &path(bank_id, id, "/clear")?, &Query::default()).await
    }

    /// Tells how a mental model was before its changes, the newest first.
    pub async fn mental_model_history(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<Vec<MentalModelHistoryEntry>, ClientError> {
        self.send(Method::GET, &path(bank_id, id, "/history")?, &Query::default()).await
    }
}

fn path(bank_id: &str, id: &str, rest: &str) -> Result<String, ClientError> {
    bank_path(bank_id, &format!("/mental-models/{}{rest}", segment(id)?))
}
