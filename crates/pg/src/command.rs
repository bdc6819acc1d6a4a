//! Running a PostgreSQL program as the right user with a clean environment.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::account::Account;

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
