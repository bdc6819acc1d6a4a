//! Reads one chunk: asks, asks again, cuts in two.

use futures::FutureExt;
use futures::future::{BoxFuture, join};
use hindsight_types::retain::TokenUsage;
use sha2::{Digest, Sha256};

use super::facts::facts;
use super::outcome::{ChunkFailure, ChunkOutcome, Extraction};
use super::prompt::{ChunkText, Questions, operation};
use super::reply::{self, Answer, Verdict};
use super::split::halves;
use super::{earlier, wording};
use crate::config::{ExtractionMode, ExtractionSettings};
use crate::ports::{LanguageModel, LlmFailure, Message, Prompt};
use crate::store::{BankKey, Store};

/// Of an answer that was not good, so much is shown to the model again, in characters.
const SHOWN_AGAIN: usize = 4000;

/// Reads chunks with a model.
pub(crate) struct Reader<'r> {
    /// Who is asked.
    pub(crate) llm: &'r dyn LanguageModel,
    /// How.
    pub(crate) questions: Questions,
    /// The settings behind that.
    pub(crate) settings: &'r ExtractionSettings,
    /// Where answers are kept until their document is written; none = they are not.
    pub(crate) memory: Option<Memory<'r>>,
}

/// Where answers are kept.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'r> {
    /// The database.
    pub(crate) store: &'r Store,
    /// The bank they are for.
    pub(crate) bank: BankKey,
    /// What they are dated by.
    pub(crate) now: chrono::DateTime<chrono::Utc>,
}

/// An answer, or why there is none.
enum Asked {
    Answered(Answer),
    TooLong,
    Failed(ChunkFailure),
}

