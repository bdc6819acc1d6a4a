//! The environment as far as it concerns profiles and daemons: the only module of this
//! crate that reads it.

use std::time::Duration;

use hindsight_client::types::settings::{Reader, Setting};

use crate::error::Result;
use crate::home::Home;

/// Says who a started daemon is; set by whoever starts it.
pub(crate) const TICKET_VARIABLE: &str = "_HINDSIGHT_DAEMON_CHILD";
/// Database of the server.
pub(crate) const DATABASE_VARIABLE: &str = "HINDSIGHT_API_DATABASE_URL";
/// Port of the server.
pub(crate) const PORT_KEY: &str = "HINDSIGHT_API_PORT";
/// Key that the server asks of its clients.
pub(crate) const KEY_VARIABLE: &str = "HINDSIGHT_API_TENANT_API_KEY";
/// Where the server writes its log.
pub(crate) const LOG_VARIABLE: &str = "HINDSIGHT_API_DAEMON_LOG";
/// Keeps servers from looking for a file of settings in the folders above them.
pub(crate) const NO_DOTENV_VARIABLE: &str = "HINDSIGHT_NO_DOTENV";

hindsight_client::types::settings! {
    /// All settings of profiles and daemons.
    pub SETTINGS;
    "Profiles and daemons" {
        PROFILE = "HINDSIGHT_EMBED_PROFILE", "", "the name of a profile", "profile to use, whatever `--profile` says";
        API_URL = "HINDSIGHT_EMBED_API_URL", "", "a URL", "server to use instead of a daemon";
        API_TOKEN = "HINDSIGHT_EMBED_API_TOKEN", "", "a key", "key of that server";
        DATABASE_URL = "HINDSIGHT_EMBED_API_DATABASE_URL", "", "pg0://NAME or postgresql://…", "database of the daemon, if not the embedded one of its profile; in the settings of a profile it is for that one";
        IDLE_TIMEOUT = "HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT", "", "a whole number of seconds, 0 for never", "time without use after which a daemon ends; if not set, 300 for one that came by itself, never for one that was started by command";
        LOCK_TIMEOUT = "HINDSIGHT_EMBED_LOCK_TIMEOUT", "300", "a number of seconds", "longest wait for another process that starts or stops the same daemon";
        STARTUP_TIMEOUT = "HINDSIGHT_EMBED_DAEMON_STARTUP_TIMEOUT", "180", "a number of seconds", "longest wait for a daemon to be ready, downloads of a first start included";
        GRACE_TIMEOUT = "HINDSIGHT_EMBED_PORT_HEALTH_GRACE_TIMEOUT", "30", "a number of seconds", "longest wait for a daemon that runs and does not answer";
        CHECK_INTERVAL = "HINDSIGHT_EMBED_PORT_HEALTH_CHECK_INTERVAL", "0.5", "a number of seconds", "time between two looks at such a daemon";
        PROBE_TIMEOUT = "HINDSIGHT_EMBED_HEALTH_PROBE_TIMEOUT", "10", "a number of seconds", "longest wait for its answer to one look";
        LOG_MAX_BYTES = "HINDSIGHT_EMBED_DAEMON_LOG_MAX_BYTES", "10485760", "a whole number, 0 for no limit", "size at which a daemon begins a new log file";
        LOG_BACKUPS = "HINDSIGHT_EMBED_DAEMON_LOG_BACKUP_COUNT", "3", "a whole number", "older log files that are kept";
        LOG_LEVEL = "HINDSIGHT_EMBED_LOG_LEVEL", "info", "trace, debug, info, warning or error", "how much `hindsight-embed` tells of what it does";
    }
}

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
    /// `HINDSIGHT_EMBED_PORT_HEALTH_GRACE_TIMEOUT`: for a daemon that does not answer.
    pub grace_timeout: Duration,
    /// `HINDSIGHT_EMBED_PORT_HEALTH_CHECK_INTERVAL`: between two looks at it.
    pub check_interval: Duration,
    /// `HINDSIGHT_EMBED_HEALTH_PROBE_TIMEOUT`: for its answer to one look.
    pub probe_timeout: Duration,
    /// `HINDSIGHT_EMBED_DAEMON_LOG_MAX_BYTES`; 0 = never rotated.
    pub log_max_bytes: u64,
    /// `HINDSIGHT_EMBED_DAEMON_LOG_BACKUP_COUNT`.
    pub log_backups: u32,
    /// `HINDSIGHT_EMBED_LOG_LEVEL`: how much a program tells that manages daemons.
    pub log_level: String,
    /// `HINDSIGHT_API_TENANT_API_KEY`: daemons that are started here inherit it, unless
    /// settings of their profile say otherwise.
    pub server_key: Option<String>,
}

