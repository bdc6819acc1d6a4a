//! PDF.

use std::time::Instant;

use pdf_extract::{Document, Object, ObjectId, OutputError, PlainTextOutput, output_doc_page};

use crate::Limits;

/// Steps from a page up to the root of its tree.
const MOST_PARENTS: usize = 64;

/// The text of a PDF, page by page.
pub(crate) fn markdown(bytes: &[u8], limits: &Limits, deadline: Instant) -> Result<String, String> {
    let mut document = Document::load_mem(bytes).map_err(|error| problem(&error))?;
    if document.is_encrypted() {
        // Many are encrypted with an empty password, to forbid printing.
        document.decrypt("").map_err(|_| "it is encrypted; remove its password".to_owned())?;
    }
    let pages = document.get_pages();
    if pages.is_empty() {
        return Err("it has no pages".to_owned());
    }
    if pages.len() > limits.pages {
        return Err(format!("it has {} pages, more than the {} that are read", pages.len(), limits.pages));
    }
    let mut markdown = String::new();
    for (number, page) in pages {
        if Instant::now() > deadline {
            return Err("reading it takes too long".to_owned());
        }
        check(&document, page)?;
        let mut text = String::new();
        output_doc_page(&document, &mut PlainTextOutput::new(&mut text), number).map_err(
            |error| match error {
                OutputError::PdfError(error) => problem(&error),
                OutputError::FormatError(error) => problem(&error),
                OutputError::IoError(error) => problem(&error),
            },
        )?;
        if !markdown.is_empty() {
            markdown.push_str("\n\n");
        }
        markdown.push_str(text.trim());
        if markdown.len() > limits.markdown {
            break;
        }
    }
    Ok(markdown)
}

fn problem(error: &dyn std::fmt::Display) -> String {
    format!("it is broken: {error}")
}

/// Refuses a page that the parser would follow in circles.
fn check(document: &Document, page: ObjectId) -> Result<(), String> {
    let mut parent = Some(page);
    for _ in 0..MOST_PARENTS {
        let Some(id) = parent else {
            return Ok(());
        };
        parent = document
            .get_dictionary(id)
            .and_then(|dictionary| dictionary.get(b"Parent"))
            .and_then(Object::as_reference)
            .ok();
    }
    Err("it is broken: its pages are their own parents".to_owned())
}
