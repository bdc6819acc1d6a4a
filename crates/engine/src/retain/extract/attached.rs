//! Attachments of a chunk, as a model is shown them.

use std::fmt::Write as _;

use crate::attachments::{Attachment, marks};
use crate::ports::{Media, Piece};
use crate::text::tokens;

/// Tokens of a text file that a model is shown.
const SHOWN_TOKENS: usize = 20_000;

/// In what form an attachment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As what it is, of this media type.
    Media(&'static str),
    /// As a text.
    Text,
    /// By its name only: models read nothing of the kind.
    Name,
}

fn form(attachment: &Attachment) -> Form {
    let essence = attachment.media_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some(("text", _) | ("image", "svg+xml")) => Form::Text,
        // What models read everywhere.
        Some(("image", "png")) => Form::Media("image/png"),
        Some(("image", "jpeg" | "jpg")) => Form::Media("image/jpeg"),
        Some(("image", "gif")) => Form::Media("image/gif"),
        Some(("image", "webp")) => Form::Media("image/webp"),
        Some(("application", "pdf")) => Form::Media("application/pdf"),
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
    matches!(form(attachment), Form::Media(_))
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
            Form::Media(media_type) => {
                // Writing to a text cannot fail.
                let _ = write!(words, "[attachment {number}: {about}]");
                pieces.push(Piece::Text(std::mem::take(&mut words)));
                pieces.push(Piece::Media(Media {
                    media_type: media_type.to_owned(),
                    filename: attachment.filename.clone(),
                    data: attachment.bytes.clone(),
                }));
            }
            Form::Text => {
                let content = String::from_utf8_lossy(&attachment.bytes);
                let shown = tokens::truncate(&content, SHOWN_TOKENS);
                let rest = if shown.len() < content.len() { "\nthe rest of it is not shown" } else { "" };
                let shown = inside(shown);
                let _ = write!(
                    words,
                    "[attachment {number}: {about}, which says:\n{shown}{rest}\nend of attachment {number}]"
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attachments::AttachmentKind;

    fn attachment(media_type: &str, bytes: &[u8]) -> Attachment {
        Attachment::new(AttachmentKind::File, media_type.to_owned(), None, Arc::from(bytes), 0)
    }

    #[test]
    fn only_what_models_read_is_shown_as_it_is() {
        for (media_type, shown) in [
            ("image/png", Form::Media("image/png")),
            ("image/jpg; q=1", Form::Media("image/jpeg")),
            ("application/pdf", Form::Media("application/pdf")),
            ("image/svg+xml", Form::Text),
            ("image/tiff", Form::Name),
            ("image/heic", Form::Name),
        ] {
            assert_eq!(form(&attachment(media_type, b"x")), shown, "{media_type}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let told = |bytes: &[u8]| {
            let file = attachment("text/plain", bytes);
            let shown = pieces(&format!("⟦hs-att:{}⟧", file.id), &[file], str::to_owned);
            let [Piece::Text(told)] = &*shown else { panic!("one text: {shown:?}") };
            told.clone()
        };
        let long = told("many words ".repeat(50_000).as_bytes());
        assert!(long.contains("the rest of it is not shown\nend of attachment 1]"));
        assert!(tokens::count(&long) < SHOWN_TOKENS + 100);
        assert!(!told(b"few words").contains("not shown"));
    }
}
