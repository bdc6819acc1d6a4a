//! Running a PostgreSQL program as the right user with a clean environment.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::account::Account;

/// For a program that only says its version or its folders.
pub(crate) const ANSWER: Duration = Duration::from_mins(1);

const LIBRARY_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

/// A command that inherits nothing: `PG*` and locale variables of the caller would change
/// what the program does, and its current folder may be closed to the database's user.
///
/// The program gets a process group of its own, so that Ctrl-C in the caller's terminal
/// does not reach it. A session of its own is not needed: a postmaster answers a hang-up
/// by reading its configuration again.
pub(crate) fn command(program: &Path, library_dir: Option<&Path>, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .process_group(0);
    if let Some(library_dir) = library_dir {
        command.env(LIBRARY_PATH, library_dir);
    }
    if let Some(account) = account {
        // Setting the user as root also clears the supplementary groups.
        command.gid(account.gid).uid(account.uid);
    }
    command
}

/// Runs a program to its end with `input` as its standard input, and takes what it says.
///
/// After `limit` it is killed, with all it started: nobody else could end a wait that holds
/// the lock of an instance.
pub(crate) fn run(mut command: Command, input: &str, limit: Duration) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let group = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Shorter than what a pipe holds. A failed write shows in what the program says.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (done, ended) = mpsc::channel();
    // Reads both outputs at once, and ends when the program and all it started have.
    let reader = move || drop(done.send(child.wait_with_output()));
    let waited = match thread::Builder::new().name("postgres-program".to_owned()).spawn(reader) {
        Ok(_) => ended.recv_timeout(limit).ok(),
        Err(error) => Some(Err(error)),
    };
    match waited {
        Some(Ok(output)) => Ok(output),
        failed => {
            // Fails only when the program has just ended.
            let _ = killpg(group, Signal::SIGKILL);
            let late = || format!("it did not end within {} s and was stopped", limit.as_secs());
            failed.unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::TimedOut, late())))
        }
    }
}

/// The lines of a program's output that say what went wrong, as one line.
pub(crate) fn essence(output: &str) -> String {
    const MARKS: [&str; 6] = ["FATAL:", "PANIC:", "ERROR:", "error:", "DETAIL:", "HINT:"];
    let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling: Vec<&str> = lines().filter(|line| MARKS.iter().any(|mark| line.contains(mark))).collect();
    let chosen = if telling.is_empty() { lines().collect() } else { telling };
    if chosen.is_empty() {
        return "it said nothing".to_owned();
    }
    let skip = chosen.len().saturating_sub(4);
    chosen.into_iter().skip(skip).collect::<Vec<_>>().join("; ")
}

/// Adds `-c name=value` for every setting.
pub(crate) fn add_settings<N, V>(command: &mut Command, settings: impl IntoIterator<Item = (N, V)>)
where
    N: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    for (name, value) in settings {
        let mut pair = name.as_ref().to_owned();
        pair.push("=");
        pair.push(value);
        command.arg("-c").arg(pair);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str, input: &str, limit: Duration) -> io::Result<Output> {
        let mut command = command(Path::new("/bin/sh"), None, None);
        command.arg("-c").arg(script);
        run(command, input, limit)
    }

    #[test]
    fn a_program_gets_its_input_and_is_heard() {
        let output = shell("cat; echo bad >&2; exit 3", "hello", ANSWER).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"hello"[..], &b"bad\n"[..]));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let begun = Instant::now();
        // Not the shell but its child holds the output open.
        let error = shell("sleep 60 & wait", "", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(55));
    }
}
