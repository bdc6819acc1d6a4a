//! A fact as it was read from a chunk, by rules or by a model, before it is ranked and stored.

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use serde::{Deserialize, Serialize};

use super::plain::PlainFact;

/// What a chunk says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExtractedFact {
    /// The fact in one or two sentences.
    pub(crate) text: String,
    /// Who says it, where the chunk tells.
    pub(crate) speaker: Option<String>,
    /// What kind of fact it is; `None` = what its author makes it.
    pub(crate) fact_type: Option<FactType>,
    /// First and last moment of what it tells of.
    pub(crate) occurred: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Names in it.
    pub(crate) entities: Vec<String>,
    /// Labels of the bank's vocabulary, each `key:value`.
    pub(crate) labels: Vec<String>,
    /// Tags that follow from its labels.
    pub(crate) tags: Vec<String>,
    /// Facts of the same chunk that led to it, by their places there; all before its own.
    pub(crate) caused_by: Vec<usize>,
    /// Attachments it was read from, by their ids.
    #[serde(default)]
    pub(crate) attachments: Vec<String>,
}

impl From<PlainFact> for ExtractedFact {
    fn from(plain: PlainFact) -> Self {
        let PlainFact { text, speaker, occurred, entities } = plain;
        Self { text, speaker, occurred, entities, ..Self::default() }
    }
}
