//! Start, adopt, stop, and what happens after a kill.

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
    let url = instance_url("pg0://many");
    let others: Vec<_> = (0..3)
        .map(|_| {
            let (instances, url) = (home.instances.clone(), url.clone());
            tokio::spawn(async move { instances.start(&url).await.unwrap() })
        })
        .collect();
    let mut started = vec![home.start("pg0://many").await.unwrap()];
    for other in others {
        started.push(other.await.unwrap());
    }
    assert_eq!(started.iter().filter(|running| running.started_by_us).count(), 1);
    let first = started.first().unwrap();
    assert!(started.iter().all(|running| running.pid == first.pid && running.connection == first.connection));
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
