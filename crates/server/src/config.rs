//! Settings of the server, read from the environment: the only module that does.
//!
//! An empty variable counts as not set. A value that is not usable stops the start.

mod consolidation;
mod dotenv;
mod embeddings;
mod engine;
mod files;
mod llm;
mod llm_trace;
mod log_lines;
mod mental_models;
mod original;
mod reflect;
mod remarks;
mod rerank;
mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hindsight_assets::{NoProgress, Progress};
use hindsight_engine::config::Settings;
use hindsight_engine::jobs::WorkerSettings;
use hindsight_engine::store::PoolSize;
use hindsight_engine::text::terms::Language;
use hindsight_files::Program as FileProgram;
use hindsight_models::llm::LlmOptions;
use hindsight_types::settings::{Reader, Setting, SettingError};

use dotenv::Dotenv;
pub use embeddings::{EmbedderChoice, LocalModel};
pub use files::FileOptions;
pub use log_lines::{LogField, LogFormat};
pub use remarks::{Remark, RemarkKind, remarks};
pub use rerank::{LocalReranker, RerankerChoice, Rerankers};
pub use table::SETTINGS;
pub(crate) use table::{LOG_LEVEL, MIGRATION_DATABASE_URL, MODEL_INIT_TIMEOUT, READ_DATABASE_URL};

/// How many requests of one kind are taken at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Most that are worked on; none = no limit.
    pub max_in_flight: Option<usize>,
    /// Longest wait of another one for its turn.
    pub max_wait: Duration,
    /// Most of them that may use the engine.
    pub max_concurrent: usize,
}

