//! The environment as far as it concerns profiles and daemons: the only module of this
//! crate that reads it.

use std::time::Duration;

use crate::error::{EmbedError, Result};
use crate::home::Home;

/// Says who a started daemon is; set by whoever starts it.
pub(crate) const TICKET_VARIABLE: &str = "_HINDSIGHT_DAEMON_CHILD";
/// Database of the server.
pub(crate) const DATABASE_VARIABLE: &str = "HINDSIGHT_API_DATABASE_URL";
/// Database of a profile, if not its own embedded one.
pub(crate) const EMBED_DATABASE_VARIABLE: &str = "HINDSIGHT_EMBED_API_DATABASE_URL";
/// Seconds without use after which a daemon ends.
pub(crate) const IDLE_TIMEOUT_VARIABLE: &str = "HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT";
/// Where the server writes its log.
pub(crate) const LOG_VARIABLE: &str = "HINDSIGHT_API_DAEMON_LOG";
/// Keeps servers from looking for a file of settings in the folders above them.
pub(crate) const NO_DOTENV_VARIABLE: &str = "HINDSIGHT_NO_DOTENV";

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folders of the user.
    pub home: Home,
    /// `HINDSIGHT_EMBED_PROFILE`.
    pub profile: Option<String>,
    /// `HINDSIGHT_EMBED_API_URL`: a server to use instead of a daemon.
    pub api_url: Option<String>,
    /// `HINDSIGHT_EMBED_API_TOKEN`: key of that server.
    pub api_token: Option<String>,
    /// `HINDSIGHT_EMBED_API_DATABASE_URL`.
    pub database_url: Option<String>,
    /// `HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT` in seconds; 0 = never.
    pub idle_timeout: Option<u64>,
    /// `HINDSIGHT_EMBED_LOCK_TIMEOUT`.
    pub lock_timeout: Duration,
    /// `HINDSIGHT_EMBED_DAEMON_STARTUP_TIMEOUT`.
    pub startup_timeout: Duration,
    /// `HINDSIGHT_EMBED_DAEMON_LOG_MAX_BYTES`; 0 = never rotated.
    pub log_max_bytes: u64,
    /// `HINDSIGHT_EMBED_DAEMON_LOG_BACKUP_COUNT`.
    pub log_backups: u32,
    /// `HINDSIGHT_EMBED_LOG_LEVEL`: how much a program tells that manages daemons.
    pub log_level: Option<String>,
}

impl Config {
    /// The environment of this process.
    pub fn from_env() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "this is the config module")]
        Self::read(&|name| std::env::var(name).ok())
    }

    /// What `lookup` knows, with defaults for the rest.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty());
        let number = |name: &str| {
            let parse = |value: String| {
                let problem = format!("'{value}' is not usable; give a whole number, 0 or more");
                value.parse().map_err(|_| EmbedError::Setting { name: name.to_owned(), problem })
            };
            text(name).map(parse).transpose()
        };
        // Not a usable time: the default, as the contract has it.
        let seconds = |name: &str, default: u64| {
            let given = text(name).and_then(|value| value.parse::<f64>().ok());
            let given = given.filter(|value| value.is_finite() && *value > 0.0);
            given
                .and_then(|value| Duration::try_from_secs_f64(value).ok())
                .unwrap_or(Duration::from_secs(default))
        };
        Ok(Self {
            home: Home::of_this_user()?,
            profile: text("HINDSIGHT_EMBED_PROFILE"),
            api_url: text("HINDSIGHT_EMBED_API_URL"),
            api_token: text("HINDSIGHT_EMBED_API_TOKEN"),
            database_url: text(EMBED_DATABASE_VARIABLE),
            idle_timeout: number(IDLE_TIMEOUT_VARIABLE)?,
            lock_timeout: seconds("HINDSIGHT_EMBED_LOCK_TIMEOUT", 300),
            startup_timeout: seconds("HINDSIGHT_EMBED_DAEMON_STARTUP_TIMEOUT", 180),
            log_max_bytes: number("HINDSIGHT_EMBED_DAEMON_LOG_MAX_BYTES")?.unwrap_or(10 << 20),
            log_backups: number("HINDSIGHT_EMBED_DAEMON_LOG_BACKUP_COUNT")?
                .map_or(3, |count| u32::try_from(count).unwrap_or(u32::MAX)),
            log_level: text("HINDSIGHT_EMBED_LOG_LEVEL").map(|level| level.to_lowercase()),
        })
    }
}

/// The ticket of this process, if it was started as a daemon.
pub(crate) fn ticket() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the config module")]
    std::env::var(TICKET_VARIABLE).ok().filter(|ticket| !ticket.is_empty())
}

/// Settings of servers in the environment of this process (`HINDSIGHT_API_*`), by name.
pub fn environment_settings() -> Vec<(String, String)> {
    #[expect(clippy::disallowed_methods, reason = "this is the config module")]
    let variables = std::env::vars_os();
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut found: Vec<_> = variables
        .filter_map(text)
        .filter(|(name, value)| {
            name.starts_with("HINDSIGHT_API_") && !value.is_empty() && !NOT_SAVED.contains(&&**name)
        })
        .collect();
    found.sort();
    found
}

/// They tell commands where a server is that runs already.
const NOT_SAVED: [&str; 2] = ["HINDSIGHT_API_URL", "HINDSIGHT_API_KEY"];
