//! The life of an instance: start, adopt, stop, look.
//!
//! Everything that changes an instance happens under its lock and on a blocking thread,
//! and runs to its end even when the caller stops waiting.

use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hindsight_assets::{AssetStore, Progress};
use nix::sys::statvfs::statvfs;
use uuid::Uuid;

use crate::account::Account;
use crate::binaries::{Binaries, Search};
use crate::cluster::{self, data_dir};
use crate::connection::{Address, Connection};
use crate::error::{IoContext, PgError, Result};
use crate::launch::{Launch, Launched, launch};
use crate::layout::{Folders, Layout, create_open_dir, create_private_dir};
use crate::lock::{InstanceLock, LOCK_FILE};
use crate::postmaster::{Phase, Postmaster, Wait, remove_misleading_locks};
use crate::record::Record;
use crate::settings::{DURABILITY, SOCKET_PORT, Wanted, is_switched_off};
use crate::url::{DEFAULT_NAME, InstanceUrl};

/// What holds for every instance of a home.
#[derive(Clone)]
pub struct Options {
    /// Folder of PostgreSQL programs to prefer; a broken one is an error.
    pub bin_dir: Option<PathBuf>,
    /// Whether PostgreSQL may be fetched when this machine has none.
    pub fetch: bool,
    /// Hears how a download goes.
    pub progress: Arc<dyn Progress>,
    /// User to run new databases as when this process is root.
    pub run_as: Option<String>,
    /// Connections the caller may open; a few more are allowed.
    pub pool_size: u32,
    /// Longest wait for another process that starts or stops the same instance.
    pub lock_timeout: Duration,
    /// Longest wait for PostgreSQL to be ready.
    pub start_timeout: Duration,
    /// Longest wait for a fast shutdown before an immediate one is asked for.
    pub stop_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bin_dir: None,
            fetch: true,
            progress: Arc::new(hindsight_assets::NoProgress),
            run_as: None,
            pool_size: 20,
            lock_timeout: Duration::from_secs(90),
            start_timeout: Duration::from_mins(1),
            stop_timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("bin_dir", &self.bin_dir)
            .field("fetch", &self.fetch)
            .field("run_as", &self.run_as)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

/// An instance that takes connections. Dropping this leaves it running.
#[derive(Clone, Debug)]
pub struct RunningInstance {
    /// Name of the instance.
    pub name: String,
    /// How to reach it.
    pub connection: Connection,
    /// Process id of the postmaster.
    pub pid: i32,
    /// False when it was running already.
    pub started_by_us: bool,
    /// In what a server that was running already differs from what was asked for, in words
    /// for people. It can be stopped and started again when nobody else uses it.
    pub differences: Vec<String>,
    /// The data folder, links resolved.
    pub data_dir: PathBuf,
}

/// What is known of an instance without touching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceStatus {
    /// There is no data of that name.
    Absent,
    /// There is data, and nobody serves it.
    Stopped,
    /// A postmaster serves it.
    Running {
        /// Process id of the postmaster.
        pid: i32,
        /// True when it takes connections.
        ready: bool,
    },
}

/// The instances of one home.
#[derive(Clone, Debug)]
pub struct Instances {
    layout: Layout,
    options: Options,
}

impl Instances {
    /// The instances of a layout; nothing is touched yet.
    pub fn new(layout: Layout, options: Options) -> Self {
        Self { layout, options }
    }

    /// Starts an instance, creating it if it does not exist, or adopts it if it runs.
    pub async fn start(&self, url: &InstanceUrl) -> Result<RunningInstance> {
        let (this, url) = (self.clone(), url.clone());
        blocking(move || this.start_blocking(&url, None)).await
    }

    /// Starts an instance anew with what `url` asks for; its clients lose their connections.
    /// One that is not `running` any more has been restarted by somebody else and is adopted.
    pub async fn restart(&self, url: &InstanceUrl, running: &RunningInstance) -> Result<RunningInstance> {
        let (this, url, pid) = (self.clone(), url.clone(), running.pid);
        blocking(move || this.start_blocking(&url, Some(pid))).await
    }

