//! Settings of the engine, and of one bank where it overrides them.

mod consolidation;
mod extraction;
mod llm_trace;
mod mental_models;
mod reflect;

use std::str::FromStr;
use std::time::Duration;

use hindsight_types::recall::Budget;
use serde_json::Value;

pub use consolidation::ConsolidationSettings;
pub use extraction::ExtractionSettings;
pub use llm_trace::LlmTraceSettings;
pub use mental_models::MentalModelSettings;
pub(crate) use reflect::{OBSERVATION_ENTITIES, OBSERVATIONS_SIZE};
pub use reflect::{ReflectSettings, SourceFacts, Traits};

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

impl ExtractionMode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concise => "concise",
            Self::Verbose => "verbose",
            Self::Custom => "custom",
            Self::Verbatim => "verbatim",
            Self::Chunks => "chunks",
        }
    }
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

/// How a recall's budget becomes a number of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetFunction {
    /// A number for each level; the default.
    Fixed,
    /// A share of the tokens asked for, between two bounds.
    Adaptive,
}

impl FromStr for BudgetFunction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fixed" => Ok(Self::Fixed),
            "adaptive" => Ok(Self::Adaptive),
            _ => Err(format!("recall_budget_function must be fixed or adaptive, not '{text}'")),
        }
    }
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
    /// Attachments that one chunk has at most.
    pub attachments_per_chunk: usize,
    /// Attachments that one item may have.
    pub attachments: usize,
    /// Bytes that one attachment may have.
    pub attachment_bytes: usize,
    /// How a language model is asked for facts.
    pub extraction: ExtractionSettings,
    /// How observations are made of facts.
    pub consolidation: ConsolidationSettings,
    /// Tokens that a part of a retain in the background has at most, if it is more than one item.
    pub batch_tokens: usize,
    /// Whether the texts of documents are kept.
    pub store_document_text: bool,
    /// Whether files are forgotten when their texts are remembered.
    pub delete_files: bool,
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
    /// Bytes of often asked banks up to the exact limit that are kept in memory; 0 = none.
    pub vector_cache: u64,
    /// Vectors of a large bank that the semantic arm looks at, at budget low, mid, high: as many
    /// of its nearest cells as hold about so many.
    pub scanned: [i64; 3],
    /// How a budget becomes a number of candidates; see [`Settings::per_arm`].
    pub budget_function: BudgetFunction,
    /// Candidates of each arm and type at budget low, mid, high, where they are fixed.
    pub budgets: [i64; 3],
    /// Candidates of each arm and type for each token asked for, at budget low, mid, high,
    /// where they are adaptive.
    pub budget_shares: [f64; 3],
    /// Fewest candidates of an adaptive budget.
    pub budget_min: i64,
    /// Most candidates of an adaptive budget.
    pub budget_max: i64,
    /// Candidates of each arm over all types that go on to fusion; 0 = all.
    pub max_candidates_per_source: i64,
    /// Words of a query that are searched for, the rarest; 0 = all.
    pub max_query_terms: usize,
    /// Keyword score below which the keyword arm finds nothing; 0 = every match counts.
    pub keyword_min_score: f64,
    /// Memories that hold one of the rare words alone and are candidates by it, at budget low, mid,
    /// high; a memory that holds two words always is one.
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
    /// Share of trigrams that stored names have in common with a new one to be looked at.
    pub entity_trigram_threshold: f64,
    /// Share of trigrams that two names have in common to be taken for one.
    pub entity_merge_similarity: f64,
    /// The same for two names that are new in one batch.
    pub entity_batch_similarity: f64,
    /// Stored names that one new name is compared with at most.
    pub entity_candidates: i64,
    /// New names that the database is asked about at once; at least 1.
    pub entity_names_at_once: usize,
    /// Cosine similarity from which two memories are linked.
    pub link_min_similarity: f64,
    /// How questions are answered.
    pub reflect: ReflectSettings,
    /// How long counts of banks are kept.
    pub stats_cache: StatsCacheSettings,
    /// How mental models are kept up to date.
    pub mental_models: MentalModelSettings,
    /// Which calls of language models are recorded.
    pub llm_trace: LlmTraceSettings,
}

