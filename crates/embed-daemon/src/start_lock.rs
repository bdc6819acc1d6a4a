//! The right to start or stop the daemon of a profile.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{EmbedError, Result};
use crate::files::{Lock, pauses, remove, write_private};
use crate::home::ProfileFiles;
use crate::profile::Profile;

/// Held by whoever starts, stops or deletes; never by the daemon itself.
#[derive(Debug)]
pub(crate) struct StartLock {
    _lock: Lock,
    owner: PathBuf,
}

impl StartLock {
    /// Takes the lock if it is free.
    pub(crate) fn try_take(files: &ProfileFiles) -> Result<Option<Self>> {
        let Some(lock) = Lock::try_take(&files.start_lock)? else { return Ok(None) };
        // For people: nothing depends on it, and on a full disk a start has better reasons to
        // fail.
        let _ = write_private(&files.start_lock_owner, format!("{}\n", std::process::id()).as_bytes());
        Ok(Some(Self { _lock: lock, owner: files.start_lock_owner.clone() }))
    }

    /// Takes the lock as soon as it is free.
    pub(crate) async fn take(profile: &Profile, files: &ProfileFiles, limit: Duration) -> Result<Self> {
        let deadline = Instant::now() + limit;
        for pause in pauses() {
            if let Some(lock) = Self::try_take(files)? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(Self::not_free(profile, files, limit))
    }

    /// The error that says who has it.
    pub(crate) fn not_free(profile: &Profile, files: &ProfileFiles, waited: Duration) -> EmbedError {
        EmbedError::Locked {
            profile: profile.clone(),
            path: files.start_lock.clone(),
            holder: std::fs::read_to_string(&files.start_lock_owner).ok().map(|pid| pid.trim().to_owned()),
            waited,
        }
    }
}

impl Drop for StartLock {
    fn drop(&mut self) {
        // The next holder replaces it.
        let _ = remove(&self.owner);
    }
}
