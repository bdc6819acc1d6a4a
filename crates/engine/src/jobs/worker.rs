//! A worker: claims operations, does several at once, and keeps its leases while it does.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use hindsight_types::operations::OperationProgress;
use hindsight_types::retain::TokenUsage;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::perform::{end_of, end_of_broken, end_of_consolidation, passes};
use super::settings::WorkerSettings;
use super::{FILE_CONVERT_RETAIN, Progress, RETAIN};
use crate::Engine;
use crate::store::{
    CONSOLIDATION, ClaimedOperation, OperationEnd, OperationLease, OperationSignal, OperationSignals,
    REFRESH_MENTAL_MODEL,
};

/// Types of work that takes long.
const LONG: [&str; 2] = [CONSOLIDATION, REFRESH_MENTAL_MODEL];
/// Attempts beyond those that failed that may be lost with their workers.
const CRASHES: i32 = 5;
/// Shortest time between two notes of progress.
const NOTE: Duration = Duration::from_secs(1);
/// Wait before listening is tried again after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// Works on operations of all banks of a database.
#[derive(Debug)]
pub struct Worker {
    engine: Engine,
    settings: WorkerSettings,
    /// What is being worked on, and how to stop it.
    running: HashMap<OperationLease, oneshot::Sender<()>>,
    /// Those of them that take long: runs of consolidation, refreshes of mental models.
    long: HashSet<OperationLease>,
    tasks: JoinSet<OperationLease>,
    /// Whether the last look for work failed; told once.
    is_cut_off: bool,
}

impl Worker {
    /// A worker that has not begun.
    pub fn new(engine: Engine, settings: WorkerSettings) -> Self {
        Self {
            engine,
            settings,
            running: HashMap::new(),
            long: HashSet::new(),
            tasks: JoinSet::new(),
            is_cut_off: false,
        }
    }

    /// Works until `stopped`. What is under way then is put back, to be done by the next worker.
    ///
    /// `busy` is true while there is work under way.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>, busy: watch::Sender<bool>) {
        let mut signals = None;
        let mut listen_after = tokio::time::Instant::now();
        loop {
            if signals.is_none() && tokio::time::Instant::now() >= listen_after {
                signals = self.listen().await;
                listen_after = tokio::time::Instant::now() + LISTEN_AGAIN;
            }
            self.claim().await;
            busy.send_if_modified(|busy| {
                std::mem::replace(busy, !self.running.is_empty()) == self.running.is_empty()
            });
            tokio::select! {
                () = stop(&mut stopped) => break,
                signal = next(&mut signals) => match signal {
                    Some(OperationSignal::Work) => {}
                    Some(OperationSignal::Cancelled(operation_id)) => self.call_off(operation_id).await,
                    None => signals = None,
                },
                Some(done) = self.tasks.join_next() => self.forget(done),
                () = sleep(self.settings.poll) => {}
            }
        }
        self.put_back().await;
        busy.send_replace(false);
    }

    async fn listen(&self) -> Option<OperationSignals> {
        match self.engine.store.operation_signals().await {
            Ok(signals) => Some(signals),
            Err(error) => {
                tracing::debug!(%error, "not told of work; looking for it from time to time");
                None
            }
        }
    }

    /// Claims as much as there is room for and begins with it.
    async fn claim(&mut self) {
        let mut types = vec![RETAIN.to_owned()];
        // Who cannot read files leaves them to those who can.
        types.extend(self.engine.files.is_some().then(|| FILE_CONVERT_RETAIN.to_owned()));
        let slots = self.settings.slots;
        // Where there is one place only, what takes long has one of its own.
        let places = if slots == 1 { 2 } else { slots };
        let short = self.running.len().saturating_sub(self.long.len());
        let free = slots.saturating_sub(short).min(places.saturating_sub(self.running.len()));
        self.claim_some(&types, free).await;
        if self.engine.llm.is_none() {
            return;
        }
        // Half of the places are always left for what is short.
        let most = (places / 2).max(1).saturating_sub(self.long.len());
        let free = places.saturating_sub(self.running.len());
        self.claim_some(&LONG.map(str::to_owned), free.min(most)).await;
    }

    /// Claims up to `most` operations of these types and begins with them.
    async fn claim_some(&mut self, types: &[String], most: usize) {
        if most == 0 {
            return;
        }
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let claimed = self
            .engine
            .store
            .claim_operations(&self.settings.worker_id, types, self.settings.lease, limit)
            .await;
        match claimed {
            Ok(claimed) => {
                self.is_cut_off = false;
                for claimed in claimed {
                    self.begin(claimed);
                }
            }
            Err(error) if !std::mem::replace(&mut self.is_cut_off, true) => {
                tracing::warn!(%error, "no work could be claimed; it is tried again and again");
            }
            Err(_) => {}
        }
    }

    fn begin(&mut self, claimed: ClaimedOperation) {
        let lease = claimed.lease;
        let (stop, stopped) = oneshot::channel();
        self.running.insert(lease, stop);
        if LONG.contains(&claimed.operation_type.as_str()) {
            self.long.insert(lease);
        }
        let (engine, settings) = (self.engine.clone(), self.settings.clone());
        self.tasks.spawn(async move {
            Box::pin(attempt(&engine, &settings, &claimed, stopped)).await;
            lease
        });
    }

    fn forget(&mut self, done: Result<OperationLease, tokio::task::JoinError>) {
        match done {
            Ok(lease) => {
                self.running.remove(&lease);
                self.long.remove(&lease);
            }
            // Its lease runs out, and it is tried again. Which one it was cannot be told, so those
            // that nobody listens for are dropped.
            Err(error) => {
                tracing::error!(%error, "work on an operation broke off");
                self.running.retain(|_, stop| !stop.is_closed());
                let running = &self.running;
                self.long.retain(|lease| running.contains_key(lease));
            }
        }
    }

    /// Stops work on an operation, or on the parts of it, that was called off.
    async fn call_off(&mut self, operation_id: Uuid) {
        let running: Vec<Uuid> = self.running.keys().map(|lease| lease.operation_id).collect();
        let cancelled = match self.engine.store.cancelled_of(operation_id, &running).await {
            Ok(cancelled) => cancelled,
            Err(error) => {
                tracing::warn!(%error, "a call-off is noticed when the lease is kept next");
                return;
            }
        };
        let of_these = |lease: &OperationLease| cancelled.contains(&lease.operation_id);
        for (_, stop) in self.running.extract_if(|lease, _| of_these(lease)) {
            // Nobody listens when it has just ended.
            let _ = stop.send(());
        }
    }

    /// Stops everything and puts it back.
    async fn put_back(&mut self) {
        self.running.clear();
        while let Some(done) = self.tasks.join_next().await {
            if let Err(error) = done {
                tracing::error!(%error, "work on an operation broke off");
            }
        }
    }
}