    /// Stops an instance: fast, so that clients are disconnected and nothing is lost.
    /// False when it was not running.
    pub async fn stop(&self, name: &str) -> Result<bool> {
        let (this, name) = (self.clone(), name.to_owned());
        blocking(move || this.stop_blocking(&name)).await
    }

    /// Deletes an instance with all its data, stopping it first. False when there was none.
    /// Its folder stays, with the file that starts and stops are locked with.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        let (this, name) = (self.clone(), name.to_owned());
        blocking(move || this.delete_blocking(&name)).await
    }

    /// Looks at an instance without waiting for anybody.
    pub async fn status(&self, name: &str) -> Result<InstanceStatus> {
        let instance = self.folder(name)?;
        blocking(move || status(&data_dir(&instance))).await
    }

    /// Bytes that can still be written where the data of an instance lies; none when nobody
    /// can say.
    pub fn space_left(&self, name: &str) -> Option<u64> {
        let disk = statvfs(&data_dir(&self.folder(name).ok()?)).ok()?;
        Some(disk.blocks_available() as u64 * disk.fragment_size() as u64)
    }

    /// `unwanted` is the postmaster to stop rather than adopt.
    fn start_blocking(&self, url: &InstanceUrl, unwanted: Option<i32>) -> Result<RunningInstance> {
        InstanceUrl::named(&url.name)?;
        let account = Account::choose(self.options.run_as.as_deref())?;
        let folders = self.layout.prepare(account.as_ref())?;
        let folder = folders.instances.join(&url.name);
        // Root's folder, which the database's user only passes through: it must not be
        // able to replace the files that root writes here.
        match &account {
            Some(_) => create_open_dir(&folder)?,
            None => create_private_dir(&folder, None)?,
        }
        let _lock = InstanceLock::take(&folder, self.options.lock_timeout)?;
        let data = data_dir(&folder);
        if let Some(postmaster) = Postmaster::find(&data).filter(|found| Some(found.pid) == unwanted) {
            self.stop_postmaster(&postmaster)?;
        }
        let major = cluster::major_version(&data)?;
        let account = if major.is_some() { Account::owning(&data)? } else { account };
        let starting = Starting { instances: self, folders, folder, data, account, url };
        match starting.adopt()? {
            Some(running) => Ok(running),
            None => starting.start(major),
        }
    }

    fn stop_blocking(&self, name: &str) -> Result<bool> {
        let folder = self.folder(name)?;
        let data = data_dir(&folder);
        if !data.is_dir() {
            return Ok(false);
        }
        let _lock = InstanceLock::take(&folder, self.options.lock_timeout)?;
        let Some(postmaster) = Postmaster::find(&data) else { return Ok(false) };
        self.stop_postmaster(&postmaster)?;
        Ok(true)
    }

    fn delete_blocking(&self, name: &str) -> Result<bool> {
        let folder = self.folder(name)?;
        let data = data_dir(&folder);
        if !data.is_dir() {
            return Ok(false);
        }
        let _lock = InstanceLock::take(&folder, self.options.lock_timeout)?;
        if let Some(postmaster) = Postmaster::find(&data) {
            self.stop_postmaster(&postmaster)?;
        }
        // Out of the way in one step: what a kill leaves is no half of a database.
        if data.is_dir() {
            let doomed = folder.join(format!("data{}{}", cluster::UNFINISHED, std::process::id()));
            fs::rename(&data, &doomed).doing("delete", &data)?;
        }
        for entry in fs::read_dir(&folder).doing("read", &folder)? {
            let entry = entry.doing("read", &folder)?;
            let path = entry.path();
            // Others may wait for it this moment, and must not get one each.
            if entry.file_name() != LOCK_FILE {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.doing("delete", &path)?;
            }
        }
        Ok(true)
    }

    fn stop_postmaster(&self, postmaster: &Postmaster) -> Result<()> {
        if postmaster.stop(self.options.stop_timeout) {
            return Ok(());
        }
        Err(PgError::StopTimedOut { pid: postmaster.pid, waited: self.options.stop_timeout })
    }

    /// The folder of an instance; a name that would lead out of the home is refused.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        InstanceUrl::named(name)?;
        Ok(self.layout.instances().join(name))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(PgError::Interrupted))
}

