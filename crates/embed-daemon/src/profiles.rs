//! Profiles as people manage them: make, change, list, choose, delete.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{self, PORT_KEY};
use crate::daemons::Daemons;
use crate::env_file::EnvFile;
use crate::error::{EmbedError, Result};
use crate::files::{read_text, remove, write_private};
use crate::home::ProfileFiles;
use crate::ports::{DEFAULT_PORT, free_port, parse_port, port_in};
use crate::profile::Profile;
use crate::registry::{self, Registry};
use crate::start_lock::StartLock;
use crate::status::DaemonStatus;

/// How a deletion waits for the daemon.
const STOP: Duration = Duration::from_secs(30);

/// Where the name of the active profile comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody named one.
    Default,
    /// `HINDSIGHT_EMBED_PROFILE`.
    Environment,
    /// `--profile`.
    Flag,
    /// `profile set-active`.
    ActiveFile,
}

impl Source {
    /// The word for it on the wire of other tools.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => config::PROFILE.name,
            Self::Flag => "cli_flag",
            Self::ActiveFile => "active_profile_file",
        }
    }
}

/// A profile in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileEntry {
    /// Its name.
    pub profile: Profile,
    /// Port of its daemon: of the one that runs, else the one it would get.
    pub port: Option<u16>,
    /// File of its settings.
    pub config: PathBuf,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When its daemon was last started.
    pub last_used: Option<DateTime<Utc>>,
    /// True for the one that `set-active` chose.
    pub is_active: bool,
    /// True when its daemon serves.
    pub daemon_running: bool,
}

/// The profiles of one user.
#[derive(Clone, Debug)]
pub struct Profiles {
    daemons: Daemons,
}

impl Profiles {
    /// The profiles whose daemons those are.
    pub fn new(daemons: Daemons) -> Self {
        Self { daemons }
    }

    /// The profile that is meant: the environment's, else the flag's, else the active one,
    /// else the default.
    pub fn resolve(&self, flag: Option<&str>) -> Result<(Profile, Source)> {
        let environment = self.daemons.config().profile.as_deref();
        if let Some(name) = environment {
            let profile: Profile = name.parse()?;
            if let Some(flag) = flag
                && flag.parse::<Profile>()? != profile
            {
                tracing::warn!(
                    "HINDSIGHT_EMBED_PROFILE={profile} wins over --profile {flag}; unset it to use the flag"
                );
            }
            return Ok((profile, Source::Environment));
        }
        if let Some(name) = flag {
            return Ok((name.parse()?, Source::Flag));
        }
        match self.active()? {
            Some(profile) => Ok((profile, Source::ActiveFile)),
            None => Ok((Profile::default(), Source::Default)),
        }
    }

    /// The profile that `set_active` chose.
    fn active(&self) -> Result<Option<Profile>> {
        let text = read_text(&self.daemons.home().active_profile())?;
        text.map(|text| text.trim().to_owned())
            .filter(|name| !name.is_empty())
            .map(|name| Ok(name.parse()?))
            .transpose()
    }

    /// Chooses the profile that is meant when none is named; none = the default one.
    pub fn set_active(&self, profile: Option<&Profile>) -> Result<()> {
        let path = self.daemons.home().active_profile();
        match profile {
            Some(profile) => {
                self.known(profile)?;
                self.daemons.home().prepare()?;
                write_private(&path, format!("{profile}\n").as_bytes())
            }
            None => remove(&path).map(|_| ()),
        }
    }

