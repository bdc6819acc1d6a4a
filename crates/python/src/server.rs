//! A server inside the Python process.

use std::collections::HashMap;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hindsight_server::{Config, FileProgram, StartError};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

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
}

#[pymethods]
impl Server {
    /// Starts a server and waits until it serves, at most `timeout` seconds. `settings` are all there are, by the
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
        config.progress = Arc::new(hindsight_cli::Bar::default());
        let (path, arguments) = itself;
        config.file_program = Some(FileProgram { path, arguments });
        hindsight_server::init_logging(&config, std::io::stderr)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let runtime = Builder::new_multi_thread().thread_name("hindsight-server").enable_all().build()?;
        let started = py.detach(|| {
            runtime.block_on(async {
                let server = hindsight_server::start(config).await.map_err(|error| failure(&error))?;
                let ready = interruptible(tokio::time::timeout(timeout, server.ready())).await;
                let problem = match ready {
                    Ok(Ok(Ok(()))) => return Ok(server),
                    Ok(Ok(Err(error))) => failure(&error),
                    Ok(Err(_)) => PyTimeoutError::new_err("not ready in time"),
                    Err(interrupted) => interrupted,
                };
                server.shutdown().await;
                Err(problem)
            })
        });
        let server = match started {
            Ok(server) => server,
            Err(problem) => {
                py.detach(|| runtime.shutdown_timeout(GOODBYE));
                return Err(problem);
            }
        };
        let running = Running { process: std::process::id(), server, runtime };
        Ok(Self { url: running.server.url(), running: Mutex::new(Some(running)) })
    }

    /// Base URL.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server and its database; at most `timeout` seconds are waited. Does nothing a second time.
    fn stop(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let timeout = seconds(timeout)?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return Ok(()) };
        if running.process != std::process::id() {
            mem::forget(running);
            return Ok(());
        }
        let Running { runtime, server, .. } = running;
        py.detach(|| {
            let stopped = runtime.block_on(async { tokio::time::timeout(timeout, server.shutdown()).await });
            runtime.shutdown_timeout(GOODBYE);
            stopped
        })
        .map_err(|_| PyTimeoutError::new_err("the server did not stop in time; requests are under way"))
    }
}

fn failure(error: &StartError) -> PyErr {
    PyRuntimeError::new_err(with_cause(error))
}
