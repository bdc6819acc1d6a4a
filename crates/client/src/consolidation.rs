//! Consolidation: making observations of facts.

use hindsight_types::consolidation::{
    ConsolidationRequest, ConsolidationResponse, RecoverConsolidationResponse,
};
use reqwest::Method;

use crate::transport::{Query, bank_path};
use crate::{Client, ClientError};

impl Client {
    /// Requests that facts which wait go into observations; the operation does it.
    pub async fn consolidate(
        &self,
        bank_id: &str,
        request: &ConsolidationRequest,
    ) -> Result<ConsolidationResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/consolidate")?, request).await
    }

    /// Lets the facts wait again of which no observation could be made.
    pub async fn recover_consolidation(
        &self,
        bank_id: &str,
    ) -> Result<RecoverConsolidationResponse, ClientError> {
        self.send(Method::POST, &bank_path(bank_id, "/consolidation/recover")?, &Query::default()).await
    }
}
