//! Daemons that could be mistaken for each other: names that hash alike, other versions.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{out, pid, port, run_file, stalled_retain};
use crate::checks::{Checks, holds, same};
use crate::daemon::{Home, output_of};

/// Names whose sums pick the same port.
const TWINS: [&str; 2] = ["four-notes", "north"];
const OLD: &str = "another version";

pub(super) fn check(checks: &mut Checks, home: &Home) {
    checks.note("embed: names that hash alike are two memories", twins(home));
    checks.note("embed: a daemon of another version", versions(home));
}

fn twins(home: &Home) -> Result<()> {
    let calls = TWINS.map(|name| {
        let line = format!("hindsight-embed -p {name} retain who 'This is the memory of {name}'");
        home.shell(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    });
    for call in calls {
        let output = call?.wait_with_output()?;
        if !output.status.success() {
            bail!("a call failed: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let [first, second] = TWINS;
    if port(home, first)? == port(home, second)? {
        bail!("they have one port");
    }
    for (name, other) in [(first, second), (second, first)] {
        let found = out(home, &format!("hindsight-embed -p {name} recall who 'whose memory'"))?;
        holds(&found, &format!("This is the memory of {name}"))?;
        if found.contains(&format!("memory of {other}")) {
            bail!("{name} has the memories of {other}");
        }
    }
    for name in TWINS {
        out(home, &format!("hindsight-embed -p {name} daemon stop"))?;
    }
    Ok(())
}

/// Makes the run file say that the daemon is of another version.
fn pretend(home: &Home, version: &str) -> Result<u32> {
    let mut run = run_file(home, "older")?;
    *run.get_mut("version").context("the run file names no version")? = Value::from(version);
    std::fs::write(home.path().join(".hindsight/profiles/older.run.json"), run.to_string())?;
    pid(home, "older")
}

/// Standard error of a call that must succeed.
fn chatter(home: &Home, command: &str) -> Result<String> {
    let output = output_of(&mut home.shell(&format!("hindsight-embed -p older {command}")))?;
    let chatter = String::from_utf8(output.stderr)?;
    if !output.status.success() {
        bail!("{command}: {chatter}");
    }
    Ok(chatter)
}

fn versions(home: &Home) -> Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let (line, _) = own.rsplit_once('.').context("a version has three parts")?;
    let patch = format!("{line}.999");
    chatter(home, "retain notes 'The lamp is green'")?;
    let kept = pretend(home, &patch)?;
    let told = chatter(home, "recall notes lamp")?;
    same(&told.matches(OLD).count(), &1).context("a patch level is told once")?;
    same(&pid(home, "older")?, &kept).context("another patch level is used")?;

    pretend(home, "99.0.0")?;
    let stalled = stalled_retain(port(home, "older")?, "The door is blue")?;
    same(&chatter(home, "recall notes lamp")?.matches(OLD).count(), &1)?;
    same(&pid(home, "older")?, &kept).context("a daemon that is busy stays")?;
    holds(&stalled.finish()?, "200 OK")?;

    holds(&chatter(home, "recall notes door")?, "restarting the daemon: it is of version 99.0.0")?;
    let next = pid(home, "older")?;
    if next == kept {
        bail!("an unused daemon of another version was kept");
    }
    same(&run_file(home, "older")?.get("version"), &Some(&Value::from(own)))?;

    pretend(home, &patch)?;
    chatter(home, "daemon start --force-restart")?;
    if pid(home, "older")? == next {
        bail!("it was not restarted by force");
    }
    holds(&out(home, "hindsight-embed -p older recall notes lamp")?, "The lamp is green")?;
    out(home, "hindsight-embed -p older daemon stop").map(|_| ())
}
