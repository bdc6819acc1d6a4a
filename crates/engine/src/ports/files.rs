//! Files as texts.

use async_trait::async_trait;

/// A file as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    /// Its name, with the ending that tells its kind.
    pub name: String,
    /// What its sender takes it for, for example `text/html; charset=iso-8859-1`.
    pub media_type: Option<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a file did not become a text.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The file cannot be read and never will be. Names the file and the reason.
    #[error("{0}")]
    Refused(String),
    /// The file could not be looked at, for a reason that does not lie with it. Names both.
    #[error("{0}")]
    Unready(String),
    /// Other files take all there is room for; a later try can succeed.
    #[error("too many files are being converted, try again in a moment")]
    Busy,
}

/// Makes Markdown of files.
#[async_trait]
pub trait FileConverter: Send + Sync {
    /// The text of a file, never blank. Ends in bounded time whatever the file holds.
    async fn convert(&self, file: SentFile) -> Result<String, ConvertError>;
}
