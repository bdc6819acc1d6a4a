//! Where an installation and its instances lie.
//!
//! The documented places are `~/.pg0/installation` and `~/.pg0/instances`. When root
//! starts the database and the user it runs as cannot enter the home folder (`/root` is
//! usually closed), the real folders lie below a system folder, one per home, and the
//! documented places are links to them. The permissions of the home are never changed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::error::{IoContext, PgError, Result};
use crate::lock::open_lock;

const SYSTEM_DIR: &str = "/var/lib/hindsight";

/// A socket's path has to fit into 104 bytes on the tightest system; some are kept back.
const SOCKET_DIR_LIMIT: usize = 100 - "/.s.PGSQL.65535".len();

/// The folders of one home.
#[derive(Clone, Debug)]
pub struct Layout {
    home: PathBuf,
    system_dir: PathBuf,
}

/// The real folders, links resolved, which the database's user can enter.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) installation: PathBuf,
    pub(crate) instances: PathBuf,
}

impl Layout {
    /// The layout of a home folder.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), system_dir: SYSTEM_DIR.into() }
    }

    /// Another place for what cannot lie in a home that is closed to the database's
    /// user; `/var/lib/hindsight` if never called.
    #[must_use]
    pub fn with_system_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.system_dir = dir.into();
        self
    }

    /// The documented folder of the PostgreSQL binaries, one folder per version in it.
    pub fn installation(&self) -> PathBuf {
        self.home.join(".pg0/installation")
    }

    /// The documented folder of the instances, one folder per name in it.
    pub fn instances(&self) -> PathBuf {
        self.home.join(".pg0/instances")
    }

    /// Creates both folders where `account` can reach them, and the links if needed.
    pub(crate) fn prepare(&self, account: Option<&Account>) -> Result<Folders> {
        let dot_dir = self.home.join(".pg0");
        create_open_dir(&dot_dir)?;
        if let Some(account) = account
            && account.blocked_at(&dot_dir).is_some()
        {
            return self.prepare_linked(account);
        }
        Ok(Folders {
            installation: prepare_plain(&self.installation(), account)?,
            instances: prepare_plain(&self.instances(), account)?,
        })
    }

    fn prepare_linked(&self, account: &Account) -> Result<Folders> {
        create_open_dir(&self.system_dir)?;
        let home = self.home.canonicalize().doing("find", &self.home)?;
        let base = self.system_dir.join(short_hash(&home));
        create_open_dir(&base)?;
        for folder in [&self.system_dir, &base] {
            must_be_closed_to_writers(folder)?;
        }
        account
            .must_reach(&base, &format!("let it pass with chmod o+x, or name another user in {PG_USER}"))?;
        // Two first starts at once must not both move what is already there.
        let lock_path = base.join("lock");
        let lock = open_lock(&lock_path)?;
        lock.lock().doing("lock", &lock_path)?;
        Ok(Folders {
            installation: link(&self.installation(), &base.join("installation"), account)?,
            instances: link(&self.instances(), &base.join("instances"), account)?,
        })
    }

    /// The folder for an instance's socket: in the instance's own folder, or somewhere
    /// with a shorter path when that one is too long for a socket.
    pub(crate) fn socket_dir(&self, instance: &Path, account: Option<&Account>) -> PathBuf {
        let hash = short_hash(instance);
        let near = Some(instance.join("run"));
        let system = account.map(|_| self.system_dir.join("run").join(&hash));
        let fits = |path: &PathBuf| path.as_os_str().len() <= SOCKET_DIR_LIMIT;
        near.into_iter().chain(system).find(fits).unwrap_or_else(|| {
            let uid = account.map_or_else(|| Uid::effective().as_raw(), |account| account.uid);
            PathBuf::from(format!("/tmp/hindsight-{uid}-{hash}"))
        })
    }
}

const PG_USER: &str = "HINDSIGHT_PG_USER";

fn prepare_plain(path: &Path, account: Option<&Account>) -> Result<PathBuf> {
    create_open_dir(path)?;
    if let Some(account) = account {
        account.must_reach(path, "give others the right to enter it (chmod o+x)")?;
    }
    path.canonicalize().doing("find", path)
}

/// Makes `documented` a link to `real`, taking along what lies at `documented` already:
/// it was left by a program that could not use it there either. What belongs to another user
/// is left in place: that user's own database may live there.
fn link(documented: &Path, real: &Path, account: &Account) -> Result<PathBuf> {
    let fix = format!("move what is there to {} and leave a link in its place", real.display());
    create_open_dir(real)?;
    let found = match fs::symlink_metadata(documented) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        other => Some(other.doing("read", documented)?),
    };
    if let Some(meta) = found.as_ref().filter(|meta| meta.is_dir()) {
        let is_ours = meta.uid() == Uid::effective().as_raw();
        // Replaces an empty folder; fails when there is data in both or between two disks.
        if !is_ours || fs::rename(documented, real).is_err() {
            return account.must_reach(documented, &fix).map(|()| documented.to_owned());
        }
        fs::set_permissions(real, fs::Permissions::from_mode(0o755)).doing("set the mode of", real)?;
    }
    if found.is_none_or(|meta| meta.is_dir()) {
        std::os::unix::fs::symlink(real, documented).doing("create the link", documented)?;
    }
    let target = documented.canonicalize().doing("follow the link", documented)?;
    account.must_reach(&target, &fix)?;
    Ok(target)
}

/// An error when anybody else could put something of their own in the place of a folder that
/// this process writes in.
fn must_be_closed_to_writers(folder: &Path) -> Result<()> {
    let meta = fs::metadata(folder).doing("read", folder)?;
    if meta.uid() == Uid::effective().as_raw() && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(PgError::OpenToOthers { path: folder.to_owned() })
}

/// Creates a folder that everybody may enter, whatever the umask; an existing one is left alone.
pub(crate) fn create_open_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_open_dir(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755)).doing("set the mode of", path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error).doing("create", path),
    }
}

/// Creates a folder that only the database's user may enter, or checks that an existing
/// one is such a folder: in a shared place anybody could have put one there.
pub(crate) fn create_private_dir(path: &Path, account: Option<&Account>) -> Result<()> {
    let owner = account.map_or_else(|| Uid::effective().as_raw(), |account| account.uid);
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            if let Some(account) = account {
                give(path, account)?;
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let meta = fs::symlink_metadata(path).doing("read", path)?;
            if !meta.is_dir() || meta.uid() != owner {
                return Err(PgError::OtherOwner { path: path.to_owned(), owner: meta.uid() });
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).doing("set the mode of", path)
        }
        Err(error) => Err(error).doing("create", path),
    }
}

/// Makes the database's user the owner of something this process just created.
pub(crate) fn give(path: &Path, account: &Account) -> Result<()> {
    std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid)).doing("change the owner of", path)
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let head = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
    format!("{head:016x}")
}
