//! Connections: to a server, or to the daemon of a profile.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hindsight_client::{Client, ClientOptions};
use hindsight_embed_daemon::{Config, Daemons, EmbedError, EmbeddedClient, Profile, Program, StartOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::{exception, start_exception};
use crate::exchange::{Answer, Exchange, Request, Target, for_python};
use crate::{messages, runtime};

/// How long requests under way may take when a daemon is stopped, and its database after them.
const STOP: Duration = Duration::from_secs(30);

/// Where requests go. Threads may share one, and a child that was forked may go on with it.
#[pyclass(frozen, module = "hindsight._native")]
pub(crate) struct Connection {
    origin: Origin,
    /// Only locked with the interpreter's lock held and never while waiting, like the runtime's state.
    live: Mutex<Option<Live>>,
    closed: AtomicBool,
}

/// What a connection is made from.
enum Origin {
    Server { url: String, shown: String, options: ClientOptions },
    Daemon { daemons: Box<Daemons>, profile: Profile, options: StartOptions },
}

/// Open connections of one process.
struct Live {
    process: u32,
    target: Option<Target>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // They are those of the parent, and closing them would disturb it.
            mem::forget(self.target.take());
        }
    }
}

#[pymethods]
impl Connection {
    /// A connection to the server at a URL; nothing is sent yet. `timeout` is in seconds.
    #[staticmethod]
    fn to_server(
        url: String,
        api_key: Option<String>,
        timeout: f64,
        user_agent: Option<String>,
    ) -> PyResult<Self> {
        let timeout = seconds(timeout)?;
        let own = concat!("hindsight-client-python/", env!("CARGO_PKG_VERSION"));
        let user_agent = user_agent.map_or_else(|| own.to_owned(), |name| format!("{name} {own}"));
        let options = ClientOptions { api_key, timeout, user_agent: Some(user_agent) };
        let client = Client::with_options(&url, &options).map_err(|error| exception(&error.into()))?;
        let origin = Origin::Server { url, shown: client.shown_url().to_owned(), options };
        Ok(Self::new(origin, Some(Target::Server(client))))
    }

    /// A connection to the daemon of a profile; nothing is started yet. `settings` are those of the server by the
    /// names of their variables, `program` is an executable and what makes it serve.
    #[staticmethod]
    fn to_daemon(
        profile: &str,
        settings: BTreeMap<String, String>,
        program: (PathBuf, Vec<String>),
    ) -> PyResult<Self> {
        messages::keep();
        let profile: Profile = profile
            .parse()
            .map_err(|error: hindsight_embed_daemon::ProfileError| exception(&error.into()))?;
        let daemons = Box::new(Daemons::new(Config::from_env().map_err(|error| exception(&error))?));
        let (path, arguments) = program;
        let options = StartOptions {
            settings,
            progress: Arc::new(tell),
            ..StartOptions::new(Program { path, arguments })
        };
        Ok(Self::new(Origin::Daemon { daemons, profile, options }, None))
    }

