//! Records on their way to the database.
//!
//! One task writes them, in the order in which they came, as many at once as there are. It begins
//! with the first record and ends with [`Queue::close`], or when nobody has the queue any more. Who
//! adds a record never waits: what there is no room for is lost, and counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;
use crate::store::{MadeMemories, NewModelCall, Store};

/// Bytes of records that may wait.
const MOST_BYTES: usize = 64 << 20;
/// Records that are written at once.
const BATCH: usize = 50;

/// What waits.
enum Entry {
    Call(Box<NewModelCall>),
    Made(MadeMemories),
    /// Somebody wants to know when all before it is written.
    Settle(oneshot::Sender<()>),
    /// The same, and there is to be nothing behind it.
    Close(oneshot::Sender<()>),
}

/// Records on their way. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Entry>,
    shared: Arc<Shared>,
    writing: Arc<Mutex<Writing>>,
}

/// What the queue and its task share.
struct Shared {
    store: Store,
    /// Bytes that wait.
    bytes: AtomicUsize,
    /// Records that were lost.
    lost: AtomicU64,
}

/// The task.
enum Writing {
    NotBegun(mpsc::Receiver<Entry>),
    Begun(JoinHandle<()>),
    Ended,
}

impl Queue {
    /// A queue with room for so many records.
    pub(crate) fn new(store: Store, room: usize) -> Self {
        let (sender, receiver) = mpsc::channel(room.max(1));
        Self {
            sender,
            shared: Arc::new(Shared { store, bytes: AtomicUsize::new(0), lost: AtomicU64::new(0) }),
            writing: Arc::new(Mutex::new(Writing::NotBegun(receiver))),
        }
    }

    /// Adds a record.
    pub(super) fn add(&self, call: NewModelCall) {
        self.begin();
        let size = size(&call);
        let before = self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        let is_taken = before.saturating_add(size) <= MOST_BYTES
            && self.sender.try_send(Entry::Call(Box::new(call))).is_ok();
        if !is_taken {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.lose(1, "they come faster than the database takes them");
        }
    }

    /// Notes what came of a run; of no more importance than its records.
    pub(super) fn note(&self, made: MadeMemories) {
        self.begin();
        if self.sender.try_send(Entry::Made(made)).is_err() {
            tracing::debug!("a run has more records than the database takes: what came of it is not noted");
        }
    }

    /// Waits until all that was added before is written, but not for long.
    pub(super) async fn settle(&self) {
        if matches!(*self.writing(), Writing::NotBegun(_) | Writing::Ended) {
            return;
        }
        self.wait_for(Entry::Settle).await;
    }

    /// Writes what there is, and takes nothing more.
    pub(crate) async fn close(&self) {
        let task = match std::mem::replace(&mut *self.writing(), Writing::Ended) {
            Writing::Begun(task) => task,
            Writing::NotBegun(_) | Writing::Ended => return,
        };
        let (done, hears) = oneshot::channel();
        // An error means that the task has ended.
        if self.sender.send(Entry::Close(done)).await.is_ok() {
            let _ = hears.await;
        }
        if let Err(error) = task.await {
            tracing::error!(%error, "the records of model calls broke off");
        }
    }

    /// Records that were lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    async fn wait_for(&self, entry: impl FnOnce(oneshot::Sender<()>) -> Entry) {
        let (done, hears) = oneshot::channel();
        let wait = async {
            if self.sender.send(entry(done)).await.is_ok() {
                let _ = hears.await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            tracing::debug!("records of model calls are still on their way");
        }
    }

    /// Lets the task begin, if it has not yet.
    fn begin(&self) {
        let mut writing = self.writing();
        *writing = match std::mem::replace(&mut *writing, Writing::Ended) {
            Writing::NotBegun(receiver) => {
                Writing::Begun(tokio::spawn(write(Arc::clone(&self.shared), receiver)))
            }
            begun => begun,
        };
    }

    fn writing(&self) -> std::sync::MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Counts records that are lost. What is lost in a row is told once at its begin: the count
    /// doubles until it is told again.
    fn lose(&self, records: u64, reason: &str) {
        let before = self.lost.fetch_add(records, Ordering::Relaxed);
        let lost = before.saturating_add(records);
        if before.checked_ilog2() != lost.checked_ilog2() {
            tracing::warn!(lost, reason, "records of model calls are lost");
        }
    }
}

/// Writes until there is nothing more to come.
async fn write(shared: Arc<Shared>, mut receiver: mpsc::Receiver<Entry>) {
    let mut entries = Vec::new();
    while receiver.recv_many(&mut entries, BATCH).await > 0 {
        let mut calls = Vec::new();
        for entry in entries.drain(..) {
            match entry {
                Entry::Call(call) => calls.push(*call),
                Entry::Made(made) => {
                    write_calls(&shared, &mut calls).await;
                    if let Err(error) = shared.store.note_made_memories(&made).await {
                        tracing::debug!(%error, "what came of a run is not noted in its records");
                    }
                }
                Entry::Settle(done) => {
                    write_calls(&shared, &mut calls).await;
                    // Nobody may wait for it any more.
                    let _ = done.send(());
                }
                Entry::Close(done) => {
                    receiver.close();
                    write_calls(&shared, &mut calls).await;
                    let _ = done.send(());
                }
            }
        }
        write_calls(&shared, &mut calls).await;
    }
}

async fn write_calls(shared: &Shared, calls: &mut Vec<NewModelCall>) {
    if calls.is_empty() {
        return;
    }
    if let Err(error) = shared.store.write_model_calls(calls).await {
        shared.lose(calls.len() as u64, &error.to_string());
    }
    let bytes = calls.iter().map(size).sum();
    shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
    calls.clear();
}

/// Bytes of a record, but for what is short in all of them.
fn size(call: &NewModelCall) -> usize {
    call.input.len() + call.output.as_ref().map_or(0, String::len)
}
