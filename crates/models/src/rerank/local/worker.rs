//! The one thread that scores pairs.
//!
//! It serves one call after the other. Documents are taken in waves from the front; within a wave
//! those of about one length are scored together, so that little is padded. Before every batch
//! it looks at the time: a batch is as large as the speed so far says will be ready in time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use hindsight_engine::ports::RerankError;
use tokio::sync::oneshot;

/// Documents of a wave.
const WAVE: usize = 32;
/// Tokens in a batch at most, padding included, unless a single pair has more. Larger batches
/// are not faster on a CPU.
const BATCH_TOKENS: usize = 1024;
/// What a new measurement of the speed counts against those before.
const NEWEST: f64 = 0.3;

/// A query and a document as token numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) ids: Vec<i64>,
    /// Which of the two a token belongs to.
    pub(super) kinds: Vec<i64>,
}

/// What scores pairs; the real one is [`super::model::Model`].
pub(super) trait Score: Send {
    /// The query as it is put into pairs: cut where it is too long.
    fn query(&self, query: &str) -> Result<String, RerankError>;

    /// The tokens of a pair, at least one.
    fn pair(&self, query: &str, document: &str) -> Result<Pair, RerankError>;

    /// One score from 0 to 1 for each pair.
    fn score(&mut self, batch: &[Pair]) -> Result<Vec<f64>, RerankError>;
}

/// Scores as they come, shared with the caller.
pub(super) type Scores = Arc<Mutex<Vec<Option<f64>>>>;

/// One call.
pub(super) struct Job {
    pub(super) query: String,
    pub(super) documents: Vec<String>,
    pub(super) deadline: Instant,
    pub(super) scores: Scores,
    pub(super) done: oneshot::Sender<Result<(), RerankError>>,
}

/// Serves jobs until their sender is gone. `now` tells the time.
pub(super) fn run(mut scorer: impl Score, jobs: &mpsc::Receiver<Job>, now: impl Fn() -> Instant) {
    let mut pace = Pace::default();
    while let Ok(mut job) = jobs.recv() {
        let outcome = serve(&mut scorer, &mut job, &mut pace, &now);
        // Whoever asked may have gone.
        let _ = job.done.send(outcome);
    }
}

fn serve(
    scorer: &mut impl Score,
    job: &mut Job,
    pace: &mut Pace,
    now: &impl Fn() -> Instant,
) -> Result<(), RerankError> {
    let is_over = |job: &Job| job.done.is_closed() || now() >= job.deadline;
    if is_over(job) {
        return Ok(());
    }
    let query = scorer.query(&job.query)?;
    let mut is_first = true;
    for start in (0..job.documents.len()).step_by(WAVE) {
        let mut wave = Vec::with_capacity(WAVE);
        for (index, document) in job.documents.iter().enumerate().skip(start).take(WAVE) {
            // Words become tokens here, which takes time too.
            if is_over(job) {
                break;
            }
            wave.push((index, scorer.pair(&query, document)?));
        }
        // Short ones first: more of them are ready in time.
        wave.sort_by_key(|(_, pair)| pair.ids.len());
        let mut wave = VecDeque::from(wave);
        while !wave.is_empty() {
            if is_over(job) {
                return Ok(());
            }
            let begin = now();
            let tokens = pace.tokens_within(job.deadline.saturating_duration_since(begin), is_first);
            is_first = false;
            let (places, batch) = next_batch(&mut wave, tokens);
            if batch.is_empty() {
                return Ok(());
            }
            let scores = scorer.score(&batch)?;
            pace.learn(padded(&batch), now().saturating_duration_since(begin));
            let mut found = job.scores.lock().unwrap_or_else(PoisonError::into_inner);
            for (place, score) in places.into_iter().zip(scores) {
                if let Some(place) = found.get_mut(place) {
                    *place = Some(score);
                }
            }
        }
    }
    Ok(())
}

/// Pairs from the front whose padded tokens fit; the first of a call even when it does not.
fn next_batch(wave: &mut VecDeque<(usize, Pair)>, tokens: Tokens) -> (Vec<usize>, Vec<Pair>) {
    let (mut places, mut batch) = (Vec::new(), Vec::new());
    while let Some((place, pair)) = wave.pop_front() {
        // Sorted by length, so this one is the longest.
        let size = (batch.len() + 1) * pair.ids.len();
        let is_alone = batch.is_empty();
        if size > tokens.most && !(is_alone && tokens.one_at_least) {
            wave.push_front((place, pair));
            break;
        }
        places.push(place);
        batch.push(pair);
    }
    (places, batch)
}

fn padded(batch: &[Pair]) -> usize {
    batch.len() * batch.iter().map(|pair| pair.ids.len()).max().unwrap_or_default()
}

/// How large a batch may be.
#[derive(Clone, Copy)]
struct Tokens {
    most: usize,
    /// Whether a pair that is larger is scored all the same.
    one_at_least: bool,
}

/// How fast pairs were scored.
#[derive(Default)]
struct Pace {
    tokens_per_second: Option<f64>,
}

impl Pace {
    /// Tokens that will be scored in so much time. The start of a call tries one pair in any
    /// case: nothing is known before the first, and a machine that was slow for a while would
    /// never be found to be fast again.
    fn tokens_within(&self, time: Duration, is_first: bool) -> Tokens {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just here")]
        let ready = self
            .tokens_per_second
            .map_or(0, |pace| (pace * time.as_secs_f64()).clamp(0.0, BATCH_TOKENS as f64) as usize);
        // A pair that is longer than a batch is alone in one when there is time for a whole batch.
        Tokens { most: ready, one_at_least: is_first || ready >= BATCH_TOKENS }
    }

    fn learn(&mut self, tokens: usize, took: Duration) {
        let seconds = took.as_secs_f64();
        if seconds > 0.0 {
            let newest = tokens as f64 / seconds;
            let before = self.tokens_per_second.unwrap_or(newest);
            self.tokens_per_second = Some(before + NEWEST * (newest - before));
        }
    }
}
