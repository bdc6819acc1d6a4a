//! Attachments: what is told of them where a fact or a chunk has some.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Letters that stay as they are in a part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An attachment of a chunk or a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkAttachment {
    /// Its id, as it stands in the text: `⟦hs-att:ID⟧`.
    pub id: String,
    /// SHA-256 of its bytes in hex.
    pub hash: String,
    /// `image` or `file`.
    pub kind: String,
    /// Its media type.
    pub media_type: String,
    /// Number of its bytes.
    pub byte_size: i64,
    /// Its name.
    pub filename: Option<String>,
    /// Path under which the server has it.
    pub url: String,
}

/// Path of an attachment at a server.
pub fn path(bank_id: &str, attachment_id: &str) -> String {
    let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    format!("/v1/default/banks/{}/attachments/{}", part(bank_id), part(attachment_id))
}

/// An attachment that a fact of a dry run was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedFactAttachment {
    /// Its place among the blocks of the content.
    pub block_index: i64,
    /// `image` or `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its media type.
    pub media_type: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_banks_are_parts_of_a_path() {
        assert_eq!(path("my bank/ä", "0123"), "/v1/default/banks/my%20bank%2F%C3%A4/attachments/0123");
    }
}
