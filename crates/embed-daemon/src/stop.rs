//! Stopping daemons.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::daemons::Daemons;
use crate::error::{EmbedError, IoContext, Result};
use crate::files::{Lock, remove};
use crate::home::ProfileFiles;
use crate::process;
use crate::profile::Profile;
use crate::run_file::RunFile;
use crate::start_lock::StartLock;

/// Time between two looks at a daemon that stops.
const POLL: Duration = Duration::from_millis(15);
/// How long a daemon may live without a run file: from its start until it listens.
const NAMELESS: Duration = Duration::from_secs(5);
/// How long the system may take to end a process that was killed.
const KILL: Duration = Duration::from_secs(20);

/// How a stop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was no daemon.
    NotRunning,
    /// It finished what it was doing and stopped its database.
    Gracefully,
    /// It was killed. Its database stays up until somebody stops it or the next daemon adopts it.
    Killed,
}

impl Daemons {
    /// Stops the daemon of a profile: requests under way end, then the database stops. One
    /// that does not end within `limit` is killed if `force` says so, and left otherwise.
    /// The database of a dead one is left as well: see [`stop_and`](Self::stop_and).
    pub async fn stop(&self, profile: &Profile, limit: Duration, force: bool) -> Result<Stopped> {
        self.stop_and(profile, limit, force, async |_| Ok(())).await
    }

    /// Stops the daemon of a profile as [`stop`](Self::stop) does, and calls `afterwards`
    /// while nobody can start another. There a program that knows databases can stop the one
    /// that a dead daemon has left.
    pub async fn stop_and<E: From<EmbedError>>(
        &self,
        profile: &Profile,
        limit: Duration,
        force: bool,
        afterwards: impl AsyncFnOnce(Stopped) -> std::result::Result<(), E>,
    ) -> std::result::Result<Stopped, E> {
        let files = self.home().files(profile);
        // Whoever starts a daemon makes this file first.
        if !files.start_lock.exists() {
            return Ok(Stopped::NotRunning);
        }
        let _held = StartLock::take(profile, &files, limit.min(self.config().lock_timeout)).await?;
        let stopped = self.stop_held(profile, limit, force).await?;
        afterwards(stopped).await?;
        Ok(stopped)
    }

    /// Stops the daemon for the holder of the start lock.
    pub(crate) async fn stop_held(&self, profile: &Profile, limit: Duration, force: bool) -> Result<Stopped> {
        let files = self.home().files(profile);
        let Some(run) = self.living(profile, &files).await? else { return Ok(Stopped::NotRunning) };
        if !signal(&files, &run, Signal::SIGTERM)? || wait_gone(&files, &run, limit).await? {
            return Ok(Stopped::Gracefully);
        }
        if !force {
            return Err(EmbedError::StopTimedOut { profile: profile.clone(), pid: run.pid, waited: limit });
        }
        signal(&files, &run, Signal::SIGKILL)?;
        if !wait_gone(&files, &run, KILL).await? {
            return Err(EmbedError::StopTimedOut { profile: profile.clone(), pid: run.pid, waited: KILL });
        }
        RunFile::remove_own(&files.run, &run.instance_id)?;
        remove(&files.port)?;
        Ok(Stopped::Killed)
    }

    /// The daemon that holds the life lock, once it says who it is.
    async fn living(&self, profile: &Profile, files: &ProfileFiles) -> Result<Option<RunFile>> {
        let deadline = Instant::now() + NAMELESS;
        while Lock::is_held(&files.life_lock)? {
            // A file of a daemon before this one names a process that is gone.
            let run = RunFile::read(&files.run);
            if let Some(run) = run.filter(|run| process::start_time(run.pid) == Some(run.start_time)) {
                return Ok(Some(run));
            }
            if Instant::now() > deadline {
                return Err(EmbedError::Unknown { profile: profile.clone(), path: files.run.clone() });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(None)
    }
}

/// False when the process is gone already.
fn signal(files: &ProfileFiles, run: &RunFile, signal: Signal) -> Result<bool> {
    process::signal(run.pid, run.start_time, signal)
        .map_err(std::io::Error::from)
        .doing("signal the process of", &files.run)
}

/// Waits until the process has ended and its lock is free. The first does not bring the second:
/// a process counts as ended with its first thread, and the others may still have its files.
async fn wait_gone(files: &ProfileFiles, run: &RunFile, limit: Duration) -> Result<bool> {
    let deadline = Instant::now() + limit;
    while process::start_time(run.pid) == Some(run.start_time) || Lock::is_held(&files.life_lock)? {
        if Instant::now() > deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(true)
}
