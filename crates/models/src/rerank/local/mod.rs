//! A cross-encoder on ONNX Runtime.

mod model;
#[cfg(test)]
mod tests;
mod worker;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hindsight_engine::ports::{RerankError, Reranker};
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::model::Model;
use self::worker::{Job, Score, Scores};
use crate::files::ModelFiles;
use crate::local::{LoadError, runtime};

/// Calls that may wait for the thread.
const QUEUE: usize = 16;
/// Tokens of a pair that a model reads, unless it is told otherwise.
const MAX_TOKENS: usize = 512;

/// How a cross-encoder uses the machine.
#[derive(Clone, Copy, Debug)]
pub struct CrossEncoderOptions {
    /// Threads that compute one batch together.
    pub threads: usize,
    /// Tokens of a query and a document together; the rest of the document is not seen.
    pub max_tokens: usize,
}

impl Default for CrossEncoderOptions {
    /// One thread per core, 512 tokens.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self { threads, max_tokens: MAX_TOKENS }
    }
}

/// Why a cross-encoder does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RerankLoadError {
    /// The ONNX Runtime library cannot be used.
    #[error(transparent)]
    Runtime(#[from] LoadError),
    /// The model cannot be used.
    #[error("cannot use the reranker {}: {reason}; give the folder of a cross-encoder with model.onnx and tokenizer.json", .path.display())]
    Model {
        /// The model file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that computes cannot be started.
    #[error("cannot start the reranker's thread: {0}")]
    Thread(std::io::Error),
}

/// Scores from a cross-encoder on this machine.
///
/// One thread of its own computes, so no async thread ever does. Calls queue for it, up to a
/// bound. A call ends with its time, with the scores there are; what is computed for a caller
/// who has gone ends with its batch. The model's raw logits go through a sigmoid.
#[derive(Debug)]
pub struct CrossEncoder {
    name: String,
    /// Taken when the reranker is dropped: that ends the thread.
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl CrossEncoder {
    /// Loads the model with the ONNX Runtime library `runtime` and tries it out. Its `name` is
    /// for logs.
    ///
    /// Takes a second or so and blocks. The first library that is loaded serves the whole process.
    pub fn load(
        runtime: &Path,
        files: &ModelFiles,
        name: &str,
        options: CrossEncoderOptions,
    ) -> Result<Self, RerankLoadError> {
        let environment = runtime::environment(runtime)?;
        let model = Model::load(&environment, files, options)
            .map_err(|reason| RerankLoadError::Model { path: files.model.clone(), reason })?;
        Self::start(format!("local/{name}"), model, Instant::now).map_err(RerankLoadError::Thread)
    }

    fn start(
        name: String,
        scorer: impl Score + 'static,
        now: impl Fn() -> Instant + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, received) = mpsc::sync_channel(QUEUE);
        let work = move || worker::run(scorer, &received, now);
        let thread = thread::Builder::new().name("reranking".to_owned()).spawn(work)?;
        Ok(Self { name, jobs: Some(jobs), thread: Some(thread) })
    }
}

#[async_trait]
impl Reranker for CrossEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    async fn rerank(
        &self,
        query: &str,
        documents: &[String],
        budget: Duration,
    ) -> Result<Vec<Option<f64>>, RerankError> {
        let none = vec![None; documents.len()];
        if documents.is_empty() || budget.is_zero() {
            return Ok(none);
        }
        let ended = || RerankError::Failed("the reranker's thread has ended, restart the server".to_owned());
        let scores: Scores = Arc::new(Mutex::new(none));
        let (done, outcome) = oneshot::channel();
        let job = Job {
            query: query.to_owned(),
            documents: documents.to_vec(),
            deadline: Instant::now() + budget,
            scores: Arc::clone(&scores),
            done,
        };
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => RerankError::Busy,
            TrySendError::Disconnected(_) => ended(),
        })?;
        // When the time is up, the scores there are count.
        if let Ok(outcome) = timeout(budget, outcome).await {
            outcome.map_err(|_| ended())??;
        }
        let scores = std::mem::take(&mut *scores.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(scores)
    }
}

impl Drop for CrossEncoder {
    /// Waits for the thread, at most for one batch: nobody can be waiting for a score.
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the reranker's thread panicked");
        }
    }
}
