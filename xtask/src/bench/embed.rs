//! Daemons: how long a caller waits for one, and what one takes that nobody uses.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use hindsight_embed_daemon::{Config, Daemons, Home as Folders, Profile, Program, StartOptions};

use super::report::{Bound::AtMost, Report};
use super::{REST, STARTS};
use crate::daemon::Home;
use crate::usage;

/// Calls for a daemon that runs.
const CALLS: usize = 200;
const STOP: Duration = Duration::from_mins(1);

pub(super) async fn daemons(report: &mut Report, root: &Path, program: &Path) -> Result<()> {
    let home = Home::new(root, program)?;
    let config = Config { home: Folders::new(home.path()), ..Config::read(&|_| None)? };
    let daemons = Daemons::new(config);
    let program = Program { path: home.program().to_owned(), arguments: vec!["serve".to_owned()] };
    let assets = ("HINDSIGHT_ASSETS_DIR".to_owned(), home.assets().display().to_string());
    let options = StartOptions { settings: [assets].into(), ..StartOptions::new(program) };
    let profile: Profile = "bench".parse()?;

    let begin = Instant::now();
    let mut daemon = daemons.ensure_running(&profile, &options).await?;
    let first = begin.elapsed().as_secs_f64();
    report.add("daemon, first start of a profile", first, "s", Some(AtMost(4.0)));
    let mut times = Vec::new();
    for _ in 0..STARTS {
        daemons.stop(&profile, STOP, false).await?;
        let begin = Instant::now();
        daemon = daemons.ensure_running(&profile, &options).await?;
        times.push(begin.elapsed());
    }
    report.latencies("daemon, start with data", &mut times, Some(AtMost(1000.0)));
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let begin = Instant::now();
        daemons.ensure_running(&profile, &options).await?;
        times.push(begin.elapsed());
    }
    report.latencies("daemon, call for one that runs", &mut times, Some(AtMost(10.0)));
    tokio::time::sleep(REST).await;
    let memory = usage::rss_mb(u32::try_from(daemon.run.pid)?)?;
    report.add("idle memory of a daemon, with a model", memory, "MB", Some(AtMost(150.0)));
    daemons.stop(&profile, STOP, false).await?;
    Ok(())
}
