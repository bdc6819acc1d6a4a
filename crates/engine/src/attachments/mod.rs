//! Attachments: pictures and files that were sent inside a text.
//!
//! In the text a mark stands for each, `⟦hs-att:ID⟧`, where the id is the beginning of the hash
//! of its bytes. The bytes are kept beside the document as long as its text has the mark. A mark
//! that a caller writes counts only where it names an attachment of the same document.

mod intake;
mod marks;

use std::fmt;
use std::sync::Arc;

use hindsight_types::attachments::ChunkAttachment;
use serde::{Deserialize, Serialize};

use crate::hash::{hex, sha256};

pub(crate) use intake::{Attached, AttachmentLimits, take};
pub(crate) use marks::{described, has_marks, ids, marks, scrubbed};

/// Length of the id of an attachment in characters.
pub(crate) const ID_CHARS: usize = 12;

/// What an attachment was sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachmentKind {
    /// A picture.
    Image,
    /// Any other file.
    File,
}

impl AttachmentKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::File => "file",
        }
    }
}

/// An attachment with its bytes.
#[derive(Clone, PartialEq)]
pub struct Attachment {
    /// Its id: the first 12 digits of its hash in hex.
    pub id: String,
    /// SHA-256 of its bytes.
    pub hash: Vec<u8>,
    /// What it was sent as.
    pub kind: AttachmentKind,
    /// Its media type, as its sender says.
    pub media_type: String,
    /// Its name, if it has one.
    pub filename: Option<String>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Its place among the blocks it was sent with.
    pub block: usize,
}

impl Attachment {
    /// An attachment of these bytes.
    pub(crate) fn new(
        kind: AttachmentKind,
        media_type: String,
        filename: Option<String>,
        bytes: Arc<[u8]>,
        block: usize,
    ) -> Self {
        let hash = sha256(&bytes);
        let mut id = hex(&hash);
        id.truncate(ID_CHARS);
        Self { id, hash, kind, media_type, filename, bytes, block }
    }

    /// What is said of it where it cannot be shown: `[image photo.png]`.
    pub(crate) fn description(&self) -> String {
        let name = self.filename.as_deref().unwrap_or(&self.media_type);
        format!("[{} {name}]", self.kind.as_str())
    }
}

impl fmt::Debug for Attachment {
    /// Without its bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What is told of an attachment, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AttachmentInfo {
    /// Its id.
    pub id: String,
    /// SHA-256 of its bytes in hex.
    pub hash: String,
    /// `image` or `file`.
    pub kind: String,
    /// Its media type.
    pub media_type: String,
    /// Its name.
    pub filename: Option<String>,
    /// Number of its bytes.
    pub byte_size: i64,
}

/// Attachments on the wire; none where there are none.
pub(crate) fn shown(bank_id: &str, attachments: Vec<AttachmentInfo>) -> Option<Vec<ChunkAttachment>> {
    let shown = |info: AttachmentInfo| ChunkAttachment {
        url: hindsight_types::attachments::path(bank_id, &info.id),
        id: info.id,
        hash: info.hash,
        kind: info.kind,
        media_type: info.media_type,
        byte_size: info.byte_size,
        filename: info.filename,
    };
    (!attachments.is_empty()).then(|| attachments.into_iter().map(shown).collect())
}

/// Those of a chunk, in the order of its text.
pub(crate) fn shown_in(
    bank_id: &str,
    text: &str,
    attachments: Vec<AttachmentInfo>,
) -> Option<Vec<ChunkAttachment>> {
    let mut attachments = attachments;
    let places: Vec<String> = ids(text);
    attachments.retain(|info| places.contains(&info.id));
    attachments.sort_by_key(|info| places.iter().position(|id| *id == info.id));
    shown(bank_id, attachments)
}