/// Everything the server wants to know before it starts.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of their own, not one state")]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 = any free one.
    pub port: u16,
    /// Path in front of all routes, without a slash at its end; empty = none.
    pub base_path: String,
    /// Whether other addresses than loopback may be listened on without an API key.
    pub allow_unauthenticated: bool,
    /// Key that requests must bring; none = anybody may.
    pub api_key: Option<String>,
    /// Names besides the loopback ones that a local server without a key answers to.
    pub allowed_hosts: Vec<String>,
    /// Largest body of a retain or of a change of a bank in bytes.
    pub max_body: usize,
    /// Answers of at least so many bytes are compressed; none = never.
    pub gzip_min_size: Option<u64>,
    /// How recalls are taken.
    pub recall: Admission,
    /// How questions are taken.
    pub reflect: Admission,
    /// How retains are taken.
    pub retain: Admission,
    /// Longest time a retain may take.
    pub retain_timeout: Duration,
    /// Whether clients may see what a retain would make of a text.
    pub dry_run: bool,
    /// Whether clients may change the settings of banks by their own route.
    pub bank_config: bool,
    /// `pg0`, `pg0://NAME` or `postgresql://…`.
    pub database_url: String,
    /// Replica that recall asks.
    pub read_database_url: Option<String>,
    /// The database by a way that is good for changes of the schema.
    pub migration_database_url: Option<String>,
    /// Whether the schema may be brought up to date.
    pub run_migrations: bool,
    /// PostgreSQL schema of our tables.
    pub database_schema: String,
    /// Connections for everything but recall.
    pub pool: PoolSize,
    /// Connections for recall.
    pub recall_pool: PoolSize,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// Waits for a connection from this time on are warned of.
    pub acquire_warning: Duration,
    /// Regular looks at the database that take longer are told.
    pub slow_acquire: Duration,
    /// Longest time of a statement; zero = no limit.
    pub statement_timeout: Duration,
    /// Workers of PostgreSQL that may help with one statement.
    pub parallel_workers: Option<u32>,
    /// Whether every transaction begins with its settings, for transaction poolers.
    pub set_up_transactions: bool,
    /// Home folder of embedded databases.
    pub home: PathBuf,
    /// Folder of what was fetched: models and their runtime.
    pub assets_dir: PathBuf,
    /// Folder of PostgreSQL programs; when set, no others are used.
    pub pg_bin_dir: Option<PathBuf>,
    /// ONNX Runtime library to use instead of the one that is fetched.
    pub ort_dylib_path: Option<PathBuf>,
    /// Tokens of a text that a local model makes its vector from, within what it takes.
    pub embedding_max_tokens: usize,
    /// Longest time for loading a model once it is there; zero = no limit.
    pub model_timeout: Duration,
    /// User to run embedded databases as when this process is root.
    pub pg_user: Option<String>,
    /// What words are stemmed by in a new database.
    pub language: Language,
    /// Who makes facts and answers; none = facts are made by rules, and nothing is answered.
    pub llm: Option<LlmOptions>,
    /// What makes vectors of texts.
    pub embedder: EmbedderChoice,
    /// Who puts what was found in order.
    pub rerankers: Rerankers,
    /// How files are taken.
    pub files: FileOptions,
    /// Settings of the engine.
    pub engine: Settings,
    /// Whether the routes of the API are served; a worker by itself only tells how it is.
    pub serves_api: bool,
    /// Port on which a worker by itself tells how it is; 0 = any free one.
    pub worker_port: u16,
    /// Work on what clients hand to the background; none = another process does it.
    pub worker: Option<WorkerSettings>,
    /// Days after which operations that have come to their end are forgotten; none = never.
    pub operation_retention_days: Option<i32>,
    /// Time between two looks for facts that wait to go into observations although nothing is under way.
    pub consolidation_interval: Duration,
    /// Time between two looks for mental models whose time has come to be written anew.
    pub mental_model_interval: Duration,
    /// Filter for log lines, for example `info`.
    pub log_level: String,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Whether log lines may have colours where they go to a terminal.
    pub log_colors: bool,
    /// Fields of log lines for machines; empty = all, under our own names.
    pub log_fields: Vec<LogField>,
    /// Whether every request has a log line.
    pub access_log: bool,
    /// File for log lines instead of standard error.
    pub log_file: Option<PathBuf>,
    /// Hears how downloads go.
    pub progress: Arc<dyn Progress>,
    /// Program that reads files in processes of its own, see [`serve_file_process`]; none = on
    /// threads of the server.
    ///
    /// [`serve_file_process`]: crate::serve_file_process
    pub file_program: Option<FileProgram>,
    /// What to tell about the settings when there is a log.
    pub remarks: Vec<String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Config {
    /// The settings of this process's environment.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(&variable)
    }

    /// The settings for a server that is started by hand: those of a file `.env` in the
    /// working folder or above it, over those of the environment. `others` are the tables of
    /// other programs, whose variables are nothing to wonder about.
    pub fn for_server(others: &[&[Setting]]) -> Result<Self, SettingError> {
        // Where the folder is gone there is nothing to find.
        let folder = std::env::current_dir().unwrap_or_default();
        Self::with_dotenv(&folder, &variable, names(), others)
    }

    /// The same settings for a worker by itself: it serves no API, and works whatever servers do.
    pub fn for_worker(others: &[&[Setting]]) -> Result<Self, SettingError> {
        let config = Self::for_server(others)?;
        let worker = match config.worker {
            Some(worker) => worker,
            None => worker(&Reader::new(&variable))?,
        };
        Ok(Self { serves_api: false, port: config.worker_port, worker: Some(worker), ..config })
    }

    /// The settings of a file `.env` in `folder` or above it, over those of `lookup`, which
    /// knows the variables `names`.
    fn with_dotenv(
        folder: &Path,
        lookup: &dyn Fn(&str) -> Option<String>,
        mut names: Vec<String>,
        others: &[&[Setting]],
    ) -> Result<Self, SettingError> {
        let dotenv = if Reader::new(lookup).flag(&table::NO_DOTENV)? { None } else { Dotenv::find(folder)? };
        let file = |name: &str| dotenv.as_ref().and_then(|file| file.settings.get(name).cloned());
        let mut config = Self::read(&|name| file(name).or_else(|| lookup(name)))?;
        if let Some(dotenv) = dotenv {
            let replaced: Vec<_> =
                dotenv.settings.keys().filter(|name| names.contains(name)).map(String::as_str).collect();
            config.remarks.push(dotenv.told(&replaced));
            names.extend(dotenv.settings.into_keys());
        }
        let known: Vec<_> = others.iter().copied().chain([SETTINGS]).collect();
        let remarks = remarks(names.iter().map(String::as_str), &known);
        config.remarks.extend(remarks.iter().map(ToString::to_string));
        Ok(config)
    }

    /// The settings that `lookup` knows, with defaults for the others.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let reader = Reader::new(lookup);
        refuse_missing_features(&reader)?;
        let folders = directories::BaseDirs::new().ok_or_else(|| SettingError {
            name: "HOME",
            problem: "no home folder is known for this user; set HOME".to_owned(),
        })?;
        let rerankers = Rerankers::read(lookup)?;
        let assets_dir = reader.text(&table::ASSETS_DIR).map(PathBuf::from);
        let (pool, recall_pool) = pools(&reader)?;
        let mut remarks = Vec::new();
        let worker = worker(&reader)?;
        let engine = rerankers.apply(&reader, &engine::settings(&reader, &mut remarks)?)?;
        Ok(Self {
            host: reader.value(&table::HOST)?,
            port: reader.value(&table::PORT)?,
            base_path: base_path(&reader)?,
            allow_unauthenticated: reader.flag(&table::ALLOW_UNAUTHENTICATED)?,
            api_key: api_key(&reader)?,
            allowed_hosts: reader.list(&table::ALLOWED_HOSTS),
            max_body: reader.positive::<usize>(&table::MAX_BODY_MB)?.saturating_mul(1 << 20),
            gzip_min_size: u64::try_from(reader.value::<i64>(&table::GZIP_MIN_SIZE)?).ok(),
            recall: Admission {
                max_in_flight: in_flight(&reader, &table::RECALL_IN_FLIGHT, 16)?,
                max_wait: milliseconds(&reader, &table::RECALL_MAX_WAIT)?,
                max_concurrent: reader.positive(&table::RECALL_MAX_CONCURRENT)?,
            },
            reflect: Admission {
                max_in_flight: in_flight(&reader, &table::REFLECT_IN_FLIGHT, 16)?,
                max_wait: milliseconds(&reader, &table::REFLECT_MAX_WAIT)?,
                // They wait for a language model most of the time.
                max_concurrent: usize::MAX,
            },
            retain: Admission {
                max_in_flight: in_flight(&reader, &table::RETAIN_IN_FLIGHT, 32)?,
                max_wait: milliseconds(&reader, &table::RETAIN_MAX_WAIT)?,
                max_concurrent: reader.positive(&table::RETAIN_MAX_CONCURRENT)?,
            },
            retain_timeout: Duration::from_secs(reader.positive(&table::RETAIN_WALL_TIMEOUT)?),
            dry_run: reader.flag(&table::ENABLE_DRY_RUN)?,
            bank_config: reader.flag(&table::ENABLE_BANK_CONFIG)?,
            database_url: reader.value(&table::DATABASE_URL)?,
            read_database_url: reader.text(&table::READ_DATABASE_URL),
            migration_database_url: reader.text(&table::MIGRATION_DATABASE_URL),
            run_migrations: reader.flag(&table::RUN_MIGRATIONS)?,
            database_schema: reader.value(&table::DATABASE_SCHEMA)?,
            pool,
            recall_pool,
            acquire_timeout: Duration::from_secs(reader.positive(&table::DB_ACQUIRE_TIMEOUT)?),
            acquire_warning: milliseconds(&reader, &table::DB_ACQUIRE_WARN)?,
            slow_acquire: seconds(&reader, &table::DB_SLOW_ACQUIRE)?,
            statement_timeout: statement_timeout(&reader)?,
            parallel_workers: reader.optional(&table::DB_PARALLEL_WORKERS)?,
            set_up_transactions: reader.flag(&table::DB_SESSION_SETUP)?,
            home: folders.home_dir().to_owned(),
            assets_dir: assets_dir.unwrap_or_else(|| folders.cache_dir().join("hindsight")),
            pg_bin_dir: reader.text(&table::PG_BIN_DIR).map(PathBuf::from),
            ort_dylib_path: reader.text(&table::ORT_DYLIB_PATH).map(PathBuf::from),
            embedding_max_tokens: match reader.value(&table::EMBEDDINGS_MAX_INPUT_TOKENS)? {
                0 => usize::MAX,
                limit => limit,
            },
            model_timeout: seconds(&reader, &table::MODEL_INIT_TIMEOUT)?,
            pg_user: reader.text(&table::PG_USER),
            language: reader.value(&table::LANGUAGE)?,
            llm: llm::read(lookup, &mut remarks)?,
            embedder: EmbedderChoice::read(lookup)?,
            rerankers,
            files: FileOptions::read(&reader)?,
            engine,
            serves_api: true,
            worker_port: reader.value(&table::WORKER_HTTP_PORT)?,
            worker: reader.flag(&table::WORKER_ENABLED)?.then_some(worker),
            consolidation_interval: consolidation::interval(&reader)?,
            mental_model_interval: mental_models::interval(&reader)?,
            operation_retention_days: Some(reader.value(&table::OPERATION_RETENTION_DAYS)?)
                .filter(|days| *days > 0),
            log_level: reader.value(&table::LOG_LEVEL)?,
            log_format: match reader.value::<String>(&table::LOG_FORMAT)?.as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => return Err(table::LOG_FORMAT.unusable(other)),
            },
            log_colors: reader.given(&table::NO_COLOR).is_none(),
            log_fields: log_lines::log_fields(&reader)?,
            access_log: reader.flag(&table::ACCESS_LOG)?,
            log_file: reader.text(&table::DAEMON_LOG).map(PathBuf::from),
            progress: Arc::new(NoProgress),
            file_program: None,
            remarks,
        })
    }
}

