//! Office documents: docx, pptx, xlsx.

use undoc::Error;
use undoc::render::{RenderOptions, to_markdown};

/// The Markdown of a document that was counted before.
pub(crate) fn markdown(bytes: &[u8]) -> Result<String, String> {
    let document = undoc::parse_bytes(bytes).map_err(|error| problem(&error))?;
    to_markdown(&document, &RenderOptions::default()).map_err(|error| problem(&error))
}

fn problem(error: &Error) -> String {
    match error {
        Error::Encrypted => "it is encrypted; remove its password".to_owned(),
        error => format!("it is broken: {error}"),
    }
}
