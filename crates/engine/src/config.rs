//! Settings of the engine, and of one bank where it overrides them.

use std::str::FromStr;
use std::time::Duration;

use hindsight_types::recall::Budget;
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

/// How recall puts what its arms found in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// By scores; the default.
    Scores,
    /// By ranks, as the original does it.
    Ranks,
}

impl FromStr for Fusion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "scores" => Ok(Self::Scores),
            "ranks" => Ok(Self::Ranks),
            _ => Err(format!("the fusion must be scores or ranks, not '{text}'")),
        }
    }
}

/// How a memory fades with its age, where scores of a reranker or of fusion by ranks are moved
/// by it. Times are in days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RecencyDecay {
    /// It does not.
    None,
    /// From 1 down to 0.1 over the window.
    Linear {
        /// Age at which it would reach 0.
        window: f64,
    },
    /// By half again and again.
    Exponential {
        /// Age at which it has lost half.
        half_life: f64,
    },
}

/// Settings of retain and recall. Sizes of texts are in characters.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of their own, not one state")]
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
    /// Whether recall has a graph arm.
    pub graph: bool,
    /// Whether recall has a temporal arm.
    pub temporal: bool,
    /// How the arms are put together.
    pub fusion: Fusion,
    /// How memories fade with age.
    pub recency: RecencyDecay,
    /// Whether observations hide the facts behind them unless a request says otherwise.
    pub prefer_observations: bool,
    /// Newest mentions of an entity that the graph arm follows, at budget low, mid, high.
    pub mentions: [i64; 3],
    /// Memories up to which the semantic arm looks at every vector of a bank; larger banks get
    /// cells.
    pub exact_limit: i64,
    /// Cells of a large bank that the semantic arm looks into, at budget low, mid, high.
    pub probes: [i64; 3],
    /// Words of a query that are searched for, the rarest; 0 = all.
    pub max_query_terms: usize,
    /// Candidates of each arm and type at budget low, mid, high.
    pub budgets: [i64; 3],
    /// Postings of rare words that may make candidates, at budget low, mid, high; words
    /// beyond only score what others found.
    pub postings: [i64; 3],
    /// Best hits of an arm, at budget low, mid, high, whose neighbours in the conversation become
    /// candidates.
    pub context: [i64; 3],
    /// Cosine similarity below which the semantic arm finds nothing.
    pub min_similarity: f64,
    /// Longest query in tokens; what is beyond is cut off. 0 = no limit.
    pub max_query_tokens: usize,
    /// Whether recall asks a reranker, if there is one.
    pub enable_reranking: bool,
    /// Candidates that a reranker sees at most.
    pub rerank_max_candidates: usize,
    /// The same at budget low, mid, high; 0 = no other number than the general one.
    pub rerank_max_candidates_of_budget: [usize; 3],
    /// Tokens of one candidate that a reranker sees; all when not set.
    pub rerank_max_tokens: Option<usize>,
    /// How long recall waits for a reranker.
    pub rerank_budget: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            extraction_mode: ExtractionMode::Concise,
            chunk_size: 3000,
            structured_chunk_size: None,
            store_document_text: true,
            text_search: true,
            graph: true,
            temporal: true,
            fusion: Fusion::Scores,
            recency: RecencyDecay::Linear { window: 365.0 },
            prefer_observations: false,
            mentions: [50, 100, 200],
            exact_limit: 20_000,
            probes: [16, 24, 64],
            max_query_terms: 16,
            budgets: [100, 300, 1000],
            postings: [1000, 2000, 4000],
            context: [50, 100, 200],
            min_similarity: 0.3,
            max_query_tokens: hindsight_types::limits::RECALL_QUERY_MAX_TOKENS,
            enable_reranking: true,
            rerank_max_candidates: 300,
            rerank_max_candidates_of_budget: [0; 3],
            rerank_max_tokens: None,
            rerank_budget: Duration::from_millis(150),
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
            graph: flag("enable_graph_retrieval").unwrap_or(self.graph),
            temporal: flag("enable_temporal_retrieval").unwrap_or(self.temporal),
            prefer_observations: flag("recall_prefer_observations").unwrap_or(self.prefer_observations),
            enable_reranking: flag("enable_reranking").unwrap_or(self.enable_reranking),
            ..self.clone()
        }
    }
    /// Candidates that a reranker sees at most at this budget.
    pub fn rerank_candidates(&self, budget: Budget) -> usize {
        let [low, mid, high] = self.rerank_max_candidates_of_budget;
        let own = match budget {
            Budget::Low => low,
            Budget::Mid => mid,
            Budget::High => high,
        };
        if own > 0 { own } else { self.rerank_max_candidates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_without_a_number_of_its_own_takes_the_general_one() {
        let settings = Settings { rerank_max_candidates_of_budget: [40, 0, 500], ..Settings::default() };
        let of = |budget| settings.rerank_candidates(budget);
        assert_eq!([of(Budget::Low), of(Budget::Mid), of(Budget::High)], [40, 300, 500]);
    }

    #[test]
    fn a_bank_turns_reranking_off_for_itself() {
        let settings = Settings::default();
        assert!(settings.of_bank(&Value::Null).enable_reranking);
        let bank = serde_json::json!({"enable_reranking": false});
        assert!(!settings.of_bank(&bank).enable_reranking);
    }
}
