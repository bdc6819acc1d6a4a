//! The queue, with a scorer that computes nothing and a clock that its work moves on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use hindsight_engine::ports::{RerankError, Reranker};

use super::worker::{Pair, Score};
use super::{CrossEncoder, QUEUE};

/// Plenty: the tests' own time does not end calls.
const HOUR: Duration = Duration::from_hours(1);

/// A document is as long as it says, and scores by that; a batch takes a minute for each pair.
struct Fake {
    permission: Option<mpsc::Receiver<()>>,
    minutes: Arc<AtomicU64>,
    batches: Arc<Mutex<Vec<Vec<usize>>>>,
}

impl Score for Fake {
    fn query(&self, query: &str) -> Result<String, RerankError> {
        Ok(query.to_owned())
    }

    fn pair(&self, _query: &str, document: &str) -> Result<Pair, RerankError> {
        let length = document.parse().map_err(|_| RerankError::Failed("no number".to_owned()))?;
        Ok(Pair { ids: vec![1; length], kinds: vec![0; length] })
    }

    fn score(&mut self, batch: &[Pair]) -> Result<Vec<f64>, RerankError> {
        let lengths: Vec<usize> = batch.iter().map(|pair| pair.ids.len()).collect();
        self.batches.lock().unwrap().push(lengths.clone());
        if let Some(permission) = &self.permission {
            permission.recv().map_err(|_| RerankError::Failed("no permission".to_owned()))?;
        }
        self.minutes.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(lengths.into_iter().map(|length| length as f64 / 1000.0).collect())
    }
}

struct Setup {
    reranker: Arc<CrossEncoder>,
    permit: Option<mpsc::Sender<()>>,
    batches: Arc<Mutex<Vec<Vec<usize>>>>,
}

fn setup(waits: bool) -> Setup {
    let (permit, permission) = mpsc::channel();
    let (permit, permission) = if waits { (Some(permit), Some(permission)) } else { (None, None) };
    let (minutes, batches) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<Vec<usize>>>>::default());
    let fake = Fake { permission, minutes: Arc::clone(&minutes), batches: Arc::clone(&batches) };
    let begin = Instant::now();
    let now = move || begin + Duration::from_mins(minutes.load(Ordering::SeqCst));
    let reranker = Arc::new(CrossEncoder::start("fake".to_owned(), fake, now).unwrap());
    Setup { reranker, permit, batches }
}

type Call = tokio::task::JoinHandle<Result<Vec<Option<f64>>, RerankError>>;

impl Setup {
    fn call(&self, lengths: impl IntoIterator<Item = usize>, budget: Duration) -> Call {
        let documents: Vec<String> = lengths.into_iter().map(|length| length.to_string()).collect();
        let reranker = Arc::clone(&self.reranker);
        tokio::spawn(async move { reranker.rerank("query", &documents, budget).await })
    }

    async fn until_batches(&self, count: usize) {
        while self.batches.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn scores_come_in_the_order_of_the_documents_and_batches_hold_equal_lengths() {
    let setup = setup(false);
    let scores = setup.call([500, 3, 600, 4], HOUR * 24).await.unwrap().unwrap();
    assert_eq!(scores, [Some(0.5), Some(0.003), Some(0.6), Some(0.004)]);
    let batches = setup.batches.lock().unwrap();
    assert!(batches.iter().all(|batch| batch.is_sorted()), "{batches:?}");
    assert_eq!(batches.concat(), [3, 4, 500, 600]);
}

/// Pairs take a minute each: within the hour the first sixty can be scored, and the last batch
/// is made smaller to fit.
#[tokio::test]
async fn the_front_is_scored_as_far_as_the_time_goes() {
    let setup = setup(false);
    let scores = setup.call(std::iter::repeat_n(10, 200), HOUR).await.unwrap().unwrap();
    let scored = scores.iter().take_while(|score| score.is_some()).count();
    assert!(scores[scored..].iter().all(Option::is_none));
    // The deadline was set a moment after the clock of the test began.
    assert!((59..=61).contains(&scored), "{scored}");
    assert_eq!(setup.batches.lock().unwrap().concat().len(), scored, "nothing else was computed");
}

#[tokio::test]
async fn without_time_nothing_is_computed() {
    let setup = setup(false);
    let scores = setup.call([1, 2], Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(scores, [None, None]);
    assert!(setup.batches.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_full_queue_answers_busy_and_abandoned_work_is_skipped() {
    let setup = setup(true);
    let running = setup.call([9], HOUR);
    setup.until_batches(1).await;
    let waiting: Vec<_> = (0..QUEUE).map(|_| setup.call([5], HOUR)).collect();
    let refused = loop {
        // Once all that wait are in, the next one is told.
        match setup.call([6], Duration::from_nanos(1)).await.unwrap() {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, RerankError::Busy));
    for call in &waiting {
        call.abort();
    }
    for call in waiting {
        let _ = call.await;
    }
    let permit = setup.permit.as_ref().unwrap();
    permit.send(()).unwrap();
    running.await.unwrap().unwrap();
    permit.send(()).unwrap();
    let scores = loop {
        match setup.call([7], HOUR).await.unwrap() {
            Err(RerankError::Busy) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(scores, [Some(0.007)]);
    assert_eq!(*setup.batches.lock().unwrap(), [vec![9], vec![7]]);
}

#[tokio::test]
async fn a_failing_pair_fails_its_call_only() {
    let setup = setup(false);
    let documents = ["1".to_owned(), "x".to_owned()];
    let error = setup.reranker.rerank("query", &documents, HOUR).await.unwrap_err();
    assert_eq!(error.to_string(), "the reranker failed: no number");
    assert_eq!(setup.call([1], HOUR).await.unwrap().unwrap(), [Some(0.001)]);
    assert!(setup.call([], HOUR).await.unwrap().unwrap().is_empty());
}
