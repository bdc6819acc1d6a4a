//! The one thread that computes vectors.
//!
//! It takes one small batch at a time: queries first, then the passages of one caller after the
//! other. So a query waits for one batch at most, and a large import does not starve small ones.
//! Texts become tokens with their batch, not when they arrive: that takes time too. Queries
//! without end leave every ninth batch to passages.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::mpsc;

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Texts in a batch at most.
const BATCH_TEXTS: usize = 8;
/// Tokens in a batch at most, padding included, unless a single text has more. Larger batches are
/// not faster on a CPU, and a query has to wait for the one that is being computed.
const BATCH_TOKENS: usize = 384;
/// Batches of queries in a row while passages wait.
const QUERIES_IN_A_ROW: usize = 8;

/// What turns texts into vectors; the real one is [`super::model::Model`].
pub(super) trait Encode: Send {
    /// The tokens of a text, at least one.
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError>;

    /// One vector per text.
    fn encode(&mut self, batch: &[&[u32]]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// One call for vectors.
pub(super) struct Job {
    pub(super) purpose: EmbedPurpose,
    pub(super) texts: Vec<String>,
    pub(super) reply: oneshot::Sender<Result<Vec<Vec<f32>>, EmbedError>>,
    /// Places in the queue, free again when the job ends in any way.
    pub(super) places: OwnedSemaphorePermit,
}

/// A call in work.
struct Work {
    /// Texts that are no tokens yet, with their place in the call; the shortest last.
    texts: Vec<(usize, String)>,
    /// The text that did not fit into the batch before.
    next: Option<Tokens>,
    /// In the order of the texts; empty until computed.
    vectors: Vec<Vec<f32>>,
    reply: oneshot::Sender<Result<Vec<Vec<f32>>, EmbedError>>,
    _places: OwnedSemaphorePermit,
}

/// The tokens of a text and its place in the call.
type Tokens = (usize, Vec<u32>);

/// Serves jobs until their sender is gone.
pub(super) fn run(mut encoder: impl Encode, jobs: &mpsc::Receiver<Job>) {
    let mut queries = VecDeque::new();
    let mut passages = VecDeque::new();
    let mut queries_in_a_row = 0;
    loop {
        let mut next = if queries.is_empty() && passages.is_empty() {
            match jobs.recv() {
                Ok(job) => Some(job),
                Err(mpsc::RecvError) => return,
            }
        } else {
            jobs.try_recv().ok()
        };
        while let Some(job) = next {
            let lane = match job.purpose {
                EmbedPurpose::Query => &mut queries,
                EmbedPurpose::Passage => &mut passages,
            };
            lane.push_back(Work::new(job));
            next = jobs.try_recv().ok();
        }
        let passages_turn = queries_in_a_row >= QUERIES_IN_A_ROW && !passages.is_empty();
        let lane = if queries.is_empty() || passages_turn {
            queries_in_a_row = 0;
            &mut passages
        } else {
            queries_in_a_row += 1;
            &mut queries
        };
        if let Some(work) = lane.pop_front() {
            lane.extend(work.advance(&mut encoder));
        }
    }
}

impl Work {
    fn new(job: Job) -> Self {
        let vectors = vec![Vec::new(); job.texts.len()];
        // Texts of about one length stand together, so that little is padded.
        let mut texts: Vec<_> = job.texts.into_iter().enumerate().collect();
        texts.sort_by_key(|(_, text)| Reverse(text.len()));
        Self { texts, next: None, vectors, reply: job.reply, _places: job.places }
    }

    /// Computes the next batch; answers the call after its last one, or when one fails.
    fn advance(mut self, encoder: &mut impl Encode) -> Option<Self> {
        // The caller may go at any time: then nobody needs an answer.
        if self.reply.is_closed() {
            return None;
        }
        if let Err(error) = self.compute(encoder) {
            let _ = self.reply.send(Err(error));
            return None;
        }
        if self.texts.is_empty() && self.next.is_none() {
            let _ = self.reply.send(Ok(self.vectors));
            return None;
        }
        Some(self)
    }

    fn compute(&mut self, encoder: &mut impl Encode) -> Result<(), EmbedError> {
        let batch = self.next_batch(encoder)?;
        let texts: Vec<&[u32]> = batch.iter().map(|(_, tokens)| tokens.as_slice()).collect();
        let vectors = encoder.encode(&texts)?;
        for ((index, _), vector) in batch.into_iter().zip(vectors) {
            if let Some(place) = self.vectors.get_mut(index) {
                *place = vector;
            }
        }
        Ok(())
    }

    /// At least one text, as long as there is any.
    fn next_batch(&mut self, encoder: &impl Encode) -> Result<Vec<Tokens>, EmbedError> {
        let mut batch: Vec<Tokens> = self.next.take().into_iter().collect();
        let mut longest = batch.first().map_or(0, |(_, tokens)| tokens.len());
        while batch.len() < BATCH_TEXTS
            && let Some((index, text)) = self.texts.pop()
        {
            let tokens = encoder.tokens(&text)?;
            longest = longest.max(tokens.len());
            // All are padded to the longest.
            if !batch.is_empty() && (batch.len() + 1) * longest > BATCH_TOKENS {
                self.next = Some((index, tokens));
                break;
            }
            batch.push((index, tokens));
        }
        Ok(batch)
    }
}
