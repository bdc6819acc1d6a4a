//! The one thread that computes vectors.
//!
//! It takes one small batch at a time: queries first, then the passages of one caller after the
//! other. So a query waits for one batch at most, and a large import does not starve small ones.

use std::collections::VecDeque;
use std::sync::mpsc;

use hindsight_engine::ports::{EmbedError, EmbedPurpose};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Texts in a batch at most.
const BATCH_TEXTS: usize = 8;
/// Tokens in a batch at most, padding included, unless a single text has more. Larger batches are
/// not faster on a CPU, and a query has to wait for the one that is being computed.
const BATCH_TOKENS: usize = 384;

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
    texts: Vec<Vec<u32>>,
    /// Which texts to compute together.
    batches: VecDeque<Vec<usize>>,
    /// In the order of the texts; empty until computed.
    vectors: Vec<Vec<f32>>,
    reply: oneshot::Sender<Result<Vec<Vec<f32>>, EmbedError>>,
    _places: OwnedSemaphorePermit,
}

/// Serves jobs until their sender is gone.
pub(super) fn run(mut encoder: impl Encode, jobs: &mpsc::Receiver<Job>) {
    let mut queries = VecDeque::new();
    let mut passages = VecDeque::new();
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
            lane.extend(Work::begin(job, &encoder));
            next = jobs.try_recv().ok();
        }
        let lane = if queries.is_empty() { &mut passages } else { &mut queries };
        if let Some(work) = lane.pop_front() {
            lane.extend(work.advance(&mut encoder));
        }
    }
}

impl Work {
    /// Prepares a job; one that cannot be prepared is answered at once.
    fn begin(job: Job, encoder: &impl Encode) -> Option<Self> {
        if job.reply.is_closed() {
            return None;
        }
        match job.texts.iter().map(|text| encoder.tokens(text)).collect::<Result<Vec<_>, _>>() {
            Ok(texts) => Some(Self {
                batches: batches(&texts),
                vectors: vec![Vec::new(); texts.len()],
                texts,
                reply: job.reply,
                _places: job.places,
            }),
            Err(error) => {
                // The caller may have gone: then nobody needs to know.
                let _ = job.reply.send(Err(error));
                None
            }
        }
    }

    /// Computes the next batch; answers the call after its last one.
    fn advance(mut self, encoder: &mut impl Encode) -> Option<Self> {
        if self.reply.is_closed() {
            return None;
        }
        if let Some(batch) = self.batches.pop_front() {
            let texts: Vec<&[u32]> =
                batch.iter().filter_map(|&index| self.texts.get(index)).map(Vec::as_slice).collect();
            match encoder.encode(&texts) {
                Ok(vectors) => {
                    for (index, vector) in batch.into_iter().zip(vectors) {
                        if let Some(place) = self.vectors.get_mut(index) {
                            *place = vector;
                        }
                    }
                }
                Err(error) => {
                    let _ = self.reply.send(Err(error));
                    return None;
                }
            }
        }
        if self.batches.is_empty() {
            let _ = self.reply.send(Ok(self.vectors));
            return None;
        }
        Some(self)
    }
}

/// Cuts texts, sorted by length so that little is padded, into batches.
fn batches(texts: &[Vec<u32>]) -> VecDeque<Vec<usize>> {
    let mut order: Vec<(usize, usize)> = texts.iter().map(Vec::len).enumerate().collect();
    order.sort_by_key(|&(_, length)| length);
    let mut batches: VecDeque<Vec<usize>> = VecDeque::new();
    for (index, length) in order {
        match batches.back_mut() {
            // The text at hand is the longest so far: all others are padded to it.
            Some(batch) if batch.len() < BATCH_TEXTS && (batch.len() + 1) * length <= BATCH_TOKENS => {
                batch.push(index);
            }
            _ => batches.push_back(vec![index]),
        }
    }
    batches
}
