//! A server that is killed during the first start in a new home.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hindsight_client::types::recall::RecallRequest;
use hindsight_client::types::retain::MemoryItem;
use hindsight_testkit::audit_instance;

use super::INSTANCE;
use crate::checks::same;
use crate::daemon::{Daemon, Home, Process};

/// Latest kill after the start, in milliseconds: longer than a first start takes.
const LATEST: u64 = 4000;
const TEXT: &str = "The password of the day is quince";

/// Kills in a new home each time; the next start has to come up and work.
pub(crate) async fn rounds(
    root: &Path,
    program: &Path,
    rounds: u32,
    random: &mut fastrand::Rng,
    passed: &mut u32,
) -> Result<()> {
    let mut slowest = Duration::ZERO;
    for number in 0..rounds {
        let home = Home::new(root, program)?;
        let moment = Duration::from_millis(random.u64(0..LATEST));
        let took = round(&home, moment).await;
        let took = took.with_context(|| format!("round first-{number}, killed after {moment:?}"))?;
        slowest = slowest.max(took);
        *passed += 1;
    }
    println!("First: {rounds} rounds, the slowest second start took {:.1} s", slowest.as_secs_f64());
    Ok(())
}

/// Returns how long the second start took.
async fn round(home: &Home, moment: Duration) -> Result<Duration> {
    let mut command = home.command();
    command.args(["serve", "--port", "0"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = Process::start(&mut command)?;
    tokio::time::sleep(moment).await;
    first.kill()?;

    let begin = Instant::now();
    let server = Daemon::start(home).await?;
    let took = begin.elapsed();
    server.client.retain("b", MemoryItem::new(TEXT)).await?;
    let found = server.client.recall("b", &RecallRequest::new("password")).await?;
    same(&found.results.first().map(|memory| memory.text.as_str()), &Some(TEXT))?;
    same(&audit_instance(home.path(), INSTANCE).await?, &Vec::new())?;
    same(&server.terminate()?.code(), &Some(0))?;
    Ok(took)
}
