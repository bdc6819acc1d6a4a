//! A running PostgreSQL: finding it, waiting for it, stopping it.
//!
//! `postmaster.pid` in the data folder is the only witness. A process id in it proves
//! nothing by itself: after a restart of the machine or of a container the same number is
//! often another program.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{IoContext, Result};

/// How often a condition outside this process is looked at.
const POLL: Duration = Duration::from_millis(15);

/// How long a new `postmaster.pid` may be empty; its writer fills it within microseconds.
const EMPTY_PID_FILE: Duration = Duration::from_secs(1);

/// What the postmaster says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// How waiting for a postmaster ended.
#[derive(Debug)]
pub(crate) enum Wait {
    /// It takes connections.
    Ready(Postmaster),
    /// Its process is gone.
    Ended,
    /// It is alive but not ready.
    TimedOut,
}

/// The content of `postmaster.pid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pub(crate) pid: i32,
    pub(crate) port: u16,
    pub(crate) socket_dir: Option<PathBuf>,
    /// Address of its TCP listener, if it has one.
    pub(crate) listen_address: Option<String>,
    pub(crate) phase: Phase,
}

impl Postmaster {
    /// The postmaster that runs on `data`; none when there is none, whatever files it left.
    pub(crate) fn find(data: &Path) -> Option<Self> {
        Self::read(data).filter(|found| is_alive(found.pid) && runs_on(found.pid, data) == Some(true))
    }

    fn read(data: &Path) -> Option<Self> {
        Self::parse(&pid_file_text(data)?)
    }

    fn parse(text: &str) -> Option<Self> {
        // process, data folder, start time, port, socket folder, address, shared memory key, status
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse::<i32>().ok().filter(|pid| *pid > 0)?;
        let mut lines = lines.skip(2);
        let port = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let mut text = || lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
        let socket_dir = text().map(PathBuf::from);
        let listen_address = text();
        let phase = match lines.nth(1) {
            Some("ready") => Phase::Ready,
            Some("stopping") => Phase::Stopping,
            _ => Phase::Starting,
        };
        Some(Self { pid, port, socket_dir, listen_address, phase })
    }

