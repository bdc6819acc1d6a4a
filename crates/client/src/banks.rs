//! Banks: create, change, list, count, delete.

use hindsight_types::banks::{
    BankConfigResponse, BankConfigUpdate, BankListResponse, BankProfileResponse, BankStatsResponse,
    CreateBankRequest, DeleteResponse,
};
use reqwest::Method;

use crate::transport::{Query, bank_path};
use crate::{Client, ClientError};

/// Which banks to list.
#[derive(Clone, Debug, Default)]
pub struct BankFilter {
    /// Part of the id, name or alias.
    pub search: Option<String>,
    /// Page size.
    pub limit: Option<i64>,
    /// Banks to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Creates a bank, or changes the given fields of one that exists.
    pub async fn create_bank(
        &self,
        bank_id: &str,
        request: &CreateBankRequest,
    ) -> Result<BankProfileResponse, ClientError> {
        self.send_json(Method::PUT, &bank_path(bank_id, "")?, request).await
    }

    /// Changes the given fields of a bank that exists.
    pub async fn update_bank(
        &self,
        bank_id: &str,
        request: &CreateBankRequest,
    ) -> Result<BankProfileResponse, ClientError> {
        self.send_json(Method::PATCH, &bank_path(bank_id, "")?, request).await
    }

    /// Reads the settings of a bank.
    pub async fn bank_config(&self, bank_id: &str) -> Result<BankConfigResponse, ClientError> {
        self.send(Method::GET, &bank_path(bank_id, "/config")?, &Query::default()).await
    }

    /// Changes settings of a bank, which is made when it is missing; null takes one back.
    pub async fn update_bank_config(
        &self,
        bank_id: &str,
        request: &BankConfigUpdate,
    ) -> Result<BankConfigResponse, ClientError> {
        self.send_json(Method::PATCH, &bank_path(bank_id, "/config")?, request).await
    }

    /// Takes all settings of a bank back.
    pub async fn reset_bank_config(&self, bank_id: &str) -> Result<BankConfigResponse, ClientError> {
        self.send(Method::DELETE, &bank_path(bank_id, "/config")?, &Query::default()).await
    }

    /// Counts what a bank holds.
    pub async fn bank_stats(&self, bank_id: &str) -> Result<BankStatsResponse, ClientError> {
        self.send(Method::GET, &bank_path(bank_id, "/stats")?, &Query::default()).await
    }

    /// Lists banks, the last written first.
    pub async fn list_banks(&self, filter: &BankFilter) -> Result<BankListResponse, ClientError> {
        let query = Query::default()
            .add("q", filter.search.as_ref())
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, "/v1/default/banks", &query).await
    }

    /// Deletes a bank with everything in it. Deleting a bank that does not exist succeeds.
    pub async fn delete_bank(&self, bank_id: &str) -> Result<DeleteResponse, ClientError> {
        self.send(Method::DELETE, &bank_path(bank_id, "")?, &Query::default()).await
    }
}