/// How long counts are kept of banks that are not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsCacheSettings {
    /// How long; zero = they are not.
    pub life: Duration,
    /// Of how many banks; 0 = of none.
    pub banks: u64,
}

impl Default for StatsCacheSettings {
    fn default() -> Self {
        Self { life: Duration::from_mins(1), banks: 1024 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            extraction_mode: ExtractionMode::Concise,
            chunk_size: 3000,
            structured_chunk_size: None,
            attachments_per_chunk: 8,
            attachments: 50,
            attachment_bytes: 20 << 20,
            extraction: ExtractionSettings::default(),
            consolidation: ConsolidationSettings::default(),
            batch_tokens: 10_000,
            store_document_text: true,
            delete_files: true,
            text_search: true,
            graph: true,
            temporal: true,
            fusion: Fusion::Scores,
            recency: RecencyDecay::Linear { window: 365.0 },
            prefer_observations: false,
            mentions: [50, 100, 200],
            exact_limit: 20_000,
            vector_cache: 64 << 20,
            scanned: [8_000, 14_000, 28_000],
            budget_function: BudgetFunction::Fixed,
            budgets: [100, 300, 1000],
            budget_shares: [0.025, 0.075, 0.25],
            budget_min: 20,
            budget_max: 2000,
            max_candidates_per_source: 0,
            max_query_terms: 16,
            keyword_min_score: 0.0,
            postings: [1000, 2000, 4000],
            context: [50, 100, 200],
            min_similarity: 0.3,
            max_query_tokens: hindsight_types::limits::RECALL_QUERY_MAX_TOKENS,
            enable_reranking: true,
            rerank_max_candidates: 300,
            rerank_max_candidates_of_budget: [0; 3],
            rerank_max_tokens: None,
            rerank_budget: Duration::from_millis(150),
            entity_trigram_threshold: 0.3,
            entity_merge_similarity: 0.3,
            entity_batch_similarity: 0.5,
            entity_candidates: 200,
            entity_names_at_once: 100,
            link_min_similarity: 0.7,
            reflect: ReflectSettings::default(),
            stats_cache: StatsCacheSettings::default(),
            mental_models: MentalModelSettings::default(),
            llm_trace: LlmTraceSettings::default(),
        }
    }
}

/// The value of a setting that a bank may have, if it may be that; null takes it back. An error
/// says what it may be.
pub fn bank_setting(name: &str, value: Value) -> Result<Value, String> {
    crate::bank_config::check_field(name, value)
}

impl Settings {
    /// These settings with a bank's own in front. The bank's were checked when they were
    /// set; a value that is not usable all the same leaves the default.
    #[must_use]
    pub fn of_bank(&self, config: &Value) -> Self {
        let size = |key: &str| config.get(key)?.as_u64().and_then(|size| usize::try_from(size).ok());
        let flag = |key: &str| config.get(key)?.as_bool();
        let count = |key: &str| config.get(key)?.as_i64().filter(|count| *count > 0);
        let share = |key: &str| config.get(key)?.as_f64().filter(|share| *share > 0.0);
        let mode = config.get("retain_extraction_mode").and_then(Value::as_str);
        let function = config.get("recall_budget_function").and_then(Value::as_str);
        let [low, mid, high] = self.budgets;
        let [low_share, mid_share, high_share] = self.budget_shares;
        Self {
            extraction_mode: mode.and_then(|mode| mode.parse().ok()).unwrap_or(self.extraction_mode),
            chunk_size: size("retain_chunk_size").unwrap_or(self.chunk_size),
            structured_chunk_size: size("retain_structured_chunk_size").or(self.structured_chunk_size),
            attachments_per_chunk: size("retain_max_attachments_per_chunk")
                .filter(|most| *most > 0)
                .unwrap_or(self.attachments_per_chunk),
            extraction: self.extraction.of_bank(config),
            consolidation: self.consolidation.of_bank(config),
            store_document_text: flag("store_document_text").unwrap_or(self.store_document_text),
            text_search: flag("enable_text_search").unwrap_or(self.text_search),
            graph: flag("enable_graph_retrieval").unwrap_or(self.graph),
            temporal: flag("enable_temporal_retrieval").unwrap_or(self.temporal),
            prefer_observations: flag("recall_prefer_observations").unwrap_or(self.prefer_observations),
            enable_reranking: flag("enable_reranking").unwrap_or(self.enable_reranking),
            budget_function: function.and_then(|word| word.parse().ok()).unwrap_or(self.budget_function),
            budgets: [
                count("recall_budget_fixed_low").unwrap_or(low),
                count("recall_budget_fixed_mid").unwrap_or(mid),
                count("recall_budget_fixed_high").unwrap_or(high),
            ],
            budget_shares: [
                share("recall_budget_adaptive_low").unwrap_or(low_share),
                share("recall_budget_adaptive_mid").unwrap_or(mid_share),
                share("recall_budget_adaptive_high").unwrap_or(high_share),
            ],
            budget_min: count("recall_budget_min").unwrap_or(self.budget_min),
            budget_max: count("recall_budget_max").unwrap_or(self.budget_max),
            reflect: self.reflect.of_bank(config),
            mental_models: self.mental_models.of_bank(config),
            ..self.clone()
        }
    }