impl Config {
    /// The environment of this process.
    pub fn from_env() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "this is the config module")]
        let lookup = |name: &str| std::env::var(name).ok();
        Ok(Self { server_key: lookup(KEY_VARIABLE).filter(|key| !key.is_empty()), ..Self::read(&lookup)? })
    }

    /// What `lookup` knows, with defaults for the rest.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let reader = Reader::new(lookup);
        // Not a usable time: the default, as the contract has it.
        let seconds = |setting: &Setting| {
            let usable = |text: &str| {
                let seconds = text.parse::<f64>().ok().filter(|value| *value > 0.0)?;
                Duration::try_from_secs_f64(seconds).ok()
            };
            reader
                .given(setting)
                .as_deref()
                .and_then(usable)
                .or_else(|| usable(setting.default))
                .unwrap_or_default()
        };
        Ok(Self {
            home: Home::of_this_user()?,
            profile: reader.text(&PROFILE),
            api_url: reader.text(&API_URL),
            api_token: reader.text(&API_TOKEN),
            database_url: reader.text(&DATABASE_URL),
            idle_timeout: reader.optional(&IDLE_TIMEOUT)?,
            lock_timeout: seconds(&LOCK_TIMEOUT),
            startup_timeout: seconds(&STARTUP_TIMEOUT),
            grace_timeout: seconds(&GRACE_TIMEOUT),
            check_interval: seconds(&CHECK_INTERVAL),
            probe_timeout: seconds(&PROBE_TIMEOUT),
            log_max_bytes: reader.value(&LOG_MAX_BYTES)?,
            log_backups: reader.value(&LOG_BACKUPS)?,
            log_level: log_level(&reader)?,
            server_key: None,
        })
    }
}

/// The level as this project's other settings of levels have it, also by the words of the
/// original's language.
fn log_level(reader: &Reader) -> Result<String> {
    let given = reader.value::<String>(&LOG_LEVEL)?;
    match given.to_lowercase().as_str() {
        level @ ("trace" | "debug" | "info" | "warning" | "error") => Ok(level.to_owned()),
        "warn" => Ok("warning".to_owned()),
        "critical" => Ok("error".to_owned()),
        _ => Err(LOG_LEVEL.unusable(&given).into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Config> {
        Config::read(&|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn every_setting_is_read_and_nothing_else() {
        let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
        Config::read(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        })
        .unwrap();
        assert_eq!(asked.into_inner(), SETTINGS.iter().map(|setting| setting.name.to_owned()).collect());
    }

    #[test]
    fn a_time_that_is_none_leaves_the_default() {
        for (value, seconds) in
            [("", 300), ("12.5", 12), ("-1", 300), ("inf", 300), ("soon", 300), ("0", 300)]
        {
            assert_eq!(read(LOCK_TIMEOUT.name, value).unwrap().lock_timeout.as_secs(), seconds, "{value}");
        }
        let error = read(IDLE_TIMEOUT.name, "-1").unwrap_err().to_string();
        assert_eq!(
            error,
            "HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT: '-1' is not usable; give a whole number of seconds, 0 for never"
        );
    }

    #[test]
    fn a_level_is_a_word_for_one() {
        for (value, level) in [("", "info"), ("Debug", "debug"), ("WARN", "warning"), ("critical", "error")] {
            assert_eq!(read(LOG_LEVEL.name, value).unwrap().log_level, level, "{value}");
        }
        let error = read(LOG_LEVEL.name, "loud").unwrap_err().to_string();
        assert_eq!(
            error,
            "HINDSIGHT_EMBED_LOG_LEVEL: 'loud' is not usable; give trace, debug, info, warning or error"
        );
    }
}
