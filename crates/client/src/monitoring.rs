//! Health and version of the server.

use hindsight_types::monitoring::{HealthResponse, VersionResponse};
use reqwest::{Method, StatusCode};

use crate::transport::Query;
use crate::{Client, ClientError};

/// Header of a client that wants a server to stay although it has nothing to ask.
const KEEPALIVE: (&str, &str) = ("x-hindsight-keepalive", "1");

impl Client {
    /// How the server is. One that is still loading or has lost its database answers too: see `status`.
    pub async fn health(&self) -> Result<HealthResponse, ClientError> {
        self.health_with(None).await
    }

    /// Asks for health, and says that the server is still wanted: one that ends when unused begins to wait anew.
    pub async fn keep_alive(&self) -> Result<HealthResponse, ClientError> {
        self.health_with(Some(KEEPALIVE)).await
    }

    async fn health_with(
        &self,
        header: Option<(&'static str, &'static str)>,
    ) -> Result<HealthResponse, ClientError> {
        let mut request = self.request(Method::GET, "/health", &Query::default())?;
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let (status, body) = self.answer(request).await?;
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
