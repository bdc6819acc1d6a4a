//! Settings of the engine, and of one bank where it overrides them.

use std::str::FromStr;

use serde_json::Value;

/// How facts are made of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtractionMode {
    /// Only what is useful months later; the default.
    Concise,
    /// Every detail.
    Verbose,
    /// By the bank's own instructions.
    Custom,
    /// The chunk itself is the fact, a model adds what it tells of.
    Verbatim,
    /// The chunk itself is the fact.
    Chunks,
}

impl FromStr for ExtractionMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "concise" => Ok(Self::Concise),
            "verbose" => Ok(Self::Verbose),
            "custom" => Ok(Self::Custom),
            "verbatim" => Ok(Self::Verbatim),
            "chunks" => Ok(Self::Chunks),
            _ => Err(format!(
                "retain_extraction_mode must be one of concise, verbose, custom, verbatim, chunks, not '{text}'"
            )),
        }
    }
}

/// Settings of retain and recall. Sizes of texts are in characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How facts are made.
    pub extraction_mode: ExtractionMode,
    /// Largest chunk.
    pub chunk_size: usize,
    /// Largest turn or line kept whole; the chunk size when not set.
    pub structured_chunk_size: Option<usize>,
    /// Whether the texts of documents are kept.
    pub store_document_text: bool,
    /// Whether recall has a keyword arm.
    pub text_search: bool,
    /// Candidates of each arm and type at budget low, mid, high.
    pub budgets: [i64; 3],
    /// Postings of rare words that may make candidates, at budget low, mid, high; words
    /// beyond only score what others found.
    pub postings: [i64; 3],
    /// Hits of an arm and type, at budget low, mid, high, whose neighbours in the conversation
    /// become candidates.
    pub context: [i64; 3],
    /// Cosine similarity below which the semantic arm finds nothing.
    pub min_similarity: f64,
    /// Longest query in tokens; what is beyond is cut off. 0 = no limit.
    pub max_query_tokens: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            extraction_mode: ExtractionMode::Concise,
            chunk_size: 3000,
            structured_chunk_size: None,
            store_document_text: true,
            text_search: true,
            budgets: [100, 300, 1000],
            postings: [1000, 2000, 4000],
            context: [50, 100, 200],
            min_similarity: 0.3,
            max_query_tokens: hindsight_types::limits::RECALL_QUERY_MAX_TOKENS,
        }
    }
}

impl Settings {
    /// These settings with a bank's own in front. The bank's were checked when they were
    /// set; a value that is not usable all the same leaves the default.
    #[must_use]
    pub fn of_bank(&self, config: &Value) -> Self {
        let size = |key: &str| config.get(key)?.as_u64().and_then(|size| usize::try_from(size).ok());
        let flag = |key: &str| config.get(key)?.as_bool();
        let mode = config.get("retain_extraction_mode").and_then(Value::as_str);
        Self {
            extraction_mode: mode.and_then(|mode| mode.parse().ok()).unwrap_or(self.extraction_mode),
            chunk_size: size("retain_chunk_size").unwrap_or(self.chunk_size),
            structured_chunk_size: size("retain_structured_chunk_size").or(self.structured_chunk_size),
            text_search: flag("enable_text_search").unwrap_or(self.text_search),
            ..self.clone()
        }
    }
}
