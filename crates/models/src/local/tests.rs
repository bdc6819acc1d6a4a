//! The queue, with an encoder that computes nothing and waits for permission.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel};

use super::worker::Encode;
use super::{LocalEmbedder, PASSAGE_PLACES};

/// Takes a text's length in bytes for its one token and its vector; notes every batch.
struct Fake {
    permission: mpsc::Receiver<()>,
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
}

impl Encode for Fake {
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        match text.len() {
            0 => Err(EmbedError::Failed("empty".to_owned())),
            length => Ok(vec![u32::try_from(length).unwrap(); length]),
        }
    }

    fn encode(&mut self, batch: &[&[u32]]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<u32> = batch.iter().map(|text| text[0]).collect();
        self.batches.lock().unwrap().push(texts.clone());
        self.permission.recv().map_err(|_| EmbedError::Failed("no permission".to_owned()))?;
        Ok(texts.into_iter().map(|length| vec![f32::from(u16::try_from(length).unwrap())]).collect())
    }
}

struct Setup {
    embedder: Arc<LocalEmbedder>,
    permit: mpsc::Sender<()>,
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
}

fn setup() -> Setup {
    let (permit, permission) = mpsc::channel();
    let batches = Arc::<Mutex<Vec<Vec<u32>>>>::default();
    let fake = Fake { permission, batches: Arc::clone(&batches) };
    let identity = EmbeddingModel {
        provider: "fake".to_owned(),
        name: "fake".to_owned(),
        dimension: 1,
        normalized: false,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    let embedder = Arc::new(LocalEmbedder::start(identity, fake, Duration::from_millis(300)).unwrap());
    Setup { embedder, permit, batches }
}

impl Setup {
    fn call(
        &self,
        purpose: EmbedPurpose,
        lengths: &[usize],
    ) -> tokio::task::JoinHandle<Result<Vec<Vec<f32>>, EmbedError>> {
        let texts = lengths.iter().map(|&length| "x".repeat(length)).collect();
        let embedder = Arc::clone(&self.embedder);
        tokio::spawn(async move { embedder.embed(purpose, texts).await })
    }

    async fn until_batches(&self, count: usize) {
        while self.batches.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Lets calls made before reach the thread's inbox.
    async fn until_waiting(&self, purpose: EmbedPurpose, texts: usize) {
        let lane = match purpose {
            EmbedPurpose::Query => &self.embedder.queries,
            EmbedPurpose::Passage => &self.embedder.passages,
        };
        while lane.places.available_permits() > lane.size as usize - texts {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts_and_batches_hold_equal_lengths() {
    let setup = setup();
    let call = setup.call(EmbedPurpose::Passage, &[200, 3, 150, 3, 1, 3]);
    for _ in 0..3 {
        setup.permit.send(()).unwrap();
    }
    let vectors = call.await.unwrap().unwrap();
    assert_eq!(vectors.concat(), [200.0, 3.0, 150.0, 3.0, 1.0, 3.0]);
    assert_eq!(*setup.batches.lock().unwrap(), [vec![1, 3, 3, 3], vec![150], vec![200]]);
}

#[tokio::test]
async fn queries_go_first_and_callers_take_turns() {
    let setup = setup();
    let large = setup.call(EmbedPurpose::Passage, &[300, 301, 302]);
    setup.until_batches(1).await;
    let small = setup.call(EmbedPurpose::Passage, &[5]);
    setup.until_waiting(EmbedPurpose::Passage, 4).await;
    let query = setup.call(EmbedPurpose::Query, &[7]);
    setup.until_waiting(EmbedPurpose::Query, 1).await;
    for _ in 0..5 {
        setup.permit.send(()).unwrap();
    }
    for call in [large, small, query] {
        call.await.unwrap().unwrap();
    }
    let batches = setup.batches.lock().unwrap().concat();
    assert_eq!(batches[..2], [300, 7]);
    assert!(batches.iter().position(|&text| text == 5) < batches.iter().position(|&text| text == 302));
}

#[tokio::test]
async fn queries_without_end_leave_every_ninth_batch_to_passages() {
    let setup = setup();
    let first = setup.call(EmbedPurpose::Query, &[7]);
    setup.until_batches(1).await;
    let passage = setup.call(EmbedPurpose::Passage, &[5]);
    setup.until_waiting(EmbedPurpose::Passage, 1).await;
    let queries: Vec<_> = (0..20).map(|_| setup.call(EmbedPurpose::Query, &[7])).collect();
    setup.until_waiting(EmbedPurpose::Query, 21).await;
    for _ in 0..22 {
        setup.permit.send(()).unwrap();
    }
    for call in queries.into_iter().chain([first, passage]) {
        call.await.unwrap().unwrap();
    }
    let batches = setup.batches.lock().unwrap().concat();
    assert_eq!(batches.iter().position(|&text| text == 5), Some(8));
}

#[tokio::test]
async fn an_accepted_call_does_not_wait_for_ever() {
    let mut setup = setup();
    Arc::get_mut(&mut setup.embedder).unwrap().patience = Duration::ZERO;
    let late = setup.call(EmbedPurpose::Query, &[7]).await.unwrap().unwrap_err();
    assert!(late.to_string().contains("no vectors came within 1 s"), "{late}");
    drop(setup.permit);
}

#[tokio::test]
async fn a_full_queue_answers_busy_and_abandoned_work_is_skipped() {
    let setup = setup();
    let running = setup.call(EmbedPurpose::Passage, &[9]);
    setup.until_batches(1).await;
    let full = setup.call(EmbedPurpose::Passage, &vec![300; PASSAGE_PLACES as usize - 1]);
    setup.until_waiting(EmbedPurpose::Passage, PASSAGE_PLACES as usize).await;
    let refused = setup.call(EmbedPurpose::Passage, &[5]).await.unwrap();
    assert!(matches!(refused, Err(EmbedError::Busy)));

    full.abort();
    assert!(full.await.unwrap_err().is_cancelled());
    setup.permit.send(()).unwrap();
    setup.permit.send(()).unwrap();
    running.await.unwrap().unwrap();
    setup.call(EmbedPurpose::Passage, &[6]).await.unwrap().unwrap();
    assert_eq!(*setup.batches.lock().unwrap(), [vec![9], vec![6]]);
}

#[tokio::test]
async fn a_call_with_more_texts_than_places_is_served() {
    let setup = setup();
    let texts = PASSAGE_PLACES as usize + 1;
    for _ in 0..texts {
        setup.permit.send(()).unwrap();
    }
    let vectors = setup.call(EmbedPurpose::Passage, &vec![1; texts]).await.unwrap().unwrap();
    assert_eq!(vectors.len(), texts);
}

#[tokio::test]
async fn a_failing_text_fails_its_call_only() {
    let setup = setup();
    let failed = setup.call(EmbedPurpose::Query, &[1, 0]).await.unwrap();
    assert_eq!(failed.unwrap_err().to_string(), "the embedding model failed: empty");
    setup.permit.send(()).unwrap();
    setup.call(EmbedPurpose::Query, &[1]).await.unwrap().unwrap();
    assert!(setup.call(EmbedPurpose::Query, &[]).await.unwrap().unwrap().is_empty());
}
