//! From errors to answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hindsight_engine::EngineError;
use hindsight_engine::error::Remedy;
use hindsight_engine::ports::{ConvertError, EmbedError};
use hindsight_engine::store::StoreError;
use hindsight_types::errors::{ErrorBody, ErrorDetail, FieldError};

/// Seconds after which somebody may have freed space on a disk that was full.
pub(crate) const SPACE_RETRY: u64 = 30;

/// Seconds after which a provider of models may have less to do.
const BUSY_RETRY: u64 = 10;

/// An answer with an error status.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
    /// Seconds after which a new try makes sense.
    retry_after: Option<u64>,
    /// Whether the database was not there, for a reason that is not known here.
    is_away: bool,
}

/// Marks an answer whose request found no database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatabaseAway;

impl ApiError {
    /// An answer of one sentence.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, detail: ErrorDetail::Message(message.into()), retry_after: None, is_away: false }
    }

    /// 400: well-formed, but not possible.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 422: the request's own shape is wrong.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = ErrorDetail::Fields(errors);
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail, retry_after: None, is_away: false }
    }

    /// 503: not now.
    pub(crate) fn unavailable(message: impl Into<String>, retry_after: u64) -> Self {
        let detail = ErrorDetail::Message(message.into());
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail,
            retry_after: Some(retry_after),
            is_away: false,
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Invalid(_)
            | EngineError::Conversion(ConvertError::Refused(_))
            | EngineError::Store(StoreError::NoText(_)) => Self::bad_request(error.to_string()),
            EngineError::Unprocessable(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            EngineError::Conflict(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            EngineError::BankNotFound(_) | EngineError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, error.to_string())
            }
            EngineError::Extraction { message, remedy } => {
                tracing::warn!(%error, "a language model did not read a text");
                match remedy {
                    Remedy::Busy => Self::unavailable(message, BUSY_RETRY),
                    Remedy::Wait(time) => Self::unavailable(message, time.as_secs().max(1)),
                    Remedy::Rewrite => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
                    Remedy::Retry | Remedy::Configure => {
                        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
                    }
                }
            }
            EngineError::Reflection { message, remedy } => {
                tracing::warn!(%error, "a language model did not answer a question");
                match remedy {
                    Remedy::Busy => Self::unavailable(message, BUSY_RETRY),
                    Remedy::Wait(time) => Self::unavailable(message, time.as_secs().max(1)),
                    Remedy::Retry | Remedy::Rewrite | Remedy::Configure => {
                        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
                    }
                }
            }
            EngineError::Late(message) => {
                tracing::warn!(%error, "a question took too long");
                Self::new(StatusCode::GATEWAY_TIMEOUT, message)
            }
            EngineError::Conversion(ConvertError::Busy)
            | EngineError::Embedding(EmbedError::Busy)
            | EngineError::Store(StoreError::DocumentChanged(_) | StoreError::MemoryChanged(_)) => {
                Self::unavailable(error.to_string(), 1)
            }
            EngineError::Store(StoreError::Full(_)) => {
                tracing::error!(%error, "the database has no space left");
                Self::unavailable(
                    "no space left for the database; nothing was changed, free some and try again",
                    SPACE_RETRY,
                )
            }
            EngineError::Store(store) if store.is_timeout() => {
                tracing::warn!(%error, "a statement took too long");
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the database took too long; nothing was changed, try again",
                )
            }
            EngineError::Store(StoreError::Silent) => {
                tracing::warn!(%error, "the database fell silent");
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the database did not answer in time; a change may have been made or not, try again",
                )
            }
            EngineError::Store(store) if store.is_transient() => {
                tracing::warn!(%error, "the database is not there");
                // A pool tries for as long as it waits, and does not tell why it got none.
                let message = if store.is_starved() {
                    "the database is not available at the moment: it is away, or all its connections are in use; \
                     try again"
                } else {
                    "the database is not available at the moment, try again"
                };
                Self { is_away: true, ..Self::unavailable(message, 1) }
            }
            EngineError::Conversion(ConvertError::Unready(_))
            | EngineError::Embedding(_)
            | EngineError::Store(_)
            | EngineError::Interrupted(_) => {
                tracing::error!(%error, "request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { detail: self.detail })).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is_away {
            response.extensions_mut().insert(DatabaseAway);
        }
        response
    }
}