fn worker(reader: &Reader) -> Result<WorkerSettings, SettingError> {
    let lease = seconds(reader, &table::WORKER_LEASE)?;
    if lease < Duration::from_secs(1) {
        return Err(table::WORKER_LEASE.unusable(&lease.as_secs_f64().to_string()));
    }
    Ok(WorkerSettings {
        worker_id: reader
            .text(&table::WORKER_ID)
            .unwrap_or_else(|| format!("process {}", std::process::id())),
        slots: reader.positive(&table::WORKER_MAX_SLOTS)?,
        poll: Duration::from_millis(reader.positive(&table::WORKER_POLL_INTERVAL)?),
        lease,
        retries: reader.value::<u16>(&table::WORKER_MAX_RETRIES)?.into(),
        backoff: seconds(reader, &table::WORKER_BACKOFF)?,
        time_limit: Duration::from_secs(reader.positive(&table::RETAIN_WALL_TIMEOUT)?),
    })
}

/// A path as it stands in front of others: one slash at its beginning, none at its end.
fn base_path(reader: &Reader) -> Result<String, SettingError> {
    let given = reader.text(&table::BASE_PATH).unwrap_or_default();
    let path = given.trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    if !path.chars().all(is_plain) || path.contains("//") {
        return Err(table::BASE_PATH.unusable(&given));
    }
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

/// Places for requests; 0 stands for so many for each core, never fewer than for one.
fn in_flight(reader: &Reader, setting: &Setting, per_core: usize) -> Result<Option<usize>, SettingError> {
    let given: i64 = reader.value(setting)?;
    if given == 0 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return Ok(Some(cores.saturating_mul(per_core)));
    }
    // More than there can be is as good as no limit.
    Ok(usize::try_from(given).ok())
}

