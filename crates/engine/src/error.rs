//! Errors of the engine, by what the caller can do about them.

use std::time::Duration;

use crate::ports::{ConvertError, EmbedError};
use crate::store::StoreError;

/// Why a request to the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The request is well-formed but asks for something that cannot be done.
    #[error("{0}")]
    Invalid(String),
    /// The request is understood, but what it asks for does not go together with the data.
    #[error("{0}")]
    Unprocessable(String),
    /// The request does not go together with the state of what it is about.
    #[error("{0}")]
    Conflict(String),
    /// No bank of this name exists.
    #[error("Bank '{0}' not found")]
    BankNotFound(String),
    /// The bank exists, the thing in it does not.
    #[error("{kind} '{id}' not found")]
    NotFound {
        /// What was looked for, for example `Document`.
        kind: &'static str,
        /// Its name.
        id: String,
    },
    /// No vectors could be made; nothing was written.
    #[error(transparent)]
    Embedding(#[from] EmbedError),
    /// A file did not become a text; nothing was written.
    #[error(transparent)]
    Conversion(#[from] ConvertError),
    /// The language model did not read all of the text; nothing of it was written.
    #[error("{message}")]
    Extraction {
        /// Which chunks of which documents, and why.
        message: String,
        /// What can be done about it.
        remedy: Remedy,
    },
    /// The language model gave no answer to a question; nothing was written.
    #[error("{message}")]
    Reflection {
        /// What was asked for, and why it did not come.
        message: String,
        /// What can be done about it.
        remedy: Remedy,
    },
    /// It took longer than it may; nothing was written.
    #[error("{0}")]
    Late(String),
    /// The database failed; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Work on a thread of its own did not end.
    #[error("internal work was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What can be done when a language model has not answered, the easiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Ask again; what was answered is not asked for twice.
    Retry,
    /// Ask again a little later: the provider has too much to do.
    Busy,
    /// Ask again after this time, when the provider answers again.
    Wait(Duration),
    /// Another text: this one the model refuses.
    Rewrite,
    /// The operator has to look at key, account or model.
    Configure,
}
