//! Files: stored with their operations, read once, forgotten when their texts are handed on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engine::config::Settings;
use hindsight_engine::jobs::{FileUpload, WorkerSettings};
use hindsight_engine::ports::{ConvertError, FileConverter, SentFile};
use hindsight_engine::store::{ClaimedOperation, OperationEnd, OperationFilter, StoreError};
use hindsight_engine::{Engine, EngineError};
use hindsight_types::banks::CreateBankRequest;
use hindsight_types::files::FileMetadata;
use hindsight_types::operations::{OperationStatus, OperationStatusResponse};
use hindsight_types::retain::Tags;
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::support::TestEngine;

/// Takes the bytes of a file for its text. What is to fail says so.
struct Reader {
    /// Files that were brought.
    reached: Semaphore,
    /// Files that may be read.
    open: Semaphore,
}

#[async_trait]
impl FileConverter for Reader {
    async fn convert(&self, file: SentFile) -> Result<String, ConvertError> {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        match String::from_utf8(file.bytes) {
            Ok(text) if text == "busy" => Err(ConvertError::Busy),
            Ok(text) if text == "unready" => Err(ConvertError::Unready("nobody reads files".to_owned())),
            Ok(text) => Ok(text),
            Err(_) => Err(ConvertError::Refused(format!("cannot read {}: it is broken", file.name))),
        }
    }
}

fn reader(open: usize) -> Arc<Reader> {
    Arc::new(Reader { reached: Semaphore::new(0), open: Semaphore::new(open) })
}

fn upload(name: &str, bytes: &[u8], document: Option<&str>) -> FileUpload {
    FileUpload {
        name: name.to_owned(),
        media_type: None,
        bytes: Box::new(std::io::Cursor::new(bytes.to_vec())),
        metadata: FileMetadata { document_id: document.map(str::to_owned), ..FileMetadata::default() },
    }
}

impl TestEngine {
    fn reading(&self, reader: &Arc<Reader>) -> Engine {
        self.engine.clone().with_files(Arc::clone(reader) as Arc<dyn FileConverter>)
    }

    async fn send(&self, files: Vec<FileUpload>) -> Vec<Uuid> {
        self.engine.put_bank("bank", &CreateBankRequest::default()).await.unwrap();
        let response = self.engine.retain_files("bank", files).await.expect("taken");
        response.operation_ids.iter().map(|id| Uuid::parse_str(id).unwrap()).collect()
    }

    /// Number of parts of files that are stored.
    async fn parts(&self) -> i64 {
        sqlx::query_scalar("select count(*) from hindsight.file_storage").fetch_one(&self.pool).await.unwrap()
    }

    async fn claim_files(&self) -> Vec<ClaimedOperation> {
        let types = ["file_convert_retain".to_owned()];
        self.store.claim_operations("test", &types, Duration::from_mins(1), 10).await.unwrap()
    }

    /// Waits until the text of a file is retained.
    async fn read_and_retained(&self, id: Uuid) -> OperationStatusResponse {
        let done = self.reaches("bank", id, OperationStatus::Completed).await;
        let retain = done.result_metadata.expect("a result")["retain_operation_id"].clone();
        let retain = Uuid::parse_str(retain.as_str().expect("an id")).unwrap();
        self.reaches("bank", retain, OperationStatus::Completed).await
    }
}

