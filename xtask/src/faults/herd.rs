//! Many processes that want the daemon of one profile at the same instant, one of which is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_testkit::parent;
use serde_json::Value;

use crate::checks::{at, same};
use crate::daemon::{Home, Signal, output_of, signal};

/// Processes of a round.
const PROCESSES: usize = 50;
/// Latest kill after they were started, in milliseconds: longer than a start takes.
const LATEST: u64 = 1500;
const PROFILE: &str = "herd";

/// One round: all processes but the one that was killed have to get the same daemon, of which
/// there is one, with one PostgreSQL. Returns how long it took until all had it.
pub(crate) fn round(home: &Home, random: &mut fastrand::Rng) -> Result<Duration> {
    let begin = Instant::now();
    let mut callers = (0..PROCESSES).map(|_| caller(home)).collect::<Result<Vec<_>>>()?;
    let victim = random.usize(0..PROCESSES);
    std::thread::sleep(Duration::from_millis(random.u64(0..LATEST)));
    callers.get_mut(victim).context("there are fewer processes")?.kill()?;

    let mut instances = BTreeSet::new();
    for (number, caller) in callers.into_iter().enumerate() {
        let output = caller.wait_with_output()?;
        // It may have been done before it was killed.
        if number == victim && !output.status.success() {
            continue;
        }
        if !output.status.success() {
            bail!("a process got no daemon: {}", String::from_utf8_lossy(&output.stderr));
        }
        let run: Value = serde_json::from_slice(&output.stdout)?;
        instances.insert(at(&run, "/instance_id").to_string());
    }
    let took = begin.elapsed();
    same(&instances.len(), &1).with_context(|| format!("not all got one daemon: {instances:?}"))?;
    let (daemons, databases) = processes(home)?;
    same(&(daemons.len(), databases), &(1, 1)).context("daemons and databases that run")?;
    // Half of the next rounds find a database that a dead daemon has left.
    if random.bool() {
        for daemon in daemons {
            signal(daemon, Signal::SIGKILL)?;
        }
    } else {
        shell(home, "stop")?;
    }
    Ok(took)
}

/// Stops the database that a killed daemon may have left; then nothing runs any more.
pub(crate) fn finish(home: &Home) -> Result<()> {
    shell(home, "stop")?;
    let (daemons, databases) = processes(home)?;
    same(&(daemons.len(), databases), &(0, 0)).context("daemons and databases that are left")
}

fn shell(home: &Home, command: &str) -> Result<()> {
    let output = output_of(&mut home.shell(&format!("hindsight-embed -p {PROFILE} daemon {command}")))?;
    same(&output.status.code(), &Some(0))
}

fn caller(home: &Home) -> Result<Child> {
    let mut command = home.command();
    command.args(["embed", "-p", PROFILE, "daemon", "start", "-o", "json"]);
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// Daemons of this home that run, and how many databases.
fn processes(home: &Home) -> Result<(Vec<u32>, usize)> {
    // Each with its parent.
    let (mut daemons, mut databases) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may end while it is looked at.
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let Some(parent) = parent(pid) else { continue };
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let program = words.first().map(ToString::to_string).unwrap_or_default();
        let is_ours = words.iter().any(|word| word.starts_with(&*home.path().to_string_lossy()));
        if is_ours && program.ends_with("/hindsight") && words.get(1).is_some_and(|word| word == "serve") {
            daemons.insert(pid, parent);
        }
        // Its helpers have a title instead of arguments.
        if is_ours && program.ends_with("/postgres") && words.iter().any(|word| word == "-D") {
            databases.insert(pid, parent);
        }
    }
    Ok((grown(&daemons), grown(&databases).len()))
}

/// Without processes that were forked in this moment: they have the arguments of their parent still.
fn grown(processes: &BTreeMap<u32, u32>) -> Vec<u32> {
    let is_grown = |(_, parent): &(&u32, &u32)| !processes.contains_key(parent);
    processes.iter().filter(is_grown).map(|(pid, _)| *pid).collect()
}
