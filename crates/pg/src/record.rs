//! `instance.json`: how to reach an instance, in the form pg0 reads and writes.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{IoContext, Result};

const FILE: &str = "instance.json";

/// Holds the password in clear: neither `Debug` nor any mode but 0600.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The postmaster that was started last; 0 before the first.
    #[serde(default)]
    pub(crate) pid: i32,
    pub(crate) port: u16,
    #[serde(default)]
    pub(crate) data_dir: PathBuf,
    #[serde(default)]
    pub(crate) installation_dir: PathBuf,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) database: String,
    #[serde(default)]
    pub(crate) version: String,
    /// Not known to pg0, which ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket_dir: Option<PathBuf>,
}

impl Record {
    /// The record of an instance; none when it is missing or is not one, since both
    /// have the same remedy: new credentials.
    pub(crate) fn read(instance: &Path) -> Option<Self> {
        let text = std::fs::read(instance.join(FILE)).ok()?;
        serde_json::from_slice(&text)
            .inspect_err(
                |error| tracing::warn!(path = %instance.display(), %error, "ignoring a broken {FILE}"),
            )
            .ok()
    }

    /// Replaces the record in one step.
    pub(crate) fn write(&self, instance: &Path) -> Result<()> {
        let path = instance.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from).doing("write", &path)?;
        // Created with mode 0600 and removed again when a step fails.
        let mut file = tempfile::Builder::new()
            .prefix("instance.json.tmp-")
            .tempfile_in(instance)
            .doing("create a file in", instance)?;
        file.write_all(&text).doing("write", &path)?;
        file.as_file().sync_all().doing("write", &path)?;
        file.persist(&path).map_err(|error| error.error).doing("write", &path)?;
        Ok(())
    }

    /// Forgets the credentials, so that the next start makes new ones.
    pub(crate) fn remove(instance: &Path) -> Result<()> {
        let path = instance.join(FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("remove", &path),
            _ => Ok(()),
        }
    }
}