#[tokio::test]
async fn a_file_becomes_a_retain_of_its_text() {
    let test = TestEngine::start().await;
    let worker = Working::start(&test.reading(&reader(100)), quick());
    // More than one part, and a byte that no stored text can hold.
    let long = format!("Anna moved to Rome.\0{}She likes it.", "\n".repeat(4 << 20));
    let mut named = upload("diary.txt", b"Bob plays the violin", Some("d"));
    named.metadata.tags = Tags(vec!["t".to_owned()]);
    named.metadata.context = Some("a diary".to_owned());
    let ids = test.send(vec![named]).await;
    let retain = test.read_and_retained(ids[0]).await;
    assert_eq!(retain.operation_type.as_deref(), Some("batch_retain"));
    assert_eq!(retain.child_operations.unwrap().len(), 1);
    let memories = test.memories("bank").await;
    assert_eq!(memories[0].text, "Bob plays the violin");
    assert_eq!(
        (memories[0].tags.as_slice(), memories[0].context.as_str()),
        (&["t".to_owned()][..], "a diary")
    );

    let ids = test.send(vec![upload("long.txt", long.as_bytes(), None)]).await;
    let done = test.reaches("bank", ids[0], OperationStatus::Completed).await;
    let result = done.result_metadata.unwrap();
    assert!(result["document_id"].as_str().unwrap().starts_with("file_"), "{result:?}");
    assert_eq!((&result["filename"], &result["items_count"]), (&json!("long.txt"), &json!(1)));
    assert_eq!(test.parts().await, 0);
    worker.stop().await;
    let filter = OperationFilter::default();
    let page = test.engine.list_operations("bank", &filter, 100, 0).await.unwrap();
    let file = page.operations.iter().find(|operation| operation.filename.is_some()).unwrap();
    assert_eq!(file.task_type, "file_convert_retain");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_once_and_is_forgotten() {
    let test = TestEngine::start().await;
    let worker = Working::start(&test.reading(&reader(100)), quick());
    let ids = test.send(vec![upload("a.pdf", &[0xff], Some("a")), upload("b.txt", b"busy", Some("b"))]).await;
    let failed = test.reaches("bank", ids[0], OperationStatus::Failed).await;
    assert_eq!(failed.error_message.as_deref(), Some("cannot read a.pdf: it is broken"));
    assert_eq!(failed.retry_count, Some(0), "another attempt would come to the same");
    assert_eq!(test.parts().await, 1, "the other one waits until there is room");
    test.engine.retry_operation("bank", ids[0]).await.unwrap();
    let failed = test.reaches("bank", ids[0], OperationStatus::Failed).await;
    assert_eq!(failed.error_message.as_deref(), Some("a.pdf is not stored any more; send the file again"));
    worker.stop().await;
    assert!(test.memories("bank").await.is_empty());
}

#[tokio::test]
async fn a_file_that_nobody_can_look_at_fails_after_some_attempts_and_says_why() {
    let test = TestEngine::start().await;
    let worker = Working::start(&test.reading(&reader(100)), WorkerSettings { retries: 9, ..quick() });
    let ids = test.send(vec![upload("a.txt", b"unready", Some("a"))]).await;
    let failed = test.reaches("bank", ids[0], OperationStatus::Failed).await;
    assert_eq!(failed.error_message.as_deref(), Some("nobody reads files"));
    assert_eq!(failed.retry_count, Some(2), "three attempts");
    worker.stop().await;
}

#[tokio::test]
async fn whoever_has_lost_a_file_hands_nothing_on() {
    let test = TestEngine::start().await;
    let ids = test.send(vec![upload("a.txt", b"Anna moved to Rome", Some("a"))]).await;
    let slow = test.claim_files().await.remove(0).lease;
    test.expire().await;
    let taken = test.claim_files().await.remove(0);
    assert_eq!((taken.lease.operation_id, taken.attempt), (ids[0], 2));
    let late = test.store.hand_on(slow, &json!({}), &[], false).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    let failed = OperationEnd::Failed { error: "late".to_owned() };
    assert!(!test.store.end_attempt(slow, &failed, &json!({})).await.unwrap());
    assert_eq!(test.store.file(taken.lease).await.unwrap().as_deref(), Some(&b"Anna moved to Rome"[..]));

    test.store.hand_on(taken.lease, &json!({}), &[], false).await.unwrap();
    let again = test.store.hand_on(taken.lease, &json!({}), &[], false).await;
    assert!(matches!(again, Err(StoreError::LeaseLost)), "{again:?}");
}

#[tokio::test]
async fn a_file_that_was_called_off_is_not_handed_on() {
    let test = TestEngine::start().await;
    let ids = test.send(vec![upload("a.txt", b"Anna moved to Rome", Some("a"))]).await;
    let slow = reader(0);
    let worker = Working::start(&test.reading(&slow), quick());
    slow.reached.acquire().await.unwrap().forget();
    test.engine.cancel_operation("bank", ids[0]).await.unwrap();
    slow.open.add_permits(1);
    let next = test.send(vec![upload("b.txt", b"Bob plays the violin", Some("b"))]).await;
    slow.open.add_permits(1);
    test.read_and_retained(next[0]).await;
    let memories = test.memories("bank").await;
    assert_eq!(memories.iter().map(|memory| &*memory.text).collect::<Vec<_>>(), ["Bob plays the violin"]);
    // Wanted after all, it is read.
    test.engine.retry_operation("bank", ids[0]).await.unwrap();
    slow.open.add_permits(1);
    test.read_and_retained(ids[0]).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_file_that_ends_its_readers_is_given_up() {
    let test = TestEngine::start().await;
    let ids = test.send(vec![upload("deep.pdf", b"text", Some("a"))]).await;
    for _ in 0..3 {
        assert_eq!(test.claim_files().await.len(), 1);
        test.expire().await;
    }
    let worker = Working::start(&test.reading(&reader(100)), quick());
    let failed = test.reaches("bank", ids[0], OperationStatus::Failed).await;
    assert!(failed.error_message.unwrap().starts_with("cannot read deep.pdf: the process"));
    worker.stop().await;
}

#[tokio::test]
async fn files_go_with_their_bank_and_their_operation() {
    let test = TestEngine::start().await;
    let ids = test.send(vec![upload("a", b"", None), upload("b", b"b", None)]).await;
    assert_eq!(test.parts().await, 2, "an empty file is stored too");
    test.engine.cancel_operation("bank", ids[0]).await.unwrap();
    assert_eq!(test.parts().await, 2, "what is called off may be tried again");
    test.engine.delete_operation("bank", ids[0]).await.unwrap();
    assert_eq!(test.parts().await, 1);
    test.engine.delete_bank("bank").await.unwrap();
    assert_eq!(test.parts().await, 0);
}

#[tokio::test]
async fn a_file_is_kept_where_that_is_wanted() {
    let test = TestEngine::with(Settings { delete_files: false, ..Settings::default() }).await;
    let worker = Working::start(&test.reading(&reader(100)), quick());
    let ids = test.send(vec![upload("a.txt", b"Anna moved to Rome", Some("a"))]).await;
    test.read_and_retained(ids[0]).await;
    worker.stop().await;
    assert_eq!(test.parts().await, 1);
}

#[tokio::test]
async fn nothing_is_stored_of_files_that_cannot_be_taken() {
    let test = TestEngine::start().await;
    let refused = test.engine.retain_files("bank", vec![upload("a.txt", b"a", None)]).await;
    assert!(matches!(refused, Err(EngineError::BankNotFound(_))), "{refused:?}");
    assert!(test.store.bank("bank").await.unwrap().is_none(), "no bank is made for it");

    test.engine.put_bank("bank", &CreateBankRequest::default()).await.unwrap();
    let mut strange = upload("b.txt", b"b", None);
    strange.metadata.strategy = Some("none".to_owned());
    let refused = test.engine.retain_files("bank", vec![upload("a.txt", b"a", None), strange]).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");

    let broken = FileUpload { bytes: Box::new(Broken), ..upload("b.txt", b"", None) };
    let refused = test.engine.retain_files("bank", vec![upload("a.txt", b"a", None), broken]).await;
    assert!(matches!(refused, Err(EngineError::Store(StoreError::Unreadable(_)))), "{refused:?}");
    assert_eq!(test.parts().await, 0);
    let page = test.engine.list_operations("bank", &OperationFilter::default(), 1, 0).await.unwrap();
    assert_eq!(page.total, 0, "all or none");
}

/// Bytes that cannot be read.
struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::other("the disk is gone")))
    }
}

#[tokio::test]
async fn a_later_retain_of_its_document_wins_over_a_file() {
    let test = TestEngine::start().await;
    let ids = test.send(vec![upload("a.txt", b"Anna lives in Rome", Some("d"))]).await;
    test.retain("bank", json!([{"content": "Anna lives in Oslo", "document_id": "d"}])).await.unwrap();
    let worker = Working::start(&test.reading(&reader(100)), quick());
    test.read_and_retained(ids[0]).await;
    worker.stop().await;
    let memories = test.memories("bank").await;
    assert_eq!(memories.iter().map(|memory| &*memory.text).collect::<Vec<_>>(), ["Anna lives in Oslo"]);
}
