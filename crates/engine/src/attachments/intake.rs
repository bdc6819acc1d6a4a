//! Takes attachments out of a request: blocks become a text with marks, and bytes beside it.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hindsight_types::retain::{AttachmentSource, Content, ContentBlock, MemoryItem};

use super::marks::mark;
use super::{Attachment, AttachmentKind};
use crate::EngineError;
use crate::text::sanitize;

/// Base64 with padding at its end or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Longest media type and longest name in bytes.
const LONGEST_WORD: usize = 255;

/// How much may be attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttachmentLimits {
    /// Bytes of one attachment.
    pub(crate) bytes: usize,
    /// Attachments of one item.
    pub(crate) count: usize,
}

/// The attachments of each item of a request, in their order.
pub(crate) type Attached = Vec<Vec<Attachment>>;

/// Makes one text of the blocks of every item, with marks for the attachments, which are given
/// back. Fails, naming the block, when one is not as it should be.
pub(crate) fn take(items: &mut [MemoryItem], limits: AttachmentLimits) -> Result<Attached, EngineError> {
    items.iter_mut().enumerate().map(|(index, item)| take_item(index, item, limits)).collect()
}

fn take_item(
    index: usize,
    item: &mut MemoryItem,
    limits: AttachmentLimits,
) -> Result<Vec<Attachment>, EngineError> {
    let Content::Blocks(blocks) = &item.content else { return Ok(Vec::new()) };
    let mut attachments: Vec<Attachment> = Vec::new();
    let mut texts = Vec::with_capacity(blocks.len());
    for (place, block) in blocks.iter().enumerate() {
        let refused = |problem: String| {
            Err(EngineError::Invalid(format!("items[{index}].content[{place}]: {problem}")))
        };
        let (kind, source, filename) = match block {
            ContentBlock::Text { text } => {
                texts.push(text.clone());
                continue;
            }
            ContentBlock::Image { source } => (AttachmentKind::Image, source, None),
            ContentBlock::File { source, filename } => (AttachmentKind::File, source, filename.as_deref()),
        };
        if attachments.len() >= limits.count {
            return refused(format!(
                "an item may have {} attachments; send the others in further items",
                limits.count
            ));
        }
        let attachment = match read(kind, source, filename, place, limits.bytes) {
            Ok(attachment) => attachment,
            Err(problem) => return refused(problem),
        };
        if attachments.iter().any(|other| other.id == attachment.id && other.hash != attachment.hash) {
            return refused("it cannot be told from another attachment of the item; change it".to_owned());
        }
        texts.push(mark(&attachment.id));
        attachments.push(attachment);
    }
    item.content = Content::Text(texts.join("\n"));
    Ok(attachments)
}

fn read(
    kind: AttachmentKind,
    source: &AttachmentSource,
    filename: Option<&str>,
    block: usize,
    most: usize,
) -> Result<Attachment, String> {
    let media_type = source.media_type.trim().to_ascii_lowercase();
    if !is_media_type(&media_type) {
        return Err(format!(
            "'{}' is no media type; give one like image/png or application/pdf",
            source.media_type
        ));
    }
    if kind == AttachmentKind::Image && !media_type.starts_with("image/") {
        return Err(format!("'{media_type}' is no picture; send it as a block of type 'file'"));
    }
    let data: String;
    let text = if source.data.bytes().any(|byte| byte.is_ascii_whitespace()) {
        data = source.data.split_ascii_whitespace().collect();
        data.as_str()
    } else {
        source.data.as_str()
    };
    let too_large =
        || format!("an attachment may have {} MB; send a smaller one, or a link to it", most >> 20);
    // Before its bytes take any room.
    if text.len() / 4 * 3 > most.saturating_add(3) {
        return Err(too_large());
    }
    let bytes = BASE64.decode(text).map_err(|error| format!("its data is no base64: {error}"))?;
    if bytes.len() > most {
        return Err(too_large());
    }
    if bytes.is_empty() {
        return Err("it is empty; leave it out".to_owned());
    }
    let filename = filename.map(|name| sanitize(name).trim().to_owned()).filter(|name| !name.is_empty());
    if filename.as_ref().is_some_and(|name| name.len() > LONGEST_WORD) {
        return Err(format!("its filename is longer than {LONGEST_WORD} bytes; give a shorter one"));
    }
    Ok(Attachment::new(kind, media_type, filename, Arc::from(bytes), block))
}

/// Whether this can be the label of an answer: `type/subtype`, with parameters perhaps.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_token = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let is_typed = essence.trim().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    is_typed
        && text.len() <= LONGEST_WORD
        && parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const LIMITS: AttachmentLimits = AttachmentLimits { bytes: 8, count: 2 };

    fn taken(content: Value) -> Result<(String, Vec<Attachment>), String> {
        let mut request = json!({});
        request["content"] = content;
        let mut items: Vec<MemoryItem> = vec![hindsight_types::decode::from_json(&request).unwrap()];
        let mut attached = take(&mut items, LIMITS).map_err(|error| error.to_string())?;
        let Content::Text(text) = items.remove(0).content else { panic!("a text") };
        Ok((text, attached.remove(0)))
    }

    fn image(data: &str) -> Value {
        json!({"type": "image", "source": {"media_type": "image/png", "data": data}})
    }

    #[test]
    fn blocks_become_a_text_with_marks() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let file = json!({"type": "file", "filename": " a\u{0}.txt ",
            "source": {"type": "base64", "media_type": "Text/Plain; charset=utf-8", "data": "aGVs\nbG8"}});
        let (body, attached) = taken(json!([text("See this:"), image("AAEC"), text("and"), file])).unwrap();
        assert_eq!(body, "See this:\n⟦hs-att:ae4b3280e56e⟧\nand\n⟦hs-att:2cf24dba5fb0⟧");
        assert_eq!((&*attached[0].bytes, attached[0].block), (&[0, 1, 2][..], 1));
        assert_eq!((&*attached[1].bytes, attached[1].block), (&b"hello"[..], 3));
        assert_eq!(attached[1].media_type, "text/plain; charset=utf-8");
        assert_eq!(attached[1].description(), "[file a.txt]");
        assert_eq!(attached[0].description(), "[image image/png]");
        assert_eq!(taken(json!("as it is")).unwrap().0, "as it is");
    }

    #[test]
    fn every_bound_is_told_with_its_place() {
        let file = |media_type: &str, name: &str| {
            let source = json!({"media_type": media_type, "data": "AAEC"});
            json!({"type": "file", "filename": name, "source": source})
        };
        let mut picture = image("AAEC");
        picture["source"]["media_type"] = json!("application/pdf");
        for (content, words) in [
            (json!([image("AAEC"), image("AAED"), image("AAEE")]), "items[0].content[2]: an item may have 2"),
            (json!([image("AAECAwQFBgcI")]), "items[0].content[0]: an attachment may have 0 MB"),
            (json!([image("AAECAwQFBgcICQoLDA0ODw==")]), "items[0].content[0]: an attachment may have 0 MB"),
            (json!([image("AA$C")]), "items[0].content[0]: its data is no base64"),
            (json!([image("")]), "items[0].content[0]: it is empty"),
            (json!([picture]), "'application/pdf' is no picture"),
            (json!([file("pdf", "a")]), "'pdf' is no media type"),
            (json!([file("text/html\r\nx: y", "a")]), "is no media type"),
            (json!([file("a/b", &"n".repeat(256))]), "its filename is longer than 255 bytes"),
        ] {
            let error = taken(content).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(taken(json!([image("AAECAwQFBgc=")])).is_ok(), "as many bytes as may be");
    }
}
