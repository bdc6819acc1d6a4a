//! Has a language model read the chunks of a request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use hindsight_types::retain::{DroppedFacts, ExtractionReport, TokenUsage};

use serde_json::{Map, Value, json};

use super::extract::{ChunkFailure, ChunkOutcome, ChunkText, Dropped, Memory, Questions, Reader, earlier};
use super::facts::{CutDocument, description};
use super::strategy::Plans;
use crate::attachments::{Attachment, described, has_marks, ids};
use crate::error::Remedy;
use crate::jobs::Errand;
use crate::model_calls::Run;
use crate::ports::LlmFailure;
use crate::store::BankKey;
use crate::{Engine, EngineError};

/// Chunks that an error names, one by one.
const NAMED: usize = 5;
/// Answers that nobody came back for are kept for so many days.
const KEPT_DAYS: i64 = 7;

/// What a model made of the chunks of a request.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// What that cost.
    pub(super) usage: TokenUsage,
    /// What became of the chunks.
    pub(super) report: ExtractionReport,
    /// What its answers are kept under.
    pub(super) keys: Vec<Vec<u8>>,
}

impl Reading {
    /// What the result of an operation says of it that has cost so much in all its attempts.
    pub(super) fn told(&self, spent: Option<TokenUsage>) -> Map<String, Value> {
        Map::from_iter([
            ("usage".to_owned(), json!(spent.unwrap_or(self.usage))),
            ("extraction".to_owned(), json!(self.report)),
        ])
    }
}

impl std::ops::AddAssign for Reading {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.report += other.report;
        self.keys.extend(other.keys);
    }
}

/// A chunk to read, and whose it is.
struct Job<'p> {
    document: usize,
    chunk: usize,
    strategy: Option<&'p str>,
    text: ChunkText,
}

impl Engine {
    /// Gives every chunk that has none and is not stored its facts. None when no chunk needs a model.
    ///
    /// With a bank, answers are kept for it until they are forgotten: a request that fails has
    /// paid for nothing twice. Fails when a chunk was not read.
    pub(super) async fn read_chunks(
        &self,
        run: Option<&Run<'_>>,
        bank: Option<BankKey>,
        documents: &mut [CutDocument],
        plans: &Plans,
        errand: &Errand,
    ) -> Result<Option<Reading>, EngineError> {
        let Some(llm) = run else { return Ok(None) };
        let jobs = jobs(documents);
        if jobs.is_empty() {
            return Ok(None);
        }
        // Answers and their failures are of now, not of when the texts were handed over.
        let now = self.clock.now();
        let memory = bank.map(|bank| Memory { store: &self.store, bank, now });
        let readers: HashMap<Option<&str>, Reader<'_>> = jobs
            .iter()
            .map(|job| {
                let settings = plans.settings(job.strategy);
                let questions = Questions::new(settings.extraction_mode, &settings.extraction);
                let reader = Reader { llm, questions, settings: &settings.extraction, memory };
                (job.strategy, reader)
            })
            .collect();
        let concurrency = self.settings.extraction.concurrency.max(1);
        let is_useless = AtomicBool::new(false);
        // Boxed one by one: of a closure over them the compiler does not see that it may be sent.
        let readings: Vec<BoxFuture<'_, _>> =
            jobs.iter().map(|job| read_job(&readers, &is_useless, job).boxed()).collect();
        let total = readings.len();
        let mut outcomes: Vec<(usize, usize, ChunkOutcome)> = Vec::with_capacity(total);
        let mut readings = stream::iter(readings).buffer_unordered(concurrency);
        errand.progress.note("extracting", 0, total, now);
        while let Some(outcome) = readings.next().await {
            errand.progress.spend(outcome.2.usage);
            outcomes.push(outcome);
            errand.progress.note("extracting", outcomes.len(), total, self.clock.now());
        }
        drop(readings);
        drop(readers);
        drop(jobs);
        outcomes.sort_unstable_by_key(|(document, chunk, _)| (*document, *chunk));
        take_outcomes(outcomes, documents, now).map(Some)
    }

    /// Lets go of answers whose documents are written.
    pub(super) async fn forget_answers(&self, bank: BankKey, keys: &[Vec<u8>]) {
        if let Err(error) = self.store.forget_extractions(bank, keys).await {
            tracing::warn!(%error, "answers that are no longer needed were not removed; they are later");
        }
    }

    /// Removes answers of language models that no retain came back for. Returns their number.
    pub async fn sweep_extractions(&self) -> Result<u64, EngineError> {
        let before = self.clock.now() - chrono::TimeDelta::days(KEPT_DAYS);
        Ok(self.store.sweep_extractions(before).await?)
    }
}

/// Gives the chunks their facts and adds up what that cost. Fails when a chunk has none.
fn take_outcomes(
    outcomes: Vec<(usize, usize, ChunkOutcome)>,
    documents: &mut [CutDocument],
    now: DateTime<Utc>,
) -> Result<Reading, EngineError> {
    let mut reading = Reading::default();
    let mut dropped = Dropped::default();
    let mut failures: Vec<(usize, usize, ChunkFailure)> = Vec::new();
    for (document, chunk, outcome) in outcomes {
        reading.usage += outcome.usage;
        reading.keys.extend(outcome.keys);
        match outcome.result {
            Err(failure) => failures.push((document, chunk, failure)),
            Ok(extraction) => {
                let count = i64::try_from(extraction.facts.len()).unwrap_or(i64::MAX);
                reading.report.facts += count;
                if count == 0 {
                    reading.report.chunks_empty += 1;
                } else {
                    reading.report.chunks_done += 1;
                }
                dropped += extraction.dropped;
                let chunks = documents.get_mut(document).map(|document| &mut document.chunks);
                if let Some(chunk) = chunks.and_then(|chunks| chunks.get_mut(chunk)) {
                    chunk.facts = Some(extraction.facts);
                }
            }
        }
    }
    reading.report.facts_dropped = DroppedFacts {
        malformed: dropped.malformed.into(),
        empty: dropped.empty.into(),
        no_evidence: dropped.no_evidence.into(),
    };
    if !failures.is_empty() {
        tracing::warn!(
            failed = failures.len(),
            read = reading.report.chunks_done + reading.report.chunks_empty,
            tokens = reading.usage.total_tokens,
            "a retain failed in a language model; what it answered is kept"
        );
        return Err(EngineError::Extraction {
            message: message(&failures, documents),
            remedy: remedy(&failures, now),
        });
    }
    if dropped != Dropped::default() {
        tracing::info!(?dropped, "facts of a language model were left out");
    }
    Ok(reading)
}

