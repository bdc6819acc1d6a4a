//! Daemons of profiles: finding them, starting them, looking at them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hindsight_client::{Client, ClientOptions};
use tokio::time::Instant;
use uuid::Uuid;

use crate::child::{Reason, Ticket};
use crate::config::{self, Config};
use crate::env_file::EnvFile;
use crate::error::{EmbedError, Result};
use crate::files::{Lock, pauses, remove, write_private};
use crate::home::{Home, ProfileFiles};
use crate::launch::{Launch, Launched, launch};
use crate::log::last_lines;
use crate::ports::{DEFAULT_PORT, free_port, is_free};
use crate::profile::Profile;
use crate::registry::{PORT_KEY, Registry};
use crate::run_file::{RunFile, StartedBy};

/// Seconds without use after which a daemon ends that nobody started explicitly.
const IMPLICIT_IDLE_TIMEOUT: u64 = 300;
/// Longest wait for a daemon to say how it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two looks at a daemon that starts or stops.
const POLL: Duration = Duration::from_millis(15);
/// Ports that are tried when others take the found one in the same instant.
const PORT_TRIES: usize = 5;
/// Lines of the log that an error shows.
const LOG_LINES: usize = 4;

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

/// A daemon that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// What it says about itself.
    pub run: RunFile,
    /// True when this call started it.
    pub started: bool,
}

/// What is known of the daemon of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonStatus {
    /// There is none.
    Stopped,
    /// It answers.
    Running {
        /// What it says about itself.
        run: RunFile,
        /// Since when.
        since: Option<DateTime<Utc>>,
    },
    /// It lives, but is starting, stopping, or too busy to answer.
    Busy {
        /// What it says about itself, if it has come that far.
        run: Option<RunFile>,
        /// What it is doing, as far as it says so.
        phase: Option<String>,
    },
}

/// What a daemon answered when it was asked how it is.
#[derive(Debug, PartialEq, Eq)]
enum Probe {
    /// It serves; whether requests are under way.
    Ready { is_busy: bool },
    /// It says what it is doing.
    Other(String),
    /// Nobody answers, or somebody else.
    Nobody,
}

/// The daemons of one user.
#[derive(Clone, Debug)]
pub struct Daemons {
    config: Config,
}

impl Daemons {
    /// The daemons of a user; nothing is touched yet.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// The environment they are started in.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where their files are.
    pub fn home(&self) -> &Home {
        &self.config.home
    }

    /// The daemon of a profile, if it serves.
    pub async fn find(&self, profile: &Profile) -> Option<RunFile> {
        self.find_ready(profile).await.map(|(run, _)| run)
    }

    async fn find_ready(&self, profile: &Profile) -> Option<(RunFile, bool)> {
        let run = RunFile::read(&self.home().files(profile).run)?;
        match probe(&run, profile).await {
            Probe::Ready { is_busy } => Some((run, is_busy)),
            Probe::Other(_) | Probe::Nobody => None,
        }
    }

    /// Looks at the daemon of a profile without waiting for it.
    pub async fn status(&self, profile: &Profile) -> Result<DaemonStatus> {
        let files = self.home().files(profile);
        if !Lock::is_held(&files.life_lock)? {
            return Ok(DaemonStatus::Stopped);
        }
        let Some(run) = RunFile::read(&files.run) else {
            return Ok(DaemonStatus::Busy { run: None, phase: None });
        };
        Ok(match probe(&run, profile).await {
            Probe::Ready { .. } => {
                let written = std::fs::metadata(&files.port).and_then(|meta| meta.modified());
                DaemonStatus::Running { run, since: written.ok().map(DateTime::from) }
            }
            Probe::Other(phase) => DaemonStatus::Busy { run: Some(run), phase: Some(phase) },
            Probe::Nobody => DaemonStatus::Busy { run: Some(run), phase: None },
        })
    }

    /// The daemon of a profile, started now if there is none. Any number of processes may
    /// ask at the same instant: one starts it, all get it.
    pub async fn ensure_running(&self, profile: &Profile, options: &StartOptions) -> Result<Daemon> {
        if let Some((run, is_busy)) = self.find_ready(profile).await
            && !must_restart(&run, is_busy, options)
        {
            return self.joined(profile, run, options).await;
        }
        self.home().prepare()?;
        let files = self.home().files(profile);
        let _start = match self.lock_or_find(profile, &files, options).await? {
            Ok(lock) => lock,
            Err(run) => return self.joined(profile, run, options).await,
        };
        for _ in 0..PORT_TRIES {
            if let Some((run, is_busy)) = self.wait_for_living(profile, &files, options).await? {
                if !must_restart(&run, is_busy, options) {
                    return self.joined(profile, run, options).await;
                }
                (options.progress)(&format!("restarting the daemon: it is of version {}", run.version));
                self.stop(profile, self.config.startup_timeout, false).await?;
            }
            if let Some(run) = self.start(profile, &files, options).await? {
                return Ok(Daemon { run, started: true });
            }
        }
        Err(EmbedError::NoFreePort(profile.clone()))
    }

