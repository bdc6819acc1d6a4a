//! Loading what is behind the listener: database, model, engine.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hindsight_assets::{Asset, AssetError, AssetStore, Progress};
use hindsight_engine::Engine;
use hindsight_engine::ports::{Embedder, SystemClock};
use hindsight_engine::store::{PoolHealth, Store, StoreError, StoreOptions, other_clients};
use hindsight_models::{LoadError, LocalEmbedder, LocalOptions};
use hindsight_pg::{
    DatabaseUrl, InstanceStatus, InstanceUrl, Instances, Layout, Options, PgError, RunningInstance, UrlError,
};
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::config::Config;
use crate::state::State;

/// Time between two looks at the database.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long closed connections may take to be gone.
const GOODBYE: Duration = Duration::from_secs(2);
/// Longest wait for a look at the database.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens on the address.
    #[error(
        "cannot listen on {0}: port {port} is taken; choose another with --port or HINDSIGHT_API_PORT",
        port = .0.port()
    )]
    PortTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What is wrong, and what would help.
        reason: String,
    },
    /// Others would reach the server without a key.
    #[error(
        "{0} is reachable from other machines and there is no API key; listen on 127.0.0.1, set HINDSIGHT_API_TENANT_API_KEY, or allow it with --allow-unauthenticated (HINDSIGHT_API_ALLOW_UNAUTHENTICATED=true)"
    )]
    Exposed(SocketAddr),
    /// The database URL is not usable.
    #[error("HINDSIGHT_API_DATABASE_URL: {0}")]
    Url(#[from] UrlError),
    /// The embedded database did not start or stop.
    #[error(transparent)]
    Database(#[from] PgError),
    /// The database is there, but not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model or its runtime is not there.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// The model does not load.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// Something behind the listener failed; the message says what.
    #[error("{0}")]
    Load(String),
}

impl StartError {
    pub(crate) fn bind(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken(address),
            _ => Self::Bind { address, reason: error.to_string() },
        }
    }
}

impl From<JoinError> for StartError {
    fn from(error: JoinError) -> Self {
        Self::Load(format!("loading was interrupted: {error}"))
    }
}

/// An embedded database that this server uses.
#[derive(Debug)]
pub(crate) struct Embedded {
    instances: Instances,
    instance: InstanceUrl,
    url: String,
}

impl Embedded {
    /// Starts the database again if it has died: its clients only find that it is gone. One
    /// that runs and does not answer is left alone.
    async fn revive(&self) {
        match self.instances.status(&self.instance.name).await {
            Ok(InstanceStatus::Stopped) => {}
            // Where the data is gone, an empty database would pass for the old one.
            Ok(InstanceStatus::Running { .. } | InstanceStatus::Absent) | Err(_) => return,
        }
        tracing::warn!(instance = self.instance.name, "the database is gone; starting it again");
        match self.instances.start(&self.instance).await {
            // The address is the instance's own and stays, so connections find the way back.
            Ok(running) => tracing::info!(pid = running.pid, "the database is back"),
            Err(error) => tracing::error!(%error, "the database could not be started again"),
        }
    }

    /// Stops the database unless others use it: servers share an instance by its name, and
    /// the last one turns off the light.
    pub(crate) async fn stop_if_unused(self) -> Result<(), StartError> {
        let deadline = Instant::now() + GOODBYE;
        loop {
            match other_clients(&self.url).await {
                Ok(0) => break,
                // The backends of closed connections take a moment to end.
                Ok(_) if Instant::now() < deadline => tokio::time::sleep(GOODBYE / 20).await,
                Ok(others) => {
                    tracing::info!(others, "the database stays up: others use it");
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(%error, "the database stays up: it did not say who uses it");
                    return Ok(());
                }
            }
        }
        self.instances.stop(&self.instance.name).await?;
        Ok(())
    }
}

/// Stops the embedded database that a server has left which died, unless others use it.
/// True when there was one and it is stopped now. `home` is the home folder whose databases
/// are meant; a URL of any other database is none of ours.
pub async fn stop_leftover_database(home: &Path, database_url: &str) -> Result<bool, StartError> {
    let DatabaseUrl::Embedded(instance) = database_url.parse()? else { return Ok(false) };
    let instances = Instances::new(Layout::new(home), Options::default());
    if !matches!(instances.status(&instance.name).await?, InstanceStatus::Running { .. }) {
        return Ok(false);
    }
    // It runs, so this only finds out how to reach it.
    let url = instances.start(&instance).await?.connection.url();
    let name = instance.name.clone();
    Embedded { instances: instances.clone(), instance, url }.stop_if_unused().await?;
    Ok(!matches!(instances.status(&name).await?, InstanceStatus::Running { .. }))
}

/// Progress of downloads that end when the server stops.
struct UntilStopped {
    told: Arc<dyn Progress>,
    stopped: watch::Receiver<bool>,
}

impl Progress for UntilStopped {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.told.begin(what, total);
    }

    fn advance(&self, bytes: u64) {
        self.told.advance(bytes);
    }

    fn finish(&self) {
        self.told.finish();
    }

    fn is_cancelled(&self) -> bool {
        *self.stopped.borrow() || self.told.is_cancelled()
    }
}

