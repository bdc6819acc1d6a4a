//! What a daemon says about itself, for whoever looks for it.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files::{read_text, remove, write_private};

/// Version of the file's layout.
const SCHEMA: u32 = 1;

/// Who started a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartedBy {
    /// A library: the Python class or the lazy client.
    Sdk,
    /// A command.
    Cli,
}

impl fmt::Display for StartedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sdk => "SDK",
            Self::Cli => "CLI",
        })
    }
}

/// A daemon that listens. The file lies beside the profile's other files, only its user
/// may read it, and it goes with the daemon; one that was left behind is not believed,
/// because the daemon's lock is free then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Version of this layout.
    schema: u32,
    /// Process id of the daemon.
    pub pid: i32,
    /// When that process began, in a unit of the system's own.
    pub start_time: u64,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Base URL of the server.
    pub url: String,
    /// Version of the program.
    pub version: String,
    /// Different for every daemon that ever ran.
    pub instance_id: String,
    /// Name of the profile.
    pub profile: String,
    /// Database, without its password.
    pub database: String,
    /// Who started it.
    pub started_by: StartedBy,
    /// Seconds without use after which it ends; 0 = never. The daemon reads this again
    /// before it ends for that reason, so whoever changes it changes the daemon.
    pub idle_timeout: u64,
}

/// What a daemon knows when it begins to listen.
pub(crate) struct Listening {
    pub(crate) port: u16,
    pub(crate) instance_id: String,
    pub(crate) profile: String,
    pub(crate) database: String,
    pub(crate) started_by: StartedBy,
    pub(crate) idle_timeout: u64,
    pub(crate) start_time: u64,
}

impl RunFile {
    /// The file of this process.
    pub(crate) fn of_this_process(listening: Listening) -> Self {
        let port = listening.port;
        Self {
            schema: SCHEMA,
            pid: i32::try_from(std::process::id()).unwrap_or_default(),
            start_time: listening.start_time,
            port,
            url: format!("http://127.0.0.1:{port}"),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: listening.instance_id,
            profile: listening.profile,
            database: listening.database,
            started_by: listening.started_by,
            idle_timeout: listening.idle_timeout,
        }
    }

    /// The file at `path`; none when there is none, or none that this version understands.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = read_text(path).ok().flatten()?;
        serde_json::from_str::<Self>(&text).ok().filter(|file| file.schema == SCHEMA)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        write_private(path, text.as_bytes())
    }

    /// Removes the file at `path` if it is the one of daemon `instance_id`.
    pub(crate) fn remove_own(path: &Path, instance_id: &str) -> Result<()> {
        if Self::read(path).is_some_and(|file| file.instance_id == instance_id) {
            remove(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(instance_id: &str) -> RunFile {
        RunFile::of_this_process(Listening {
            port: 9138,
            instance_id: instance_id.to_owned(),
            profile: "myapp".to_owned(),
            database: "pg0://hindsight-embed-myapp".to_owned(),
            started_by: StartedBy::Sdk,
            idle_timeout: 300,
            start_time: 7,
        })
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("myapp.run.json");
        assert_eq!(RunFile::read(&path), None);
        file("a").write(&path).unwrap();
        assert_eq!(RunFile::read(&path), Some(file("a")));
        RunFile::remove_own(&path, "b").unwrap();
        assert!(path.exists(), "it belongs to another daemon");
        RunFile::remove_own(&path, "a").unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_another_layout_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        for text in ["", "{}", "[]", "{\"schema\": 1, \"pid\": \"x\"}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(RunFile::read(&path), None, "{text}");
        }
        file("a").write(&path).unwrap();
        let other = std::fs::read_to_string(&path).unwrap().replace("\"schema\": 1", "\"schema\": 2");
        std::fs::write(&path, other).unwrap();
        assert_eq!(RunFile::read(&path), None);
    }
}
