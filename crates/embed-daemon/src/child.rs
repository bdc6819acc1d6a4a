//! The other side: what a program does that was started as a daemon.
//!
//! The starter hands over a ticket in the environment and listens on standard output, one
//! JSON object a line, until the daemon says that it is ready or why it will not be.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::config;
use crate::error::{EmbedError, IoContext, Result};
use crate::files::{Lock, remove, write_private};
use crate::home::{Home, ProfileFiles};
use crate::log::{Log, Rotation};
use crate::process;
use crate::profile::Profile;
use crate::run_file::{Listening, RunFile, StartedBy};

/// How long the life lock may seem taken: others who ask for a daemon hold it for an
/// instant, another daemon for good.
const ASKING: Duration = Duration::from_secs(2);

/// What the starter tells the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) home: PathBuf,
    pub(crate) profile: String,
    pub(crate) instance_id: String,
    /// Database, without its password.
    pub(crate) database: String,
    pub(crate) started_by: StartedBy,
    pub(crate) idle_timeout: u64,
    pub(crate) log_max_bytes: u64,
    pub(crate) log_backups: u32,
}

/// What the daemon tells the starter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Word {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<String>,
    /// Why there will be no daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What the starter can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
    /// What takes so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
}

/// Failures that a starter answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Another daemon of the profile lives.
    AlreadyRunning,
    /// Another program has the port.
    PortTaken,
}

/// This process as the daemon of a profile. Dropping it removes the files that say so.
#[derive(Debug)]
pub struct DaemonProcess {
    ticket: Ticket,
    files: ProfileFiles,
    log: Arc<Log>,
    starter: Mutex<Option<File>>,
    _life: Lock,
}

impl DaemonProcess {
    /// Turns this process into the daemon that its starter asked for: in a session of its
    /// own, with its log, and the only one of its profile. None when nobody asked.
    pub fn from_env() -> Result<Option<Self>> {
        let Some(ticket) = config::ticket() else { return Ok(None) };
        let ticket: Ticket =
            serde_json::from_str(&ticket).map_err(|error| EmbedError::Ticket(error.to_string()))?;
        Self::begin(ticket).map(Some)
    }

    fn begin(ticket: Ticket) -> Result<Self> {
        // The leader of a group cannot leave it; whoever started this by hand has a reason.
        let _ = nix::unistd::setsid();
        let home = Home::new(&ticket.home);
        let profile: Profile = ticket.profile.parse()?;
        let files = home.files(&profile);
        let starter = std::io::stdout().as_fd().try_clone_to_owned();
        let starter = Mutex::new(Some(File::from(starter.doing("keep", &PathBuf::from("standard output"))?)));
        let prepared = home.prepare().and_then(|()| {
            let rotation = Rotation { max_bytes: ticket.log_max_bytes, backups: ticket.log_backups };
            // The log of another daemon is not to be touched.
            let life = take_life(&files, &profile)?;
            Ok((Log::open(&files.log, rotation).doing("open", &files.log)?, life))
        });
        match prepared {
            Ok((log, life)) => Ok(Self { ticket, files, log: Arc::new(log), starter, _life: life }),
            Err(error) => {
                let reason = matches!(error, EmbedError::AlreadyRunning(_)).then_some(Reason::AlreadyRunning);
                tell(&starter, &Word { error: Some(error.to_string()), reason, ..Word::default() });
                Err(error)
            }
        }
    }

    /// Name of the profile.
    pub fn profile(&self) -> &str {
        &self.ticket.profile
    }

    /// Tells this daemon from every other one.
    pub fn instance_id(&self) -> &str {
        &self.ticket.instance_id
    }

    /// Where log lines go.
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }

    /// Tells the starter what takes so long, for people.
    pub fn progress(&self, text: &str) {
        tell(&self.starter, &Word { progress: Some(text.to_owned()), ..Word::default() });
    }

    /// Makes this daemon known, once it listens: from now on others wait for it.
    pub fn listening(&self, address: SocketAddr) -> Result<()> {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        let mut run = RunFile::of_this_process(Listening {
            port: address.port(),
            instance_id: self.ticket.instance_id.clone(),
            profile: self.ticket.profile.clone(),
            database: self.ticket.database.clone(),
            started_by: self.ticket.started_by,
            idle_timeout: self.ticket.idle_timeout,
            start_time: process::start_time(pid).unwrap_or_default(),
        });
        if !address.ip().is_unspecified() {
            run.url = format!("http://{address}");
        }
        run.write(&self.files.run)?;
        write_private(&self.files.port, format!("{}\n", address.port()).as_bytes())
    }

    /// Tells the starter that everything answers.
    pub fn ready(&self) {
        let run = RunFile::read(&self.files.run);
        let word = Word {
            ready: true,
            port: run.map(|run| run.port),
            instance_id: Some(self.ticket.instance_id.clone()),
            ..Word::default()
        };
        tell(&self.starter, &word);
        self.hang_up();
    }

    /// Tells the starter why there will be no daemon. `port_taken` lets it try another one.
    pub fn failed(&self, error: &str, port_taken: bool) {
        let reason = port_taken.then_some(Reason::PortTaken);
        tell(&self.starter, &Word { error: Some(error.to_owned()), reason, ..Word::default() });
        self.hang_up();
    }

    /// How long the daemon may be without use; none = for ever. Read from the run file, where
    /// an explicit start of a running daemon changes it.
    pub fn idle_timeout(&self) -> Option<Duration> {
        let run = RunFile::read(&self.files.run).filter(|run| run.instance_id == self.ticket.instance_id);
        let seconds = run.map_or(self.ticket.idle_timeout, |run| run.idle_timeout);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    fn hang_up(&self) {
        *self.starter.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let removed = RunFile::remove_own(&self.files.run, &self.ticket.instance_id)
            .and_then(|()| remove(&self.files.port))
            // Nobody else can have it yet: it is held until this process is gone.
            .and_then(|_| remove(&self.files.life_lock));
        if let Err(error) = removed {
            tracing::warn!(%error, "left behind; the next start replaces it");
        }
    }
}

/// The lock that a daemon holds as long as it lives.
fn take_life(files: &ProfileFiles, profile: &Profile) -> Result<Lock> {
    let deadline = Instant::now() + ASKING;
    loop {
        if let Some(lock) = Lock::try_take(&files.life_lock)? {
            return Ok(lock);
        }
        if Instant::now() > deadline {
            return Err(EmbedError::AlreadyRunning(profile.clone()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A starter that is gone misses nothing: whoever comes next finds the daemon.
fn tell(starter: &Mutex<Option<File>>, word: &Word) {
    let mut starter = starter.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some(pipe), Ok(mut line)) = (starter.as_mut(), serde_json::to_string(word)) {
        line.push('\n');
        if pipe.write_all(line.as_bytes()).is_err() {
            *starter = None;
        }
    }
}
