//! Files to remember.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode::{Decoder, FromJson, request};
use crate::retain::{Tags, Timestamp};

request! {
    /// What `POST files/retain` says about its files, in the form field `request`.
    pub struct FileRetainRequest {
        /// Who reads the files; the server's own choice when not given.
        parser: Option<Parsers> => optional,
        /// What is known of each file, in the order of the files; as many as there are files.
        files_metadata: Option<Vec<FileMetadata>> => optional,
    }
}

request! {
    /// What is known of a file.
    pub struct FileMetadata {
        /// Name of the document that its text is; a new one when not given.
        document_id: Option<String> => optional,
        /// Where it comes from, in free words.
        context: Option<String> => optional,
        /// Copied to every fact.
        metadata: Option<IndexMap<String, String>> => optional,
        /// Tags of the document and its facts.
        tags: Tags => default(Tags::default()),
        /// When it was said.
        timestamp: Timestamp => default(Timestamp::Now),
        /// Who reads this file, before what holds for all.
        parser: Option<Parsers> => optional,
        /// Name of a retain strategy of the bank.
        strategy: Option<String> => optional,
    }
}

impl Default for FileMetadata {
    fn default() -> Self {
        Self {
            document_id: None,
            context: None,
            metadata: None,
            tags: Tags::default(),
            timestamp: Timestamp::Now,
            parser: None,
            strategy: None,
        }
    }
}

/// Who reads a file, in the order in which they try. On the wire a name or a list of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Parsers(pub Vec<String>);

impl FromJson for Parsers {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self(vec![name.clone()])),
            _ => Vec::from_json(value, decoder).map(Self),
        }
    }
}

/// Answer to `POST files/retain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRetainResponse {
    /// An operation for each file, in their order.
    pub operation_ids: Vec<String>,
}
