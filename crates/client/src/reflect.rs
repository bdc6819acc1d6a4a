//! Answers to questions from memory.

use hindsight_types::reflect::{ReflectRequest, ReflectResponse};
use reqwest::Method;

use crate::transport::bank_path;
use crate::{Client, ClientError};

impl Client {
    /// Answers a question from the memory of a bank.
    pub async fn reflect(
        &self,
        bank_id: &str,
        request: &ReflectRequest,
    ) -> Result<ReflectResponse, ClientError> {
        self.send_json(Method::POST, &bank_path(bank_id, "/reflect")?, request).await
    }
}
