//! The lock around starting and stopping one instance.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{IoContext, PgError, Result};

const POLL: Duration = Duration::from_millis(20);

/// Held until dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Waits for the lock of an instance, for at most `limit`.
    pub(crate) fn take(instance: &Path, limit: Duration) -> Result<Self> {
        let path = instance.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .doing("open", &path)?;
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
