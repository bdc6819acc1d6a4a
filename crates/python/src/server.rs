//! A server inside the Python process.

use std::collections::HashMap;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hindsight_server::{Config, FileProgram, Progress, StartError};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tracing::Dispatch;
use tracing::dispatcher::{set_default, with_default};

use crate::connection::seconds;
use crate::errors::with_cause;
use crate::runtime::interruptible;

/// How long threads may take to end once the server has stopped.
const GOODBYE: Duration = Duration::from_secs(1);

/// A server that listens, with threads of its own.
#[pyclass(frozen, module = "hindsight._native")]
pub(crate) struct Server {
    url: String,
    running: Mutex<Option<Running>>,
}

struct Running {
    /// A child that was forked has none of this.
    process: u32,
    runtime: Runtime,
    server: hindsight_server::Server,
    /// Where its log lines go. Others in this process have their own: servers, and what warns of daemons.
    lines: Dispatch,
}

#[pymethods]
impl Server {
    /// Starts a server and waits until it serves, at most `timeout` seconds beside the time that what it needs is
    /// fetched in. `settings` are all there are, by the
    /// names of their variables; those of the environment are among them or not. `itself` is an executable and what
    /// comes before a command: files are read in processes of it, since they may come from strangers.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over values")]
    fn start(
        py: Python<'_>,
        settings: HashMap<String, String>,
        itself: (PathBuf, Vec<String>),
        timeout: f64,
    ) -> PyResult<Self> {
        let timeout = seconds(timeout)?;
        let mut config = Config::read(&|name| settings.get(name).cloned())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let fetches = Arc::new(Fetches::default());
        config.progress = fetches.clone();
        let (path, arguments) = itself;
        config.file_program = Some(FileProgram { path, arguments });
        let lines = hindsight_server::log_lines(&config, std::io::stderr)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let runtime = runtime(lines.clone())?;
        let start = || {
            runtime.block_on(async {
                let server = hindsight_server::start(config).await.map_err(|error| failure(&error))?;
                let ready = interruptible(fetches.timeout(timeout, server.ready())).await;
                let problem = match ready {
                    Ok(Some(Ok(()))) => return Ok(server),
                    Ok(Some(Err(error))) => failure(&error),
                    Ok(None) => PyTimeoutError::new_err("not ready in time"),
                    Err(interrupted) => interrupted,
                };
                server.shutdown().await;
                Err(problem)
            })
        };
        let server = match py.detach(|| with_default(&lines, start)) {
            Ok(server) => server,
            Err(problem) => {
                py.detach(|| runtime.shutdown_timeout(GOODBYE));
                return Err(problem);
            }
        };
        let running = Running { process: std::process::id(), server, runtime, lines };
        Ok(Self { url: running.server.url(), running: Mutex::new(Some(running)) })
    }

    /// Base URL.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server and its database; at most `timeout` seconds are waited for requests under way. Does nothing
    /// a second time.
    fn stop(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let timeout = seconds(timeout)?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return Ok(()) };
        if running.process != std::process::id() {
            mem::forget(running);
            return Ok(());
        }
        let Running { runtime, server, lines, .. } = running;
        py.detach(|| {
            with_default(&lines, || runtime.block_on(async { server.shutdown_within(timeout).await }));
            runtime.shutdown_timeout(GOODBYE);
        });
        Ok(())
    }
}

/// Threads of a server, whose log lines go where `lines` says.
fn runtime(lines: Dispatch) -> std::io::Result<Runtime> {
    // For as long as the thread lives.
    let begin = move || mem::forget(set_default(&lines));
    Builder::new_multi_thread().thread_name("hindsight-server").on_thread_start(begin).enable_all().build()
}

/// Shows how fetches go, and knows how many are under way: they take as long as the network does.
#[derive(Default)]
struct Fetches {
    bar: hindsight_cli::Bar,
    running: watch::Sender<usize>,
}

impl Progress for Fetches {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.running.send_modify(|running| *running += 1);
        self.bar.begin(what, total);
    }

    fn advance(&self, bytes: u64) {
        self.bar.advance(bytes);
    }

    fn finish(&self) {
        self.bar.finish();
        self.running.send_modify(|running| *running = running.saturating_sub(1));
    }

    fn is_cancelled(&self) -> bool {
        self.bar.is_cancelled()
    }
}

impl Fetches {
    /// What comes of a future, unless that takes longer than `limit` since a fetch was under way last.
    async fn timeout<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut running = self.running.subscribe();
        let late = async {
            loop {
                // It fails only without a sender, and that is here.
                let _ = running.wait_for(|running| *running == 0).await;
                if tokio::time::timeout(limit, running.changed()).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            done = future => Some(done),
            () = late => None,
        }
    }
}

fn failure(error: &StartError) -> PyErr {
    PyRuntimeError::new_err(with_cause(error))
}