fn milliseconds(reader: &Reader, setting: &Setting) -> Result<Duration, SettingError> {
    Ok(Duration::from_millis(reader.value(setting)?))
}

/// A number of seconds, parts of one too.
fn seconds(reader: &Reader, setting: &Setting) -> Result<Duration, SettingError> {
    let value: f64 = reader.value(setting)?;
    Duration::try_from_secs_f64(value).map_err(|_| setting.unusable(&value.to_string()))
}

/// The shorter of two limits, of which zero is none.
fn statement_timeout(reader: &Reader) -> Result<Duration, SettingError> {
    let limit = |setting| seconds(reader, setting).map(|limit| Some(limit).filter(|limit| !limit.is_zero()));
    let limits = [limit(&table::DB_COMMAND_TIMEOUT)?, limit(&table::DB_STATEMENT_TIMEOUT)?];
    let shorter = limits.into_iter().flatten().min().unwrap_or_default();
    // Whole milliseconds, which PostgreSQL counts in an i32; a shorter limit would be none.
    let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
    Ok(if shorter.is_zero() { shorter } else { shorter.clamp(Duration::from_millis(1), longest) })
}

fn pools(reader: &Reader) -> Result<(PoolSize, PoolSize), SettingError> {
    let max = reader.positive(&table::DB_POOL_MAX_SIZE)?;
    let general = PoolSize { min: reader.value(&table::DB_POOL_MIN_SIZE)?, max };
    let recall = PoolSize {
        min: reader.value(&table::READ_DB_POOL_MIN_SIZE)?,
        max: match reader.given(&table::READ_DB_POOL_MAX_SIZE) {
            Some(_) => reader.positive(&table::READ_DB_POOL_MAX_SIZE)?,
            None => max,
        },
    };
    for (setting, PoolSize { min, max }) in
        [(&table::DB_POOL_MIN_SIZE, general), (&table::READ_DB_POOL_MIN_SIZE, recall)]
    {
        if min > max {
            return Err(setting.refuse(format!("{min} is more than the {max} there can be at one time")));
        }
    }
    Ok((general, recall))
}

