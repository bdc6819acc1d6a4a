//! What is handed to the background: done once, in order, by whoever is alive.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hindsight_engine::config::Settings;
use hindsight_engine::jobs::{Worker, WorkerSettings};
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel};
use hindsight_engine::store::{ClaimedOperation, OperationFilter};
use hindsight_engine::{Engine, EngineError};
use hindsight_testkit::{FixedClock, HashEmbedder};
use hindsight_types::decode::from_json;
use hindsight_types::operations::{OperationStatus, OperationStatusResponse};
use hindsight_types::retain::{RetainRequest, RetainResponse};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::{NOW, PATIENCE, TestEngine, time};

/// An embedder that waits until it may go on.
struct Gated {
    inner: HashEmbedder,
    /// Calls that have come.
    reached: Semaphore,
    /// Calls that may go on.
    open: Semaphore,
}

impl Gated {
    fn new() -> Self {
        Self { inner: HashEmbedder::new(), reached: Semaphore::new(0), open: Semaphore::new(0) }
    }

    async fn is_reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Embedder for Gated {
    fn model(&self) -> &EmbeddingModel {
        self.inner.model()
    }

    async fn embed(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.inner.embed(purpose, texts).await
    }
}

/// A worker that works until it is dropped or stopped.
pub(crate) struct Working {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Working {
    pub(crate) fn start(engine: &Engine, settings: WorkerSettings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (busy, _) = watch::channel(false);
        let worker = Worker::new(engine.clone(), settings);
        Self { stop, task: tokio::spawn(worker.run(stopped, busy)) }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

pub(crate) fn quick() -> WorkerSettings {
    WorkerSettings { poll: Duration::from_millis(20), backoff: Duration::ZERO, ..WorkerSettings::default() }
}

/// The same with so many places.
pub(crate) fn quick_with(slots: usize) -> WorkerSettings {
    WorkerSettings { slots, ..quick() }
}

impl TestEngine {
    async fn submit(&self, bank: &str, body: Value) -> Result<RetainResponse, EngineError> {
        let mut body = body;
        body["async"] = json!(true);
        let request: RetainRequest = from_json(&body).expect("a sound request");
        self.engine.retain(bank, request).await
    }

    pub(crate) async fn submitted(&self, bank: &str, text: &str, document: &str) -> Uuid {
        let items = json!({"items": [{"content": text, "document_id": document}]});
        let response = self.submit(bank, items).await.expect("submitted");
        Uuid::parse_str(&response.operation_id.expect("an operation")).unwrap()
    }

    pub(crate) async fn status(&self, bank: &str, id: Uuid) -> OperationStatusResponse {
        self.engine.operation(bank, id, false).await.expect("looked up")
    }

    /// Waits until an operation has this status, but not for ever.
    pub(crate) async fn reaches(
        &self,
        bank: &str,
        id: Uuid,
        wanted: OperationStatus,
    ) -> OperationStatusResponse {
        let begin = Instant::now();
        loop {
            let status = self.status(bank, id).await;
            if status.status == wanted {
                return status;
            }
            assert!(!status.status.is_terminal(), "{status:?}");
            assert!(begin.elapsed() < PATIENCE, "never {wanted}: {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn gated(&self) -> (Engine, Arc<Gated>) {
        let gated = Arc::new(Gated::new());
        let clock = Arc::new(FixedClock::at(time(NOW)));
        let embedder = Arc::clone(&gated) as Arc<dyn Embedder>;
        let engine = Engine::new(self.store.clone(), embedder, clock, Settings::default()).await.unwrap();
        (engine, gated)
    }

    async fn claim(&self, limit: i64) -> Vec<ClaimedOperation> {
        let types = ["retain".to_owned()];
        self.store.claim_operations("test", &types, Duration::from_mins(1), limit).await.unwrap()
    }

    /// Lets every lease run out.
    pub(crate) async fn expire(&self) {
        sqlx::query("update hindsight.async_operations set lease_until = now() - interval '1 second' where status = 'processing'")
            .execute(&self.pool)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_is_handed_over_is_stored_at_once_and_done_later() {
    let test = TestEngine::with(Settings { batch_tokens: 10, ..Settings::default() }).await;
    let items = json!({"items": [
        {"content": "Anna moved to Rome with her two children last week", "document_id": "a"},
        {"content": "Bob plays the violin in a small orchestra", "document_id": "b"},
        {"content": "nobody", "document_id": "c"}, {"content": "is here"},
    ], "document_tags": ["t"]});
    let response = test.submit("bank", items).await.unwrap();
    assert!(response.run_async && response.usage.is_none() && response.operation_ids.is_none());
    assert_eq!(response.items_count, 4);
    let id = Uuid::parse_str(&response.operation_id.unwrap()).unwrap();

    let waiting = test.status("bank", id).await;
    assert_eq!(
        (waiting.status, waiting.operation_type.as_deref()),
        (OperationStatus::Pending, Some("batch_retain"))
    );
    let children = waiting.child_operations.unwrap();
    let items: Vec<_> = children.iter().map(|child| (child.sub_batch_index, child.items_count)).collect();
    assert_eq!(items, [(Some(1), Some(1)), (Some(2), Some(2)), (Some(3), Some(1))], "whole items, packed");
    assert!(test.memories("bank").await.is_empty());
    let child = Uuid::parse_str(&children[1].operation_id).unwrap();
    let handed = test.engine.operation("bank", child, true).await.unwrap().task_payload.unwrap();
    assert_eq!(handed["items"][0]["document_id"], "b");

    let worker = Working::start(&test.engine, quick());
    let done = test.reaches("bank", id, OperationStatus::Completed).await;
    assert!(done.completed_at.is_some() && done.error_message.is_none());
    assert_eq!(test.memories("bank").await.len(), 4);
    assert!(test.memories("bank").await.iter().all(|memory| memory.tags == ["t"]));
    let result = test.status("bank", child).await.result_metadata.unwrap();
    assert_eq!((&result["documents"], &result["facts"]), (&json!(2), &json!(2)));
    let kept = test.engine.operation("bank", child, true).await.unwrap().task_payload.unwrap();
    assert!(!kept.contains_key("items"), "the texts are where they were wanted");
    worker.stop().await;
}

#[tokio::test]
async fn the_same_operation_id_is_the_same_work() {
    let test = TestEngine::start().await;
    let id = Uuid::new_v4();
    let body = |text: &str| json!({"operation_id": id, "items": [{"content": text}]});
    for text in ["once", "twice"] {
        let response = test.submit("bank", body(text)).await.unwrap();
        assert_eq!(response.operation_id, Some(id.to_string()));
    }
    let page = test.engine.list_operations("bank", &OperationFilter::default(), 100, 0).await.unwrap();
    assert_eq!(page.total, 2, "one parent, one child");
    let error = test.submit("other", body("elsewhere")).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict(_)), "{error}");
    assert!(test.memories("other").await.is_empty());
}

#[tokio::test]
async fn one_id_from_many_at_once_is_handed_over_once() {
    let test = TestEngine::start().await;
    test.remember("bank", &["something"]).await;
    let body = json!({"operation_id": Uuid::new_v4(), "items": [{"content": "at once"}]});
    let all = (0..8).map(|_| test.submit("bank", body.clone()));
    for response in futures::future::join_all(all).await {
        response.unwrap();
    }
    let page = test.engine.list_operations("bank", &OperationFilter::default(), 100, 0).await.unwrap();
    assert_eq!(page.total, 2);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_at_once() {
    let test = TestEngine::start().await;
    for (body, words) in [
        (
            json!({"items": [{"content": "a", "document_id": "d"}, {"content": "b", "document_id": "d"}]}),
            "Duplicate document_id 'd'",
        ),
        (json!({"items": [{"content": "a", "document_id": "d".repeat(4000)}]}), "document_id"),
    ] {
        let error = test.submit("bank", body).await.unwrap_err();
        assert!(matches!(&error, EngineError::Invalid(text) if text.contains(words)), "{error}");
    }
    assert!(matches!(
        test.submit("_no", json!({"items": [{"content": "a"}]})).await,
        Err(EngineError::Invalid(_))
    ));
    assert!(test.store.bank("bank").await.unwrap().is_none(), "nothing was made for it");
    let nothing = test.submit("bank", json!({"items": []})).await.unwrap();
    assert_eq!((nothing.items_count, nothing.operation_id), (0, None));
}

#[tokio::test]
async fn work_that_was_called_off_writes_nothing() {
    let test = TestEngine::start().await;
    let (engine, gate) = test.gated().await;
    let waiting = test.submitted("bank", "never begun", "a").await;
    test.engine.cancel_operation("bank", waiting).await.unwrap();
    let worker = Working::start(&engine, quick());
    let id = test.submitted("bank", "begun and called off", "b").await;
    gate.is_reached().await;
    test.engine.cancel_operation("bank", id).await.unwrap();
    // Nobody waits for it any more: the next one gets on although the gate is shut for this one.
    let next = test.submitted("bank", "done", "c").await;
    gate.is_reached().await;
    gate.open.add_permits(2);
    test.reaches("bank", next, OperationStatus::Completed).await;
    worker.stop().await;
    let texts: Vec<String> = test.memories("bank").await.into_iter().map(|memory| memory.text).collect();
    assert_eq!(texts, ["done"]);
    for id in [waiting, id] {
        let status = test.status("bank", id).await;
        assert_eq!(status.status, OperationStatus::Cancelled);
        assert!(
            status.child_operations.unwrap().iter().all(|child| child.status == OperationStatus::Cancelled)
        );
        let again = test.engine.cancel_operation("bank", id).await;
        assert!(matches!(again, Err(EngineError::Conflict(_))));
    }
    let unknown = test.engine.cancel_operation("bank", Uuid::new_v4()).await;
    assert!(matches!(unknown, Err(EngineError::NotFound { .. })));
}

#[tokio::test]
async fn a_worker_that_was_taken_for_dead_writes_nothing() {
    let test = TestEngine::start().await;
    let (engine, gate) = test.gated().await;
    let id = test.submitted("bank", "Anna moved to Rome", "a").await;
    // With one slot only it cannot be its own heir.
    let late = Working::start(&engine, quick_with(1));
    gate.is_reached().await;
    test.expire().await;
    let heir = Working::start(&test.engine, quick());
    test.reaches("bank", id, OperationStatus::Completed).await;
    let before = test.memories("bank").await;
    gate.open.add_permits(1);
    late.stop().await;
    heir.stop().await;
    let after = test.memories("bank").await;
    assert_eq!(after.len(), 1);
    assert_eq!(before[0].id, after[0].id, "the late one replaced nothing");
    assert_eq!(test.status("bank", id).await.status, OperationStatus::Completed);
}

#[tokio::test]
async fn a_worker_that_stops_puts_its_work_back() {
    let test = TestEngine::start().await;
    let (engine, gate) = test.gated().await;
    let id = test.submitted("bank", "Anna moved to Rome", "a").await;
    let stopping = Working::start(&engine, quick());
    gate.is_reached().await;
    stopping.stop().await;
    let children = test.status("bank", id).await.child_operations.unwrap();
    assert_eq!(children[0].status, OperationStatus::Pending);
    let claimed = test.claim(10).await;
    assert_eq!(claimed.len(), 1, "at once, without waiting for a lease");
    assert_eq!(claimed[0].attempt, 1, "an attempt that was put back does not count");
}

#[tokio::test]
async fn failures_are_tried_again_and_then_told() {
    let test = TestEngine::start().await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let good = test.submitted("bank", "later", "a").await;
    let claimed = test.claim(10).await;
    assert_eq!(claimed.len(), 1);
    test.expire().await;
    let worker = Working::start(&test.engine, WorkerSettings { retries: 2, ..quick() });
    let failed = test.reaches("bank", good, OperationStatus::Failed).await;
    let error = failed.error_message.unwrap();
    assert!(error.contains("1 of 1 parts failed") && error.contains("switched off"), "{error}");
    let child = failed.child_operations.unwrap()[0].clone();
    let child_id = Uuid::parse_str(&child.operation_id).unwrap();
    assert_eq!(test.status("bank", child_id).await.retry_count, Some(2));
    assert!(test.memories("bank").await.is_empty());

    test.embedder.fails.store(false, Ordering::Relaxed);
    test.engine.retry_operation("bank", good).await.unwrap();
    let done = test.reaches("bank", good, OperationStatus::Completed).await;
    assert_eq!(done.error_message, None);
    assert_eq!(test.memories("bank").await.len(), 1);
    let again = test.engine.retry_operation("bank", good).await;
    assert!(matches!(again, Err(EngineError::Conflict(_))));
    worker.stop().await;

    test.engine.delete_operation("bank", good).await.unwrap();
    assert_eq!(test.status("bank", good).await.status, OperationStatus::NotFound);
    assert_eq!(test.status("bank", child_id).await.status, OperationStatus::NotFound);
    assert_eq!(test.memories("bank").await.len(), 1, "what was done stays");
}

#[tokio::test]
async fn a_failed_attempt_waits_for_the_next_one() {
    let test = TestEngine::start().await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let id = test.submitted("bank", "later", "a").await;
    let worker = Working::start(&test.engine, WorkerSettings { backoff: Duration::from_mins(10), ..quick() });
    let child = loop {
        let child = test.status("bank", id).await.child_operations.unwrap()[0].clone();
        if child.error_message.is_some() {
            break child;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let status = test.status("bank", Uuid::parse_str(&child.operation_id).unwrap()).await;
    assert_eq!(status.status, OperationStatus::Pending);
    assert!(status.next_retry_at.is_some());
    test.embedder.fails.store(false, Ordering::Relaxed);
    // Who does not want to wait says so.
    test.engine.retry_operation("bank", Uuid::parse_str(&child.operation_id).unwrap()).await.unwrap();
    test.reaches("bank", id, OperationStatus::Completed).await;
    worker.stop().await;
}

#[tokio::test]
async fn banks_take_turns() {
    let test = TestEngine::start().await;
    for n in 0..6 {
        test.submitted("large", "text", &format!("{n}")).await;
    }
    for n in 0..2 {
        test.submitted("small", "text", &format!("{n}")).await;
    }
    let claimed = test.claim(4).await;
    let small = claimed.iter().filter(|claimed| claimed.bank_id == "small").count();
    assert_eq!((claimed.len(), small), (4, 2), "the small bank does not wait behind the large one");
    let rest = test.claim(100).await;
    assert_eq!(rest.len(), 4);
    assert!(test.claim(100).await.is_empty(), "what is claimed is claimed");
}

#[tokio::test]
async fn work_on_one_document_goes_in_order() {
    let test = TestEngine::start().await;
    for text in ["first", "second", "third"] {
        test.submitted("bank", text, "d").await;
    }
    test.submitted("bank", "beside", "e").await;
    assert_eq!(test.claim(10).await.len(), 2, "the first of each document");
    test.expire().await;
    let worker = Working::start(&test.engine, quick());
    let filter = OperationFilter {
        status: Some(OperationStatus::Completed),
        exclude_parents: true,
        ..OperationFilter::default()
    };
    while test.engine.list_operations("bank", &filter, 1, 0).await.unwrap().total < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.stop().await;
    let mut texts: Vec<String> = test.memories("bank").await.into_iter().map(|memory| memory.text).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["beside", "third"]);
}

#[tokio::test]
async fn work_goes_with_its_bank() {
    let test = TestEngine::start().await;
    let (engine, gate) = test.gated().await;
    let id = test.submitted("bank", "Anna moved to Rome", "a").await;
    let worker = Working::start(&engine, quick());
    gate.is_reached().await;
    test.engine.delete_bank("bank").await.unwrap();
    gate.open.add_permits(1);
    let next = test.submitted("other", "done", "a").await;
    gate.is_reached().await;
    gate.open.add_permits(1);
    test.reaches("other", next, OperationStatus::Completed).await;
    worker.stop().await;
    assert!(test.store.bank("bank").await.unwrap().is_none(), "it is not made again");
    assert_eq!(test.status("bank", id).await.status, OperationStatus::NotFound);
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let test = TestEngine::start().await;
    for n in 0..3 {
        test.submitted("bank", "text", &format!("{n}")).await;
    }
    let list = async |filter: OperationFilter, limit, offset| {
        test.engine.list_operations("bank", &filter, limit, offset).await.unwrap()
    };
    let all = list(OperationFilter::default(), 4, 1).await;
    assert_eq!((all.total, all.operations.len()), (6, 4));
    let parts = OperationFilter { exclude_parents: true, ..OperationFilter::default() };
    let parts = list(parts, 100, 0).await;
    assert!(parts.operations.iter().all(|operation| operation.task_type == "retain"));
    assert_eq!(parts.operations[0].document_id.as_deref(), Some("2"), "the newest first");
    let of_type =
        OperationFilter { operation_type: Some("batch_retain".to_owned()), ..OperationFilter::default() };
    assert_eq!(list(of_type, 100, 0).await.total, 3);
    let failed = OperationFilter { status: Some(OperationStatus::Failed), ..OperationFilter::default() };
    assert_eq!(list(failed, 100, 0).await.total, 0);
    let missing = test.engine.list_operations("none", &OperationFilter::default(), 1, 0).await;
    assert!(matches!(missing, Err(EngineError::BankNotFound(_))));
}

#[tokio::test]
async fn control_characters_wait_in_the_background_too() {
    let test = TestEngine::start().await;
    let items = json!({"items": [{"content": "Anna\u{0} moved", "document_id": "a\u{0}", "metadata": {"k\u{0}": "v\u{0}"}}]});
    let id = Uuid::parse_str(&test.submit("bank", items).await.unwrap().operation_id.unwrap()).unwrap();
    let worker = Working::start(&test.engine, quick());
    test.reaches("bank", id, OperationStatus::Completed).await;
    worker.stop().await;
    let memories = test.memories("bank").await;
    assert_eq!((memories[0].text.as_str(), memories[0].document_id.as_deref()), ("Anna moved", Some("a")));
    assert_eq!(memories[0].metadata["k"], "v");
}

#[tokio::test]
async fn work_whose_workers_die_is_given_up() {
    let test = TestEngine::start().await;
    let id = test.submitted("bank", "deadly", "a").await;
    sqlx::query("update hindsight.async_operations set attempts = 20 where payload is not null")
        .execute(&test.pool)
        .await
        .unwrap();
    let worker = Working::start(&test.engine, quick());
    let failed = test.reaches("bank", id, OperationStatus::Failed).await;
    worker.stop().await;
    assert!(failed.error_message.unwrap().contains("its workers died"));
    assert!(test.memories("bank").await.is_empty());
}

#[tokio::test]
async fn a_part_that_waits_can_be_retried_by_the_id_of_the_whole() {
    let test = TestEngine::start().await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let id = test.submitted("bank", "later", "a").await;
    let worker = Working::start(&test.engine, WorkerSettings { backoff: Duration::from_mins(10), ..quick() });
    while test.status("bank", id).await.child_operations.unwrap()[0].error_message.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    test.embedder.fails.store(false, Ordering::Relaxed);
    test.engine.retry_operation("bank", id).await.unwrap();
    test.reaches("bank", id, OperationStatus::Completed).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_part_that_was_deleted_is_not_done() {
    let test = TestEngine::with(Settings { batch_tokens: 1, ..Settings::default() }).await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let items = json!({"items": [{"content": "one text", "document_id": "a"}, {"content": "another", "document_id": "b"}]});
    let id = Uuid::parse_str(&test.submit("bank", items).await.unwrap().operation_id.unwrap()).unwrap();
    let worker = Working::start(&test.engine, WorkerSettings { retries: 0, ..quick() });
    let failed = test.reaches("bank", id, OperationStatus::Failed).await;
    let child = Uuid::parse_str(&failed.child_operations.unwrap()[0].operation_id).unwrap();
    test.engine.delete_operation("bank", child).await.unwrap();
    test.embedder.fails.store(false, Ordering::Relaxed);
    test.engine.retry_operation("bank", id).await.unwrap();
    test.reaches("bank", id, OperationStatus::Failed).await;
    worker.stop().await;
    assert_eq!(test.memories("bank").await.len(), 1);
}
