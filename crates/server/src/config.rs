//! Settings of the server, read from the environment: the only module that does.
//!
//! An empty variable counts as not set. A value that is not usable stops the start.

mod embeddings;
mod rerank;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hindsight_assets::{NoProgress, Progress};
use hindsight_engine::config::Settings;
use hindsight_engine::text::terms::Language;
use hindsight_types::settings::{Reader, Setting, SettingError};

pub use embeddings::{EmbedderChoice, LocalModel};
pub use rerank::{LocalReranker, RerankerChoice, Rerankers};
pub(crate) use table::LOG_LEVEL;
pub use table::SETTINGS;

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything the server wants to know before it starts.
#[derive(Clone)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 = any free one.
    pub port: u16,
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
    /// `pg0`, `pg0://NAME` or `postgresql://…`.
    pub database_url: String,
    /// PostgreSQL schema of our tables.
    pub database_schema: String,
    /// Connections of each of the two pools.
    pub pool_size: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// Home folder of embedded databases.
    pub home: PathBuf,
    /// Folder of what was fetched: models and their runtime.
    pub assets_dir: PathBuf,
    /// Folder of PostgreSQL programs; when set, no others are used.
    pub pg_bin_dir: Option<PathBuf>,
    /// User to run embedded databases as when this process is root.
    pub pg_user: Option<String>,
    /// What words are stemmed by in a new database.
    pub language: Language,
    /// What makes vectors of texts.
    pub embedder: EmbedderChoice,
    /// Who puts what was found in order.
    pub rerankers: Rerankers,
    /// Settings of the engine.
    pub engine: Settings,
    /// Filter for log lines, for example `info`.
    pub log_level: String,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Whether log lines may have colours where they go to a terminal.
    pub log_colors: bool,
    /// Hears how downloads go.
    pub progress: Arc<dyn Progress>,
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
        let dotenv = if Reader::new(&variable).flag(&table::NO_DOTENV)? { None } else { Dotenv::find()? };
        let file = |name: &str| dotenv.as_ref().and_then(|file| file.settings.get(name).cloned());
        let mut config = Self::read(&|name| file(name).or_else(|| variable(name)))?;
        let mut names: Vec<String> = names();
        if let Some(dotenv) = dotenv {
            let replaced: Vec<_> =
                dotenv.settings.keys().filter(|name| names.contains(name)).map(String::as_str).collect();
            config.remarks.push(dotenv.told(&replaced));
            names.extend(dotenv.settings.into_keys());
        }
        names.sort_unstable();
        names.dedup();
        let known: Vec<_> = others.iter().copied().chain([SETTINGS]).collect();
        config.remarks.extend(table::remarks(names.iter().map(String::as_str), &known));
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
        let engine = rerankers.apply(&reader, &engine_settings(&reader)?)?;
        let assets_dir = reader.text(&table::ASSETS_DIR).map(PathBuf::from);
        let log_format = match reader.value::<String>(&table::LOG_FORMAT)?.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => return Err(table::LOG_FORMAT.unusable(other)),
        };
        Ok(Self {
            host: reader.value(&table::HOST)?,
            port: reader.value(&table::PORT)?,
            allow_unauthenticated: reader.flag(&table::ALLOW_UNAUTHENTICATED)?,
            api_key: api_key(&reader)?,
            allowed_hosts: reader.list(&table::ALLOWED_HOSTS),
            max_body: reader.positive::<usize>(&table::MAX_BODY_MB)?.saturating_mul(1 << 20),
            gzip_min_size: u64::try_from(reader.value::<i64>(&table::GZIP_MIN_SIZE)?).ok(),
            database_url: reader.value(&table::DATABASE_URL)?,
            database_schema: reader.value(&table::DATABASE_SCHEMA)?,
            pool_size: reader.positive(&table::DB_POOL_MAX_SIZE)?,
            acquire_timeout: Duration::from_secs(reader.positive(&table::DB_ACQUIRE_TIMEOUT)?),
            home: folders.home_dir().to_owned(),
            assets_dir: assets_dir.unwrap_or_else(|| folders.cache_dir().join("hindsight")),
            pg_bin_dir: reader.text(&table::PG_BIN_DIR).map(PathBuf::from),
            pg_user: reader.text(&table::PG_USER),
            language: reader.value(&table::LANGUAGE)?,
            embedder: EmbedderChoice::read(lookup)?,
            rerankers,
            engine,
            log_level: reader.value(&table::LOG_LEVEL)?,
            log_format,
            log_colors: reader.given(&table::NO_COLOR).is_none(),
            progress: Arc::new(NoProgress),
            remarks: Vec::new(),
        })
    }
}

