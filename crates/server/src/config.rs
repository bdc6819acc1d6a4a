//! Settings of the server, read from the environment: the only module that does.
//!
//! An empty variable counts as not set. A value that is not usable stops the start.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hindsight_assets::{NoProgress, Progress};
use hindsight_engine::config::Settings;
use hindsight_engine::text::terms::Language;

/// A setting that is not usable.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    /// Name of the variable or flag.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

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
    /// Largest body of a retain in bytes.
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
    /// Settings of the engine.
    pub engine: Settings,
    /// Filter for log lines, for example `info`.
    pub log_level: String,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Hears how downloads go.
    pub progress: Arc<dyn Progress>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Config {
    /// The settings of this process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the config module")]
        Self::read(&|name| std::env::var(name).ok())
    }

    /// The settings that `lookup` knows, with defaults for the others.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Env(lookup);
        refuse_missing_features(&env)?;
        let folders = directories::BaseDirs::new().ok_or_else(|| ConfigError {
            name: "HOME",
            problem: "no home folder is known for this user; set HOME".to_owned(),
        })?;
        let defaults = Settings::default();
        let [low, mid, high] = defaults.budgets;
        Ok(Self {
            host: env.parse("HINDSIGHT_API_HOST", "an IP address")?.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: env.parse("HINDSIGHT_API_PORT", "a port number")?.unwrap_or(8888),
            allow_unauthenticated: env.flag("HINDSIGHT_API_ALLOW_UNAUTHENTICATED")?.unwrap_or(false),
            api_key: api_key(&env)?,
            allowed_hosts: env
                .text("HINDSIGHT_API_ALLOWED_HOSTS")
                .iter()
                .flat_map(|hosts| hosts.split(','))
                .map(|host| host.trim().to_owned())
                .filter(|host| !host.is_empty())
                .collect(),
            max_body: env
                .positive::<usize>("HINDSIGHT_API_MAX_BODY_MB")?
                .unwrap_or(128)
                .saturating_mul(1 << 20),
            gzip_min_size: env
                .parse::<i64>("HINDSIGHT_API_GZIP_MIN_SIZE", "a number of bytes, negative for never")?
                .map_or(Some(1024), |size| u64::try_from(size).ok()),
            database_url: env.text("HINDSIGHT_API_DATABASE_URL").unwrap_or_else(|| "pg0".to_owned()),
            database_schema: env
                .text("HINDSIGHT_API_DATABASE_SCHEMA")
                .unwrap_or_else(|| "hindsight".to_owned()),
            pool_size: env.positive("HINDSIGHT_API_DB_POOL_MAX_SIZE")?.unwrap_or(20),
            acquire_timeout: Duration::from_secs(
                env.positive("HINDSIGHT_API_DB_ACQUIRE_TIMEOUT")?.unwrap_or(30),
            ),
            home: folders.home_dir().to_owned(),
            assets_dir: env
                .text("HINDSIGHT_ASSETS_DIR")
                .map_or_else(|| folders.cache_dir().join("hindsight"), PathBuf::from),
            pg_bin_dir: env.text("HINDSIGHT_PG_BIN_DIR").map(PathBuf::from),
            pg_user: env.text("HINDSIGHT_PG_USER"),
            language: env
                .parse(
                    "HINDSIGHT_API_TEXT_SEARCH_EXTENSION_NATIVE_LANGUAGE",
                    "simple, english, german, french or another Snowball language",
                )?
                .unwrap_or_default(),
            engine: Settings {
                extraction_mode: env
                    .parse(
                        "HINDSIGHT_API_RETAIN_EXTRACTION_MODE",
                        "concise, verbose, custom, verbatim or chunks",
                    )?
                    .unwrap_or(defaults.extraction_mode),
                chunk_size: env.positive("HINDSIGHT_API_RETAIN_CHUNK_SIZE")?.unwrap_or(defaults.chunk_size),
                structured_chunk_size: env.positive("HINDSIGHT_API_RETAIN_STRUCTURED_CHUNK_SIZE")?,
                store_document_text: env
                    .flag("HINDSIGHT_API_STORE_DOCUMENT_TEXT")?
                    .unwrap_or(defaults.store_document_text),
                text_search: env.flag("HINDSIGHT_API_ENABLE_TEXT_SEARCH")?.unwrap_or(defaults.text_search),
                budgets: [
                    env.positive("HINDSIGHT_API_RECALL_BUDGET_FIXED_LOW")?.unwrap_or(low),
                    env.positive("HINDSIGHT_API_RECALL_BUDGET_FIXED_MID")?.unwrap_or(mid),
                    env.positive("HINDSIGHT_API_RECALL_BUDGET_FIXED_HIGH")?.unwrap_or(high),
                ],
                postings: defaults.postings,
                min_similarity: env
                    .share("HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY")?
                    .unwrap_or(defaults.min_similarity),
                max_query_tokens: env
                    .parse("HINDSIGHT_API_RECALL_MAX_QUERY_TOKENS", "a number of tokens, 0 for no limit")?
                    .unwrap_or(defaults.max_query_tokens),
            },
            log_level: env.text("HINDSIGHT_API_LOG_LEVEL").unwrap_or_else(|| "info".to_owned()),
            log_format: match env.text("HINDSIGHT_API_LOG_FORMAT").as_deref() {
                None | Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some(other) => {
                    return Err(ConfigError {
                        name: "HINDSIGHT_API_LOG_FORMAT",
                        problem: format!("'{other}' is not a format; use text or json"),
                    });
                }
            },
            progress: Arc::new(NoProgress),
        })
    }
}

