//! Retain: texts to remember.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::decode::{Decoder, FromJson, request, words};
use crate::time;

request! {
    /// `POST memories`.
    pub struct RetainRequest check check_request {
        /// The texts. May be empty.
        items: Vec<MemoryItem> => required,
        /// True hands the work to the background.
        run_async as "async": bool => default(false),
        /// Old way to tag every item.
        document_tags: Option<Vec<String>> => optional,
        /// Idempotency key of an asynchronous retain, a UUID.
        operation_id: Option<String> => optional,
    }
}

request! {
    /// One text to remember.
    pub struct MemoryItem check check_item {
        /// The text.
        content: Content => required,
        /// When it was said.
        timestamp: Timestamp => default(Timestamp::Now),
        /// Where it comes from, in free words.
        context: Option<String> => optional,
        /// Copied to every fact.
        metadata: Option<IndexMap<String, String>> => optional,
        /// Name of the document the text is; the same name replaces it.
        document_id: Option<String> => optional,
        /// Entities the caller knows of.
        entities: Option<Vec<EntityInput>> => optional,
        /// False takes entity names literally.
        resolve_entities: bool => default(true),
        /// Tags of the document and its facts.
        tags: Tags => default(Tags::default()),
        /// Scopes of the observations made from the facts.
        observation_scopes: Option<ObservationScopes> => optional,
        /// Name of a retain strategy of the bank.
        strategy: Option<String> => optional,
        /// What happens to a document of the same name.
        update_mode: Option<UpdateMode> => optional,
    }
}

impl MemoryItem {
    /// An item with nothing but its text.
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: Content::Text(content.into()),
            timestamp: Timestamp::Now,
            context: None,
            metadata: None,
            document_id: None,
            entities: None,
            resolve_entities: true,
            tags: Tags::default(),
            observation_scopes: None,
            strategy: None,
            update_mode: None,
        }
    }
}

fn check_request(request: &RetainRequest, value: &Value, decoder: &mut Decoder) {
    if let Some(id) = &request.operation_id
        && Uuid::try_parse(id).is_err()
    {
        let input = value.get("operation_id").unwrap_or(&Value::Null);
        decoder.at("operation_id", |decoder| decoder.value_error("operation_id must be a UUID", input));
    }
}

fn check_item(item: &MemoryItem, value: &Value, decoder: &mut Decoder) {
    if item.content.is_blank() {
        let input = value.get("content").unwrap_or(&Value::Null);
        decoder.at("content", |decoder| decoder.value_error("content must not be empty or blank", input));
    }
}

words! {
    /// What a retain does with the stored document of the same name.
    pub enum UpdateMode("literal_error") {
        /// The new text takes the place of the old one.
        Replace = "replace",
        /// The new text is added behind the old one.
        Append = "append",
    }
}

/// The text of an item: a string, or blocks of text and attachments.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Blocks in order.
    Blocks(Vec<ContentBlock>),
}

impl Content {
    /// True when there is neither text nor an attachment.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Blocks(blocks) => blocks.iter().all(|block| match block {
                ContentBlock::Text { text } => text.trim().is_empty(),
                ContentBlock::Image { .. } | ContentBlock::File { .. } => false,
            }),
        }
    }
}

impl FromJson for Content {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        match value {
            Value::Array(_) => Vec::from_json(value, decoder).map(Self::Blocks),
            _ => String::from_json(value, decoder).map(Self::Text),
        }
    }
}

/// One block of an item's content.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ContentBlock {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// Its bytes.
        source: AttachmentSource,
    },
    /// Any other file.
    File {
        /// Its bytes.
        source: AttachmentSource,
        /// Its name.
        filename: Option<String>,
    },
}

impl FromJson for ContentBlock {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let object = decoder.object(value)?;
        let kind: String = decoder.required(object, "type")?;
        match kind.as_str() {
            "text" => decoder.required(object, "text").map(|text| Self::Text { text }),
            "image" => decoder.required(object, "source").map(|source| Self::Image { source }),
            "file" => {
                let source = decoder.required(object, "source");
                let filename = decoder.optional(object, "filename");
                Some(Self::File { source: source?, filename: filename? })
            }
            other => {
                decoder.fail(
                    "union_tag_invalid",
                    format!(
                        "Input tag '{other}' does not match any of the expected tags: 'text', 'image', 'file'"
                    ),
                    value,
                );
                None
            }
        }
    }
}

request! {
    /// The bytes of an attachment.
    pub struct AttachmentSource {
        /// How they are written.
        kind as "type": SourceKind => default(SourceKind::Base64),
        /// Media type, for example `image/png`.
        media_type: String => required,
        /// The bytes in base64.
        data: String => required,
    }
}

words! {
    /// How the bytes of an attachment are written.
    pub enum SourceKind("literal_error") {
        /// In base64.
        Base64 = "base64",
    }
}

