//! Directives: rules that answers follow.

use hindsight_types::directives::{
    CreateDirectiveRequest, DirectiveListResponse, DirectiveResponse, UpdateDirectiveRequest,
};
use hindsight_types::tags::DirectiveTagsMatch;
use reqwest::Method;
use serde_json::Value;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Which directives to list.
#[derive(Clone, Debug, Default)]
pub struct DirectiveFilter {
    /// Tags to filter by.
    pub tags: Vec<String>,
    /// How the tags select.
    pub tags_match: Option<DirectiveTagsMatch>,
    /// Whether those that are not followed are left out; they are unless this says no.
    pub active_only: Option<bool>,
    /// Page size.
    pub limit: Option<i64>,
    /// Directives to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists directives, those of the highest priority first.
    pub async fn list_directives(
        &self,
        bank_id: &str,
        filter: &DirectiveFilter,
    ) -> Result<DirectiveListResponse, ClientError> {
        let query = Query::default()
            .add_each("tags", &filter.tags)
            .add("tags_match", filter.tags_match)
            .add("active_only", filter.active_only)
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/directives")?, &query).await
    }

    /// Adds a directive to a bank.
    pub async fn create_directive(
        &self,
        bank_id: &str,
        request: &CreateDirectiveRequest,
    ) -> Result<DirectiveResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/directives")?, request).await
    }

    /// Reads one directive.
    pub async fn get_directive(&self, bank_id: &str, id: &str) -> Result<DirectiveResponse, ClientError> {
        self.send(Method::GET, &path(bank_id, id)?, &Query::default()).await
    }

    /// Changes the given fields of a directive.
    pub async fn update_directive(
        &self,
        bank_id: &str,
        id: &str,
        request: &UpdateDirectiveRequest,
    ) -> Result<DirectiveResponse, ClientError> {
        self.send_json(Method::PATCH, &path(bank_id, id)?, request).await
    }

    /// Deletes a directive.
    pub async fn delete_directive(&self, bank_id: &str, id: &str) -> Result<(), ClientError> {
        let _: Value = self.send(Method::DELETE, &path(bank_id, id)?, &Query::default()).await?;
        Ok(())
    }
}

fn path(bank_id: &str, id: &str) -> Result<String, ClientError> {
    bank_path(bank_id, &format!("/directives/{}", segment(id)?))
}
