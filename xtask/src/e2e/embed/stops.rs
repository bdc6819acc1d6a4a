//! Stopping daemons that do not want to, and what dead ones leave.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_testkit::pause;

use super::{out, pid, refusal};
use crate::checks::{Checks, holds, same};
use crate::daemon::{Home, Signal, signal};

const INSTANCE: &str = "hindsight-embed-stubborn";
/// Longest time that the system may take to end a process.
const DYING: Duration = Duration::from_mins(3);

pub(super) fn check(checks: &mut Checks, home: &Home) {
    checks.note("embed: the database of a dead daemon is stopped", orphan(home));
    checks.note("embed: a daemon that does not end is killed only by force", stubborn(home));
    checks.note("embed: a deleted profile leaves no database running", deleted(home));
}

fn killed(home: &Home) -> Result<()> {
    out(home, "hindsight-embed -p stubborn daemon start")?;
    signal(pid(home, "stubborn")?, Signal::SIGKILL)?;
    // A process that was killed takes a moment to end.
    let deadline = Instant::now() + DYING;
    while out(home, "hindsight-embed -p stubborn daemon status").is_ok() {
        if Instant::now() > deadline {
            bail!("the killed daemon lives on");
        }
    }
    home.postmaster_of(INSTANCE).context("the database went with the daemon").map(|_| ())
}

fn orphan(home: &Home) -> Result<()> {
    killed(home)?;
    let said = out(home, "hindsight-embed -p stubborn daemon stop")?;
    holds(&said, "is not running; the database it had left was stopped")?;
    same(&home.postmaster_of(INSTANCE), &None)?;
    // A database that others use is theirs: here the daemon of another profile.
    killed(home)?;
    let share = format!("HINDSIGHT_EMBED_API_DATABASE_URL=pg0://{INSTANCE}");
    out(home, &format!("{share} hindsight-embed -p guest daemon start"))?;
    holds(&out(home, "hindsight-embed -p stubborn daemon stop")?, "is not running\n")?;
    home.postmaster_of(INSTANCE).context("the database was stopped under a daemon")?;
    let answer = out(home, "hindsight-embed -p guest bank list -o json")?;
    holds(&answer, "\"banks\"")?;
    out(home, "hindsight-embed -p guest daemon stop")?;
    same(&home.postmaster_of(INSTANCE), &None)
}

fn stubborn(home: &Home) -> Result<()> {
    out(home, "hindsight-embed -p stubborn daemon start")?;
    pause(pid(home, "stubborn")?)?;
    let reason = refusal(home, "hindsight-embed -p stubborn daemon stop")?;
    holds(&reason, "did not stop within 30 s; end it with --force")?;
    let reason = refusal(home, "hindsight-embed -p stubborn daemon stop --timeout 1")?;
    holds(&reason, "did not stop within 1 s")?;
    let said = out(home, "hindsight-embed -p stubborn daemon stop --timeout 1 --force")?;
    holds(&said, "was killed, its database was stopped")?;
    same(&home.postmaster_of(INSTANCE), &None)?;
    holds(&out(home, "hindsight-embed -p stubborn daemon stop")?, "is not running\n")
}

fn deleted(home: &Home) -> Result<()> {
    killed(home)?;
    // Many want it deleted: it is, once.
    let delete = "hindsight-embed profile delete stubborn --yes";
    let calls = [(); 3].map(|()| home.shell(delete).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
    let mut deleted = 0;
    for call in calls {
        let output = call?.wait_with_output()?;
        if output.status.success() {
            deleted += 1;
        } else {
            holds(&String::from_utf8_lossy(&output.stderr), "there is no profile 'stubborn'")?;
        }
    }
    if deleted == 0 {
        bail!("nobody deleted it");
    }
    same(&home.postmaster_of(INSTANCE), &None)?;
    for end in ["env", "lock", "run.lock", "run.json", "log", "lock.owner"] {
        let path = home.path().join(format!(".hindsight/profiles/stubborn.{end}"));
        if path.exists() {
            bail!("{} was left", path.display());
        }
    }
    Ok(())
}
