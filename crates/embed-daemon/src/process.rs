//! Other processes: which one a number means, and signals to it.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// When a process began, in a unit of the system's own; with the number it names one
/// process and no later one. None when there is no such process.
#[cfg(target_os = "linux")]
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    // `pid (name) state parent …`: the name may hold anything, also a parenthesis. The start
    // is field 22 (proc_pid_stat(5)), in clock ticks since the machine started.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // A zombie has ended; only its parent has not asked yet.
    if state == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// When a process began, as a number made from what `ps` prints; see above.
#[cfg(not(target_os = "linux"))]
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let mut ps = std::process::Command::new("ps");
    let output = ps.env("LC_ALL", "C").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let start = chrono::NaiveDateTime::parse_from_str(text.trim(), "%a %b %e %H:%M:%S %Y").ok()?;
    u64::try_from(start.and_utc().timestamp()).ok()
}

/// Sends a signal to the process that began at `started`; false when it is gone. No other
/// process is ever signalled, whoever has its number now.
pub(crate) fn signal(pid: i32, started: u64, signal: Signal) -> Result<bool, Errno> {
    if pid <= 0 || start_time(pid) != Some(started) {
        return Ok(false);
    }
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = start_time(pid).expect("it runs");
        assert_eq!(start_time(pid), Some(started));
        // Another process with the same number is left alone.
        assert_eq!(signal(pid, started + 1, Signal::SIGKILL), Ok(false));
        assert!(child.try_wait().unwrap().is_none());
        assert_eq!(signal(pid, started, Signal::SIGKILL), Ok(true));
        child.wait().unwrap();
        assert_eq!(start_time(pid), None);
        assert_eq!(signal(pid, started, Signal::SIGKILL), Ok(false));
    }

    #[test]
    fn groups_are_never_signalled() {
        for pid in [0, -1, i32::MIN] {
            assert_eq!(signal(pid, 0, Signal::SIGKILL), Ok(false));
        }
    }
}