impl Reader<'_> {
    /// The facts of a chunk.
    pub(crate) fn read<'a>(&'a self, chunk: &'a ChunkText) -> BoxFuture<'a, ChunkOutcome> {
        self.read_piece(chunk).boxed()
    }

    async fn read_piece(&self, chunk: &ChunkText) -> ChunkOutcome {
        let key = self.key(chunk);
        if let Some(known) = self.remembered(&key).await {
            return ChunkOutcome { result: Ok(known), usage: TokenUsage::default(), keys: vec![key] };
        }
        let (asked, usage) = self.ask(chunk).await;
        let mut outcome = match asked {
            Asked::Answered(answer) => {
                let extraction = facts(&answer, chunk, self.questions.mode, self.settings);
                ChunkOutcome { result: Ok(extraction), usage, keys: Vec::new() }
            }
            Asked::Failed(failure) => return ChunkOutcome { result: Err(failure), usage, keys: Vec::new() },
            Asked::TooLong => self.read_halves(chunk, usage).await,
        };
        if let Ok(extraction) = &outcome.result {
            self.remember(&key, extraction).await;
            outcome.keys.push(key);
        }
        outcome
    }

    async fn read_halves(&self, chunk: &ChunkText, mut usage: TokenUsage) -> ChunkOutcome {
        let Some((first, second)) = halves(&chunk.text) else {
            let characters = chunk.text.chars().count();
            return ChunkOutcome {
                result: Err(ChunkFailure::TooLong { characters }),
                usage,
                keys: Vec::new(),
            };
        };
        tracing::info!(chunk = chunk.number, "the answer for a chunk was too long; it is read in two pieces");
        let before = earlier([chunk.earlier.as_str(), first.as_str()].into_iter());
        let first = ChunkText { text: first, ..chunk.clone() };
        let second = ChunkText { text: second, earlier: before, ..chunk.clone() };
        let (first, second) = join(self.read(&first), self.read(&second)).await;
        usage += first.usage;
        usage += second.usage;
        let keys = first.keys.into_iter().chain(second.keys).collect();
        let result = first.result.and_then(|mut whole| {
            whole.append(second.result?);
            Ok(whole)
        });
        let result = result.map(|whole| self.one_of_verbatim(whole, chunk));
        ChunkOutcome { result, usage, keys }
    }

    /// A chunk that is kept word for word is one fact, in however many pieces it was described.
    fn one_of_verbatim(&self, whole: Extraction, chunk: &ChunkText) -> Extraction {
        if self.questions.mode != ExtractionMode::Verbatim {
            return whole;
        }
        let mut pieces = whole.facts.into_iter();
        let mut fact = pieces.next().unwrap_or_default();
        chunk.in_words().trim().clone_into(&mut fact.text);
        for piece in pieces {
            fact.occurred = fact.occurred.or(piece.occurred);
            for (known, more) in [
                (&mut fact.entities, piece.entities),
                (&mut fact.labels, piece.labels),
                (&mut fact.tags, piece.tags),
                (&mut fact.attachments, piece.attachments),
            ] {
                known.extend(more);
                let mut seen = std::collections::HashSet::new();
                known.retain(|one| seen.insert(one.clone()));
            }
        }
        Extraction { facts: vec![fact], dropped: whole.dropped }
    }

    /// Asks until the answer is good or the attempts are used up.
    async fn ask(&self, chunk: &ChunkText) -> (Asked, TokenUsage) {
        let mut usage = TokenUsage::default();
        let mut prompt = self.questions.of(chunk);
        let mut best: Option<Answer> = None;
        let mut problem = String::new();
        let attempts = self.settings.content_retries.saturating_add(1);
        for attempt in 1..=attempts {
            let reply = match self.llm.ask(prompt.clone()).await {
                Ok(reply) => reply,
                Err(error) => {
                    usage += error.usage;
                    let asked = match error.failure {
                        LlmFailure::OutputTooLong => Asked::TooLong,
                        failure => Asked::Failed(ChunkFailure::Model(failure)),
                    };
                    return (asked, usage);
                }
            };
            usage += reply.usage;
            let value = reply.value.unwrap_or_default();
            let (answer, correction) =
                match reply::read(&value, self.questions.mode != ExtractionMode::Verbatim) {
                    Verdict::Sound(answer) => return (Asked::Answered(answer), usage),
                    Verdict::Partly(answer, correction) => (Some(answer), correction),
                    Verdict::Unusable(correction) => (None, correction),
                };
            tracing::debug!(chunk = chunk.number, attempt, "an answer was not usable");
            if let Some(answer) = answer
                && best.as_ref().is_none_or(|best| answer.facts.len() > best.facts.len())
            {
                best = Some(answer);
            }
            correct(&mut prompt, &reply.text, &correction);
            problem = correction;
        }
        let asked = match best {
            Some(answer) => {
                tracing::warn!(
                    chunk = chunk.number,
                    malformed = answer.malformed,
                    "parts of an answer were not usable"
                );
                Asked::Answered(answer)
            }
            None => Asked::Failed(ChunkFailure::Content { attempts, problem }),
        };
        (asked, usage)
    }

    /// What the answer for a chunk is kept under: a hash of everything it depends on.
    fn key(&self, chunk: &ChunkText) -> Vec<u8> {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        };
        add(&wording::VERSION.to_string());
        add(&self.llm.name(operation(chunk)));
        add(self.questions.mode.as_str());
        add(if self.settings.free_form_entities { "free" } else { "labels" });
        for part in self.questions.key_parts(chunk) {
            add(&part);
        }
        hash.finalize().to_vec()
    }

    async fn remembered(&self, key: &[u8]) -> Option<Extraction> {
        let memory = self.memory?;
        let kept = memory.store.extraction(memory.bank, key).await;
        // Without it the question is only asked once more.
        kept.inspect_err(|error| tracing::warn!(%error, "a kept answer could not be read")).ok().flatten()
    }

    async fn remember(&self, key: &[u8], extraction: &Extraction) {
        let Some(memory) = self.memory else { return };
        if let Err(error) = memory.store.keep_extraction(memory.bank, key, extraction, memory.now).await {
            tracing::warn!(%error, "an answer could not be kept; it is asked for again if the retain fails");
        }
    }
}

/// Goes on with the conversation: what the model said, and what is wrong with it. Of several
/// bad answers only the last is shown, so that the question does not grow.
fn correct(prompt: &mut Prompt, said: &str, correction: &str) {
    prompt.messages.truncate(2);
    if !said.is_empty() {
        let text = said.chars().take(SHOWN_AGAIN).collect();
        prompt.messages.push(Message::Assistant { text, tool_calls: Vec::new() });
    }
    prompt.messages.push(Message::User(format!("This cannot be used: {correction}.")));
}