    /// Waits until the postmaster `process` of `data` is ready, for at most `limit`.
    ///
    /// `left` is what `postmaster.pid` held before the process began: a new postmaster may
    /// get the very number of the dead one, whose last word was that it is ready.
    pub(crate) fn wait_ready(data: &Path, process: i32, left: Option<&str>, limit: Duration) -> Wait {
        let deadline = Instant::now() + limit;
        loop {
            // Looked at before the file, or a postmaster that ends in between looks ready.
            if !is_alive(process) {
                return Wait::Ended;
            }
            if let Some(text) = pid_file_text(data)
                && left != Some(text.as_str())
                && let Some(found) = Self::parse(&text)
                && found.pid == process
                && found.phase == Phase::Ready
            {
                return Wait::Ready(found);
            }
            if Instant::now() > deadline {
                return Wait::TimedOut;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks for a fast shutdown (clients are disconnected, nothing is lost), and for an
    /// immediate one after `limit` (the next start recovers). True when the process is gone.
    pub(crate) fn stop(&self, limit: Duration) -> bool {
        for (signal, limit) in [(Signal::SIGINT, limit), (Signal::SIGQUIT, Duration::from_secs(6))] {
            // It may have ended by itself meanwhile.
            let _ = kill(Pid::from_raw(self.pid), signal);
            if self.wait_gone(limit) {
                return true;
            }
        }
        false
    }

    /// True when the process ends within `limit`.
    pub(crate) fn wait_gone(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while is_alive(self.pid) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

/// Removes lock files that would keep PostgreSQL from starting, which believes any number
/// in them that belongs to some process. With none of that number it cleans up itself.
///
/// `socket_dir` belongs to this instance alone.
pub(crate) fn remove_misleading_locks(data: &Path, socket_dir: &Path) -> Result<()> {
    let path = pid_file(data);
    let is_empty = || std::fs::metadata(&path).is_ok_and(|meta| meta.len() == 0);
    let deadline = Instant::now() + EMPTY_PID_FILE;
    while is_empty() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    let sockets = std::fs::read_dir(socket_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let socket_locks = sockets.filter(|path| path.extension().is_some_and(|extension| extension == "lock"));
    for path in std::iter::once(path.clone()).chain(socket_locks) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let process = text.lines().next().and_then(|line| line.trim().parse().ok());
        // Asked per file: a postmaster whose starter was killed may come up meanwhile.
        if process.is_none_or(|pid| exists(pid) && runs_on(pid, data) == Some(false)) {
            std::fs::remove_file(&path).doing("remove", &path)?;
        }
    }
    Ok(())
}

fn pid_file(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// What `postmaster.pid` holds now.
pub(crate) fn pid_file_text(data: &Path) -> Option<String> {
    std::fs::read_to_string(pid_file(data)).ok()
}

/// True when the number belongs to a process, be it a dead one that its parent has not
/// asked for yet.
fn exists(pid: i32) -> bool {
    // A process of another user counts: it may be the database's.
    pid > 0 && !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH))
}

fn is_alive(pid: i32) -> bool {
    exists(pid) && !is_zombie(pid)
}

/// Seen in containers whose first process collects no orphans.
#[cfg(target_os = "linux")]
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the program's name, which may hold anything.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

#[cfg(not(target_os = "linux"))]
fn is_zombie(_pid: i32) -> bool {
    false
}

/// Whether the process is a postmaster of this data folder, judged by its command line,
/// which may be read for processes of other users too; none when it cannot be read.
fn runs_on(pid: i32, data: &Path) -> Option<bool> {
    // Empty for good after a process has ended, and for a moment while a program begins.
    let arguments = command_line(pid).filter(|arguments| !arguments.is_empty() || is_zombie(pid))?;
    let real = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let named = arguments.iter().any(|argument| {
        let path = Path::new(argument.strip_prefix("-D").unwrap_or(argument));
        path == real || path.canonicalize().is_ok_and(|path| path == real)
    });
    Some(named || (is_postgres(&arguments) && works_in(pid, &real)))
}

fn is_postgres(arguments: &[String]) -> bool {
    let program = arguments.first().and_then(|program| Path::new(program).file_name());
    program.is_some_and(|program| program == "postgres" || program == "postmaster")
}

/// A postmaster works in its data folder. One that others started may name it by a relative
/// path or in its environment only.
#[cfg(target_os = "linux")]
fn works_in(pid: i32, data: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data)
}

#[cfg(not(target_os = "linux"))]
fn works_in(_pid: i32, _data: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn command_line(pid: i32) -> Option<Vec<String>> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.split('\0').filter(|argument| !argument.is_empty()).map(str::to_owned).collect())
}

#[cfg(not(target_os = "linux"))]
fn command_line(pid: i32) -> Option<Vec<String>> {
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let text = Some(text.trim()).filter(|text| !text.is_empty())?;
    // One line without quotes: the data folder follows -D and may hold spaces.
    let Some((program, rest)) = text.split_once(" -D ") else { return Some(vec![text.to_owned()]) };
    let data = rest.split_once(" -c ").map_or(rest, |(data, _)| data);
    Some(vec![program.to_owned(), data.trim().to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid_file_of_this_process(data: &Path) -> String {
        let text = format!("{}\n{}\n1\n5432\n\n\n\nready\n", std::process::id(), data.display());
        std::fs::write(pid_file(data), &text).unwrap();
        text
    }

    #[test]
    fn what_a_dead_postmaster_left_does_not_make_its_heir_ready() {
        let data = tempfile::tempdir().unwrap();
        let left = pid_file_of_this_process(data.path());
        let process = i32::try_from(std::process::id()).unwrap();
        let wait = |left| Postmaster::wait_ready(data.path(), process, left, Duration::from_millis(40));
        assert!(matches!(wait(Some(left.as_str())), Wait::TimedOut));
        assert!(matches!(wait(Some("another")), Wait::Ready(_)));
        assert!(matches!(wait(None), Wait::Ready(_)));
    }

    /// Started by others: no absolute path on the command line.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_postmaster_is_known_by_the_folder_it_works_in() {
        use std::os::unix::process::CommandExt;
        let data = tempfile::tempdir().unwrap();
        for (name, found) in [("postgres", true), ("sleep", false)] {
            let mut child = std::process::Command::new("sleep")
                .arg0(name)
                .arg("60")
                .current_dir(data.path())
                .spawn()
                .unwrap();
            let process = i32::try_from(child.id()).unwrap();
            while command_line(process).unwrap().is_empty() {
                std::thread::yield_now();
            }
            let text = format!("{process}\n.\n1\n5432\n\n\n\nready\n");
            std::fs::write(pid_file(data.path()), text).unwrap();
            assert_eq!(Postmaster::find(data.path()).is_some(), found, "{name}");
            remove_misleading_locks(data.path(), &data.path().join("run")).unwrap();
            assert_eq!(pid_file(data.path()).exists(), found, "{name}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
