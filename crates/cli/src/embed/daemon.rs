//! `hindsight-embed daemon`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hindsight_embed_daemon::{DaemonStatus, IdleTimeout, Profile, RunFile, Stopped, last_lines};
use serde::Serialize;
use serde_json::{Value, json};

use super::Embed;
use crate::args::DaemonCommand;
use crate::commands::Outcome;
use crate::output::{note, plain};

/// Time between two looks at a log that is followed.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(embed: &Embed, command: DaemonCommand) -> Result<Outcome> {
    match command {
        DaemonCommand::Start { idle_timeout, force_restart } => {
            start(embed, idle_timeout, force_restart).await
        }
        DaemonCommand::Stop { force, timeout } => stop(embed, Duration::from_secs(timeout), force).await,
        DaemonCommand::Status => status(embed).await,
        DaemonCommand::Logs { follow, lines } => logs(embed, follow, lines),
    }
}

async fn start(embed: &Embed, idle_timeout: Option<u64>, force_restart: bool) -> Result<Outcome> {
    let idle_timeout = idle_timeout.map_or(IdleTimeout::Explicit, IdleTimeout::Seconds);
    let mut options = embed.start_options(idle_timeout);
    options.force_restart = force_restart;
    let limit_before = embed.daemons.find(&embed.profile).await.map(|run| run.idle_timeout);
    let daemon = embed.daemons.ensure_running(&embed.profile, &options).await?;
    let is_lifted = limit_before.is_some_and(|before| before > 0) && daemon.run.idle_timeout == 0;
    if !daemon.started && is_lifted {
        note("it was to end when unused; now it stays until it is stopped");
    }
    let answer = with_running(&daemon.run, true)?;
    embed.output.answer(&answer, |out, _| {
        let what = if daemon.started { "started" } else { "is running already" };
        writeln!(out, "daemon of profile {} {what}: {}", embed.profile, daemon.run.url)
    })?;
    Ok(Outcome::Good)
}

async fn stop(embed: &Embed, limit: Duration, force: bool) -> Result<Outcome> {
    let mut is_database_stopped = false;
    let stopped = embed
        .daemons
        .stop_and(&embed.profile, limit, force, async |_| {
            // A daemon that ends in order stops its database itself; one that was killed in the
            // same moment looks as if it had ended so.
            is_database_stopped = stop_leftover(embed, &embed.profile).await?;
            anyhow::Ok(())
        })
        .await?;
    let word = match stopped {
        Stopped::NotRunning => "not_running",
        Stopped::Gracefully => "stopped",
        Stopped::Killed => "killed",
    };
    let answer = json!({
        "profile": embed.profile.as_str(),
        "result": word,
        "leftover_database_stopped": is_database_stopped,
    });
    embed.output.answer(&answer, |out, _| {
        let end = match (stopped, is_database_stopped) {
            (Stopped::NotRunning, false) => "is not running",
            (Stopped::NotRunning, true) => "is not running; the database it had left was stopped",
            (Stopped::Gracefully, _) => "stopped",
            (Stopped::Killed, true) => "was killed, its database was stopped",
            (Stopped::Killed, false) => "was killed",
        };
        writeln!(out, "daemon of profile {} {end}", embed.profile)
    })?;
    Ok(Outcome::Good)
}

/// Stops the embedded database of a profile whose daemon is dead, unless others use it.
pub(super) async fn stop_leftover(embed: &Embed, profile: &Profile) -> Result<bool> {
    let database = embed.daemons.database(profile)?;
    Ok(hindsight_server::stop_leftover_database(embed.daemons.home().path(), &database).await?)
}

async fn status(embed: &Embed) -> Result<Outcome> {
    let status = embed.daemons.status(&embed.profile).await?;
    let outcome = match status {
        DaemonStatus::Running { .. } => Outcome::Good,
        DaemonStatus::Stopped | DaemonStatus::Busy { .. } => Outcome::Bad,
    };
    let answer = match &status {
        DaemonStatus::Running { run, .. } => with_running(run, true)?,
        DaemonStatus::Busy { run: Some(run), .. } => with_running(run, false)?,
        DaemonStatus::Busy { run: None, .. } | DaemonStatus::Stopped => {
            json!({"profile": embed.profile.as_str(), "running": false})
        }
    };
    embed.output.answer(&answer, |out, _| print_status(out, embed, &status))?;
    Ok(outcome)
}

/// The run file as programs read it.
fn with_running(run: &impl Serialize, is_running: bool) -> Result<Value> {
    let mut answer = serde_json::to_value(run)?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("running".to_owned(), is_running.into());
    }
    Ok(answer)
}

fn print_status(out: &mut dyn Write, embed: &Embed, status: &DaemonStatus) -> io::Result<()> {
    writeln!(out, "Daemon Status (profile: {})", embed.profile)?;
    match status {
        DaemonStatus::Stopped => {
            writeln!(out, "Status: Stopped")?;
            writeln!(out, "Start it with: hindsight-embed daemon start --profile {}", embed.profile)
        }
        DaemonStatus::Busy { run, phase } => {
            let phase = phase.as_deref().map_or_else(|| "does not answer".to_owned(), plain);
            writeln!(out, "Status: Not ready ({phase})")?;
            run.as_ref().map_or(Ok(()), |run| print_run(out, embed, run))
        }
        DaemonStatus::Running { run, uptime } => {
            writeln!(out, "Status: Running (started by {})", run.started_by)?;
            print_run(out, embed, run)?;
            uptime.map_or(Ok(()), |uptime| writeln!(out, "Uptime: {}", in_words(uptime)))
        }
    }
}

fn print_run(out: &mut dyn Write, embed: &Embed, run: &RunFile) -> io::Result<()> {
    writeln!(out, "URL: {}", run.url)?;
    writeln!(out, "PID: {}", run.pid)?;
    writeln!(out, "Database: {}", plain(&run.database))?;
    writeln!(out, "Version: {}", run.version)?;
    match run.idle_timeout {
        0 => writeln!(out, "Idle timeout: never")?,
        seconds => writeln!(out, "Idle timeout: {seconds} s")?,
    }
    writeln!(out, "Logs: {}", embed.daemons.home().files(&embed.profile).log.display())
}

/// A duration for people, in its two largest units.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn logs(embed: &Embed, follow: bool, lines: usize) -> Result<Outcome> {
    let path = embed.daemons.home().files(&embed.profile).log;
    if !path.exists() {
        bail!("there is no log of profile {}: {}", embed.profile, path.display());
    }
    let mut log = open(&path)?;
    let mut out = io::stdout().lock();
    let end = log.seek(SeekFrom::End(0))?;
    for line in last_lines(&path, lines) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if !follow {
        return Ok(Outcome::Good);
    }
    log.seek(SeekFrom::Start(end))?;
    loop {
        io::copy(&mut log, &mut out)?;
        out.flush()?;
        std::thread::sleep(LOOK);
        // The daemon begins a new file when one is full; what is left of the old is read first.
        let is_rotated = std::fs::metadata(&path)
            .is_ok_and(|now| log.metadata().is_ok_and(|read| read.ino() != now.ino()));
        if is_rotated {
            let mut rest = Vec::new();
            log.read_to_end(&mut rest)?;
            out.write_all(&rest)?;
            log = open(&path)?;
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units() {
        for (seconds, text) in [(5, "5 s"), (65, "1 min 5 s"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), text);
        }
    }
}
