//! How a daemon is started.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::env_file::EnvFile;
use crate::error::Result;
use crate::run_file::{RunFile, StartedBy};

/// Seconds without use after which a daemon ends that nobody started explicitly.
const IMPLICIT_IDLE_TIMEOUT: u64 = 300;

/// How names of settings of servers begin.
const OF_SERVERS: &str = "HINDSIGHT_API_";

/// A program that serves as a daemon: `hindsight serve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// What makes it serve; `--port` follows.
    pub arguments: Vec<String>,
}

/// When a daemon ends because nobody uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleTimeout {
    /// A start that nobody asked for: what settings say, else 300 seconds.
    Implicit,
    /// A start by command: what settings say, else never.
    Explicit,
    /// So many seconds, whatever settings say; 0 = never.
    Seconds(u64),
}

/// How a daemon is started when there is none.
#[derive(Clone)]
pub struct StartOptions {
    /// What to start.
    pub program: Program,
    /// Settings of the caller by the names of their variables, over those of the profile;
    /// an empty value clears an inherited one.
    pub settings: BTreeMap<String, String>,
    /// When the daemon ends by itself.
    pub idle_timeout: IdleTimeout,
    /// Who asks.
    pub started_by: StartedBy,
    /// Restarts a daemon of another version even while it is used.
    pub force_restart: bool,
    /// Hears what takes so long, for people.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
}

impl StartOptions {
    /// An implicit start of `program` by a library, without settings.
    pub fn new(program: Program) -> Self {
        Self {
            program,
            settings: BTreeMap::new(),
            idle_timeout: IdleTimeout::Implicit,
            started_by: StartedBy::Sdk,
            force_restart: false,
            progress: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings hold keys of providers.
        let names: Vec<_> = self.settings.keys().collect();
        f.debug_struct("StartOptions")
            .field("program", &self.program)
            .field("settings", &names)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

impl StartOptions {
    /// Seconds without use after which the daemon ends; 0 = never.
    pub(crate) fn idle_seconds(&self, file: &EnvFile, config: &Config) -> Result<u64> {
        if let IdleTimeout::Seconds(seconds) = self.idle_timeout {
            return Ok(seconds);
        }
        let setting = &config::IDLE_TIMEOUT;
        match self.settings_over(file).get(setting.name).filter(|text| !text.is_empty()) {
            Some(text) => Ok(text.parse().map_err(|_| setting.unusable(text))?),
            None => Ok(config.idle_timeout.unwrap_or(match self.idle_timeout {
                IdleTimeout::Implicit => IMPLICIT_IDLE_TIMEOUT,
                IdleTimeout::Explicit | IdleTimeout::Seconds(_) => 0,
            })),
        }
    }

    /// `HINDSIGHT_*` settings of a profile with the caller's over them.
    pub(crate) fn settings_over(&self, file: &EnvFile) -> BTreeMap<String, String> {
        let own = file.settings().filter(|(name, _)| name.starts_with("HINDSIGHT_"));
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = self.settings.iter().filter(|(name, _)| name.starts_with("HINDSIGHT_"));
        own.chain(given.map(|(name, value)| (name.clone(), value.clone()))).collect()
    }

    /// Names of the server's settings that the caller gives otherwise than the file of the
    /// profile.
    pub(crate) fn differing<'a>(&'a self, file: &EnvFile) -> Vec<&'a str> {
        let settings = self.settings.iter().filter(|(name, _)| name.starts_with(OF_SERVERS));
        settings
            .filter(|(name, value)| file.get(name).unwrap_or_default() != value.as_str())
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Settings of the server that the caller gives and the file of the profile lacks.
    pub(crate) fn missing_in(&self, file: &EnvFile) -> impl Iterator<Item = (&str, &str)> {
        let is_missing = move |(name, value): &(&String, &String)| {
            name.starts_with(OF_SERVERS) && !value.is_empty() && file.get(name).is_none()
        };
        self.settings.iter().filter(is_missing).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a daemon that runs has to make way for one of this version. It is kept when
    /// only the patch level differs, and while it is used unless that does not matter to
    /// the caller.
    pub(crate) fn must_restart(&self, run: &RunFile, is_busy: bool) -> bool {
        let ours = env!("CARGO_PKG_VERSION");
        if run.version == ours {
            return false;
        }
        let minor = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        self.force_restart || (minor(&run.version) != minor(ours) && !is_busy)
    }
}

/// Tells that a daemon is kept although it is of another version.
pub(crate) fn warn_of_version(run: &RunFile) {
    let ours = env!("CARGO_PKG_VERSION");
    if run.version != ours {
        tracing::warn!(
            profile = run.profile,
            daemon = run.version,
            program = ours,
            "the daemon is of another version; it is used as it is"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(version: &str) -> RunFile {
        let text = format!(
            r#"{{"schema":1,"pid":1,"start_time":1,"port":1,"url":"http://127.0.0.1:1","version":"{version}",
            "instance_id":"i","profile":"p","database":"pg0","started_by":"cli","idle_timeout":0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn options() -> StartOptions {
        StartOptions::new(Program { path: "hindsight".into(), arguments: vec!["serve".to_owned()] })
    }

    #[test]
    fn only_an_unused_daemon_of_another_line_is_restarted() {
        let mut parts = env!("CARGO_PKG_VERSION").split('.');
        let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
        let patch = run(&format!("{major}.{minor}.999"));
        let other = run("99.0.0");
        assert!(!options().must_restart(&run(env!("CARGO_PKG_VERSION")), false));
        assert!(!options().must_restart(&patch, false));
        assert!(!options().must_restart(&other, true));
        assert!(options().must_restart(&other, false));
        let forced = StartOptions { force_restart: true, ..options() };
        assert!(forced.must_restart(&patch, true) && forced.must_restart(&other, true));
    }

    #[test]
    fn settings_that_differ_are_named_and_missing_ones_are_kept() {
        let file = EnvFile::parse("HINDSIGHT_API_A=1\nHINDSIGHT_API_B=2\n");
        let given = [("A", "1"), ("B", "3"), ("C", "4"), ("D", "")];
        let given = given.map(|(name, value)| (format!("HINDSIGHT_API_{name}"), value.to_owned()));
        let other = [("HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT".to_owned(), "9".to_owned())];
        let options = StartOptions { settings: given.into_iter().chain(other).collect(), ..options() };
        assert_eq!(options.differing(&file), ["HINDSIGHT_API_B", "HINDSIGHT_API_C"]);
        assert_eq!(options.missing_in(&file).collect::<Vec<_>>(), [("HINDSIGHT_API_C", "4")]);
    }

    #[test]
    fn callers_settings_win_and_an_empty_one_clears() {
        let file = EnvFile::parse("HINDSIGHT_API_A=1\nHINDSIGHT_API_B=2\nPATH=/nowhere\n");
        let settings = [("HINDSIGHT_API_B", ""), ("HINDSIGHT_API_C", "3"), ("LD_PRELOAD", "x")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let found = StartOptions { settings, ..options() }.settings_over(&file);
        let expected = [("HINDSIGHT_API_A", "1"), ("HINDSIGHT_API_B", ""), ("HINDSIGHT_API_C", "3")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
