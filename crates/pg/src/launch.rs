//! Starting the postmaster and saying why it did not start.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::is_disk_full;
use crate::command::{add_settings, essence};
use crate::error::{IoContext, PgError, RUN, Result};
use crate::lock::NO_LINK;
use crate::postmaster::{Postmaster, Wait, pid_file_text, remove_misleading_locks};

/// How long helpers of a killed postmaster may take to notice.
const ORPHANS_LEAVE: Duration = Duration::from_secs(30);

/// What a start needs.
pub(crate) struct Launch<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) account: Option<&'a Account>,
    pub(crate) data: &'a Path,
    pub(crate) socket_dir: &'a Path,
    /// Takes what PostgreSQL says before its own log files are open.
    pub(crate) log: &'a Path,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) port: Option<u16>,
    pub(crate) limit: Duration,
}

/// How a launch ended.
pub(crate) enum Launched {
    /// The new postmaster is ready. It is not tied to this process.
    New(Postmaster),
    /// Another one serves the data: somebody was killed between starting it and waiting
    /// for its first sign of life.
    Other,
}

/// Starts the postmaster and waits until it is ready.
pub(crate) fn launch(launch: &Launch) -> Result<Launched> {
    let deadline = Instant::now() + ORPHANS_LEAVE;
    remove_misleading_locks(launch.data, launch.socket_dir)?;
    loop {
        let logs = LogPosition::now(launch.data);
        let left = pid_file_text(launch.data);
        let pid = spawn(launch)?;
        match Postmaster::wait_ready(launch.data, pid, left.as_deref(), launch.limit) {
            Wait::Ready(postmaster) => return Ok(Launched::New(postmaster)),
            Wait::TimedOut => {
                return Err(PgError::StartTimedOut { waited: launch.limit, file: launch.log.to_owned() });
            }
            Wait::Ended => {}
        }
        let said = fs::read_to_string(launch.log).unwrap_or_default() + &logs.new_text();
        let other = said.contains("lock file \"postmaster.pid\"");
        if other && Postmaster::find(launch.data).is_some() {
            return Ok(Launched::Other);
        }
        // The helpers of a postmaster that was killed see its death within moments, but
        // not at once, and hold the memory that a new one must not share with them.
        let passing = other || said.contains("pre-existing shared memory block");
        if !passing || Instant::now() > deadline {
            return Err(classify(launch, &said));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn spawn(launch: &Launch) -> Result<i32> {
    // Appended to, because a postmaster whose starter was killed may still write there.
    let log = File::options()
        .create(true)
        .append(true)
        .custom_flags(NO_LINK)
        .open(launch.log)
        .doing("write", launch.log)?;
    log.set_len(0).doing("empty", launch.log)?;
    let errors = log.try_clone().doing("write", launch.log)?;
    let mut command = launch.binaries.command("postgres", launch.account);
    command.arg("-D").arg(launch.data);
    add_settings(&mut command, launch.settings.iter().map(|(name, value)| (name, value)));
    let program = launch.binaries.bin.join("postgres");
    let mut child = command.stdout(log).stderr(errors).stdin(Stdio::null()).spawn().doing(RUN, &program)?;
    let pid = i32::try_from(child.id()).map_err(std::io::Error::other).doing(RUN, &program)?;
    // A child that nobody waits for stays in the process table, where PostgreSQL itself
    // would take it for alive. The thread ends with the postmaster or with this process.
    std::thread::Builder::new()
        .name("postmaster-wait".to_owned())
        .spawn(move || child.wait())
        .doing("watch", &program)?;
    Ok(pid)
}

fn classify(launch: &Launch, said: &str) -> PgError {
    if is_disk_full(said) {
        return PgError::DiskFull(launch.data.to_owned());
    }
    if let Some(port) = launch.port
        && said.contains("Address already in use")
    {
        return PgError::PortTaken(port);
    }
    let about_setting =
        ["unrecognized configuration parameter", "invalid value for parameter", "outside the valid range"];
    if about_setting.iter().any(|words| said.contains(words)) {
        return PgError::Setting(essence(said));
    }
    PgError::StartFailed { log: essence(said), file: launch.log.to_owned() }
}

/// The ends of PostgreSQL's own log files before a start.
struct LogPosition {
    folder: PathBuf,
    lengths: HashMap<PathBuf, u64>,
}

impl LogPosition {
    fn now(data: &Path) -> Self {
        let folder = data.join("log");
        let lengths = log_files(&folder)
            .into_iter()
            .map(|path| {
                let length = fs::metadata(&path).map_or(0, |meta| meta.len());
                (path, length)
            })
            .collect();
        Self { folder, lengths }
    }

    /// What has been written since; logs that cannot be read are passed over.
    fn new_text(&self) -> String {
        let mut text = Vec::new();
        for path in log_files(&self.folder) {
            let Ok(mut file) = File::open(&path) else { continue };
            let before = self.lengths.get(&path).copied().unwrap_or(0);
            // A file that was overwritten is shorter, and new from its start.
            let start = if file.metadata().is_ok_and(|meta| meta.len() >= before) { before } else { 0 };
            if file.seek(SeekFrom::Start(start)).is_ok() {
                let _ = file.take(1 << 20).read_to_end(&mut text);
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
