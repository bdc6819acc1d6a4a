//! What became of a chunk.

use hindsight_types::retain::TokenUsage;
use serde::{Deserialize, Serialize};

use crate::ports::LlmFailure;
use crate::retain::extracted::ExtractedFact;

/// Facts that were not kept, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Entries that are no facts.
    pub(crate) malformed: u32,
    /// Facts that state nothing.
    pub(crate) empty: u32,
    /// Facts with a name, number or date that the text does not give.
    pub(crate) no_evidence: u32,
}

impl std::ops::AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        self.malformed += other.malformed;
        self.empty += other.empty;
        self.no_evidence += other.no_evidence;
    }
}

/// What was read from a text. This is what is kept until its document is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extraction {
    /// The facts, in order.
    pub(crate) facts: Vec<ExtractedFact>,
    /// What was left out.
    pub(crate) dropped: Dropped,
}

impl Extraction {
    /// Adds what was read from the text behind this one.
    pub(super) fn append(&mut self, mut other: Self) {
        let before = self.facts.len();
        for fact in &mut other.facts {
            for cause in &mut fact.caused_by {
                *cause += before;
            }
        }
        self.facts.append(&mut other.facts);
        self.dropped += other.dropped;
    }
}

/// Why a chunk was not read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ChunkFailure {
    /// The model gave no answer.
    #[error("{0}")]
    Model(LlmFailure),
    /// It answered again and again, but never with facts.
    #[error("no usable answer after {attempts} attempts: {problem}")]
    Content {
        /// Number of answers.
        attempts: u32,
        /// What is wrong with the last one.
        problem: String,
    },
    /// Even for a short piece the answer was longer than it may be.
    #[error("the answer for a piece of {characters} characters was longer than the model may write")]
    TooLong {
        /// Length of the piece.
        characters: usize,
    },
    /// Another chunk has shown that asking is no use at the moment.
    #[error("not tried")]
    NotTried,
}

impl ChunkFailure {
    /// Whether the other chunks would fail for the same reason.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(
            self,
            Self::Model(
                LlmFailure::Denied(_)
                    | LlmFailure::QuotaUntil(_)
                    | LlmFailure::Busy(_)
                    | LlmFailure::Rejected(_)
            )
        )
    }
}

/// What became of a chunk, and what that cost.
#[derive(Debug)]
pub(crate) struct ChunkOutcome {
    /// The facts, or why there are none. No facts are a result too.
    pub(crate) result: Result<Extraction, ChunkFailure>,
    /// Tokens of all attempts. Nothing for what was read before.
    pub(crate) usage: TokenUsage,
    /// What its answers are kept under, those of its pieces included.
    pub(crate) keys: Vec<Vec<u8>>,
}

impl ChunkOutcome {
    /// Of a chunk that nobody was asked about.
    pub(crate) fn not_tried() -> Self {
        Self { result: Err(ChunkFailure::NotTried), usage: TokenUsage::default(), keys: Vec::new() }
    }
}
