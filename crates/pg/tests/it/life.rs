//! Start, adopt, stop, and what happens after a kill.

use std::collections::BTreeSet;

use crate::starter::Starter;
use crate::support::{Home, ask, instance_url, run};
use hindsight_pg::InstanceStatus;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[tokio::test]
async fn data_outlives_a_stop() {
    let mut home = Home::open();
    let first = home.start("pg0").await.unwrap();
    assert!(first.started_by_us);
    run(&first, "CREATE EXTENSION vector; CREATE TABLE t AS SELECT 'kept' AS word").await;
    assert_eq!(ask(&first, "SELECT current_database() || ' ' || current_user").await, "hindsight hindsight");
    assert!(matches!(
        home.instances.status("hindsight").await.unwrap(),
        InstanceStatus::Running { ready: true, .. }
    ));

    assert!(home.instances.stop("hindsight").await.unwrap());
    assert!(!home.instances.stop("hindsight").await.unwrap());
    assert_eq!(home.instances.status("hindsight").await.unwrap(), InstanceStatus::Stopped);
    assert_eq!(home.instances.status("other").await.unwrap(), InstanceStatus::Absent);

    let second = home.start("pg0").await.unwrap();
    assert_eq!(ask(&second, "SELECT word FROM t").await, "kept");
    assert_eq!(first.connection, second.connection);
}

#[tokio::test]
async fn simultaneous_starts_end_in_one_postmaster() {
    let mut home = Home::open();
    let mut starters: Vec<_> = (0..20).map(|_| Starter::spawn(home.folder.path())).collect();
    let began: BTreeSet<String> = starters.iter_mut().map(Starter::began).collect();
    assert_eq!(began.len(), 1, "{began:?}");
    let running = home.start("pg0").await.unwrap();
    assert!(!running.started_by_us);
    let connected = "SELECT count(*)::text FROM pg_stat_activity \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert_eq!(ask(&running, connected).await, "20");
    starters.into_iter().for_each(Starter::end);
}

#[tokio::test]
async fn a_killed_postmaster_is_replaced() {
    let mut home = Home::open();
    let first = home.start("pg0").await.unwrap();
    run(&first, "CREATE TABLE t AS SELECT 'kept' AS word").await;
    kill(Pid::from_raw(first.pid), Signal::SIGKILL).unwrap();
    while kill(Pid::from_raw(first.pid), None).is_ok() {
        tokio::task::yield_now().await;
    }
    let second = home.start("pg0").await.unwrap();
    assert!(second.started_by_us);
    assert_ne!(first.pid, second.pid);
    assert_eq!(ask(&second, "SELECT word FROM t").await, "kept");
}

#[tokio::test]
async fn a_running_server_is_restarted_for_other_settings_once() {
    let mut home = Home::open();
    let unsafe_url = "pg0?fsync=off&full_page_writes=off";
    let first = home.start(unsafe_url).await.unwrap();
    assert_eq!(home.start(unsafe_url).await.unwrap().differences, Vec::<String>::new());
    let adopted = home.start("pg0?work_mem=7MB").await.unwrap();
    assert_eq!(adopted.pid, first.pid);
    assert_eq!(
        adopted.differences,
        [
            "it runs without fsync, so a power cut can destroy it",
            "it runs without full_page_writes, so a power cut can destroy it",
            "it runs without work_mem=7MB"
        ]
    );

    let url = instance_url("pg0?work_mem=7MB");
    let second = home.instances.restart(&url, &adopted).await.unwrap();
    assert!(second.started_by_us && second.pid != first.pid);
    let sql = "SELECT concat_ws(' ', current_setting('work_mem'), current_setting('fsync'), \
               current_setting('full_page_writes'))";
    assert_eq!(ask(&second, sql).await, "7MB on on");
    // Who asks for the same a moment later finds it done.
    let third = home.instances.restart(&url, &adopted).await.unwrap();
    assert_eq!((third.pid, third.started_by_us, third.differences), (second.pid, false, Vec::new()));
}

#[tokio::test]
async fn a_deleted_instance_is_gone_and_its_name_is_free() {
    let mut home = Home::open();
    let first = home.start("pg0").await.unwrap();
    run(&first, "CREATE TABLE t AS SELECT 'gone' AS word").await;
    assert!(home.instances.delete("hindsight").await.unwrap());
    let left = std::fs::read_dir(home.instance("hindsight")).unwrap();
    assert_eq!(left.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["lock"]);
    assert!(!home.instances.delete("hindsight").await.unwrap());
    assert_eq!(home.instances.status("hindsight").await.unwrap(), InstanceStatus::Absent);
    let second = home.start("pg0").await.unwrap();
    assert_eq!(ask(&second, "SELECT (to_regclass('t') IS NULL)::text").await, "true");
}