    /// Sends a request and waits for the answer.
    fn exchange<'py>(&self, py: Python<'py>, request: Request) -> PyResult<Answer<'py>> {
        let target = self.target()?;
        let exchange = Exchange::try_from(request)?;
        let answer = runtime::wait(py, exchange.carry_out(&target));
        messages::hand_over(py);
        Ok(for_python(py, &answer?.map_err(|error| start_exception(&error, self.origin.profile()))?))
    }

    /// Sends a request in the background. `callback` is called with the answer and an exception, one of which is
    /// None, in another thread.
    fn submit(&self, py: Python<'_>, request: Request, callback: Py<PyAny>) -> PyResult<runtime::Task> {
        let target = self.target()?;
        let exchange = Exchange::try_from(request)?;
        let profile = self.origin.profile().cloned();
        let future = async move { exchange.carry_out(&target).await };
        runtime::spawn(py, future, move |py, answer| {
            messages::hand_over(py);
            let answer = answer
                .map_err(|error| start_exception(&error, profile.as_ref()))
                .map(|answer| for_python(py, &answer));
            let told = match answer {
                Ok(answer) => callback.call1(py, (answer, py.None())),
                Err(error) => callback.call1(py, (py.None(), error.into_value(py))),
            };
            if let Err(error) = told {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        })
    }

    /// Base URL of the server; a daemon is started first.
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        match self.target()? {
            Target::Server(client) => Ok(client.base_url().to_owned()),
            Target::Daemon(client) => {
                let run = runtime::wait(py, client.daemon());
                messages::hand_over(py);
                Ok(run?.map_err(|error| start_exception(&error, self.origin.profile()))?.url)
            }
        }
    }

    /// Whether the daemon serves; nothing is started.
    fn is_running(&self, py: Python<'_>) -> PyResult<bool> {
        match &self.origin {
            Origin::Server { .. } => Ok(!self.is_closed()),
            Origin::Daemon { daemons, profile, .. } => {
                Ok(runtime::wait(py, daemons.find(profile))?.is_some())
            }
        }
    }

    /// Name of the profile as files have it; None for a connection to a server.
    #[getter]
    fn profile(&self) -> Option<&str> {
        self.origin.profile().map(Profile::as_str)
    }

    /// Where requests go, for people: the server's address without a password, or the name of the profile.
    #[getter]
    fn shown(&self) -> &str {
        match &self.origin {
            Origin::Server { shown, .. } => shown,
            Origin::Daemon { profile, .. } => profile.as_str(),
        }
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the connection; requests fail from now on. The daemon goes on unless it is to be stopped, for
    /// everybody who uses it.
    fn close(&self, py: Python<'_>, stop_daemon: bool) -> PyResult<()> {
        let was_closed = self.closed.swap(true, Ordering::AcqRel);
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).take();
        if was_closed {
            return Ok(());
        }
        let own =
            live.filter(|live| live.process == std::process::id()).and_then(|mut live| live.target.take());
        let client = match (own, stop_daemon) {
            (Some(Target::Daemon(client)), _) => client,
            (None, true) => match self.origin.target() {
                Ok(Target::Daemon(client)) => client,
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        let closed = runtime::wait(py, client.close(stop_daemon.then_some(STOP)));
        messages::hand_over(py);
        closed?.map_err(|error| exception(&error))
    }
}

impl Connection {
    fn new(origin: Origin, target: Option<Target>) -> Self {
        let live = target.map(|target| Live { process: std::process::id(), target: Some(target) });
        Self { origin, live: Mutex::new(live), closed: AtomicBool::new(false) }
    }

    /// Who this process asks.
    fn target(&self) -> PyResult<Target> {
        if self.is_closed() {
            return Err(exception(&EmbedError::Closed));
        }
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(Live { process: owner, target: Some(target) }) = &*live
            && *owner == process
        {
            return Ok(target.clone());
        }
        let target = self.origin.target().map_err(|error| exception(&error))?;
        *live = Some(Live { process, target: Some(target.clone()) });
        Ok(target)
    }
}

impl Origin {
    fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Server { .. } => None,
            Self::Daemon { profile, .. } => Some(profile),
        }
    }

    fn target(&self) -> Result<Target, EmbedError> {
        Ok(match self {
            Self::Server { url, options, .. } => Target::Server(Client::with_options(url, options)?),
            Self::Daemon { daemons, profile, options } => {
                Target::Daemon(EmbeddedClient::new(Daemons::clone(daemons), profile.clone(), options.clone()))
            }
        })
    }
}

/// A time in seconds, as Python has it.
pub(crate) fn seconds(value: f64) -> PyResult<Duration> {
    let time = Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| {
        PyValueError::new_err(format!("{value} is no time to wait: give seconds, more than 0"))
    })
}

/// Tells people at a terminal what takes so long.
fn tell(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        // Who has closed it does not want to know.
        let _ = writeln!(stderr, "{text}");
    }
}
