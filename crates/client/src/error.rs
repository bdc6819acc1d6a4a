//! What can go wrong between a caller and a server.

use hindsight_types::errors::{ErrorBody, ErrorDetail};

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL cannot be used.
    #[error("'{url}' is not the address of a server: write it like http://localhost:8888")]
    InvalidUrl {
        /// The URL as given.
        url: String,
    },
    /// The API key cannot be sent in a header.
    #[error("the API key holds characters that cannot be sent: use printable ASCII")]
    InvalidApiKey,
    /// The name of the program cannot be sent in a header.
    #[error("the user agent holds characters that cannot be sent: use printable ASCII")]
    InvalidUserAgent,
    /// An id that no path can carry: empty, `.` or `..`.
    #[error("'{id}' cannot be used as an id")]
    InvalidId {
        /// The id as given.
        id: String,
    },
    /// Nobody listens at the address.
    #[error("no server at {url}")]
    Unreachable {
        /// Address of the server.
        url: String,
        /// What the network said.
        source: reqwest::Error,
    },
    /// The server did not answer in time.
    #[error("the server at {url} did not answer in time")]
    Timeout {
        /// Address of the server.
        url: String,
    },
    /// The connection failed on the way.
    #[error("the connection to {url} broke")]
    Transport {
        /// Address of the server.
        url: String,
        /// What the network said.
        source: reqwest::Error,
    },
    /// The server refused the request or failed at it.
    #[error("{detail} (status {status})")]
    Api {
        /// HTTP status.
        status: u16,
        /// What the server says about it.
        detail: ErrorDetail,
    },
    /// The answer is not what the wire promises.
    #[error("the server at {url} sent an answer this client cannot read")]
    Decode {
        /// Address of the server.
        url: String,
        /// Where it stopped making sense.
        source: serde_json::Error,
    },
}

impl ClientError {
    /// HTTP status of an answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What an answer says that is no success.
    pub(crate) fn refused(status: u16, body: &[u8]) -> Self {
        let detail = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => body.detail,
            // Not ours: a proxy's page, say. Its first words are better than nothing.
            Err(_) => ErrorDetail::Message(String::from_utf8_lossy(body).trim().chars().take(200).collect()),
        };
        Self::Api { status, detail }
    }
}
