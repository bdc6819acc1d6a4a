//! Health and version of the server.

use hindsight_types::monitoring::{HealthResponse, VersionResponse};
use reqwest::{Method, StatusCode};

use crate::transport::Query;
use crate::{Client, ClientError};

impl Client {
    /// How the server is. One that is still loading or has lost its database answers too: see `status`.
    pub async fn health(&self) -> Result<HealthResponse, ClientError> {
        let (status, body) = self.exchange(Method::GET, "/health", &Query::default(), None::<&()>).await?;
        if status == StatusCode::SERVICE_UNAVAILABLE
            && let Ok(health) = serde_json::from_slice(&body)
        {
            return Ok(health);
        }
        self.read(status, &body)
    }

    /// Version and features of the server.
    pub async fn version(&self) -> Result<VersionResponse, ClientError> {
        self.send(Method::GET, "/version", &Query::default()).await
    }
}
