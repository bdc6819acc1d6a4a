//! What processes take of the machine, as Linux tells it.

use std::fs;

use anyhow::{Context, Result};

/// Clock ticks of `/proc/PID/stat` in a second; the same on every Linux that runs this.
const TICKS: f64 = 100.0;

/// Seconds of processor a process has used.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the figures need Linux's /proc")?;
    let (_, fields) = stat.rsplit_once(") ").context("a line of /proc/PID/stat")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // utime and stime are fields 14 and 15 of the line, two of which are cut off (proc_pid_stat(5)).
    let ticks = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / TICKS)
}

/// Seconds of processor a postmaster and its children have used. Those of children that
/// ended are lost: ask while connections stay.
pub(crate) fn cpu_seconds_of_family(parent: u32) -> Result<f64> {
    family(parent)?.into_iter().map(cpu_seconds).sum()
}

/// Memory of a process in MB (`VmRSS`).
pub(crate) fn rss_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kilobytes(&status, "VmRSS:").map(|kb| kb / 1024.0)
}

/// Memory of a postmaster and its children in MB, what they share counted once (`Pss`).
pub(crate) fn shared_mb_of_family(parent: u32) -> Result<f64> {
    let members = family(parent)?.into_iter().map(|pid| {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        kilobytes(&smaps, "Pss:")
    });
    Ok(members.sum::<Result<f64>>()? / 1024.0)
}

fn family(parent: u32) -> Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    Ok(children.split_whitespace().filter_map(|pid| pid.parse().ok()).chain([parent]).collect())
}

fn kilobytes(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{name} is no number"))
}
