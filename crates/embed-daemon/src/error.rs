//! What can go wrong with profiles and daemons: one variant per thing to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hindsight_client::types::settings::SettingError;

use crate::profile::{Profile, ProfileError};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, EmbedError>;

/// A failure around a profile or its daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The text is no name of a profile.
    #[error(transparent)]
    Name(#[from] ProfileError),
    /// A profile that differs only by case is there already.
    #[error("profile '{wanted}' differs from '{existing}' only by case; use that name or another one")]
    NameTaken {
        /// What was asked for.
        wanted: Profile,
        /// What is there.
        existing: String,
    },
    /// There is no such profile.
    #[error("there is no profile '{0}'; create it with `hindsight-embed profile create {0}`")]
    UnknownProfile(Profile),
    /// The default profile cannot be deleted.
    #[error("the default profile cannot be deleted; remove single settings with `profile remove-env`")]
    DefaultProfile,
    /// A setting is not usable.
    #[error("{name}: {problem}")]
    Setting {
        /// Name of the variable or key.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// No home folder is known.
    #[error("no home folder is known for this user; set HOME")]
    NoHome,
    /// A file or folder is closed to this user, or lies where nobody may write.
    #[error(
        "cannot {action} {}: {source}; profiles lie in .hindsight of the home folder: give this user the right to write there, or set HOME to a folder where it may",
        path.display()
    )]
    NoAccess {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of settings is not text.
    #[error("{} is not UTF-8 text; correct or remove it", .0.display())]
    NotText(PathBuf),
    /// Another process holds the lock of the profile.
    #[error(
        "profile '{profile}' is being started or stopped by another process{}; waited {} s for {}",
        holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default(), waited.as_secs(), path.display()
    )]
    Locked {
        /// The profile.
        profile: Profile,
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if that is known.
        holder: Option<String>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The port of the profile belongs to another program.
    #[error(
        "port {port} of profile '{profile}' is used by another program; choose another with `hindsight-embed profile create {profile} --merge --port PORT`, or stop that program"
    )]
    PortTaken {
        /// The profile.
        profile: Profile,
        /// The port.
        port: u16,
    },
    /// No port is free for a new profile.
    #[error("no free port from 8889 to 9888 for profile '{0}'; give one with --port")]
    NoFreePort(Profile),
    /// There is no program to start.
    #[error("cannot start the daemon with {}: {source}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why it does not start.
        source: io::Error,
    },
    /// The daemon ended before it was ready.
    #[error("the daemon of profile '{profile}' did not start: {reason}; its log is {}{}", log.display(), tail(lines))]
    StartFailed {
        /// The profile.
        profile: Profile,
        /// What the daemon said, or how it ended.
        reason: String,
        /// The log.
        log: PathBuf,
        /// Last lines of the log.
        lines: Vec<String>,
    },
    /// The daemon is not ready in time.
    #[error("the daemon of profile '{profile}' was not ready within {} s; its log is {}", waited.as_secs(), log.display())]
    StartTimedOut {
        /// The profile.
        profile: Profile,
        /// How long it was waited for.
        waited: Duration,
        /// The log.
        log: PathBuf,
    },
    /// The daemon does not end.
    #[error("the daemon of profile '{profile}' (process {pid}) did not stop within {} s; end it with --force", waited.as_secs())]
    StopTimedOut {
        /// The profile.
        profile: Profile,
        /// Its process id.
        pid: i32,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A daemon lives, but does not answer.
    #[error(
        "the daemon of profile '{profile}' (process {pid}) does not answer; end it with `hindsight-embed daemon stop --force --profile {profile}`"
    )]
    Silent {
        /// The profile.
        profile: Profile,
        /// Its process id.
        pid: i32,
    },
    /// A daemon lives, but does not say who it is.
    #[error("a daemon of profile '{profile}' is running, but {} does not say where; end that process by hand", path.display())]
    Unknown {
        /// The profile.
        profile: Profile,
        /// The run file.
        path: PathBuf,
    },
    /// This process was not started as a daemon, or by another version.
    #[error("this process was not started as a daemon: {0}")]
    Ticket(String),
    /// A daemon of this profile is there already.
    #[error("a daemon of profile '{0}' is running already")]
    AlreadyRunning(Profile),
    /// The client was closed.
    #[error("cannot use the client after it has been closed; make a new one")]
    Closed,
    /// A request to the daemon failed.
    #[error(transparent)]
    Client(#[from] hindsight_client::ClientError),
}

impl From<SettingError> for EmbedError {
    fn from(SettingError { name, problem }: SettingError) -> Self {
        Self::Setting { name: name.to_owned(), problem }
    }
}

fn tail(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["\n  ", line]).collect()
}

/// Says what was done with which file when it fails.
pub(crate) trait IoContext<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                EmbedError::NoAccess { action, path: path.to_owned(), source }
            }
            _ => EmbedError::Io { action, path: path.to_owned(), source },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_comes_with_a_way_out() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let failed =
                Err::<(), _>(io::Error::from(kind)).doing("create", Path::new("/home/me/.hindsight"));
            let error = failed.unwrap_err().to_string();
            assert!(error.starts_with("cannot create /home/me/.hindsight: "), "{error}");
            assert!(error.contains("set HOME to a folder where it may"), "{error}");
        }
    }
}
