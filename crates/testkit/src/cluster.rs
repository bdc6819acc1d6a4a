//! The PostgreSQL that all test processes of a run share.
//!
//! It lies in the target folder and outlives a process; every process that uses it holds
//! a shared lock on a file until it ends, in whatever way, and a watchdog stops
//! PostgreSQL once nobody holds it any more.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use hindsight_assets::POSTGRES_VERSION;
use hindsight_pg::{Connection, InstanceUrl, Instances, Layout, Options, RunningInstance};

/// Durability is worth nothing here: the data is made anew from the migrations.
///
/// No vacuum by itself either: when it comes to a database differs from run to run, and it is in the
/// way of those that copy and drop databases.
const SETTINGS: [(&str, &str); 6] = [
    ("autovacuum", "off"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
];

/// Longest wait for the database, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(5);

/// Enough for the pools of many tests at once.
const CONNECTIONS: u32 = 290;

/// Waits for the end of all users, then a little longer, then stops PostgreSQL while
/// nobody can become a user. `$1` is the lock file, `$2` the data folder.
const WATCHDOG: &str = r#"
exec 9<"$1" || exit
while flock -x 9; do
    flock -u 9
    sleep 5
    if flock -n -x 9; then
        kill -INT "$(head -n 1 "$2/postmaster.pid")" || exit
        while [ -e "$2/postmaster.pid" ]; do sleep 0.05; done
        exit
    fi
done
"#;

/// The running cluster; keeps it running while it lives.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// To the maintenance database.
    pub(crate) connection: Connection,
    _user: File,
}

impl Cluster {
    /// Starts the cluster, or joins the one that runs.
    pub(crate) async fn join() -> anyhow::Result<Self> {
        let home = home();
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        let users = home.join("users");
        let user = OpenOptions::new().create(true).append(true).open(&users)?;
        user.lock_shared()?;

        // For root with a target folder that the database's user cannot enter.
        let system_dir = std::env::temp_dir().join("hindsight-testkit");
        let options = Options {
            pool_size: CONNECTIONS,
            lock_timeout: PATIENCE,
            start_timeout: PATIENCE,
            ..Options::default()
        };
        let instances = Instances::new(Layout::new(&home).with_system_dir(system_dir), options);
        let mut url = InstanceUrl::named(&format!("testkit-{POSTGRES_VERSION}"))?;
        url.settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let running = instances
            .start(&url)
            .await
            .with_context(|| format!("no database for tests; if it is broken, delete {}", home.display()))?;
        if running.started_by_us {
            watch(&users, &running);
        }
        Ok(Self { connection: running.connection.with_database("postgres"), _user: user })
    }
}

/// Starts the watchdog. Where there is no `flock` program, PostgreSQL stays until it is
/// stopped by hand; the next run adopts it.
fn watch(users: &Path, running: &RunningInstance) {
    let _ = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(users)
        .arg(&running.data_dir)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
}

/// A folder in the target folder of the running test, which cargo marks with a file;
/// for a test that runs elsewhere one in the temporary folder.
fn home() -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    let target = executable.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(std::env::temp_dir, Path::to_owned).join("testkit")
}