    /// Share of trigrams from which the database is asked for similar names.
    pub fn entity_similarity(&self) -> f64 {
        self.entity_trigram_threshold.max(self.entity_merge_similarity)
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

    /// Candidates of each arm and type for a recall of this breadth and size.
    pub fn per_arm(&self, budget: Budget, max_tokens: i64) -> i64 {
        let [low, mid, high] = self.budgets;
        let [low_share, mid_share, high_share] = self.budget_shares;
        let (fixed, share) = match budget {
            Budget::Low => (low, low_share),
            Budget::Mid => (mid, mid_share),
            Budget::High => (high, high_share),
        };
        match self.budget_function {
            BudgetFunction::Fixed => fixed,
            BudgetFunction::Adaptive => {
                let wanted = (max_tokens as f64 * share).round_ties_even();
                #[expect(clippy::cast_possible_truncation, reason = "larger numbers become the largest one")]
                let wanted = wanted as i64;
                // Bounds that cross, as a bank's and the server's may: the lower one counts.
                wanted.min(self.budget_max).max(self.budget_min)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(settings: &Settings, max_tokens: i64) -> [i64; 3] {
        [Budget::Low, Budget::Mid, Budget::High].map(|budget| settings.per_arm(budget, max_tokens))
    }

    #[test]
    fn fixed_budgets_do_not_ask_for_the_tokens() {
        let settings = Settings::default();
        for max_tokens in [0, 4096, i64::MAX] {
            assert_eq!(all(&settings, max_tokens), [100, 300, 1000]);
        }
    }

    #[test]
    fn adaptive_budgets_are_a_share_between_bounds() {
        let settings = Settings { budget_function: BudgetFunction::Adaptive, ..Settings::default() };
        assert_eq!(all(&settings, 4096), [102, 307, 1024]);
        assert_eq!(all(&settings, 0), [20, 20, 20], "never fewer than the lower bound");
        assert_eq!(all(&settings, i64::MAX), [2000, 2000, 2000], "never more than the upper one");
        let crossed = Settings { budget_min: 500, budget_max: 50, ..settings };
        assert_eq!(all(&crossed, 4096), [500, 500, 500]);
    }

    #[test]
    fn a_bank_has_its_own_budgets() {
        let server = Settings::default();
        let bank = server.of_bank(&json!({
            "recall_budget_function": "adaptive", "recall_budget_adaptive_low": 0.5,
            "recall_budget_fixed_high": 50, "recall_budget_min": 1, "recall_budget_max": 600,
        }));
        assert_eq!(all(&bank, 1000), [500, 75, 250]);
        assert_eq!(all(&bank, 2000), [600, 150, 500]);
        assert_eq!(bank.budgets, [100, 300, 50]);
        // What older data may hold leaves what the server says.
        let odd = json!({
            "recall_budget_function": "huge", "recall_budget_fixed_low": -1, "recall_budget_adaptive_low": 0,
            "recall_budget_min": "1", "recall_budget_max": null,
        });
        assert_eq!(server.of_bank(&odd), server);
    }

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
        let bank = json!({"enable_reranking": false});
        assert!(!settings.of_bank(&bank).enable_reranking);
    }
}
