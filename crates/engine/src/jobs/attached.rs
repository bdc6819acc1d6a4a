//! Attachments of work that waits: their bytes lie with the operation as one file, one behind the
//! other, and its payload says what is where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::EngineError;
use crate::attachments::{Attached, Attachment, AttachmentKind};

/// An attachment in a payload.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WaitingAttachment {
    /// Place of its item in the payload.
    item: usize,
    kind: AttachmentKind,
    media_type: String,
    filename: Option<String>,
    byte_size: usize,
    block: usize,
}

/// What a payload says of the attachments of its items, and the bytes of all of them.
pub(super) fn lay_down(attached: &Attached) -> (Vec<WaitingAttachment>, Vec<u8>) {
    let (mut waiting, mut bytes) = (Vec::new(), Vec::new());
    for (item, attachments) in attached.iter().enumerate() {
        for attachment in attachments {
            waiting.push(WaitingAttachment {
                item,
                kind: attachment.kind,
                media_type: attachment.media_type.clone(),
                filename: attachment.filename.clone(),
                byte_size: attachment.bytes.len(),
                block: attachment.block,
            });
            bytes.extend_from_slice(&attachment.bytes);
        }
    }
    (waiting, bytes)
}

/// The attachments of each item of a payload.
pub(super) fn take_up(waiting: Vec<WaitingAttachment>, bytes: &[u8]) -> Result<Attached, EngineError> {
    let mut attached: Attached = Vec::new();
    let mut rest = bytes;
    for WaitingAttachment { item, kind, media_type, filename, byte_size, block } in waiting {
        let Some((own, behind)) = rest.split_at_checked(byte_size) else {
            return Err(EngineError::Unprocessable(
                "the attachments are not stored any more; send the items again".to_owned(),
            ));
        };
        rest = behind;
        if attached.len() <= item {
            attached.resize_with(item + 1, Vec::new);
        }
        if let Some(of_item) = attached.get_mut(item) {
            of_item.push(Attachment::new(kind, media_type, filename, Arc::from(own), block));
        }
    }
    Ok(attached)
}
