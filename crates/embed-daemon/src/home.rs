//! Where the files of profiles lie.

use std::path::{Path, PathBuf};

use crate::error::{EmbedError, Result};
use crate::files::create_private_dir;
use crate::profile::Profile;

/// Prefix of the names of databases of profiles.
const INSTANCE: &str = "hindsight-embed-";

/// The folders of one user: `~/.hindsight`, and `~/.pg0` where the databases are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    home: PathBuf,
}

/// The files of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFiles {
    /// Settings, one `KEY=VALUE` a line.
    pub config: PathBuf,
    /// Held by whoever starts or stops the daemon.
    pub start_lock: PathBuf,
    /// Process id of the holder of the start lock, for people.
    pub start_lock_owner: PathBuf,
    /// Held by the daemon as long as it lives.
    pub life_lock: PathBuf,
    /// Log of the daemon; older parts have `.1`, `.2` … behind.
    pub log: PathBuf,
    /// What the daemon says about itself.
    pub run: PathBuf,
    /// The daemon's port as text, for other programs.
    pub port: PathBuf,
}

impl Home {
    /// The folders below a user's home folder; nothing is touched yet.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The folders of the user who runs this process.
    pub fn of_this_user() -> Result<Self> {
        let folders = directories::BaseDirs::new().ok_or(EmbedError::NoHome)?;
        Ok(Self::new(folders.home_dir()))
    }

    /// The user's home folder.
    pub fn path(&self) -> &Path {
        &self.home
    }

    /// `~/.hindsight`.
    pub fn folder(&self) -> PathBuf {
        self.home.join(".hindsight")
    }

    /// `~/.hindsight/profiles`.
    pub(crate) fn profiles(&self) -> PathBuf {
        self.folder().join("profiles")
    }

    /// The file with the name of the active profile.
    pub(crate) fn active_profile(&self) -> PathBuf {
        self.folder().join("active_profile")
    }

    /// Creates the folders, closed to other users.
    pub(crate) fn prepare(&self) -> Result<()> {
        create_private_dir(&self.folder())?;
        create_private_dir(&self.profiles())
    }

    /// The files of a profile.
    pub fn files(&self, profile: &Profile) -> ProfileFiles {
        let folder = self.folder();
        let port = folder.join(format!("daemon-{profile}.sock"));
        if profile.is_default() {
            return ProfileFiles {
                config: folder.join("embed"),
                start_lock: folder.join("daemon.lock"),
                start_lock_owner: folder.join("daemon.lock.owner"),
                life_lock: folder.join("daemon.run.lock"),
                log: folder.join("daemon.log"),
                run: folder.join("daemon.run.json"),
                port,
            };
        }
        let file = |extension| self.profiles().join(format!("{profile}.{extension}"));
        ProfileFiles {
            config: file("env"),
            start_lock: file("lock"),
            start_lock_owner: file("lock.owner"),
            life_lock: file("run.lock"),
            log: file("log"),
            run: file("run.json"),
            port,
        }
    }

    /// Name of a profile's embedded database. An older program named the one of the default
    /// profile with nothing behind the dash; where only that one exists, it is meant.
    pub fn instance(&self, profile: &Profile) -> String {
        let name = format!("{INSTANCE}{profile}");
        let instances = self.home.join(".pg0").join("instances");
        if profile.is_default() && !instances.join(&name).exists() && instances.join(INSTANCE).exists() {
            return INSTANCE.to_owned();
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_profile_has_files_of_its_own_names() {
        let home = Home::new("/h");
        let default = home.files(&Profile::default());
        assert_eq!(default.config, Path::new("/h/.hindsight/embed"));
        assert_eq!(default.port, Path::new("/h/.hindsight/daemon-default.sock"));
        let named = home.files(&"myapp".parse().unwrap());
        assert_eq!(named.config, Path::new("/h/.hindsight/profiles/myapp.env"));
        assert_eq!(named.start_lock_owner, Path::new("/h/.hindsight/profiles/myapp.lock.owner"));
        assert_eq!(named.port, Path::new("/h/.hindsight/daemon-myapp.sock"));
    }

    #[test]
    fn the_older_database_of_the_default_profile_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let default = Profile::default();
        assert_eq!(home.instance(&default), "hindsight-embed-default");
        std::fs::create_dir_all(folder.path().join(".pg0/instances/hindsight-embed-")).unwrap();
        assert_eq!(home.instance(&default), "hindsight-embed-");
        assert_eq!(home.instance(&"x".parse().unwrap()), "hindsight-embed-x");
        std::fs::create_dir_all(folder.path().join(".pg0/instances/hindsight-embed-default")).unwrap();
        assert_eq!(home.instance(&default), "hindsight-embed-default");
    }
}