/// What can be refused before the port is bound.
pub(crate) fn check(config: &Config) -> Result<(), StartError> {
    if !config.host.is_loopback() && config.api_key.is_none() && !config.allow_unauthenticated {
        return Err(StartError::Exposed(SocketAddr::new(config.host, config.port)));
    }
    config.database_url.parse::<DatabaseUrl>()?;
    Ok(())
}

/// Loads everything, opens the routes and looks after the database until `stopped`.
/// Returns the embedded database there is to stop.
pub(crate) async fn load(
    mut config: Config,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Option<Embedded>, StartError> {
    config.progress = Arc::new(UntilStopped { told: config.progress, stopped: stopped.clone() });
    let (embedded, engine) = match open(&config, stopped.clone()).await {
        Ok(opened) => opened,
        Err(error) => {
            state.failed(error.to_string());
            return Err(error);
        }
    };
    state.probed(look(&engine).await);
    state.ready(engine.clone());
    loop {
        tokio::select! {
            // An error means that the server is gone.
            _ = stopped.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(PROBE_INTERVAL) => {}
        }
        // First, because a look at a database that died waits for it.
        if let Some(embedded) = &embedded {
            embedded.revive().await;
        }
        state.probed(look(&engine).await);
    }
    Ok(embedded)
}

/// Looks at the database, but not for long.
async fn look(engine: &Engine) -> Result<PoolHealth, String> {
    match tokio::time::timeout(PROBE_TIMEOUT, engine.probe()).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("the database does not answer".to_owned()),
    }
}

async fn open(
    config: &Config,
    mut stopped: watch::Receiver<bool>,
) -> Result<(Option<Embedded>, Engine), StartError> {
    // A model that is there loads while the database starts; one that has to be fetched
    // waits, so that an unusable database is told without a download first.
    let load = || {
        let config = config.clone();
        tokio::task::spawn_blocking(move || load_model(&config))
    };
    let assets = assets(config);
    let is_there = [Asset::OnnxRuntime, Asset::MiniLm].iter().all(|asset| assets.find(*asset).is_some());
    let model = is_there.then(load);
    let (embedded, url) = start_database(config).await?;
    let opened = async {
        let store = Store::open(&StoreOptions {
            url,
            schema: config.database_schema.clone(),
            max_connections: config.pool_size,
            acquire_timeout: config.acquire_timeout,
            language: config.language,
        })
        .await?;
        let embedder = model.unwrap_or_else(load).await??;
        Ok(Engine::new(store, embedder, Arc::new(SystemClock), config.engine.clone()).await?)
    };
    // The start of an embedded database is never cut off halfway; the rest may be.
    let opened = tokio::select! {
        opened = opened => opened,
        _ = stopped.wait_for(|stop| *stop) => Err(StartError::Load("stopped while loading".to_owned())),
    };
    match opened {
        Ok(engine) => Ok((embedded, engine)),
        Err(error) => {
            if let Some(embedded) = embedded
                && let Err(error) = embedded.stop_if_unused().await
            {
                tracing::warn!(%error, "the embedded database was left running");
            }
            Err(error)
        }
    }
}

async fn start_database(config: &Config) -> Result<(Option<Embedded>, String), StartError> {
    let url = match config.database_url.parse()? {
        DatabaseUrl::External(url) => return Ok((None, url.as_str().to_owned())),
        DatabaseUrl::Embedded(url) => url,
    };
    let options = Options {
        bin_dir: config.pg_bin_dir.clone(),
        run_as: config.pg_user.clone(),
        // One pool for recall, one for the rest.
        pool_size: config.pool_size.saturating_mul(2),
        progress: Arc::clone(&config.progress),
        ..Options::default()
    };
    let instances = Instances::new(Layout::new(&config.home), options);
    let mut running = instances.start(&url).await?;
    if !running.differences.is_empty() {
        running = restart_if_unused(&instances, &url, running).await?;
    }
    tracing::info!(instance = running.name, pid = running.pid, adopted = !running.started_by_us, "database");
    let connection = running.connection.url();
    Ok((Some(Embedded { instances, instance: url, url: connection.clone() }), connection))
}

/// Gives a database that runs otherwise than asked for, as one that the original's program
/// has started, our settings. Not while others use it: they would lose their connections.
async fn restart_if_unused(
    instances: &Instances,
    url: &InstanceUrl,
    running: RunningInstance,
) -> Result<RunningInstance, StartError> {
    let differences = running.differences.join("; ");
    match other_clients(&running.connection.url()).await {
        Ok(0) => {
            tracing::info!(
                instance = running.name,
                differences,
                "the database is restarted with our settings"
            );
            Ok(instances.restart(url, &running).await?)
        }
        Ok(_) | Err(_) => {
            tracing::warn!(
                instance = running.name,
                pid = running.pid,
                differences,
                "the database keeps the settings it runs with while others use it; stop it to apply ours"
            );
            Ok(running)
        }
    }
}

fn assets(config: &Config) -> AssetStore {
    AssetStore::new(&config.assets_dir, Layout::new(&config.home).installation())
}

fn load_model(config: &Config) -> Result<Arc<dyn Embedder>, StartError> {
    let store = assets(config);
    let runtime = store.ensure(Asset::OnnxRuntime, &*config.progress)?;
    let model = store.ensure(Asset::MiniLm, &*config.progress)?;
    Ok(Arc::new(LocalEmbedder::load(&runtime, &model, LocalOptions::default())?))
}