fn engine_settings(reader: &Reader) -> Result<Settings, SettingError> {
    let structured_chunk_size = match reader.given(&table::STRUCTURED_CHUNK_SIZE) {
        Some(_) => Some(reader.positive(&table::STRUCTURED_CHUNK_SIZE)?),
        None => None,
    };
    Ok(Settings {
        extraction_mode: reader.value(&table::EXTRACTION_MODE)?,
        chunk_size: reader.positive(&table::CHUNK_SIZE)?,
        structured_chunk_size,
        store_document_text: reader.flag(&table::STORE_DOCUMENT_TEXT)?,
        text_search: reader.flag(&table::ENABLE_TEXT_SEARCH)?,
        budgets: [
            reader.positive(&table::BUDGET_LOW)?,
            reader.positive(&table::BUDGET_MID)?,
            reader.positive(&table::BUDGET_HIGH)?,
        ],
        min_similarity: reader.share(&table::MIN_SIMILARITY)?,
        max_query_tokens: reader.value(&table::MAX_QUERY_TOKENS)?,
        ..Settings::default()
    })
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
    let provider = reader.given(&table::LLM_PROVIDER);
    if provider.as_deref().is_some_and(|provider| provider != "none") {
        return Err(table::LLM_PROVIDER
            .refuse("language models are not available in this version; set it to none, or leave it out"));
    }
    if provider.is_none() && reader.given(&table::LLM_API_KEY).is_some() {
        return Err(table::LLM_API_KEY.refuse(
            "language models are not available in this version; set HINDSIGHT_API_LLM_PROVIDER=none to go on without one",
        ));
    }
    for (setting, available) in [
        (&table::DATABASE_BACKEND, &["postgresql", "postgres"][..]),
        (&table::VECTOR_EXTENSION, &["pgvector"]),
        (&table::TEXT_SEARCH_EXTENSION, &["native"]),
    ] {
        let chosen: String = reader.value(setting)?;
        if !available.contains(&chosen.as_str()) {
            return Err(setting
                .refuse(format!("'{chosen}' is not available in this version; give {}", setting.values)));
        }
    }
    Ok(())
}

/// A file of settings that was found.
struct Dotenv {
    path: PathBuf,
    /// Those of Hindsight.
    settings: BTreeMap<String, String>,
}

impl Dotenv {
    /// The first file of the working folder and those above it.
    fn find() -> Result<Option<Self>, SettingError> {
        // Where the folder is gone there is nothing to find.
        let folder = std::env::current_dir().unwrap_or_default();
        let mut paths = folder.ancestors().map(|folder| folder.join(".env"));
        let Some(path) = paths.find(|path| path.is_file()) else { return Ok(None) };
        let read = dotenvy::from_path_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        // The parser's message may hold a line, and that a key.
        let settings = read.map_err(|_| {
            table::NO_DOTENV.refuse(format!(
                "{} cannot be read as lines of KEY=VALUE; correct it, or set this to true",
                path.display()
            ))
        })?;
        let settings = settings.into_iter().filter(|(name, _)| name.starts_with(table::PREFIX)).collect();
        Ok(Some(Self { path, settings }))
    }