/// Reads a chunk, unless another one has shown that it is no use.
async fn read_job(
    readers: &HashMap<Option<&str>, Reader<'_>>,
    is_useless: &AtomicBool,
    job: &Job<'_>,
) -> (usize, usize, ChunkOutcome) {
    let reader = readers.get(&job.strategy).filter(|_| !is_useless.load(Ordering::Relaxed));
    let outcome = match reader {
        Some(reader) => reader.read(&job.text).await,
        None => ChunkOutcome::not_tried(),
    };
    // Those under way are waited for: they are paid for.
    if outcome.result.as_ref().is_err_and(ChunkFailure::is_shared) {
        is_useless.store(true, Ordering::Relaxed);
    }
    (job.document, job.chunk, outcome)
}

/// The chunks that are to be read, with what their readers have to know.
fn jobs(documents: &[CutDocument]) -> Vec<Job<'_>> {
    let mut jobs = Vec::new();
    for (document, cut) in documents.iter().enumerate() {
        let attachments: HashMap<&str, &Attachment> =
            cut.source.attachments.iter().map(|attachment| (attachment.id.as_str(), attachment)).collect();
        let find = |id: String| attachments.get(id.as_str()).map(|attachment| (*attachment).clone());
        for (chunk, piece) in cut.chunks.iter().enumerate().filter(|(_, piece)| piece.is_unread()) {
            let Some(part) = cut.source.parts.get(piece.part) else { continue };
            // Only what comes from the same place can have been meant to be read before.
            let is_before = |other: &usize| {
                cut.source.parts.get(*other).is_some_and(|other| other.context == part.context)
            };
            let before = cut.chunks.iter().take(chunk).filter(|other| is_before(&other.part));
            let texts = cut.before.as_deref().into_iter().chain(before.map(|other| other.text.as_str()));
            let texts = texts.map(|text| in_words(text, &attachments));
            jobs.push(Job {
                document,
                chunk,
                strategy: part.strategy.as_deref(),
                text: ChunkText {
                    text: piece.text.clone(),
                    number: chunk + 1,
                    total: cut.chunks.len(),
                    said_at: part.said_at,
                    context: part.context.clone(),
                    metadata: part.metadata.clone(),
                    earlier: earlier(texts),
                    attachments: ids(&piece.text).into_iter().filter_map(find).collect(),
                    document_id: Some(cut.source.document_id.clone()),
                },
            });
        }
    }
    jobs
}

/// A text with words in place of its marks.
fn in_words<'t>(text: &'t str, attachments: &HashMap<&str, &Attachment>) -> Cow<'t, str> {
    if has_marks(text) {
        Cow::Owned(described(text, |id| description(attachments.get(id).copied())))
    } else {
        Cow::Borrowed(text)
    }
}

/// Which chunks were not read, and why.
fn message(failures: &[(usize, usize, ChunkFailure)], documents: &[CutDocument]) -> String {
    let tried = || failures.iter().filter(|(.., failure)| *failure != ChunkFailure::NotTried);
    let mut reasons: Vec<String> = tried()
        .take(NAMED)
        .map(|(document, chunk, failure)| {
            let (id, chunks) = documents
                .get(*document)
                .map_or(("", 0), |document| (document.source.document_id.as_str(), document.chunks.len()));
            format!("document '{id}', chunk {} of {chunks}: {failure}", chunk + 1)
        })
        .collect();
    let more = tried().count().saturating_sub(NAMED);
    if more > 0 {
        reasons.push(format!("{more} more chunks failed"));
    }
    let untried = failures.len() - tried().count();
    if untried > 0 {
        reasons.push(format!("{untried} more chunks were not tried"));
    }
    format!(
        "the language model did not read all of the text, so nothing was stored: {}; what it did read is kept \
         for the next try",
        reasons.join("; ")
    )
}

/// What can be done about failures: what needs somebody's hand before what does not, and of
/// several waits the longest.
fn remedy(failures: &[(usize, usize, ChunkFailure)], now: DateTime<Utc>) -> Remedy {
    let mut remedy = Remedy::Retry;
    for (.., failure) in failures {
        let ChunkFailure::Model(failure) = failure else { continue };
        let this = match failure {
            LlmFailure::Denied(_) | LlmFailure::Rejected(_) => Remedy::Configure,
            LlmFailure::Refused(_) => Remedy::Rewrite,
            LlmFailure::QuotaUntil(at) => {
                Remedy::Wait((*at - now).to_std().unwrap_or_default().max(Duration::from_secs(1)))
            }
            LlmFailure::Busy(_) => Remedy::Busy,
            _ => Remedy::Retry,
        };
        remedy = remedy.max(this);
    }
    remedy
}
