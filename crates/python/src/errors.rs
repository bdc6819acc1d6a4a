//! Failures as exceptions that Python programs know.

use std::error::Error;

use hindsight_client::ClientError;
use hindsight_embed_daemon::{EmbedError, Profile};
use pyo3::PyErr;
use pyo3::exceptions::{PyConnectionError, PyRuntimeError, PyTimeoutError, PyValueError};

/// The exception for a call that brought no answer.
pub(crate) fn exception(error: &EmbedError) -> PyErr {
    let EmbedError::Client(error) = error else { return embed_exception(error) };
    match error {
        ClientError::InvalidUrl { .. }
        | ClientError::InvalidApiKey
        | ClientError::InvalidUserAgent
        | ClientError::InvalidId { .. } => PyValueError::new_err(error.to_string()),
        ClientError::Timeout { .. } => PyTimeoutError::new_err(error.to_string()),
        _ => PyConnectionError::new_err(with_cause(error)),
    }
}

/// The exception for a call whose daemon may not have started.
pub(crate) fn start_exception(error: &EmbedError, profile: Option<&Profile>) -> PyErr {
    match (error, profile) {
        (EmbedError::Client(_) | EmbedError::Closed, _) | (_, None) => exception(error),
        (_, Some(_)) if is_of_the_caller(error) => exception(error),
        (_, Some(profile)) => PyRuntimeError::new_err(format!(
            "Failed to start daemon for profile '{profile}': {}",
            with_cause(error)
        )),
    }
}

/// Whether an error is about what the caller has given.
fn is_of_the_caller(error: &EmbedError) -> bool {
    matches!(error, EmbedError::Name(_) | EmbedError::NameTaken { .. } | EmbedError::Setting { .. })
}

fn embed_exception(error: &EmbedError) -> PyErr {
    if is_of_the_caller(error) {
        return PyValueError::new_err(error.to_string());
    }
    PyRuntimeError::new_err(with_cause(error))
}

/// An error with what is at the bottom of it, which says more than what is between.
pub(crate) fn with_cause(error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(Error::source) {
        cause = Some(deeper);
    }
    let text = error.to_string();
    match cause.map(ToString::to_string) {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text,
    }
}