    fn told(&self, replaced: &[&str]) -> String {
        let path = self.path.display();
        match replaced {
            [] => format!("settings were read from {path}"),
            names => format!(
                "settings were read from {path}; they replace {} of the environment",
                names.join(", ")
            ),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the config module")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Names of the variables of Hindsight.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
fn names() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(table::PREFIX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, SettingError> {
        Config::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_variables_the_server_is_local() {
        let config = read(&[]).expect("defaults are usable");
        assert!(config.host.is_loopback());
        assert_eq!((config.port, config.database_url.as_str()), (8888, "pg0"));
        assert_eq!(config.database_schema, "hindsight");
    }

    #[test]
    fn every_setting_is_read_and_nothing_else() {
        let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let config = Config::read(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        });
        assert_eq!(config.expect("usable").engine, Settings::default(), "defaults stand in one place");
        // More rerankers are looked for, and a gap in their numbers.
        for number in [1, 2] {
            asked.borrow_mut().remove(&format!("HINDSIGHT_API_RERANKER_{number}_PROVIDER"));
        }
        // Read before the others.
        asked.borrow_mut().insert(table::NO_DOTENV.name.to_owned());
        let declared = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
        assert_eq!(asked.into_inner(), declared);
    }

    #[test]
    fn empty_variables_count_as_not_set() {
        let config = read(&[("HINDSIGHT_API_PORT", " "), ("HINDSIGHT_API_LLM_PROVIDER", "")]);
        assert_eq!(config.expect("usable").port, 8888);
    }

    #[test]
    fn unusable_values_name_the_variable() {
        for (name, value) in [
            ("HINDSIGHT_API_PORT", "70000"),
            ("HINDSIGHT_API_HOST", "everywhere"),
            ("HINDSIGHT_API_DB_POOL_MAX_SIZE", "0"),
            ("HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY", "1.5"),
            ("HINDSIGHT_API_STORE_DOCUMENT_TEXT", "maybe"),
            ("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "short"),
            ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
            ("HINDSIGHT_API_LLM_API_KEY", "secret"),
            ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "sorcery"),
            ("HINDSIGHT_API_RERANKER_PROVIDER", "sorcery"),
            ("HINDSIGHT_API_TENANT_EXTENSION", "some:Extension"),
            ("HINDSIGHT_API_DATABASE_BACKEND", "oracle"),
            ("HINDSIGHT_API_VECTOR_EXTENSION", "vchord"),
            ("HINDSIGHT_API_LOG_FORMAT", "xml"),
            ("HINDSIGHT_API_GZIP_MIN_SIZE", "small"),
            ("HINDSIGHT_API_MAX_BODY_MB", "0"),
        ] {
            let error = read(&[(name, value)]).expect_err(name);
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_key_extension_needs_its_key() {
        let extension = ("HINDSIGHT_API_TENANT_EXTENSION", "api.ext:ApiKeyTenantExtension");
        let error = read(&[extension]).expect_err("no key");
        assert_eq!(error.name, "HINDSIGHT_API_TENANT_API_KEY");
        let key = ("HINDSIGHT_API_TENANT_API_KEY", "k");
        for variables in [&[extension, key][..], &[key]] {
            assert_eq!(read(variables).expect("usable").api_key.as_deref(), Some("k"));
        }
    }

    #[test]
    fn lists_and_sizes_are_read() {
        let config = read(&[
            ("HINDSIGHT_API_ALLOWED_HOSTS", " a.lan, ,b:1 "),
            ("HINDSIGHT_API_GZIP_MIN_SIZE", "-1"),
            ("HINDSIGHT_API_MAX_BODY_MB", "2"),
        ])
        .expect("usable");
        assert_eq!(config.allowed_hosts, ["a.lan", "b:1"]);
        assert_eq!((config.gzip_min_size, config.max_body), (None, 2 << 20));
    }

    #[test]
    fn colours_are_declined_with_any_value() {
        for (variables, expected) in [
            (&[][..], true),
            (&[("NO_COLOR", "")], true),
            (&[("NO_COLOR", "1")], false),
            (&[("NO_COLOR", "0")], false),
        ] {
            assert_eq!(read(variables).expect("usable").log_colors, expected, "{variables:?}");
        }
    }

    #[test]
    fn a_key_is_no_error_when_no_model_is_wanted() {
        let variables = [("HINDSIGHT_API_LLM_PROVIDER", "none"), ("HINDSIGHT_API_LLM_API_KEY", "secret")];
        assert!(read(&variables).is_ok());
    }
}
