//! Starting the program of a daemon and hearing whether it is ready.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::child::{Reason, Word};
use crate::error::{EmbedError, IoContext, Result};
use crate::log::open_append;
use crate::options::Program;
use crate::process;

/// How long a daemon may take to end when it was not ready in time.
pub(crate) const GOODBYE: Duration = Duration::from_secs(10);

/// Everything the program is started with.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Program,
    /// Variables over those of this process.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) port: u16,
    /// Working folder, so that the one of the starter can be removed.
    pub(crate) folder: &'a Path,
    /// Where standard error goes until the daemon has opened its log.
    pub(crate) log: &'a Path,
    /// Longest wait for the daemon to be ready.
    pub(crate) limit: Duration,
    /// Longest wait for its end when it was not; then it is killed.
    pub(crate) goodbye: Duration,
    /// Hears what takes so long.
    pub(crate) progress: &'a (dyn Fn(&str) + Send + Sync),
}

/// How a start ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Launched {
    Ready,
    /// The program said why it gave up.
    Failed(Option<Reason>, String),
    /// It ended without a word.
    Ended(String),
    TimedOut,
}

/// Starts the program and waits for its word. The program is left running when it is
/// ready, and ended when it is not in time.
pub(crate) async fn launch(launch: Launch<'_>) -> Result<Launched> {
    let log = open_append(launch.log).doing("open", launch.log)?;
    let mut command = Command::new(&launch.program.path);
    command
        .args(&launch.program.arguments)
        .args(["--port", &launch.port.to_string()])
        .envs(launch.environment)
        .current_dir(launch.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    let mut child = command
        .spawn()
        .map_err(|source| EmbedError::Program { program: launch.program.path.clone(), source })?;
    let deadline = Instant::now() + launch.limit;
    let Ok(ended) = tokio::time::timeout_at(deadline, listen(&mut child, launch.progress)).await else {
        end(&mut child, launch.goodbye).await;
        return Ok(Launched::TimedOut);
    };
    Ok(ended)
}

/// Reads words until one decides, or until the program has nothing more to say.
async fn listen(child: &mut Child, progress: &(dyn Fn(&str) + Send + Sync)) -> Launched {
    if let Some(pipe) = child.stdout.take() {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(word) = serde_json::from_str::<Word>(&line) else { continue };
            if word.ready {
                return Launched::Ready;
            }
            if let Some(error) = word.error {
                return Launched::Failed(word.reason, error);
            }
            if let Some(text) = word.progress {
                progress(&text);
            }
        }
    }
    let ended = match child.wait().await {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it cannot be watched: {error}"),
    };
    Launched::Ended(ended)
}

async fn end(child: &mut Child, goodbye: Duration) {
    // A child that nobody has waited for keeps its number.
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok())
        && let Some(started) = process::start_time(pid)
    {
        let _ = process::signal(pid, started, Signal::SIGTERM);
    }
    if tokio::time::timeout(goodbye, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a script that is never ready and answers its process id, which the script has
    /// written down first.
    async fn never_ready(script: &str, goodbye: Duration) -> i32 {
        // Long enough for the script to have begun, on a machine that is busy at last.
        for seconds in [1, 4, 16, 64] {
            if let Some(pid) = never_ready_within(Duration::from_secs(seconds), script, goodbye).await {
                return pid;
            }
        }
        panic!("the script does not begin");
    }

    /// None when the script had not begun before the limit was over.
    async fn never_ready_within(limit: Duration, script: &str, goodbye: Duration) -> Option<i32> {
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("pid");
        let script = format!("{script}; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.01; done");
        let program = Program { path: "sh".into(), arguments: vec!["-c".to_owned(), script] };
        let launched = launch(Launch {
            program: &program,
            environment: Vec::new(),
            port: 1,
            folder: folder.path(),
            log: &folder.path().join("log"),
            limit,
            goodbye,
            progress: &|_| (),
        })
        .await;
        assert_eq!(launched.unwrap(), Launched::TimedOut);
        Some(std::fs::read_to_string(number).ok()?.trim().parse().unwrap())
    }

    #[tokio::test]
    async fn a_program_that_is_not_ready_in_time_is_ended() {
        let gentle = never_ready(":", Duration::from_mins(1)).await;
        assert_eq!(process::start_time(gentle), None);
        let stubborn = never_ready("trap '' TERM", Duration::from_millis(50)).await;
        assert_eq!(process::start_time(stubborn), None);
    }

    #[tokio::test]
    async fn a_program_that_ends_is_noticed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo nonsense; echo '{\"progress\":\"fetching\"}'; exit 3";
        let told = std::sync::Mutex::new(Vec::new());
        let launched = launch(Launch {
            program: &Program { path: "sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()] },
            environment: Vec::new(),
            port: 1,
            folder: folder.path(),
            log: &folder.path().join("log"),
            limit: Duration::from_mins(1),
            goodbye: Duration::from_mins(1),
            progress: &|text| told.lock().unwrap().push(text.to_owned()),
        })
        .await;
        assert_eq!(launched.unwrap(), Launched::Ended("it ended with exit status: 3".to_owned()));
        assert_eq!(told.into_inner().unwrap(), ["fetching"]);
    }
}
