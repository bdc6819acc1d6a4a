//! Local embedding models on ONNX Runtime: all-MiniLM-L6-v2, or one in a folder that somebody brings.

mod folder;
mod model;
mod protobuf;
pub(crate) mod runtime;
#[cfg(test)]
mod tests;
mod tokens;
mod weights;
mod worker;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

pub use self::folder::ModelFolder;
use self::model::Model;
pub use self::model::Pooling;
use self::worker::{Encode, Job};

/// Texts that may wait to be searched with.
const QUERY_PLACES: u32 = 64;
/// Texts that may wait to be stored.
const PASSAGE_PLACES: u32 = 1024;

/// How long an accepted call waits for its vectors: many times what a full queue takes.
const PATIENCE: Duration = Duration::from_mins(5);
/// What every text of the call itself adds: a call may be larger than the queue.
const PATIENCE_PER_TEXT: Duration = Duration::from_secs(1);

/// How the local model uses the machine.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// Threads that compute one batch together.
    pub threads: usize,
    /// Tokens of a text that its vector is made from, within what the model takes.
    pub max_tokens: usize,
    /// How long a call may wait for a place in the queue before it is told to come back later.
    pub max_wait: Duration,
}

impl Default for LocalOptions {
    /// One thread per core, and half a minute.
    fn default() -> Self {
        Self {
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            max_tokens: usize::MAX,
            max_wait: Duration::from_secs(30),
        }
    }
}

/// Why the local model does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The ONNX Runtime library cannot be used.
    #[error("cannot use the ONNX Runtime library {}: {reason}", .path.display())]
    Runtime {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model cannot be used.
    #[error(
        "cannot use the embedding model {}: {reason}; check it with `hindsight assets verify minilm`",
        .path.display()
    )]
    Model {
        /// The model file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that somebody brings cannot be used.
    #[error(
        "cannot use the embedding model {}: {reason}; give the folder of a model with model.onnx and tokenizer.json",
        .path.display()
    )]
    Folder {
        /// The model file or its folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that computes cannot be started.
    #[error("cannot start the embedding thread: {0}")]
    Thread(std::io::Error),
}

/// Sentence vectors from a model on this machine.
///
/// One thread of its own computes, so no async thread ever does. Calls queue for it, up to a
/// bound; queries go before passages, and passages are computed in small batches, in turn between
/// callers. Work whose caller has gone is skipped, and no caller waits for ever.
#[derive(Debug)]
pub struct LocalEmbedder {
    identity: EmbeddingModel,
    queries: Lane,
    passages: Lane,
    max_wait: Duration,
    patience: Duration,
    /// Taken when the embedder is dropped: that ends the thread.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Bound of the texts that wait for one purpose.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    size: u32,
}

impl Lane {
    fn new(size: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(size as usize)), size }
    }
}

impl LocalEmbedder {
    /// Loads the model in `model_dir` with the ONNX Runtime library `runtime` and tries it out.
    ///
    /// Takes a fraction of a second and blocks. The first library that is loaded serves the whole
    /// process.
    pub fn load(runtime: &Path, model_dir: &Path, options: LocalOptions) -> Result<Self, LoadError> {
        let environment = runtime::environment(runtime)?;
        let model = Model::load(&environment, &model_dir.join("model.onnx"), options)?;
        let name = "sentence-transformers/all-MiniLM-L6-v2-int8";
        Self::start(identity(name, &model), model, options.max_wait).map_err(LoadError::Thread)
    }

    /// Loads a model that somebody brings, otherwise like [`Self::load`].
    pub fn load_folder(
        runtime: &Path,
        folder: &ModelFolder,
        options: LocalOptions,
    ) -> Result<Self, LoadError> {
        let environment = runtime::environment(runtime)?;
        let model = Model::load_folder(&environment, folder, options)?;
        Self::start(identity(&folder.name, &model), model, options.max_wait).map_err(LoadError::Thread)
    }

    fn start(
        identity: EmbeddingModel,
        encoder: impl Encode + 'static,
        max_wait: Duration,
    ) -> std::io::Result<Self> {
        let (jobs, received) = mpsc::channel();
        let work = move || worker::run(encoder, &received);
        let thread = thread::Builder::new().name("embedding".to_owned()).spawn(work)?;
        Ok(Self {
            identity,
            queries: Lane::new(QUERY_PLACES),
            passages: Lane::new(PASSAGE_PLACES),
            max_wait,
            patience: PATIENCE,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }
}

fn identity(name: &str, model: &Model) -> EmbeddingModel {
    EmbeddingModel {
        provider: "local".to_owned(),
        name: name.to_owned(),
        dimension: model.dimension(),
        normalized: true,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.identity
    }

    async fn embed(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let lane = match purpose {
            EmbedPurpose::Query => &self.queries,
            EmbedPurpose::Passage => &self.passages,
        };
        let ended = || EmbedError::Failed("the embedding thread has ended, restart the server".to_owned());
        // A call with more texts than places is let in alone.
        let wanted = u32::try_from(texts.len()).unwrap_or(lane.size).min(lane.size);
        let places = timeout(self.max_wait, Arc::clone(&lane.places).acquire_many_owned(wanted))
            .await
            .map_err(|_| EmbedError::Busy)?
            .map_err(|_| ended())?;
        let limit = self.patience + PATIENCE_PER_TEXT * u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Job { purpose, texts, reply, places }).map_err(|_| ended())?;
        let late = |_| {
            EmbedError::Failed(format!(
                "no vectors came within {} s; give the machine less to do, or restart the server if it stays so",
                limit.as_secs()
            ))
        };
        timeout(limit, answer).await.map_err(late)?.map_err(|_| ended())?
    }
}

impl Drop for LocalEmbedder {
    /// Waits for the thread, at most for one small batch: nobody can be waiting for a vector.
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the embedding thread panicked");
        }
    }
}