fn status(data: &Path) -> Result<InstanceStatus> {
    Ok(match Postmaster::find(data) {
        Some(found) => InstanceStatus::Running { pid: found.pid, ready: found.phase == Phase::Ready },
        None if cluster::major_version(data)?.is_some() => InstanceStatus::Stopped,
        None => InstanceStatus::Absent,
    })
}

/// One start, under the lock of the instance.
struct Starting<'a> {
    instances: &'a Instances,
    folders: Folders,
    folder: PathBuf,
    data: PathBuf,
    account: Option<Account>,
    url: &'a InstanceUrl,
}

impl Starting<'_> {
    /// Takes over a postmaster that serves the data already.
    fn adopt(&self) -> Result<Option<RunningInstance>> {
        let options = &self.instances.options;
        let Some(found) = Postmaster::find(&self.data) else { return Ok(None) };
        if found.phase == Phase::Stopping {
            if found.wait_gone(options.stop_timeout) {
                return Ok(None);
            }
            return Err(PgError::StopTimedOut { pid: found.pid, waited: options.stop_timeout });
        }
        match Postmaster::wait_ready(&self.data, found.pid, None, options.start_timeout) {
            Wait::Ready(postmaster) => self.adopt_ready(&postmaster).map(Some),
            Wait::Ended => Ok(None),
            Wait::TimedOut => Err(self.timed_out()),
        }
    }

    fn adopt_ready(&self, postmaster: &Postmaster) -> Result<RunningInstance> {
        let differs =
            |what| PgError::OtherCredentials { name: self.url.name.clone(), what, pid: postmaster.pid };
        let record = Record::read(&self.folder).ok_or_else(|| differs("a password that is lost"))?;
        if self.url.user.as_ref().is_some_and(|user| *user != record.username) {
            return Err(differs("another user than the one in the URL"));
        }
        if self.url.password.as_ref().is_some_and(|password| *password != record.password) {
            return Err(differs("another password than the one in the URL"));
        }
        let differences = self.differences(postmaster);
        Ok(RunningInstance { differences, ..self.running(postmaster, &record, false) })
    }

    /// A running server keeps the settings it was started with.
    fn differences(&self, postmaster: &Postmaster) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(port) = self.url.port
            && (postmaster.listen_address.is_none() || postmaster.port != port)
        {
            found.push(format!("it does not listen on port {port}"));
        }
        let started_with = fs::read_to_string(self.data.join("postmaster.opts")).unwrap_or_default();
        for setting in DURABILITY {
            let is_given = self.url.settings.iter().any(|(name, _)| name.eq_ignore_ascii_case(setting));
            if !is_given && is_switched_off(&started_with, setting) {
                found.push(format!("it runs without {setting}, so a power cut can destroy it"));
            }
        }
        let settings = self.url.settings.iter();
        let unset = settings.filter(|(name, value)| !started_with.contains(&format!("\"{name}={value}\"")));
        found.extend(unset.map(|(name, value)| format!("it runs without {name}={value}")));
        found
    }

    fn start(&self, major: Option<u32>) -> Result<RunningInstance> {
        if let Some(port) = self.url.port {
            // Asked now for an error in plain words; PostgreSQL asks again.
            TcpListener::bind(("127.0.0.1", port)).map_err(|error| port_error(port, error))?;
        }
        let binaries = self.binaries(major)?;
        let account = self.account.as_ref();
        let socket_dir = self.instances.layout.socket_dir(&self.folder, account);
        if let Some(parent) = socket_dir.parent() {
            create_open_dir(parent)?;
        }
        create_private_dir(&socket_dir, account)?;

        let known = Record::read(&self.folder).filter(|_| major.is_some());
        let mut record = self.record(known.as_ref(), &binaries, &socket_dir);
        if major.is_none() {
            cluster::create(&self.folder, &binaries, account, &record)?;
        } else if known
            .is_none_or(|known| known.username != record.username || known.password != record.password)
        {
            remove_misleading_locks(&self.data, &socket_dir)?;
            // Without a record a kill in between leads back here, not to a wrong password.
            Record::remove(&self.folder)?;
            cluster::give_access(&self.data, &binaries, account, &record)?;
            record.write(&self.folder)?;
        }

        let wanted = Wanted {
            tcp_port: self.url.port,
            socket_dir: &socket_dir,
            pool_size: self.instances.options.pool_size,
            user: &self.url.settings,
        };
        let launched = launch(&Launch {
            binaries: &binaries,
            account,
            data: &self.data,
            socket_dir: &socket_dir,
            log: &self.log(),
            settings: wanted.list(),
            port: self.url.port,
            limit: self.instances.options.start_timeout,
        })?;
        let Launched::New(postmaster) = launched else {
            return self.adopt()?.ok_or_else(|| self.timed_out());
        };
        record.pid = postmaster.pid;
        record.write(&self.folder)?;
        Ok(self.running(&postmaster, &record, true))
    }

    fn record(&self, known: Option<&Record>, binaries: &Binaries, socket_dir: &Path) -> Record {
        let known = |field: fn(&Record) -> &String| known.map(field).cloned();
        let user = self.url.user.clone().or_else(|| known(|record| &record.username));
        let password = self.url.password.clone().or_else(|| known(|record| &record.password));
        Record {
            pid: 0,
            port: self.url.port.unwrap_or(SOCKET_PORT),
            data_dir: self.data.clone(),
            installation_dir: binaries.root().to_owned(),
            username: user.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            password: password.unwrap_or_else(random_password),
            database: known(|record| &record.database).unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            version: binaries.version.clone(),
            socket_dir: Some(socket_dir.to_owned()),
        }
    }

    fn binaries(&self, major: Option<u32>) -> Result<Binaries> {
        let options = &self.instances.options;
        let installation = &self.folders.installation;
        let search = Search {
            bin_dir: options.bin_dir.as_deref(),
            installation,
            // PostgreSQL is kept outside the store's cache folder, which thus stays unused.
            store: &AssetStore::new(installation, installation),
            fetch: options.fetch.then_some(options.progress.as_ref()),
            account: self.account.as_ref(),
        };
        search.find(major.map(|major| (self.data.as_path(), major)))
    }

    fn running(&self, postmaster: &Postmaster, record: &Record, started_by_us: bool) -> RunningInstance {
        // The socket of a server that pg0 started lies where anybody could put another one.
        let ours = postmaster.socket_dir.is_some() && postmaster.socket_dir == record.socket_dir;
        let address = match (&postmaster.socket_dir, &postmaster.listen_address) {
            (Some(folder), listen) if ours || listen.is_none() => Address::Socket(folder.clone()),
            _ => Address::Tcp("127.0.0.1".to_owned()),
        };
        RunningInstance {
            name: self.url.name.clone(),
            connection: Connection {
                address,
                port: postmaster.port,
                user: record.username.clone(),
                password: record.password.clone(),
                database: record.database.clone(),
            },
            pid: postmaster.pid,
            started_by_us,
            differences: Vec::new(),
            data_dir: self.data.clone(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("start.log")
    }

    fn timed_out(&self) -> PgError {
        PgError::StartTimedOut { waited: self.instances.options.start_timeout, file: self.log() }
    }
}

fn port_error(port: u16, source: std::io::Error) -> PgError {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => PgError::PortTaken(port),
        _ => PgError::Port { port, source },
    }
}

/// 244 random bits.
fn random_password() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn only_a_port_in_use_is_taken() {
        assert!(matches!(port_error(80, ErrorKind::AddrInUse.into()), PgError::PortTaken(80)));
        let error = port_error(80, Error::new(ErrorKind::PermissionDenied, "not allowed")).to_string();
        assert!(error.starts_with("cannot listen on port 80: not allowed; choose"), "{error}");
    }
}
