//! Jobs: work that clients hand over and do not wait for.
//!
//! [`submit`] stores what is to be done, [`worker`] claims it under leases, [`perform`] does it,
//! [`operations`] tells clients about it and lets them intervene. An answer to a client means
//! that the work is stored; its result and the word that it is done are written in one
//! transaction, so that neither a crash nor a second worker does anything twice.

mod attached;
mod files;
mod operations;
mod perform;
mod reprocess;
mod settings;
mod submit;
mod worker;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hindsight_types::operations::OperationProgress;
use hindsight_types::retain::{MemoryItem, TokenUsage};
use hindsight_types::time;
use serde::Serialize;
use tokio::sync::watch;

use self::attached::WaitingAttachment;
use crate::store::OperationLease;

pub use files::FileUpload;
pub use settings::WorkerSettings;
pub use worker::Worker;

/// Stands for the parts of one retain.
const BATCH_RETAIN: &str = "batch_retain";
/// A part of a retain.
const RETAIN: &str = "retain";
/// A file whose text is to be retained.
const FILE_CONVERT_RETAIN: &str = "file_convert_retain";

/// What a worker needs for a [`RETAIN`]; read back as a retain request with two more fields.
#[derive(Debug, Serialize)]
struct RetainPayload<'a> {
    /// The items, each with the id of its document.
    items: &'a [MemoryItem],
    /// When they were handed over: what "now" means for them.
    submitted_at: DateTime<Utc>,
    /// Their number in the order of all retains.
    accepted: i64,
    /// Whether all of it is read anew, also what is stored already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_forced: bool,
    /// When each undated item was said, where it is not the first time that it is retained.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    said: &'a [Option<DateTime<Utc>>],
    /// What is attached to the items; the bytes lie beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<WaitingAttachment>,
}

/// How far work has come and what it has cost, for whoever keeps its lease. Of the work of a
/// request nobody asks.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Option<Arc<Watched>>);

#[derive(Debug)]
struct Watched {
    noted: watch::Sender<Option<OperationProgress>>,
    /// Tokens of this attempt and of those before it.
    spent: watch::Sender<TokenUsage>,
}

impl Progress {
    /// Progress that nobody asks for.
    pub(crate) fn unwatched() -> Self {
        Self(None)
    }

    /// Progress of an attempt at work that has cost something `before`, and who hears of it.
    pub(crate) fn watched(before: TokenUsage) -> (Self, watch::Receiver<Option<OperationProgress>>) {
        let (noted, hears) = watch::channel(None);
        let spent = watch::Sender::new(before);
        (Self(Some(Arc::new(Watched { noted, spent }))), hears)
    }

    /// Says that language models were paid so much.
    pub(crate) fn spend(&self, usage: TokenUsage) {
        if let Some(watched) = &self.0 {
            watched.spent.send_modify(|spent| *spent += usage);
        }
    }

    /// What language models were paid in all attempts so far, where somebody asks.
    pub(crate) fn spent(&self) -> Option<TokenUsage> {
        self.0.as_ref().map(|watched| *watched.spent.borrow())
    }

    /// Says that so many parts of a stage are done.
    pub(crate) fn note(&self, stage: &str, processed: usize, total: usize, now: DateTime<Utc>) {
        let Some(watched) = &self.0 else { return };
        let number = |count: usize| i64::try_from(count).ok();
        watched.noted.send_replace(Some(OperationProgress {
            stage: stage.to_owned(),
            at: time::format(now),
            processed: number(processed),
            total: number(total),
            detail: None,
        }));
    }
}

/// On whose behalf texts are retained.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    /// When they were handed over.
    pub(crate) now: DateTime<Utc>,
    /// Their number in the order of all retains.
    pub(crate) accepted: i64,
    /// Whether chunks that are stored already are read anew.
    pub(crate) is_forced: bool,
    /// When each undated item was said, where that was before.
    pub(crate) said: Vec<Option<DateTime<Utc>>>,
    /// The operation that is completed with the write; none for a request that waits.
    pub(crate) lease: Option<OperationLease>,
    /// Where progress is noted.
    pub(crate) progress: Progress,
}
