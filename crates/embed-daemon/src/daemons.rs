//! Daemons of profiles: finding them, starting them, looking at them.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::child::{Reason, Ticket};
use crate::config::{self, Config};
use crate::env_file::EnvFile;
use crate::error::{EmbedError, Result};
use crate::files::{Lock, pauses, remove};
use crate::home::{Home, ProfileFiles};
use crate::launch::{GOODBYE, Launch, Launched, launch};
use crate::log::last_lines;
use crate::options::StartOptions;
use crate::ports::choose_port;
use crate::profile::Profile;
use crate::run_file::RunFile;
use crate::start_lock::StartLock;
use crate::status::{DaemonStatus, Probe, probe};

/// Longest wait of callers for a daemon that should answer at once.
const QUICK_LOOK: Duration = Duration::from_secs(2);
/// Time between two looks at a daemon that starts or stops.
const POLL: Duration = Duration::from_millis(15);
/// Ports that are tried when others take the found one in the same instant: as many as may want
/// one together, because of those that want the same only one gets it each time.
const PORT_TRIES: usize = 30;
/// Lines of the log that an error shows.
const LOG_LINES: usize = 4;

/// A daemon that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// What it says about itself.
    pub run: RunFile,
    /// True when this call started it.
    pub started: bool,
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
        match probe(&run, profile, QUICK_LOOK).await {
            Probe::Ready { is_busy } => Some((run, is_busy)),
            Probe::Other(_) | Probe::Silent | Probe::Nobody => None,
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
        Ok(match probe(&run, profile, QUICK_LOOK).await {
            Probe::Ready { .. } => {
                let written = std::fs::metadata(&files.port).and_then(|meta| meta.modified());
                DaemonStatus::Running { run, uptime: written.ok().and_then(|time| time.elapsed().ok()) }
            }
            Probe::Other(phase) => DaemonStatus::Busy { run: Some(run), phase: Some(phase) },
            Probe::Silent | Probe::Nobody => DaemonStatus::Busy { run: Some(run), phase: None },
        })
    }

    /// The daemon of a profile, started now if there is none. Any number of processes may
    /// ask at the same instant: one starts it, all get it.
    pub async fn ensure_running(&self, profile: &Profile, options: &StartOptions) -> Result<Daemon> {
        if let Some((run, is_busy)) = self.find_ready(profile).await
            && !options.must_restart(&run, is_busy)
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
                if !options.must_restart(&run, is_busy) {
                    return self.joined(profile, run, options).await;
                }
                (options.progress)(&format!("restarting the daemon: it is of version {}", run.version));
                self.stop_held(profile, self.config.startup_timeout, false).await?;
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
                && !options.must_restart(&run, is_busy)
            {
                return Ok(Err(run));
            }
        }
        Err(StartLock::not_free(profile, files, self.config.lock_timeout))
    }

    /// Waits until a daemon that lives serves or is gone. Its starter may have been killed
    /// while it was starting.
    async fn wait_for_living(
        &self,
        profile: &Profile,
        files: &ProfileFiles,
        options: &StartOptions,
    ) -> Result<Option<(RunFile, bool)>> {
        let begin = Instant::now();
        let (mut told, mut silent_since) = (false, None);
        while Lock::is_held(&files.life_lock)? {
            let run = RunFile::read(&files.run);
            let seen = match &run {
                Some(run) => probe(run, profile, self.config.probe_timeout).await,
                None => Probe::Nobody,
            };
            let pause = match (run, seen) {
                (Some(run), Probe::Ready { is_busy }) => return Ok(Some((run, is_busy))),
                (Some(run), Probe::Silent) => {
                    let since: Instant = *silent_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.config.grace_timeout {
                        return Err(EmbedError::Silent { profile: profile.clone(), pid: run.pid });
                    }
                    self.config.check_interval
                }
                (run, _) if begin.elapsed() > self.config.startup_timeout => {
                    return Err(match run {
                        Some(_) => EmbedError::StartTimedOut {
                            profile: profile.clone(),
                            waited: self.config.startup_timeout,
                            log: files.log.clone(),
                        },
                        None => EmbedError::Unknown { profile: profile.clone(), path: files.run.clone() },
                    });
                }
                _ => {
                    silent_since = None;
                    POLL
                }
            };
            if !std::mem::replace(&mut told, true) {
                (options.progress)("waiting for a daemon that is starting or stopping");
            }
            tokio::time::sleep(pause).await;
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
        let port = choose_port(self.home(), profile).await?;
        let file = EnvFile::read(&files.config)?;
        let environment = self.environment(profile, files, &file, options)?;
        let folder = self.home().folder();
        let launched = launch(Launch {
            program: &options.program,
            environment,
            port: port.number,
            folder: &folder,
            log: &files.log,
            limit: self.config.startup_timeout,
            goodbye: GOODBYE,
            progress: &*options.progress,
        });
        let failed = |reason: String, lines| EmbedError::StartFailed {
            profile: profile.clone(),
            reason,
            log: files.log.clone(),
            lines,
        };
        let last_words = || last_lines(&files.log, LOG_LINES);
        match launched.await? {
            Launched::Ready => {
                let run = RunFile::read(&files.run)
                    .ok_or_else(|| failed("it left no run file".to_owned(), last_words()))?;
                self.register(profile, files, options, true).await;
                Ok(Some(run))
            }
            Launched::Failed(Some(Reason::PortTaken), _) if port.is_chosen => {
                Err(EmbedError::PortTaken { profile: profile.clone(), port: port.number })
            }
            Launched::Failed(Some(Reason::PortTaken | Reason::AlreadyRunning), _) => Ok(None),
            // It knows best; its log says no more.
            Launched::Failed(None, reason) => Err(failed(reason, Vec::new())),
            Launched::Ended(how) => Err(failed(how, last_words())),
            Launched::TimedOut => Err(EmbedError::StartTimedOut {
                profile: profile.clone(),
                waited: self.config.startup_timeout,
                log: files.log.clone(),
            }),
        }
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
        let settings = options.settings_over(file);
        let database = self.database_or(profile, settings.get(config::DATABASE_URL.name));
        let ticket = Ticket {
            home: self.home().path().to_owned(),
            profile: profile.as_str().to_owned(),
            instance_id: Uuid::new_v4().to_string(),
            database: without_password(&database),
            started_by: options.started_by,
            idle_timeout: options.idle_seconds(file, &self.config)?,
            log_max_bytes: self.config.log_max_bytes,
            log_backups: self.config.log_backups,
        };
        let ticket = serde_json::to_string(&ticket).map_err(|error| EmbedError::Ticket(error.to_string()))?;
        let mut environment: Vec<_> = settings.into_iter().collect();
        // Later ones win: these are not for a profile to say.
        environment.extend([
            // What it keeps in the home folder is the same as what this process finds there.
            ("HOME".to_owned(), self.home().path().display().to_string()),
            (config::DATABASE_VARIABLE.to_owned(), database),
            (config::LOG_VARIABLE.to_owned(), files.log.display().to_string()),
            (config::NO_DOTENV_VARIABLE.to_owned(), "1".to_owned()),
            (config::TICKET_VARIABLE.to_owned(), ticket),
        ]);
        Ok(environment)
    }

    /// URL of the database of a profile: its own embedded one unless settings name another.
    pub fn database(&self, profile: &Profile) -> Result<String> {
        let file = EnvFile::read(&self.home().files(profile).config)?;
        let chosen = file.get(config::DATABASE_URL.name).map(str::to_owned);
        Ok(self.database_or(profile, chosen.as_ref()))
    }

    /// `chosen` is what the settings of the profile say.
    pub(crate) fn database_or(&self, profile: &Profile, chosen: Option<&String>) -> String {
        let chosen = chosen.or(self.config.database_url.as_ref()).cloned();
        chosen
            .filter(|url| !matches!(url.as_str(), "" | "pg0"))
            .unwrap_or_else(|| format!("pg0://{}", self.home().instance(profile)))
    }

    /// The key that the daemon of a profile asks for: that of its settings, else the one this
    /// process keeps for servers; none when it asks for none.
    pub fn api_key(&self, profile: &Profile, options: &StartOptions) -> Result<Option<String>> {
        let file = EnvFile::read(&self.home().files(profile).config)?;
        let own = options.settings_over(&file).remove(config::KEY_VARIABLE);
        // An empty one takes away what would be inherited.
        let key = own.or_else(|| self.config.server_key.clone()).filter(|key| !key.is_empty());
        Ok(key.or_else(|| self.config.api_token.clone()))
    }
}

/// A database URL for people and files: without its password.
pub(crate) fn without_password(url: &str) -> String {
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
}