/// The key of the API-key extension. A key alone turns it on as well: leaving a server
/// open whose owner has set a key would be the worse guess.
fn api_key(env: &Env) -> Result<Option<String>, ConfigError> {
    let key = env.text("HINDSIGHT_API_TENANT_API_KEY");
    match env.text("HINDSIGHT_API_TENANT_EXTENSION") {
        Some(extension) if !extension.ends_with("ApiKeyTenantExtension") => Err(ConfigError {
            name: "HINDSIGHT_API_TENANT_EXTENSION",
            problem: format!("'{extension}' is not available; only the API-key extension is built in"),
        }),
        Some(_) if key.is_none() => Err(ConfigError {
            name: "HINDSIGHT_API_TENANT_API_KEY",
            problem: "the API-key extension is on, but there is no key; set one".to_owned(),
        }),
        _ => Ok(key),
    }
}

/// A provider that was chosen is never replaced silently by none.
fn refuse_missing_features(env: &Env) -> Result<(), ConfigError> {
    let refuse = |name, problem: &str| Err(ConfigError { name, problem: problem.to_owned() });
    let provider = env.text("HINDSIGHT_API_LLM_PROVIDER");
    if provider.as_deref().is_some_and(|provider| provider != "none") {
        return refuse(
            "HINDSIGHT_API_LLM_PROVIDER",
            "language models are not available in this version; set it to none, or leave it out",
        );
    }
    if provider.is_none() && env.text("HINDSIGHT_API_LLM_API_KEY").is_some() {
        return refuse(
            "HINDSIGHT_API_LLM_API_KEY",
            "language models are not available in this version; set HINDSIGHT_API_LLM_PROVIDER=none to go on without one",
        );
    }
    let embeddings = env.text("HINDSIGHT_API_EMBEDDINGS_PROVIDER");
    if embeddings.as_deref().is_some_and(|provider| provider != "local") {
        return refuse("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "only local is available in this version");
    }
    let model = env.text("HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL");
    let known = ["auto", "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"];
    if model.as_deref().is_some_and(|model| !known.contains(&model)) {
        return refuse(
            "HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL",
            "only auto and all-MiniLM-L6-v2 are available in this version",
        );
    }
    Ok(())
}

/// Typed reading of variables.
struct Env<'l>(&'l dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parse<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let parsed = text.parse();
        parsed
            .map(Some)
            .map_err(|_| ConfigError { name, problem: format!("'{text}' is not usable; give {expected}") })
    }

    fn positive<T: FromStr + From<u8> + PartialOrd>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let expected = "a whole number of at least 1";
        match self.parse::<T>(name, expected)? {
            Some(value) if value < T::from(1) => {
                Err(ConfigError { name, problem: format!("too small; give {expected}") })
            }
            other => Ok(other),
        }
    }

    fn share(&self, name: &'static str) -> Result<Option<f64>, ConfigError> {
        let expected = "a number from 0 to 1";
        match self.parse::<f64>(name, expected)? {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                Err(ConfigError { name, problem: format!("'{value}' is not usable; give {expected}") })
            }
            other => Ok(other),
        }
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(ConfigError { name, problem: format!("'{text}' is not usable; give true or false") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
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
            ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "openai"),
            ("HINDSIGHT_API_TENANT_EXTENSION", "some:Extension"),
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
    fn a_key_is_no_error_when_no_model_is_wanted() {
        let variables = [("HINDSIGHT_API_LLM_PROVIDER", "none"), ("HINDSIGHT_API_LLM_API_KEY", "secret")];
        assert!(read(&variables).is_ok());
    }
}
