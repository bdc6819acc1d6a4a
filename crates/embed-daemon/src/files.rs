//! Files that several processes share: private folders, atomic writes, locks.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;

use crate::error::{EmbedError, IoContext, Result};

/// For files in folders that an older program may have left open to others.
const NO_LINK: i32 = OFlag::O_NOFOLLOW.bits();

/// First and longest pause between two tries for a lock.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// Creates a folder that only this user may enter; one that is there keeps its mode.
pub fn create_private_dir(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).doing("create", path)
}

/// Replaces a file as a whole: readers see the old content or the new one, also after a
/// power cut. Only this user may read it.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let temporary = path.with_file_name(name);
    let written = (|| {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // Nothing is lost with it, and the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written.doing("write", path)
}

/// The text of a file; none when there is no such file.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(EmbedError::NotText(path.to_owned())),
        Err(error) => Err(error).doing("read", path),
    }
}

/// Removes a file; false when there was none.
pub(crate) fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).doing("remove", path),
    }
}

/// An exclusive lock, held until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Gives the lock back itself: closing the file would leave it with a child of this process
    /// that another thread has forked in this moment, until that child runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "a lock ends with its file");
        }
    }
}

impl Lock {
    /// Takes the lock if it is free.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                // It may have been removed, with its profile, after it was opened: a lock on
                // that file keeps nobody out.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error).doing("lock", path),
            }
        }
    }

    /// True when some process holds the lock. Asking takes no part in the race for it: a
    /// shared lock is tried, which any number of askers get.
    pub(crate) fn is_held(path: &Path) -> Result<bool> {
        let file = match OpenOptions::new().read(true).custom_flags(NO_LINK).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).doing("open", path),
        };
        match file.try_lock_shared() {
            Ok(()) => {
                drop(Self(file));
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error).doing("lock", path),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let same =
        |now: fs::Metadata, opened: fs::Metadata| (now.ino(), now.dev()) == (opened.ino(), opened.dev());
    fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|opened| same(now, opened)))
}

/// Pauses between tries for a lock, each twice as long as the one before.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    let [first, longest] = PAUSES;
    std::iter::successors(Some(first), move |pause| Some((*pause * 2).min(longest)))
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)
        .doing("open", path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_text(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_private(&path, b"x").unwrap_err().to_string().starts_with("cannot write"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lock_is_exclusive_and_asking_does_not_take_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!Lock::is_held(&path).unwrap());
        let lock = Lock::try_take(&path).unwrap().expect("free");
        assert!(Lock::try_take(&path).unwrap().is_none());
        assert!(Lock::is_held(&path).unwrap());
        // A lock whose file was removed keeps nobody out.
        let opened = File::open(&path).unwrap();
        assert!(is_at(&opened, &path));
        remove(&path).unwrap();
        assert!(!is_at(&opened, &path));
        assert!(!Lock::is_held(&path).unwrap());
        let next = Lock::try_take(&path).unwrap().expect("a new file");
        drop(lock);
        assert!(Lock::is_held(&path).unwrap());
        drop(next);
        assert!(!Lock::is_held(&path).unwrap());
    }

    #[test]
    fn a_lock_given_back_is_free_whoever_has_its_file_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::try_take(&path).unwrap().expect("free");
        // What a forked child holds until it runs its own program: the same open file.
        let _of_a_child = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(!Lock::is_held(&path).unwrap());
    }
}