    /// All profiles: the default one first if it has settings or runs, then by name.
    pub async fn list(&self) -> Result<Vec<ProfileEntry>> {
        let active = self.active()?;
        let mut names: Vec<Profile> =
            registry::entries(self.daemons.home())?.keys().filter_map(|name| name.parse().ok()).collect();
        // Files that were made by hand count as well.
        let files = registry::names_of_files(self.daemons.home());
        names.extend(files.iter().filter_map(|name| name.parse::<Profile>().ok()));
        names.push(Profile::default());
        names.sort_by_key(|profile| (!profile.is_default(), profile.clone()));
        names.dedup();
        let mut entries = Vec::new();
        for profile in names {
            let entry = self.entry(&profile, active.as_ref()).await?;
            if !profile.is_default() || entry.config.exists() || entry.daemon_running {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// One profile as it is.
    pub async fn show(&self, profile: &Profile) -> Result<ProfileEntry> {
        self.known(profile)?;
        self.entry(profile, self.active()?.as_ref()).await
    }

    async fn entry(&self, profile: &Profile, active: Option<&Profile>) -> Result<ProfileEntry> {
        let home = self.daemons.home();
        let config = home.files(profile).config;
        let running = match self.daemons.status(profile).await? {
            DaemonStatus::Running { run, .. } => Some(run.port),
            DaemonStatus::Stopped | DaemonStatus::Busy { .. } => None,
        };
        let entries = registry::entries(home)?;
        let known = entries.get(profile.as_str());
        // A file that cannot be read is told by whoever needs what is in it.
        let chosen = EnvFile::read(&config).ok().and_then(|file| file.get(PORT_KEY)?.parse().ok());
        let default = profile.is_default().then_some(DEFAULT_PORT);
        Ok(ProfileEntry {
            port: running.or(chosen).or(known.and_then(|entry| entry.port)).or(default),
            config,
            created_at: known.and_then(|entry| registry::parse_time(&entry.created_at)),
            last_used: known.and_then(|entry| registry::parse_time(&entry.last_used)),
            is_active: active.is_some_and(|active| active == profile),
            daemon_running: running.is_some(),
            profile: profile.clone(),
        })
    }

    /// True when there are settings or an entry of that name, or it is the default one.
    pub fn exists(&self, profile: &Profile) -> Result<bool> {
        Ok(profile.is_default()
            || self.daemons.home().files(profile).config.exists()
            || registry::entries(self.daemons.home())?.contains_key(profile.as_str()))
    }

    fn known(&self, profile: &Profile) -> Result<()> {
        if self.exists(profile)? { Ok(()) } else { Err(EmbedError::UnknownProfile(profile.clone())) }
    }

    /// Writes settings of a profile, which is made if it is new. A port that is not given
    /// stays, or is found for a named profile. Returns the port.
    pub async fn write(
        &self,
        profile: &Profile,
        port: Option<u16>,
        settings: &[(String, String)],
    ) -> Result<u16> {
        let home = self.daemons.home();
        if let Some(port) = port {
            parse_port(&port.to_string())?;
        }
        let mut registry = Registry::open(home).await?;
        let path = home.files(profile).config;
        let mut file = EnvFile::read(&path)?;
        for (name, value) in settings {
            file.set(name, value)?;
        }
        if !profile.is_default() {
            registry.move_port(profile, &mut file)?;
        }
        if let Some(port) = port {
            file.set(PORT_KEY, &port.to_string())?;
        }
        let chosen = port_in(&file)?;
        let port = if profile.is_default() {
            chosen.unwrap_or(DEFAULT_PORT)
        } else {
            let promised = registry.ports_of_others(profile);
            if let Some(port) = chosen.filter(|port| promised.contains(port)) {
                return Err(EmbedError::Setting {
                    name: PORT_KEY.to_owned(),
                    problem: format!("port {port} belongs to another profile; choose another one"),
                });
            }
            let found = if chosen.is_none() { free_port(profile, &promised) } else { None };
            let entry = registry.entry(profile)?;
            let is_given = port.is_some() || settings.iter().any(|(name, _)| name == PORT_KEY);
            if is_given {
                entry.found_port = None;
            }
            if let Some(found) = found {
                entry.found_port = Some(found);
                file.set(PORT_KEY, &found.to_string())?;
            }
            let port = chosen.or(found).ok_or_else(|| EmbedError::NoFreePort(profile.clone()))?;
            registry.save()?;
            port
        };
        file.write(&path)?;
        Ok(port)
    }

    /// Sets one key of a profile that exists.
    pub async fn set_env(&self, profile: &Profile, key: &str, value: &str) -> Result<()> {
        self.known(profile)?;
        self.write(profile, None, &[(key.to_owned(), value.to_owned())]).await.map(|_| ())
    }

    /// Removes one key of a profile that exists.
    pub async fn remove_env(&self, profile: &Profile, key: &str) -> Result<()> {
        self.known(profile)?;
        let _registry = Registry::open(self.daemons.home()).await?;
        let path = self.daemons.home().files(profile).config;
        let mut file = EnvFile::read(&path)?;
        if !file.remove(key) {
            return Err(EmbedError::Setting {
                name: key.to_owned(),
                problem: format!("not set in profile '{profile}'"),
            });
        }
        file.write(&path)
    }

    /// Settings of a profile.
    pub fn settings(&self, profile: &Profile) -> Result<EnvFile> {
        EnvFile::read(&self.daemons.home().files(profile).config)
    }

    /// Deletes a profile: stops its daemon and removes its files, locks too. Its database
    /// stays, but for what `afterwards` does to it while nobody can start another daemon.
    pub async fn delete<E: From<EmbedError>>(
        &self,
        profile: &Profile,
        afterwards: impl AsyncFnOnce() -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if profile.is_default() {
            return Err(EmbedError::DefaultProfile.into());
        }
        self.known(profile)?;
        let home = self.daemons.home();
        home.prepare()?;
        let files = home.files(profile);
        let held = StartLock::take(profile, &files, STOP).await?;
        // Somebody else may have deleted it while this waited, and the lock file is new.
        if !self.exists(profile)? {
            remove(&files.start_lock)?;
            return Err(EmbedError::UnknownProfile(profile.clone()).into());
        }
        self.daemons.stop_held(profile, STOP, false).await?;
        afterwards().await?;
        self.remove(profile, &files).await?;
        drop(held);
        Ok(())
    }

    async fn remove(&self, profile: &Profile, files: &ProfileFiles) -> Result<()> {
        let mut registry = Registry::open(self.daemons.home()).await?;
        let logs = crate::log::parts(&files.log, self.daemons.config().log_backups);
        let others = [&files.run, &files.port, &files.life_lock, &files.start_lock, &files.config];
        for path in logs.chain(others.into_iter().cloned()) {
            remove(&path)?;
        }
        if self.active()?.as_ref() == Some(profile) {
            self.set_active(None)?;
        }
        registry.remove(profile);
        registry.save()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::home::Home;

    fn profiles(folder: &tempfile::TempDir, environment: Option<&str>) -> Profiles {
        let mut config = Config::read(&|_| None).unwrap();
        config.home = Home::new(folder.path());
        config.profile = environment.map(str::to_owned);
        Profiles::new(Daemons::new(config))
    }

    fn profile(name: &str) -> Profile {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn the_environment_wins_then_the_flag_then_the_active_one() {
        let folder = tempfile::tempdir().unwrap();
        let plain = profiles(&folder, None);
        assert_eq!(plain.resolve(None).unwrap(), (Profile::default(), Source::Default));
        assert!(matches!(plain.set_active(Some(&profile("a"))), Err(EmbedError::UnknownProfile(_))));
        plain.write(&profile("a"), None, &[]).await.unwrap();
        plain.set_active(Some(&profile("a"))).unwrap();
        assert_eq!(plain.resolve(None).unwrap(), (profile("a"), Source::ActiveFile));
        assert_eq!(plain.resolve(Some("b")).unwrap(), (profile("b"), Source::Flag));
        let set = profiles(&folder, Some("c"));
        assert_eq!(set.resolve(Some("b")).unwrap(), (profile("c"), Source::Environment));
        assert!(plain.resolve(Some("../x")).is_err());
        plain.set_active(None).unwrap();
        assert_eq!(plain.resolve(None).unwrap().1, Source::Default);
    }

    #[tokio::test]
    async fn two_profiles_never_have_one_port() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = profiles(&folder, None);
        let chosen = profiles.write(&profile("one"), Some(9500), &[]).await.unwrap();
        assert_eq!(chosen, 9500);
        let error = profiles.write(&profile("two"), Some(9500), &[]).await.unwrap_err().to_string();
        assert!(error.contains("belongs to another profile"), "{error}");
        assert!(!profiles.exists(&profile("two")).unwrap(), "a refused profile is not made");
        // Names whose sums pick the same port.
        let (first, second) = twins();
        let a = profiles.write(&first, None, &[]).await.unwrap();
        let b = profiles.write(&second, None, &[]).await.unwrap();
        assert_ne!(a, b);
        assert_eq!(profiles.write(&first, None, &[]).await.unwrap(), a, "a port stays");
    }

    fn twins() -> (Profile, Profile) {
        let mut seen = std::collections::BTreeMap::new();
        for number in 0.. {
            let name = profile(&format!("p{number}"));
            if let Some(first) = seen.insert(crate::ports::preferred_port(&name), name.clone()) {
                return (first, name);
            }
        }
        unreachable!("there are only 1000 ports")
    }

    #[tokio::test]
    async fn settings_are_set_removed_and_go_with_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = profiles(&folder, None);
        let p = profile("p");
        let unknown = profiles.set_env(&p, "HINDSIGHT_API_LLM_MODEL", "m").await;
        assert!(matches!(unknown, Err(EmbedError::UnknownProfile(_))));
        profiles.write(&p, None, &[("HINDSIGHT_API_LLM_MODEL".into(), "m".into())]).await.unwrap();
        profiles.set_env(&p, "HINDSIGHT_API_LLM_MODEL", "n").await.unwrap();
        assert_eq!(profiles.settings(&p).unwrap().get("HINDSIGHT_API_LLM_MODEL"), Some("n"));
        profiles.remove_env(&p, "HINDSIGHT_API_LLM_MODEL").await.unwrap();
        assert!(profiles.remove_env(&p, "HINDSIGHT_API_LLM_MODEL").await.is_err());
        profiles.set_active(Some(&p)).unwrap();
        assert_eq!(profiles.list().await.unwrap().len(), 1);
        assert!(profiles.show(&p).await.unwrap().is_active);
        let mut seen = false;
        profiles
            .delete(&p, async || {
                seen = true;
                Ok::<_, EmbedError>(())
            })
            .await
            .unwrap();
        assert!(seen);
        let left: Vec<_> =
            std::fs::read_dir(folder.path().join(".hindsight/profiles")).unwrap().flatten().collect();
        assert_eq!(left.len(), 2, "the list and its lock: {left:?}");
        assert!(profiles.list().await.unwrap().is_empty());
        assert_eq!(profiles.resolve(None).unwrap().1, Source::Default);
        let delete = async |profile| profiles.delete(profile, async || Ok(())).await;
        assert!(matches!(delete(&p).await, Err(EmbedError::UnknownProfile(_))));
        assert!(matches!(delete(&Profile::default()).await, Err(EmbedError::DefaultProfile)));
    }
}
