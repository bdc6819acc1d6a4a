//! The HTTP server of Hindsight.
//!
//! [`Config`] says what is wanted, [`start`] binds the port and loads everything behind it,
//! [`serve`] does that until a signal comes. The listener is there first: until the rest is
//! loaded, health says so and every other route asks to come back.
//!
//! Routes read a request, call the engine and map the answer. No SQL and no ranking rule
//! belongs here, and only [`config`] reads the environment.

mod access;
mod activity;
mod admission;
pub mod config;
mod embedders;
mod error;
mod extract;
mod guard;
mod json_lines;
mod listener;
mod llm;
mod load;
mod logging;
mod models;
mod outage;
mod rerankers;
mod routes;
mod state;
mod supervise;
mod upkeep;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hindsight_engine::Engine;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use config::{Config, SETTINGS};
use guard::Guard;
pub use hindsight_assets::Progress;
pub use hindsight_files::{Program as FileProgram, serve_process as serve_file_process};
use listener::Counting;
pub use llm::language_model;
pub use load::{StartError, stop_leftover_database};
pub use logging::{init_logging, log_lines};
use routes::Limits;
use state::{Phase, State};

/// Longest wait for requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(20);
/// Longest and shortest time between two looks at whether anybody uses the server.
const LOOK: Duration = Duration::from_secs(5);
const SHORTEST_LOOK: Duration = Duration::from_millis(10);
/// Longest wait for statements under way after that.
const CLOSE: Duration = Duration::from_secs(10);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    loading: JoinHandle<Result<Option<load::Embedded>, StartError>>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Which daemon a server is, for whoever looks for it; health tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Profile whose daemon this is.
    pub profile: String,
    /// Tells this daemon from every other one of its profile.
    pub instance_id: String,
}

/// The routes over an engine that is loaded already, for programs with a listener of their
/// own. Who may talk to them is up to the program: there is no key and no check of names.
/// `config` says how much is taken at one time, under which path, and what is logged.
pub fn app(engine: Engine, config: &Config) -> Router {
    let state = State::new();
    state.ready(engine);
    routes::router(Arc::new(state), &Limits::new(config, Guard::default()))
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
        let limits = Limits::new(&config, Guard::new(&config));
        let router = routes::router(Arc::clone(&state), &limits);
        let listener = Counting::new(listener, Arc::clone(state.activity()));
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

/// Serves until SIGINT or SIGTERM, then stops gracefully; a second signal ends the process
/// at once. Fails when the start does.
pub async fn serve(config: Config) -> Result<(), StartError> {
    serve_while(config, async |server| {
        server.ready().await?;
        tracing::info!(url = server.url(), "ready");
        std::future::pending().await
    })
    .await
}

/// Serves as [`serve`] does, and stops as well when `wanted` ends, which gets the server as
/// soon as it listens. Fails when the start does or `wanted` says so.
pub async fn serve_while(
    config: Config,
    wanted: impl AsyncFnOnce(&Server) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let mut signals = Signals::listen()?;
    let server = start(config).await?;
    let served = tokio::select! {
        served = wanted(&server) => served,
        () = signals.next() => Ok(()),
    };
    tracing::info!("stopping");
    tokio::select! {
        stopped = server.stop(DRAIN) => served.and(stopped),
        () = signals.next() => {
            tracing::warn!("ended at once by a second signal; an embedded database stays up and is found again");
            std::process::exit(130)
        }
    }
}

impl Server {
    /// Base URL of the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says which daemon this server is.
    pub fn identify(&self, identity: Identity) {
        self.state.identify(identity);
    }

    /// Waits until no request has been under way for as long as `limit` says, and takes none
    /// from then on. Health, version and metrics are no use, unless a client asks for health
    /// with the header `X-Hindsight-Keepalive`. `limit` is asked again and again; none = never.
    pub async fn unused(&self, limit: impl Fn() -> Option<Duration>) {
        while !self.state.close_if_unused(&limit) {
            let left = limit().map_or(LOOK, |limit| {
                let idle = self.state.activity().now().1.unwrap_or_default();
                limit.saturating_sub(idle).max(SHORTEST_LOOK)
            });
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }

    /// Waits until everything is loaded; fails when something cannot be.
    pub async fn ready(&self) -> Result<(), StartError> {
        match self.state.settled().await {
            Phase::Failed(problem) => Err(StartError::Load(problem)),
            Phase::Starting | Phase::Ready | Phase::Stopping => Ok(()),
        }
    }

    /// Stops: no new connections, requests under way end, then the embedded database, unless
    /// others use it.
    pub async fn shutdown(self) {
        self.shutdown_within(DRAIN).await;
    }

    /// The same, with the longest wait for requests under way. The database is stopped after it in
    /// any case.
    pub async fn shutdown_within(self, drain: Duration) {
        if let Err(error) = self.stop(drain).await {
            tracing::warn!(%error, "stopped with an error");
        }
    }

    async fn stop(self, drain: Duration) -> Result<(), StartError> {
        self.state.stopping();
        self.stop.send_replace(true);
        let mut serving = self.serving;
        if tokio::time::timeout(drain, &mut serving).await.is_err() {
            tracing::warn!("requests are still under way; the server goes all the same");
            serving.abort();
        }
        let embedded = self.loading.await.map_err(|error| StartError::Load(error.to_string()))?;
        if let Some(engine) = self.state.take_engine()
            && tokio::time::timeout(CLOSE, engine.close()).await.is_err()
        {
            tracing::warn!("statements are still under way; the server goes all the same");
        }
        match embedded {
            Ok(Some(embedded)) => embedded.stop_if_unused().await,
            // A failed start has been reported already.
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(|error| StartError::Load(error.to_string()));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
