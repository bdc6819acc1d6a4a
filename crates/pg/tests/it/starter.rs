//! A process of its own that starts an instance, to be killed or to compete with others.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use hindsight_pg::{Instances, Options};
use sqlx::{Connection as _, PgConnection};

use crate::support::{PATIENCE, bin_dir, instance_url, layout};

/// What comes before the answer of the process, on a line of its own.
const ANSWER: &str = "postmaster of ";

/// The process; killed when dropped.
pub(crate) struct Starter {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Starter {
    /// Begins to start the instance `hindsight` of a home.
    pub(crate) fn spawn(home: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "starter::start_in_the_current_folder"])
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// When the postmaster began that the process is connected to; panics if it failed.
    /// It stays connected.
    pub(crate) fn began(&mut self) -> String {
        let lines = BufReader::new(self.child.stdout.as_mut().unwrap()).lines();
        // The test's own name comes before it on the line.
        let answer = lines
            .map(Result::unwrap)
            .find_map(|line| line.split_once(ANSWER).map(|(_, began)| began.to_owned()));
        answer.unwrap()
    }

    /// Lets the process end, and panics unless it ends well.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "the process that other tests start"]
async fn start_in_the_current_folder() {
    let options = Options {
        bin_dir: Some(bin_dir()),
        start_timeout: PATIENCE,
        lock_timeout: PATIENCE,
        ..Options::default()
    };
    let instances = Instances::new(layout(&std::env::current_dir().unwrap()), options);
    let running = instances.start(&instance_url("pg0")).await.unwrap();
    let mut connection = PgConnection::connect(&running.connection.url()).await.unwrap();
    let began: String = sqlx::query_scalar("SELECT pg_postmaster_start_time()::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    println!("{ANSWER}{began}");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    connection.close().await.unwrap();
}