/// Waits for the word to stop. Whoever started this worker and is gone has said it too.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// The next signal; never when nobody listens. `None` means that the connection is gone.
async fn next(signals: &mut Option<OperationSignals>) -> Option<OperationSignal> {
    match signals {
        None => std::future::pending().await,
        Some(signals) => match signals.next().await {
            Ok(signal) => Some(signal),
            Err(error) => {
                tracing::debug!(%error, "not told of work any more");
                None
            }
        },
    }
}

/// One attempt at an operation, with the lease kept and progress noted while it lasts.
async fn attempt(
    engine: &Engine,
    settings: &WorkerSettings,
    claimed: &ClaimedOperation,
    stopped: oneshot::Receiver<()>,
) {
    // Facts wait for a run; it is never given up, and it minds its own time.
    let is_consolidation = claimed.operation_type == CONSOLIDATION;
    let (progress, noted) = Progress::watched(claimed.usage);
    if !is_consolidation && claimed.attempt > settings.retries.saturating_add(1).saturating_add(CRASHES) {
        let error = format!("given up after {} attempts: its workers died", claimed.attempt - 1);
        return end(engine, claimed, &OperationEnd::Failed { error }, &progress, false).await;
    }
    let mut is_passing = false;
    let time_limit = if is_consolidation { Duration::MAX } else { settings.time_limit };
    let performed = AssertUnwindSafe(engine.perform(claimed, &progress)).catch_unwind();
    let ended = tokio::select! {
        // Done already: nothing is put back that has been completed.
        biased;
        performed = tokio::time::timeout(time_limit, performed) => match performed {
            Ok(Ok(Ok(()))) => None,
            // The cause has been told where it arose.
            Ok(Err(_)) => Some(end_of_broken(claimed.attempt, settings)),
            Ok(Ok(Err(error))) => {
                tracing::warn!(operation = %claimed.lease.operation_id, attempt = claimed.attempt, %error, "an attempt failed");
                is_passing = passes(&error);
                if is_consolidation {
                    end_of_consolidation(&error, claimed.attempt, settings)
                } else {
                    end_of(&error, claimed.attempt, settings)
                }
            }
            Err(_) => Some(OperationEnd::Failed {
                error: format!("not done within {} s", time_limit.as_secs()),
            }),
        },
        () = keep(engine, settings, claimed, noted) => None,
        called_off = stopped => match called_off {
            // Called off: there is nothing to write.
            Ok(()) => None,
            // The worker stops: the next one may begin at once.
            Err(_) => Some(OperationEnd::Again { after: Duration::ZERO, error: None, counts: false }),
        },
    };
    if let Some(ended) = ended {
        end(engine, claimed, &ended, &progress, is_passing).await;
    }
}

/// Notes the end of an attempt, and what it has cost for nothing; `is_passing` when what it failed by
/// passes by itself.
async fn end(
    engine: &Engine,
    claimed: &ClaimedOperation,
    end: &OperationEnd,
    progress: &Progress,
    is_passing: bool,
) {
    if let OperationEnd::Failed { error } = end
        && claimed.operation_type == REFRESH_MENTAL_MODEL
    {
        if let Err(error) = engine.give_up_refresh(claimed, error, is_passing, progress).await {
            tracing::warn!(operation = %claimed.lease.operation_id, %error, "the end of an attempt could not be noted; it is tried again when its lease runs out");
        }
        return;
    }
    let spent = progress.spent().filter(|spent| *spent != TokenUsage::default());
    let result = spent.map_or_else(|| json!({}), |spent| json!({"usage": spent}));
    if let Err(error) = engine.store.end_attempt(claimed.lease, end, &result).await {
        tracing::warn!(operation = %claimed.lease.operation_id, %error, "the end of an attempt could not be noted; it is tried again when its lease runs out");
    }
}

/// Keeps the lease; returns when it is lost.
async fn keep(
    engine: &Engine,
    settings: &WorkerSettings,
    claimed: &ClaimedOperation,
    mut noted: watch::Receiver<Option<OperationProgress>>,
) {
    loop {
        // An error means that the attempt is over, and this with it.
        let _ = tokio::time::timeout(settings.lease / 4, noted.changed()).await;
        let progress = noted.borrow_and_update().as_ref().map(|progress| json!(progress));
        match engine.store.keep_operation(claimed.lease, settings.lease, progress.as_ref()).await {
            Ok(true) => {}
            Ok(false) => return,
            // The next try comes well before the lease runs out.
            Err(error) => tracing::warn!(%error, "a lease could not be kept"),
        }
        // Progress in many small steps is written now and then.
        sleep(NOTE.min(settings.lease / 4)).await;
    }
}
