//! Attachments of a chunk, as a model is shown them.

use std::fmt::Write as _;

use crate::attachments::{Attachment, marks};
use crate::ports::{Media, Piece};

/// In what form an attachment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As what it is.
    Media,
    /// As a text.
    Text,
    /// By its name only: models read nothing of the kind.
    Name,
}

fn form(attachment: &Attachment) -> Form {
    let essence = attachment.media_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some(("text", _) | ("image", "svg+xml")) => Form::Text,
        Some(("image", _) | ("application", "pdf")) => Form::Media,
        Some(("application", kind)) if is_text(kind) => Form::Text,
        _ => Form::Name,
    }
}

/// Whether applications read the kind as text.
fn is_text(kind: &str) -> bool {
    ["json", "xml", "yaml", "x-yaml", "x-ndjson", "javascript", "toml"].contains(&kind)
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

/// Whether a model has to be able to see to be shown this.
pub(crate) fn is_media(attachment: &Attachment) -> bool {
    form(attachment) == Form::Media
}

/// The attachments that stand in a text, in order; one that stands there twice is there twice.
pub(super) fn standing_in<'a>(text: &str, attachments: &'a [Attachment]) -> Vec<&'a Attachment> {
    let find = |id: &str| attachments.iter().find(|known| known.id == id);
    marks(text).filter_map(|(_, id)| find(id)).collect()
}

/// A text with its attachments, numbered from 1, in the places of their marks. `inside` makes a
/// text harmless.
pub(super) fn pieces(text: &str, attachments: &[Attachment], inside: impl Fn(&str) -> String) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut words, mut done, mut number) = (String::new(), 0, 0);
    for (place, id) in marks(text) {
        words.push_str(&inside(text.get(done..place.start).unwrap_or_default()));
        done = place.end;
        let Some(attachment) = attachments.iter().find(|known| known.id == id) else {
            words.push_str("[attachment that is not kept any more]");
            continue;
        };
        number += 1;
        let about = inside(attachment.description().trim_matches(['[', ']']));
        match form(attachment) {
            Form::Media => {
                // Writing to a text cannot fail.
                let _ = write!(words, "[attachment {number}: {about}]");
                pieces.push(Piece::Text(std::mem::take(&mut words)));
                pieces.push(Piece::Media(Media {
                    media_type: attachment.media_type.clone(),
                    filename: attachment.filename.clone(),
                    data: attachment.bytes.clone(),
                }));
            }
            Form::Text => {
                let content = String::from_utf8_lossy(&attachment.bytes);
                let content = inside(&content);
                let _ = write!(
                    words,
                    "[attachment {number}: {about}, which says:\n{content}\nend of attachment {number}]"
                );
            }
            Form::Name => {
                let _ = write!(words, "[attachment {number}: {about}, which cannot be shown]");
            }
        }
    }
    words.push_str(&inside(text.get(done..).unwrap_or_default()));
    pieces.push(Piece::Text(words));
    pieces
}