/// The key of the API-key extension. A key alone turns it on as well: leaving a server
/// open whose owner has set a key would be the worse guess.
fn api_key(reader: &Reader) -> Result<Option<String>, SettingError> {
    let key = reader.text(&table::TENANT_API_KEY);
    match reader.text(&table::TENANT_EXTENSION) {
        Some(extension) if !extension.ends_with("ApiKeyTenantExtension") => Err(table::TENANT_EXTENSION
            .refuse(format!("'{extension}' is not available; only the API-key extension is built in"))),
        Some(_) if key.is_none() => {
            Err(table::TENANT_API_KEY.refuse("the API-key extension is on, but there is no key; set one"))
        }
        _ => Ok(key),
    }
}

/// What was chosen is never replaced silently by something else.
fn refuse_missing_features(reader: &Reader) -> Result<(), SettingError> {
    for extension in [
        &table::OPERATION_VALIDATOR_EXTENSION,
        &table::HTTP_EXTENSION,
        &table::MCP_EXTENSION,
        &table::MEMORIES_EXTENSION,
    ] {
        if reader.given(extension).is_some() {
            return Err(extension.refuse(
                "extensions in Python cannot be run here, and going on without its rules would let through what it forbids; leave it out",
            ));
        }
    }
    // Read for its form: the CPU is what computes in any case.
    reader.flag(&table::EMBEDDINGS_FORCE_CPU)?;
    if reader.flag(&table::EMBEDDINGS_TRUST_REMOTE_CODE)? {
        return Err(table::EMBEDDINGS_TRUST_REMOTE_CODE
            .refuse("code that comes with a model is never run here; set it to false, or leave it out"));
    }
    for (setting, available) in [
        (&table::DATABASE_BACKEND, &["postgresql", "postgres"][..]),
        (&table::VECTOR_EXTENSION, &["pgvector"]),
        (&table::TEXT_SEARCH_EXTENSION, &["native"]),
        (&table::FILE_STORAGE_TYPE, &["native"]),
    ] {
        let chosen: String = reader.value(setting)?;
        if !available.contains(&chosen.as_str()) {
            return Err(setting
                .refuse(format!("'{chosen}' is not available in this version; give {}", setting.values)));
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is the config module")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Names of the variables of Hindsight in this process's environment.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
pub fn names() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(remarks::PREFIX)).collect()
}
