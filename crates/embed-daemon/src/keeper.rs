//! Telling a daemon that it is still wanted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hindsight_client::Client;
use tokio::task::JoinHandle;

use crate::run_file::RunFile;

/// Longest time between two signs, also for a daemon without a limit: it may get one.
const LONGEST: Duration = Duration::from_secs(30);
/// Shortest time between two signs.
const SHORTEST: Duration = Duration::from_millis(100);
/// Signs within the time after which an unused daemon ends, so that one may be lost.
const SIGNS: u32 = 3;

/// A task that gives a daemon signs until it is ended or dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to give signs to the daemon of a run file, which lies at `path`.
    pub(crate) fn begin(client: Client, run: RunFile, path: PathBuf) -> Self {
        Self { task: tokio::spawn(keep(client, run, path)) }
    }

    /// True when the task is gone although nobody ended it: with its runtime.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends the task and waits until it is gone.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        // An error says that it was ended.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A daemon that is gone is not looked for: the next call finds that out.
async fn keep(client: Client, run: RunFile, path: PathBuf) {
    loop {
        tokio::time::sleep(pause(&run, &path)).await;
        if let Err(error) = client.keep_alive().await {
            tracing::debug!(%error, profile = run.profile, "the daemon did not take a sign");
        }
    }
}

/// Time until the next sign. The daemon's limit may have changed, so the file is read anew.
fn pause(run: &RunFile, path: &Path) -> Duration {
    let now = RunFile::read(path).filter(|now| now.instance_id == run.instance_id);
    match now.as_ref().unwrap_or(run).idle_timeout {
        0 => LONGEST,
        seconds => (Duration::from_secs(seconds) / SIGNS).clamp(SHORTEST, LONGEST),
    }
}
