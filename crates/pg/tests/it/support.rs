//! Homes that clean up after themselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hindsight_assets::{Asset, AssetStore, NoProgress};
use hindsight_pg::{InstanceUrl, Instances, Layout, Options, RunningInstance};
use nix::unistd::Uid;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// The PostgreSQL programs that all tests share, fetched once. Not below the target
/// folder: that may lie in a home closed to the database's user.
pub(crate) fn bin_dir() -> PathBuf {
    let store = |uid: Uid| {
        let folder = std::env::temp_dir().join(format!("hindsight-pg-tests-{uid}"));
        AssetStore::new(&folder, &folder)
    };
    // An ordinary user may use what root has fetched.
    let found = store(Uid::from_raw(0)).find(Asset::Postgres);
    let fetch = || store(Uid::effective()).ensure(Asset::Postgres, &NoProgress).unwrap();
    found.unwrap_or_else(fetch).join("bin")
}

/// Longest wait for something that has to happen, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// A home in a temporary folder; its instances are stopped when it is dropped.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) instances: Instances,
    names: Vec<String>,
}

impl Home {
    /// A home that the database's user can enter.
    pub(crate) fn open() -> Self {
        let home = Self::closed();
        allow(home.folder.path(), 0o755);
        home
    }

    /// A home with mode 0700.
    pub(crate) fn closed() -> Self {
        Self::with(|_| {})
    }

    /// A home with mode 0700 and other options.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::Builder::new().prefix("pg home ").tempdir().unwrap();
        allow(folder.path(), 0o700);
        let mut options = Options {
            bin_dir: Some(bin_dir()),
            stop_timeout: PATIENCE,
            start_timeout: PATIENCE,
            lock_timeout: PATIENCE,
            ..Options::default()
        };
        change(&mut options);
        let instances = Instances::new(layout(folder.path()), options);
        Self { folder, instances, names: Vec::new() }
    }

    /// Starts an instance that is stopped with the home.
    pub(crate) async fn start(&mut self, url: &str) -> Result<RunningInstance, hindsight_pg::PgError> {
        let url = instance_url(url);
        self.names.push(url.name.clone());
        self.instances.start(&url).await
    }

    /// The folder of an instance.
    pub(crate) fn instance(&self, name: &str) -> PathBuf {
        layout(self.folder.path()).instances().join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let (instances, names) = (self.instances.clone(), std::mem::take(&mut self.names));
        // Its own thread: the test's runtime must not be blocked from inside.
        let stop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            for name in names {
                let _ = runtime.block_on(instances.stop(&name));
            }
        });
        let _ = stop.join();
        let _ = std::fs::remove_dir_all(system_dir(self.folder.path()));
    }
}

/// The layout of a home, with a system folder of its own.
pub(crate) fn layout(home: &Path) -> Layout {
    Layout::new(home).with_system_dir(system_dir(home))
}

/// Beside the home, because the home may be closed.
pub(crate) fn system_dir(home: &Path) -> PathBuf {
    let mut name = home.file_name().unwrap().to_owned();
    name.push("-system");
    home.with_file_name(name)
}

pub(crate) fn instance_url(url: &str) -> InstanceUrl {
    match url.parse().unwrap() {
        hindsight_pg::DatabaseUrl::Embedded(url) => url,
        other @ hindsight_pg::DatabaseUrl::External(_) => panic!("{other} is not embedded"),
    }
}

pub(crate) fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// One text value from the instance.
pub(crate) async fn ask(running: &RunningInstance, sql: &'static str) -> String {
    let mut connection = PgConnection::connect(&running.connection.url()).await.unwrap();
    let answer = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

/// Runs statements without an answer.
pub(crate) async fn run(running: &RunningInstance, sql: &'static str) {
    let mut connection = PgConnection::connect(&running.connection.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
