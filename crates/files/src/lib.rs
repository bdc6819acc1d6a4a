//! Texts of files: what is in a PDF, an office document, an HTML page or a text, as Markdown.
//!
//! [`convert`] makes the text; [`Converter`] does so for the engine, a few files at a time and
//! each within bounded time, in processes of a program that calls [`serve_process`] if there is one. Files come from strangers: what they are is seen from their bytes,
//! what they unpack to is counted before it is read, and what a parser cannot digest is a
//! refusal that names the file and the reason.
//!
//! This crate must not know where files come from or what becomes of their texts.

mod converter;
mod kind;
mod office;
mod page;
mod pdf;
mod process;
mod text;

use std::time::Instant;

use hindsight_engine::ports::SentFile;

pub use converter::Converter;
use kind::Kind;
pub use process::{Program, serve as serve_process};

/// How much of a file is read before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pages of a PDF.
    pub pages: usize,
    /// Bytes of a text or an HTML page.
    pub text: usize,
    /// Bytes of all parts of an office document when they are unpacked.
    pub unpacked: u64,
    /// How many times larger than itself a packed document may be, above [`Limits::packed_well`].
    pub ratio: u64,
    /// Bytes up to which a document may be packed as well as it likes.
    pub packed_well: u64,
    /// Parts of an office document.
    pub parts: usize,
    /// Elements of an HTML page that are inside one another.
    pub depth: usize,
    /// Bytes of the Markdown.
    pub markdown: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pages: 5000,
            text: 32 << 20,
            unpacked: 256 << 20,
            ratio: 100,
            packed_well: 4 << 20,
            parts: 20_000,
            depth: 500,
            markdown: 32 << 20,
        }
    }
}

/// The Markdown of a file, never blank; the error is a sentence that names the file and what is
/// wrong with it.
///
/// Work ends soon after `deadline` where a parser lets it. Parsers may panic on broken files.
pub fn convert(file: &SentFile, limits: &Limits, deadline: Instant) -> Result<String, String> {
    read(file, limits, deadline).map_err(|problem| format!("cannot read {}: {problem}", file.name))
}

fn read(file: &SentFile, limits: &Limits, deadline: Instant) -> Result<String, String> {
    if file.bytes.is_empty() {
        return Err("it is empty".to_owned());
    }
    let markdown = match Kind::of(file, limits)? {
        Kind::Pdf => pdf::markdown(&file.bytes, limits, deadline)?,
        Kind::Word | Kind::Slides | Kind::Sheets => office::markdown(&file.bytes)?,
        Kind::Html => page::markdown(&text::decode_page(file, limits)?, limits)?,
        Kind::Text => text::decode(file, limits)?,
    };
    if markdown.len() > limits.markdown {
        return Err(format!(
            "its text is longer than {} MB; cut it into several files",
            limits.markdown >> 20
        ));
    }
    if markdown.trim().is_empty() {
        return Err("it holds no text; pictures and scans are not read".to_owned());
    }
    Ok(markdown)
}
