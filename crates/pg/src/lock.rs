//! The lock around starting and stopping one instance.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::error::{IoContext, PgError, Result};

/// Name of the lock file in the folder of an instance.
pub(crate) const LOCK_FILE: &str = "lock";

const POLL: Duration = Duration::from_millis(20);

/// For files that this process writes in folders which a home or an older program left:
/// root must not be led by a link there to a file of its own.
pub(crate) const NO_LINK: i32 = OFlag::O_NOFOLLOW.bits();

/// Held until dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Waits for the lock of an instance, for at most `limit`.
    pub(crate) fn take(instance: &Path, limit: Duration) -> Result<Self> {
        let path = instance.join(LOCK_FILE);
        let file = open_lock(&path)?;
        let deadline = Instant::now() + limit;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(POLL),
                Err(TryLockError::WouldBlock) => return Err(PgError::Locked { path, waited: limit }),
                Err(TryLockError::Error(error)) => return Err(error).doing("lock", &path),
            }
        }
    }
}

/// Opens a lock file, creating it if it is missing.
pub(crate) fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)
        .doing("open", path)
}