    /// Waits for the right to start the daemon, or for the daemon that somebody else starts.
    async fn lock_or_find(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        options: &StartOptions,
    ) -> Result<std::result::Result<StartLock, RunFile>> {
        let deadline = Instant::now() + self.config.lock_timeout;
        for pause in pauses() {
            if let Some(lock) = StartLock::try_take(files)? {
                return Ok(Ok(lock));
            }
            if Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            if let Some((run, is_busy)) = self.find_ready(profile).await
                && !must_restart(&run, is_busy, options)
            {
                return Ok(Err(run));
            }
        }
        Err(EmbedError::Locked {
            profile: profile.clone(),
            path: files.start_lock.clone(),
            holder: std::fs::read_to_string(&files.start_lock_owner).ok().map(|pid| pid.trim().to_owned()),
            waited: self.config.lock_timeout,
        })
    }

    /// Waits until a daemon that lives serves or is gone. Its starter may have been killed
    /// while it was starting.
    async fn wait_for_living(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        options: &StartOptions,
    ) -> Result<Option<(RunFile, bool)>> {
        let deadline = Instant::now() + self.config.startup_timeout;
        let mut told = false;
        while Lock::is_held(&files.life_lock)? {
            if let Some(found) = self.find_ready(profile).await {
                return Ok(Some(found));
            }
            if Instant::now() > deadline {
                return Err(match RunFile::read(&files.run) {
                    Some(_) => EmbedError::StartTimedOut {
                        profile: profile.clone(),
                        waited: self.config.startup_timeout,
                        log: files.log.clone(),
                    },
                    None => EmbedError::Unknown { profile: profile.clone(), path: files.run.clone() },
                });
            }
            if !std::mem::replace(&mut told, true) {
                (options.progress)("waiting for a daemon that is starting or stopping");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(None)
    }

    /// Starts the program; none when it has to be tried again.
    async fn start(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        options: &StartOptions,
    ) -> Result<Option<RunFile>> {
        // What a dead daemon left.
        remove(&files.run)?;
        remove(&files.port)?;
        let file = EnvFile::read(&files.config)?;
        let port = self.choose_port(profile, &file).await?;
        let environment = self.environment(profile, files, &file, options)?;
        let folder = self.home().folder();
        let launched = launch(Launch {
            program: &options.program,
            environment,
            port: port.number,
            folder: &folder,
            log: &files.log,
            limit: self.config.startup_timeout,
            progress: &*options.progress,
        });
        let failed = |reason: String| EmbedError::StartFailed {
            profile: profile.clone(),
            reason,
            log: files.log.clone(),
            lines: last_lines(&files.log, LOG_LINES),
        };
        match launched.await? {
            Launched::Ready => {
                let run =
                    RunFile::read(&files.run).ok_or_else(|| failed("it left no run file".to_owned()))?;
                self.register(profile, files, options).await;
                Ok(Some(run))
            }
            Launched::Failed(Some(Reason::PortTaken), _) if port.is_chosen => {
                Err(EmbedError::PortTaken { profile: profile.clone(), port: port.number })
            }
            Launched::Failed(Some(Reason::PortTaken | Reason::AlreadyRunning), _) => Ok(None),
            Launched::Failed(None, reason) => Err(failed(reason)),
            Launched::TimedOut => Err(EmbedError::StartTimedOut {
                profile: profile.clone(),
                waited: self.config.startup_timeout,
                log: files.log.clone(),
            }),
        }
    }

    /// The port of a profile. One in its settings was chosen by somebody and is used or
    /// refused; any other may move on when something else listens there.
    async fn choose_port(&self, profile: &Profile, file: &EnvFile) -> Result<Port> {
        if let Some(text) = file.get(PORT_KEY).filter(|text| !text.is_empty()) {
            let number = parse_port(text)?;
            if !is_free(number) {
                return Err(EmbedError::PortTaken { profile: profile.clone(), port: number });
            }
            return Ok(Port { number, is_chosen: true });
        }
        let mut registry = Registry::open(self.home()).await?;
        let known = if profile.is_default() {
            Some(DEFAULT_PORT)
        } else {
            registry.entry(profile)?;
            registry.get(profile).and_then(|entry| entry.port)
        };
        let promised = registry.ports_of_others(profile);
        let found = known.filter(|port| is_free(*port) && (profile.is_default() || !promised.contains(port)));
        let number = found
            .or_else(|| free_port(profile, &promised))
            .ok_or_else(|| EmbedError::NoFreePort(profile.clone()))?;
        if !profile.is_default() && known != Some(number) {
            registry.entry(profile)?.port = Some(number);
            registry.save()?;
        }
        Ok(Port { number, is_chosen: false })
    }

    /// Variables for the daemon over those of this process: settings of the profile, over
    /// them the caller's, and what only the daemon is told.
    fn environment(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        file: &EnvFile,
        options: &StartOptions,
    ) -> Result<Vec<(String, String)>> {
        let settings = effective(file, options);
        let embedded = format!("pg0://{}", self.home().instance(profile));
        let database = settings
            .get(config::EMBED_DATABASE_VARIABLE)
            .cloned()
            .or_else(|| self.config.database_url.clone())
            .filter(|url| !matches!(url.as_str(), "" | "pg0"))
            .unwrap_or(embedded);
        let ticket = Ticket {
            home: self.home().path().to_owned(),
            profile: profile.as_str().to_owned(),
            instance_id: Uuid::new_v4().to_string(),
            database: without_password(&database),
            started_by: options.started_by,
            idle_timeout: self.idle_timeout(file, options)?,
            log_max_bytes: self.config.log_max_bytes,
            log_backups: self.config.log_backups,
        };
        let ticket = serde_json::to_string(&ticket).map_err(|error| EmbedError::Ticket(error.to_string()))?;
        let mut environment: Vec<_> = settings.into_iter().collect();
        // Later ones win: these are not for a profile to say.
        environment.extend([
            (config::DATABASE_VARIABLE.to_owned(), database),
            (config::LOG_VARIABLE.to_owned(), files.log.display().to_string()),
            (config::NO_DOTENV_VARIABLE.to_owned(), "1".to_owned()),
            (config::TICKET_VARIABLE.to_owned(), ticket),
        ]);
        Ok(environment)
    }

    fn idle_timeout(&self, file: &EnvFile, options: &StartOptions) -> Result<u64> {
        if let IdleTimeout::Seconds(seconds) = options.idle_timeout {
            return Ok(seconds);
        }
        let name = config::IDLE_TIMEOUT_VARIABLE;
        match effective(file, options).get(name).filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map_err(|_| EmbedError::Setting {
                name: name.to_owned(),
                problem: format!("'{text}' is not usable; give a whole number of seconds, 0 for never"),
            }),
            None => Ok(self.config.idle_timeout.unwrap_or(match options.idle_timeout {
                IdleTimeout::Implicit => IMPLICIT_IDLE_TIMEOUT,
                IdleTimeout::Explicit | IdleTimeout::Seconds(_) => 0,
            })),
        }
    }

    /// Joins a daemon that runs: it keeps its settings, but an explicit start decides when
    /// it ends.
    async fn joined(&self, profile: &Profile, mut run: RunFile, options: &StartOptions) -> Result<Daemon> {
        let files = self.home().files(profile);
        let file = EnvFile::read(&files.config)?;
        let differing: Vec<_> = options
            .settings
            .iter()
            .filter(|(name, value)| file.get(name).is_some_and(|known| known != value.as_str()))
            .map(|(name, _)| name.as_str())
            .collect();
        if !differing.is_empty() {
            tracing::warn!(
                profile = profile.as_str(),
                settings = differing.join(", "),
                "the daemon runs already, with other settings; stop it to start it with these"
            );
        }
        if options.idle_timeout == IdleTimeout::Implicit {
            return Ok(Daemon { run, started: false });
        }
        let wanted = self.idle_timeout(&file, options)?;
        if wanted != run.idle_timeout {
            run.idle_timeout = wanted;
            run.write(&files.run)?;
            // Had it decided to end just before, it reads the file once more while it says that
            // it is stopping; so one that still serves now has not missed the change.
            if self.find(profile).await.is_none() {
                let options = StartOptions { force_restart: false, ..options.clone() };
                return Box::pin(self.ensure_running(profile, &options)).await;
            }
        }
        Ok(Daemon { run, started: false })
    }

    /// Remembers a named profile, and the settings its caller gave that it did not have.
    /// What the environment holds is not written down: there may be secrets in it that
    /// nobody meant to keep.
    async fn register(&self, profile: &Profile, files: &ProfileFiles, options: &StartOptions) {
        let registered = async {
            if profile.is_default() {
                return Ok(());
            }
            let mut registry = Registry::open(self.home()).await?;
            registry.entry(profile)?.last_used = crate::registry::now();
            registry.save()?;
            let mut file = EnvFile::read(&files.config)?;
            let before = file.clone();
            for (name, value) in &options.settings {
                if name.starts_with("HINDSIGHT_API_") && !value.is_empty() && file.get(name).is_none() {
                    file.set(name, value)?;
                }
            }
            if file == before { Ok(()) } else { file.write(&files.config) }
        };
        if let Err(error) = registered.await {
            tracing::warn!(profile = profile.as_str(), %error, "the profile was not written down");
        }
    }
}

/// A port for a daemon.
#[derive(Clone, Copy, Debug)]
struct Port {
    number: u16,
    /// Somebody chose it: no other will do.
    is_chosen: bool,
}

/// A port that somebody chose.
pub(crate) fn parse_port(text: &str) -> Result<u16> {
    let number = text.parse().ok().filter(|port: &u16| *port >= 1024);
    number.ok_or_else(|| EmbedError::Setting {
        name: PORT_KEY.to_owned(),
        problem: format!("'{text}' is not usable; give a port from 1024 to 65535"),
    })
}

/// The right to start or stop the daemon of a profile.
#[derive(Debug)]
struct StartLock {
    _lock: Lock,
    owner: PathBuf,
}

impl StartLock {
    fn try_take(files: &ProfileFiles) -> Result<Option<Self>> {
        let Some(lock) = Lock::try_take(&files.start_lock)? else { return Ok(None) };
        write_private(&files.start_lock_owner, format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Some(Self { _lock: lock, owner: files.start_lock_owner.clone() }))
    }
}

impl Drop for StartLock {
    fn drop(&mut self) {
        // For people only; the next holder replaces it.
        let _ = remove(&self.owner);
    }
}

/// `HINDSIGHT_*` settings of a profile with the caller's over them.
fn effective(file: &EnvFile, options: &StartOptions) -> BTreeMap<String, String> {
    let own = file.settings().filter(|(name, _)| name.starts_with("HINDSIGHT_"));
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = options.settings.iter().filter(|(name, _)| name.starts_with("HINDSIGHT_"));
    own.chain(given.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// A daemon of another version is kept when only the patch level differs, and while it is
/// used unless that does not matter to the caller.
fn must_restart(run: &RunFile, is_busy: bool, options: &StartOptions) -> bool {
    let ours = env!("CARGO_PKG_VERSION");
    if run.version == ours {
        return false;
    }
    let minor = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    let restart = options.force_restart || (minor(&run.version) != minor(ours) && !is_busy);
    if !restart {
        tracing::warn!(
            profile = run.profile,
            daemon = run.version,
            program = ours,
            "the daemon is of another version; it is used as it is"
        );
    }
    restart
}

async fn probe(run: &RunFile, profile: &Profile) -> Probe {
    let options = ClientOptions { timeout: PROBE_TIMEOUT, ..ClientOptions::default() };
    let Ok(client) = Client::with_options(&run.url, &options) else { return Probe::Nobody };
    match client.health().await {
        // Another program may have the port by now, also the daemon of another profile.
        Ok(health) if health.instance_id.as_deref() != Some(&run.instance_id) => Probe::Nobody,
        Ok(health) if health.profile.as_deref() != Some(profile.as_str()) => Probe::Nobody,
        Ok(health) if health.phase == "ready" => {
            Probe::Ready { is_busy: health.in_flight.is_some_and(|requests| requests > 0) }
        }
        Ok(health) => Probe::Other(health.phase),
        Err(_) => Probe::Nobody,
    }
}

/// A database URL for people and files: without its password.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let shown = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
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
        assert!(!must_restart(&run(env!("CARGO_PKG_VERSION")), false, &options()));
        assert!(!must_restart(&patch, false, &options()));
        assert!(!must_restart(&other, true, &options()));
        assert!(must_restart(&other, false, &options()));
        let forced = StartOptions { force_restart: true, ..options() };
        assert!(must_restart(&patch, true, &forced) && must_restart(&other, true, &forced));
    }

    #[test]
    fn callers_settings_win_and_an_empty_one_clears() {
        let file = EnvFile::parse("HINDSIGHT_API_A=1\nHINDSIGHT_API_B=2\nPATH=/nowhere\n");
        let settings = [("HINDSIGHT_API_B", ""), ("HINDSIGHT_API_C", "3"), ("LD_PRELOAD", "x")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let found = effective(&file, &StartOptions { settings, ..options() });
        let expected = [("HINDSIGHT_API_A", "1"), ("HINDSIGHT_API_B", ""), ("HINDSIGHT_API_C", "3")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn passwords_stay_out_of_files() {
        for (url, shown) in [
            ("pg0://hindsight-embed-x", "pg0://hindsight-embed-x"),
            ("postgresql://u:p@ss/w@h/db", "postgresql://u:***@h/db"),
            ("postgresql://u@h/db", "postgresql://u@h/db"),
            ("u:secret@h", "u:***@h"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_chosen_port_is_a_port_for_users() {
        for text in ["80", "0", "70000", "x", "-1", ""] {
            assert!(parse_port(text).unwrap_err().to_string().contains("from 1024 to 65535"), "{text}");
        }
        assert_eq!(parse_port("54321").unwrap(), 54321);
    }
}
