//! The HTTP server of Hindsight.
//!
//! [`Config`] says what is wanted, [`start`] binds the port and loads everything behind it,
//! [`serve`] does that until a signal comes. The listener is there first: until the rest is
//! loaded, health says so and every other route asks to come back.
//!
//! Routes read a request, call the engine and map the answer. No SQL and no ranking rule
//! belongs here, and only [`config`] reads the environment.

pub mod config;
mod error;
mod extract;
mod guard;
mod load;
mod logging;
mod routes;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hindsight_engine::Engine;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use config::{Config, ConfigError};
use guard::Guard;
pub use load::StartError;
pub use logging::init_logging;
use routes::Limits;
use state::{Phase, State};

/// Longest wait for requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(20);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    loading: JoinHandle<Result<Option<load::Embedded>, StartError>>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// The routes over an engine that is loaded already, for programs with a listener of their
/// own. Who may talk to them is up to the program: there is no key and no check of names.
pub fn app(engine: Engine) -> Router {
    let state = State::new();
    state.ready(engine);
    let limits = Limits { guard: Guard::default(), max_body: 128 << 20, gzip_min_size: None };
    routes::router(Arc::new(state), limits)
}

/// Binds the port and begins to load what is behind it.
pub async fn start(config: Config) -> Result<Server, StartError> {
    load::check(&config)?;
    let wanted = SocketAddr::new(config.host, config.port);
    let listener = TcpListener::bind(wanted).await.map_err(|error| StartError::bind(wanted, &error))?;
    let address = listener.local_addr().map_err(|error| StartError::bind(wanted, &error))?;
    let state = Arc::new(State::new());
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn({
        let limits = Limits {
            guard: Guard::new(&config),
            max_body: config.max_body,
            gzip_min_size: config.gzip_min_size,
        };
        let router = routes::router(Arc::clone(&state), limits);
        let mut stopped = stopped.clone();
        async move {
            let signal = async move {
                // An error means that the server itself is gone, which is a stop as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, router).with_graceful_shutdown(signal).await
        }
    });
    let loading = tokio::spawn(load::load(config, Arc::clone(&state), stopped));
    tracing::info!(%address, "listening");
    Ok(Server { address, state, stop, loading, serving })
}

/// Serves until SIGINT or SIGTERM, then stops gracefully. Fails when the start does.
pub async fn serve(config: Config) -> Result<(), StartError> {
    let server = start(config).await?;
    let signal = shutdown_signal()?;
    let ready = tokio::select! {
        ready = server.ready() => ready,
        () = signal => {
            server.shutdown().await;
            return Ok(());
        }
    };
    if ready.is_ok() {
        tracing::info!(url = server.url(), "ready");
        shutdown_signal()?.await;
        tracing::info!("stopping");
    }
    let stopped = server.stop().await;
    ready.and(stopped)
}

impl Server {
    /// Base URL of the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until everything is loaded; fails when something cannot be.
    pub async fn ready(&self) -> Result<(), StartError> {
        match self.state.settled().await {
            Phase::Failed(problem) => Err(StartError::Load(problem)),
            Phase::Starting | Phase::Ready | Phase::Stopping => Ok(()),
        }
    }

    /// Stops: no new connections, requests under way end, then the database, if this
    /// server started it and nobody else uses it.
    pub async fn shutdown(self) {
        if let Err(error) = self.stop().await {
            tracing::warn!(%error, "stopped with an error");
        }
    }

    async fn stop(self) -> Result<(), StartError> {
        self.state.stopping();
        self.stop.send_replace(true);
        let mut serving = self.serving;
        if tokio::time::timeout(DRAIN, &mut serving).await.is_err() {
            tracing::warn!("requests still under way were cut off");
            serving.abort();
        }
        let embedded = self.loading.await.map_err(|error| StartError::Load(error.to_string()))?;
        let engine = self.state.take_engine();
        let alone = match &engine {
            Some(engine) => engine.is_alone().await,
            None => true,
        };
        if let Some(engine) = engine {
            engine.close().await;
        }
        match embedded {
            Ok(Some(embedded)) if alone => embedded.stop().await,
            // A failed start has been reported already.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Resolves at SIGINT or SIGTERM.
fn shutdown_signal() -> Result<impl Future<Output = ()>, StartError> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(|error| StartError::Load(error.to_string()));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
