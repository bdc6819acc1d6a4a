//! Stopping.

use std::time::Duration;

use hindsight_embed_daemon::{DaemonStatus, EmbedError, Stopped};
use nix::sys::signal::Signal;

use crate::stand_in::{PATIENCE, Stage, profile, send, until};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_stopped_daemon_leaves_no_files() {
    let stage = Stage::new();
    let p = profile("p");
    // Where nothing was ever started, nothing is made either.
    assert_eq!(stage.daemons.stop(&p, PATIENCE, false).await.unwrap(), Stopped::NotRunning);
    assert!(!stage.path(".hindsight").exists());
    stage.run(&p).await;
    assert_eq!(stage.daemons.stop(&p, PATIENCE, false).await.unwrap(), Stopped::Gracefully);
    let files = stage.daemons.home().files(&p);
    assert!(!files.run.exists() && !files.port.exists() && !files.start_lock_owner.exists());
    assert_eq!(stage.daemons.status(&p).await.unwrap(), DaemonStatus::Stopped);
    assert_eq!(stage.daemons.stop(&p, PATIENCE, false).await.unwrap(), Stopped::NotRunning);
}

/// Whether a process does nothing any more: the signal reaches one of its threads first, and the
/// others go on until that one has had its turn.
#[cfg(target_os = "linux")]
fn is_stopped(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
    })
}

#[cfg(not(target_os = "linux"))]
fn is_stopped(_pid: i32) -> bool {
    true
}

#[tokio::test]
async fn a_daemon_that_does_not_end_is_killed_only_by_force() {
    let stage = Stage::with(|config| {
        config.grace_timeout = SHORT;
        config.probe_timeout = SHORT;
        config.check_interval = SHORT;
    });
    let p = profile("p");
    let run = stage.run(&p).await;
    send(&run, Signal::SIGSTOP);
    until(|| is_stopped(run.pid)).await;
    let error = stage.daemons.ensure_running(&p, &Stage::options()).await.unwrap_err();
    assert!(matches!(error, EmbedError::Silent { pid, .. } if pid == run.pid), "{error}");
    let error = stage.daemons.stop(&p, SHORT, false).await.unwrap_err();
    assert!(matches!(error, EmbedError::StopTimedOut { pid, .. } if pid == run.pid), "{error}");
    assert!(matches!(stage.daemons.status(&p).await.unwrap(), DaemonStatus::Busy { .. }));
    assert_eq!(stage.daemons.stop(&p, SHORT, true).await.unwrap(), Stopped::Killed);
    assert_eq!(stage.daemons.status(&p).await.unwrap(), DaemonStatus::Stopped);
    assert!(!stage.daemons.home().files(&p).run.exists());
}

#[tokio::test]
async fn a_stop_waits_for_a_start() {
    let stage = Stage::new();
    let p = profile("p");
    stage.tell("hold");
    let starting = tokio::spawn({
        let (daemons, options, p) = (stage.daemons.clone(), Stage::options(), p.clone());
        async move { daemons.ensure_running(&p, &options).await }
    });
    until(|| !stage.lines("starts").is_empty()).await;
    let error = stage.daemons.stop(&p, SHORT, false).await.unwrap_err();
    let own = std::process::id().to_string();
    assert!(matches!(&error, EmbedError::Locked { holder: Some(pid), .. } if *pid == own), "{error}");
    std::fs::remove_file(stage.path("hold")).unwrap();
    starting.await.unwrap().unwrap();
    // Nobody starts another one while it is looked after what is left.
    let seen = stage
        .daemons
        .stop_and(&p, PATIENCE, false, async |stopped| {
            assert_eq!(stopped, Stopped::Gracefully);
            let error = stage.daemons.stop(&p, SHORT, false).await.unwrap_err();
            assert!(matches!(error, EmbedError::Locked { .. }), "{error}");
            Err::<(), _>(EmbedError::Closed)
        })
        .await;
    assert!(matches!(seen, Err(EmbedError::Closed)), "its error is told");
}
