//! Files for the engine: a few at a time, each in a process or on a thread of its own and within
//! bounded time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hindsight_engine::ports::{ConvertError, FileConverter, SentFile};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::process::Program;
use crate::{Limits, convert, process};

/// Stack of a thread that reads a file: parsers call themselves for what is nested.
pub(crate) const STACK: usize = 64 << 20;

/// Reads files. A process that takes too long is ended; a thread cannot be stopped and keeps its
/// place.
#[derive(Debug)]
pub struct Converter {
    program: Option<Program>,
    limits: Limits,
    time: Duration,
    places: Arc<Semaphore>,
}

impl Default for Converter {
    fn default() -> Self {
        Self::new(Limits::default(), Duration::from_mins(2), 2)
    }
}

impl Converter {
    /// One that reads `at_once` files at a time, each for no longer than `time`, on threads.
    pub fn new(limits: Limits, time: Duration, at_once: usize) -> Self {
        Self { program: None, limits, time, places: Arc::new(Semaphore::new(at_once)) }
    }

    /// The same in processes of a program that hands its arguments to
    /// [`serve_process`](crate::serve_process), within the limits that are usual.
    #[must_use]
    pub fn in_processes_of(self, program: Program) -> Self {
        Self { program: Some(program), ..self }
    }
}

#[async_trait]
impl FileConverter for Converter {
    async fn convert(&self, file: SentFile) -> Result<String, ConvertError> {
        let free = Arc::clone(&self.places).acquire_owned();
        if let Some(program) = &self.program {
            // However many wait: each process ends in time.
            let place = free.await.map_err(|_| ConvertError::Busy)?;
            let converted = process::read(program, &file, self.time).await;
            drop(place);
            return converted;
        }
        // Others are done within the time each has, unless they hang.
        let place = timeout(self.time, free).await;
        let place = place.map_err(|_| ConvertError::Busy)?.map_err(|_| ConvertError::Busy)?;
        let name = file.name.clone();
        let limits = self.limits;
        let deadline = Instant::now() + self.time;
        let (answer, answered) = oneshot::channel();
        let read = move || {
            let converted = catch_unwind(AssertUnwindSafe(|| convert(&file, &limits, deadline)));
            let converted =
                converted.unwrap_or_else(|_| Err(format!("cannot read {}: it is broken", file.name)));
            // Nobody waits any more when it took too long.
            let _ = answer.send(converted);
            drop(place);
        };
        thread::Builder::new()
            .name("file".to_owned())
            .stack_size(STACK)
            .spawn(read)
            .map_err(|_| ConvertError::Busy)?;
        match timeout(self.time, answered).await {
            Ok(Ok(converted)) => converted.map_err(ConvertError::Refused),
            Ok(Err(_)) => Err(ConvertError::Refused(format!("cannot read {name}: it is broken"))),
            Err(_) => {
                tracing::warn!(
                    seconds = self.time.as_secs(),
                    "a file took too long to read and was given up"
                );
                Err(ConvertError::Refused(format!(
                    "cannot read {name}: reading it takes longer than {} s",
                    self.time.as_secs()
                )))
            }
        }
    }
}