/// When an item was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Timestamp {
    /// Not given: the time of processing.
    Now,
    /// Explicitly undated.
    Unset,
    /// At this instant.
    At(chrono::DateTime<chrono::Utc>),
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Now => serializer.serialize_none(),
            Self::Unset => serializer.serialize_str("unset"),
            Self::At(instant) => serializer.serialize_str(&time::format(*instant)),
        }
    }
}

impl FromJson for Timestamp {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        use chrono::Datelike;

        let text = String::from_json(value, decoder)?;
        if text.trim().is_empty() {
            return Some(Self::Now);
        }
        if text.trim().eq_ignore_ascii_case("unset") {
            return Some(Self::Unset);
        }
        match time::parse(&text) {
            // Both years are common placeholders for "no date".
            Some(instant) if [1, 9999].contains(&instant.year()) => {
                decoder.value_error(
                    &format!("year {} is a placeholder; send \"unset\" for an undated item", instant.year()),
                    value,
                );
                None
            }
            Some(instant) => Some(Self::At(instant)),
            None => {
                decoder
                    .value_error(&format!("'{text}' is neither an ISO-8601 date-time nor \"unset\""), value);
                None
            }
        }
    }
}

/// Tags of an item. Clients also send them as a JSON list in a string, or as one word.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tags(pub Vec<String>);

impl FromJson for Tags {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        if let Value::String(text) = value {
            return Some(Self(match serde_json::from_str::<Vec<String>>(text) {
                Ok(tags) => tags,
                Err(_) if text.trim().is_empty() => Vec::new(),
                Err(_) => vec![text.clone()],
            }));
        }
        Vec::from_json(value, decoder).map(Self)
    }
}

request! {
    /// An entity the caller names.
    pub struct EntityInput {
        /// Its name.
        text: String => required,
        /// Its kind; `CONCEPT` when not given.
        kind as "type": Option<String> => optional,
    }
}

/// How the observations made from an item's facts are scoped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ObservationScopes {
    /// A rule.
    Rule(ScopeRule),
    /// Explicit sets of tags.
    Sets(Vec<Vec<String>>),
}

words! {
    /// A rule for observation scopes.
    pub enum ScopeRule("literal_error") {
        /// One scope for each tag.
        PerTag = "per_tag",
        /// One scope with all tags.
        Combined = "combined",
        /// One scope for each set of tags.
        AllCombinations = "all_combinations",
        /// One scope without tags.
        Shared = "shared",
    }
}

impl FromJson for ObservationScopes {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        match value {
            Value::Array(_) => Vec::from_json(value, decoder).map(Self::Sets),
            _ => ScopeRule::from_json(value, decoder).map(Self::Rule),
        }
    }
}

/// Answer to a retain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetainResponse {
    /// Always true; failures are error statuses.
    pub success: bool,
    /// The bank written to.
    pub bank_id: String,
    /// Number of items accepted.
    pub items_count: i64,
    /// True when the work goes on in the background.
    #[serde(rename = "async")]
    pub run_async: bool,
    /// The operation, when asynchronous.
    pub operation_id: Option<String>,
    /// All operations, when there are several.
    pub operation_ids: Option<Vec<String>>,
    /// Tokens used by language models, when synchronous.
    pub usage: Option<TokenUsage>,
    /// What language models made of the texts; not there when none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction: Option<ExtractionReport>,
}

/// What became of the chunks that a language model read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionReport {
    /// Chunks with facts.
    pub chunks_done: i64,
    /// Chunks in which there is nothing to remember.
    pub chunks_empty: i64,
    /// Chunks that could not be read: 0 on success.
    pub chunks_failed: i64,
    /// Facts that were read.
    pub facts: i64,
    /// Facts of the model that were left out, by the reason.
    pub facts_dropped: DroppedFacts,
}

impl std::ops::AddAssign for ExtractionReport {
    fn add_assign(&mut self, other: Self) {
        self.chunks_done += other.chunks_done;
        self.chunks_empty += other.chunks_empty;
        self.chunks_failed += other.chunks_failed;
        self.facts += other.facts;
        self.facts_dropped.malformed += other.facts_dropped.malformed;
        self.facts_dropped.empty += other.facts_dropped.empty;
        self.facts_dropped.no_evidence += other.facts_dropped.no_evidence;
    }
}

/// Facts of a model that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedFacts {
    /// They were not of the form asked for.
    pub malformed: i64,
    /// They stated nothing.
    pub empty: i64,
    /// They had a name, number or date that the text does not give.
    pub no_evidence: i64,
}

/// Tokens used by language models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens sent.
    pub input_tokens: i64,
    /// Tokens answered.
    pub output_tokens: i64,
    /// Sum of both.
    pub total_tokens: i64,
    /// Tokens sent that the provider had cached.
    pub cached_tokens: i64,
    /// Tokens of hidden reasoning.
    pub thoughts_tokens: i64,
}

impl std::ops::AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.total_tokens += other.total_tokens;
        self.cached_tokens += other.cached_tokens;
        self.thoughts_tokens += other.thoughts_tokens;
    }
}
