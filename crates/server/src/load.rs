//! Loading what is behind the listener: database, model, engine.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hindsight_assets::{AssetError, Progress};
use hindsight_engine::Engine;
use hindsight_engine::ports::{EmbedError, Embedder, SystemClock};
use hindsight_engine::store::{PoolHealth, Store, StoreError, StoreOptions, other_clients};
use hindsight_engine::text::tokens;
use hindsight_files::Converter;
use hindsight_models::LoadError;
use hindsight_pg::{
    DatabaseUrl, InstanceStatus, InstanceUrl, Instances, Layout, Options, PgError, RunningInstance, UrlError,
};
use hindsight_types::settings::SettingError;
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::config::{Config, MIGRATION_DATABASE_URL, READ_DATABASE_URL};
use crate::llm::language_model;
use crate::outage::{self, Disk};
use crate::state::State;
use crate::supervise::keep_running;
use crate::{embedders, models, rerankers, upkeep, worker};

/// Time between two looks at the database.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long closed connections may take to be gone.
const GOODBYE: Duration = Duration::from_secs(2);
/// Wait before work in the background that broke off begins anew.
const BREATH: Duration = Duration::from_secs(5);
/// How long a start that has failed waits for models that are loading.
const SETTLE: Duration = Duration::from_secs(5);
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
    /// A setting is not usable.
    #[error(transparent)]
    Setting(#[from] SettingError),
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
    /// The embedding service does not serve.
    #[error(transparent)]
    Embedding(#[from] EmbedError),
    /// The reranker does not load.
    #[error(transparent)]
    Reranker(#[from] rerankers::LoadError),
    /// A language model cannot be called.
    #[error("the language model cannot be called: {0}")]
    LanguageModel(#[from] hindsight_models::llm::BuildError),
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
    data: PathBuf,
}

impl Embedded {
    fn disk(&self) -> Disk {
        let (instances, data) = (self.instances.clone(), self.data.clone());
        Disk { instances, instance: self.instance.name.clone(), data }
    }

    /// Starts the database again if it has died: its clients only find that it is gone. One
    /// that runs and does not answer is left alone. Answers why it is gone for longer; `known`
    /// is what was the reason before.
    async fn revive(&self, known: Option<String>) -> Option<String> {
        match self.instances.status(&self.instance.name).await {
            Ok(InstanceStatus::Stopped) => {}
            // Where the data is gone, an empty database would pass for the old one.
            Ok(InstanceStatus::Running { .. } | InstanceStatus::Absent) | Err(_) => return None,
        }
        if known.is_none() {
            tracing::warn!(instance = self.instance.name, "the database is gone; starting it again");
        }
        match self.instances.start(&self.instance).await {
            // The address is the instance's own and stays, so connections find the way back.
            Ok(running) => {
                tracing::info!(pid = running.pid, "the database is back");
                None
            }
            Err(error) => {
                let reason = outage::describe(&error);
                // It is tried again and again, and told once.
                if known.as_ref() != Some(&reason) {
                    tracing::error!("{reason}");
                }
                Some(reason)
            }
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
    let running = instances.start(&instance).await?;
    let name = instance.name.clone();
    let (url, data) = (running.connection.url(), running.data_dir);
    Embedded { instances: instances.clone(), instance, url, data }.stop_if_unused().await?;
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
    for (setting, url) in [
        (&READ_DATABASE_URL, &config.read_database_url),
        (&MIGRATION_DATABASE_URL, &config.migration_database_url),
    ] {
        if let Some(url) = url
            && !matches!(url.parse(), Ok(DatabaseUrl::External(_)))
        {
            // Not the URL: it may hold a password.
            return Err(StartError::Setting(setting.refuse(format!("not usable; give {}", setting.values))));
        }
    }
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
    if let Some(embedded) = &embedded {
        state.set_disk(embedded.disk());
    }
    state.probed(look(&engine).await);
    state.ready(engine.clone());
    let upkeep = tokio::spawn({
        let (engine, stopped) = (engine.clone(), stopped.clone());
        let rhythm = upkeep::Rhythm {
            retention_days: config.operation_retention_days,
            consolidation: config.consolidation_interval,
            mental_models: config.mental_model_interval,
        };
        keep_running("upkeep", BREATH, stopped.clone(), move || {
            upkeep::run(engine.clone(), rhythm, stopped.clone())
        })
    });
    let worker = config.worker.clone().map(|settings| {
        let (engine, state, stopped) = (engine.clone(), Arc::clone(&state), stopped.clone());
        tokio::spawn(keep_running("worker", BREATH, stopped.clone(), move || {
            worker::run(engine.clone(), settings.clone(), Arc::clone(&state), stopped.clone())
        }))
    });
    let mut was_slow = false;
    loop {
        tokio::select! {
            // An error means that the server is gone.
            _ = stopped.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(PROBE_INTERVAL) => {}
        }
        // First, because a look at a database that died waits for it.
        if let Some(embedded) = &embedded {
            state.set_outage(embedded.revive(state.outage()).await);
        }
        let looked = match state.outage() {
            Some(reason) => Err(reason),
            None => look(&engine).await,
        };
        let slow = looked.as_ref().ok().filter(|health| {
            Duration::try_from_secs_f64(health.acquire_ms / 1e3).is_ok_and(|time| time > config.slow_acquire)
        });
        // Told once, not every second for as long as it lasts.
        if let Some(health) = slow.filter(|_| !was_slow) {
            tracing::info!(milliseconds = health.acquire_ms, "the database is slow to answer");
        }
        was_slow = slow.is_some();
        state.probed(looked);
    }
    // A fault in one of them keeps nobody from stopping the database.
    for task in [Some(upkeep), worker].into_iter().flatten() {
        if let Err(error) = task.await {
            tracing::error!(%error, "work in the background broke off");
        }
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

/// Models on their way.
type Loading = tokio::task::JoinHandle<Result<models::Models, StartError>>;

async fn open(
    config: &Config,
    stopped: watch::Receiver<bool>,
) -> Result<(Option<Embedded>, Engine), StartError> {
    // A model that is there loads while the database starts; one that has to be fetched
    // waits, so that an unusable database is told without a download first.
    let mut loading = models::are_there(config).then(|| tokio::spawn(models::load(config.clone())));
    // So that no request waits for it. It is there long before the database is.
    let vocabulary = tokio::task::spawn_blocking(tokens::load);
    let opened = open_beside(&mut loading, config, stopped).await;
    if let Err(error) = vocabulary.await {
        tracing::error!(%error, "texts cannot be counted");
    }
    // The end of a process while a library starts up its threads is a crash.
    if let (Err(_), Some(loading)) = (&opened, &mut loading)
        && !loading.is_finished()
    {
        // Late or failed, nobody wants the models any more.
        let _ = tokio::time::timeout(SETTLE, loading).await;
    }
    opened
}

/// Opens everything while the models may be loading already.
async fn open_beside(
    loading: &mut Option<Loading>,
    config: &Config,
    mut stopped: watch::Receiver<bool>,
) -> Result<(Option<Embedded>, Engine), StartError> {
    let llm = language_model(config)?;
    let (embedded, url) = start_database(config).await?;
    let opened = async {
        let store = Store::open(&StoreOptions {
            url,
            read_url: config.read_database_url.as_deref().map(normal).transpose()?,
            migration_url: config.migration_database_url.as_deref().map(normal).transpose()?,
            schema: config.database_schema.clone(),
            pool: config.pool,
            recall_pool: config.recall_pool,
            acquire_timeout: config.acquire_timeout,
            acquire_warning: config.acquire_warning,
            statement_timeout: config.statement_timeout,
            parallel_workers: config.parallel_workers,
            set_up_transactions: config.set_up_transactions,
            migrate: config.run_migrations,
            language: config.language,
        })
        .await?;
        let loading = loading.get_or_insert_with(|| tokio::spawn(models::load(config.clone())));
        let (embedder, reranker) = loading.await??;
        let files = match config.file_program.clone() {
            Some(program) => Converter::default().in_processes_of(program),
            None => Converter::default(),
        };
        let mut engine = open_engine(config, store, embedder).await?.with_files(Arc::new(files));
        if let Some(reranker) = reranker {
            engine = engine.with_reranker(reranker);
        }
        Ok(match llm {
            Some(llm) => engine.with_llm(llm),
            None => engine,
        })
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

/// The engine with this model, or with the second choice where the database began with that.
async fn open_engine(
    config: &Config,
    store: Store,
    embedder: Arc<dyn Embedder>,
) -> Result<Engine, StartError> {
    let engine =
        |embedder| Engine::new(store.clone(), embedder, Arc::new(SystemClock), config.engine.clone());
    let other = match (engine(embedder).await, embedders::second_choice(config)) {
        (Err(StoreError::OtherModel { .. }), Some(other)) => other,
        (opened, _) => return Ok(opened?),
    };
    Ok(engine(models::load_embedder(other).await?).await?)
}

async fn start_database(config: &Config) -> Result<(Option<Embedded>, String), StartError> {
    let url = match config.database_url.parse()? {
        DatabaseUrl::External(url) => return Ok((None, url.as_str().to_owned())),
        DatabaseUrl::Embedded(url) => url,
    };
    let options = Options {
        bin_dir: config.pg_bin_dir.clone(),
        run_as: config.pg_user.clone(),
        pool_size: config.pool.max.saturating_add(config.recall_pool.max),
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
    let embedded = Embedded { instances, instance: url, url: connection.clone(), data: running.data_dir };
    Ok((Some(embedded), connection))
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

/// The URL of a database elsewhere as the driver takes it.
fn normal(url: &str) -> Result<String, StartError> {
    match url.parse()? {
        DatabaseUrl::External(url) => Ok(url.as_str().to_owned()),
        // Refused before the port was bound.
        DatabaseUrl::Embedded(_) => Err(StartError::Load("an embedded database has no replica".to_owned())),
    }
}
