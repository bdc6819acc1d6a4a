//! The list of named profiles: when they were made and used, and which ports they were
//! promised.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::PORT_KEY;
use crate::env_file::EnvFile;
use crate::error::{EmbedError, IoContext, Result};
use crate::files::{Lock, pauses, read_text, write_private};
use crate::home::Home;
use crate::profile::Profile;

/// Longest wait for others that change the list, which takes them milliseconds.
const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// One profile in the list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When it was made, ISO-8601.
    #[serde(default)]
    pub(crate) created_at: String,
    /// When its daemon was last asked for, ISO-8601.
    #[serde(default)]
    pub(crate) last_used: String,
    /// Port as older versions kept it; it moves to the settings of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// Port in the settings that nobody chose: it was found, and may be found anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found_port: Option<u16>,
    /// What other versions wrote here stays.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(default)]
    profiles: BTreeMap<String, Entry>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Default for Document {
    fn default() -> Self {
        Self { version: 1, profiles: BTreeMap::new(), rest: Map::new() }
    }
}

/// The list, locked against other processes; [`save`](Self::save) writes the changes.
pub(crate) struct Registry {
    home: Home,
    document: Document,
    _lock: Lock,
}

/// The list as it is, for readers.
pub(crate) fn entries(home: &Home) -> Result<BTreeMap<String, Entry>> {
    let text = read_text(&path(home))?;
    Ok(text.and_then(|text| serde_json::from_str::<Document>(&text).ok()).unwrap_or_default().profiles)
}

/// Names of profiles whose settings lie in files, also of those that people made by hand.
pub(crate) fn names_of_files(home: &Home) -> Vec<String> {
    let folder = std::fs::read_dir(home.profiles()).into_iter().flatten().flatten();
    let name = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        // Others are the same profile as some other file.
        let is_one = name.parse::<Profile>().is_ok_and(|profile| profile.as_str() == name);
        (is_one && path.extension()? == "env").then_some(name)
    };
    folder.filter_map(|file| name(file.path())).collect()
}

impl Registry {
    /// Locks and reads the list. An unreadable one is put aside: it holds nothing that
    /// cannot be had again.
    pub(crate) async fn open(home: &Home) -> Result<Self> {
        home.prepare()?;
        let lock = take_lock(home).await?;
        let path = path(home);
        let document = match read_text(&path) {
            Ok(None) => Document::default(),
            Ok(Some(text)) => match serde_json::from_str(&text) {
                Ok(document) => document,
                Err(error) => put_aside(&path, &error.to_string())?,
            },
            Err(EmbedError::NotText(_)) => put_aside(&path, "not UTF-8")?,
            Err(error) => return Err(error),
        };
        Ok(Self { home: home.clone(), document, _lock: lock })
    }

    /// The entry of a profile, made now if it is new. Names that differ only by case would
    /// share their files on some systems.
    pub(crate) fn entry(&mut self, profile: &Profile) -> Result<&mut Entry> {
        let is_twin =
            |name: &String| name.eq_ignore_ascii_case(profile.as_str()) && *name != profile.as_str();
        if let Some(existing) = self.names().into_iter().find(is_twin) {
            return Err(EmbedError::NameTaken { wanted: profile.clone(), existing });
        }
        Ok(self.document.profiles.entry(profile.as_str().to_owned()).or_insert_with(|| {
            let now = now();
            Entry { created_at: now.clone(), last_used: now, ..Entry::default() }
        }))
    }

    /// All names there are.
    fn names(&self) -> BTreeSet<String> {
        let listed = self.document.profiles.keys().cloned();
        listed.chain(names_of_files(&self.home)).chain([Profile::default().to_string()]).collect()
    }

    /// Moves a port of an older version's list to the settings of its profile; true when
    /// both have to be written.
    pub(crate) fn move_port(&mut self, profile: &Profile, file: &mut EnvFile) -> Result<bool> {
        let Some(port) = self.document.profiles.get_mut(profile.as_str()).and_then(|entry| entry.port.take())
        else {
            return Ok(false);
        };
        if file.get(PORT_KEY).is_none_or(str::is_empty) {
            file.set(PORT_KEY, &port.to_string())?;
            self.entry(profile)?.found_port = Some(port);
        }
        Ok(true)
    }

    pub(crate) fn remove(&mut self, profile: &Profile) -> bool {
        self.document.profiles.remove(profile.as_str()).is_some()
    }

    /// Ports that other profiles chose or were promised.
    pub(crate) fn ports_of_others(&self, profile: &Profile) -> BTreeSet<u16> {
        let others = self.names().into_iter().filter(|name| name != profile.as_str());
        let named = others.filter_map(|name| {
            let other = name.parse::<Profile>().ok()?;
            // A file that cannot be read is a problem of that profile, not of this one.
            let chosen = EnvFile::read(&self.home.files(&other).config).ok();
            let chosen = chosen.and_then(|file| file.get(PORT_KEY)?.parse().ok());
            chosen.or(self.document.profiles.get(&name)?.port)
        });
        named.chain([crate::ports::DEFAULT_PORT]).collect()
    }

    /// Writes the list.
    pub(crate) fn save(&self) -> Result<()> {
        let mut text = serde_json::to_string_pretty(&self.document).unwrap_or_default();
        text.push('\n');
        write_private(&path(&self.home), text.as_bytes())
    }
}

/// Now, as the list writes times.
pub(crate) fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "for people; nothing is decided by it")]
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// A time of the list.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

fn path(home: &Home) -> PathBuf {
    home.profiles().join("metadata.json")
}

async fn take_lock(home: &Home) -> Result<Lock> {
    // A dot in front, which no profile's name has: a profile may be called `metadata`.
    let path = home.profiles().join(".metadata.lock");
    let deadline = tokio::time::Instant::now() + LOCK_TIMEOUT;
    for pause in pauses() {
        if let Some(lock) = Lock::try_take(&path)? {
            return Ok(lock);
        }
        if tokio::time::Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    let held = std::io::Error::new(std::io::ErrorKind::TimedOut, "another process holds it for too long");
    Err(held).doing("lock", &path)
}

fn put_aside(path: &std::path::Path, reason: &str) -> Result<Document> {
    let aside = path.with_extension("json.bak");
    std::fs::rename(path, &aside).doing("put aside", path)?;
    tracing::warn!(file = %aside.display(), reason, "the list of profiles could not be read; it was put aside");
    Ok(Document::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_of_many_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let home = home.clone();
                tokio::spawn(async move {
                    let mut registry = Registry::open(&home).await.unwrap();
                    let entry = registry.entry(&format!("p{number}").parse().unwrap()).unwrap();
                    entry.port = Some(9000 + number);
                    registry.save().unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let known = entries(&home).unwrap();
        assert_eq!(known.len(), 8);
        assert!(known.values().all(|entry| parse_time(&entry.created_at).is_some()));
        let registry = Registry::open(&home).await.unwrap();
        let ports = registry.ports_of_others(&"p3".parse().unwrap());
        assert!(ports.contains(&9000) && !ports.contains(&9003) && ports.contains(&8888));
    }

    #[tokio::test]
    async fn an_unreadable_list_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.prepare().unwrap();
        for content in [&b"{broken"[..], &[0xff, 0xfe]] {
            std::fs::write(path(&home), content).unwrap();
            let registry = Registry::open(&home).await.unwrap();
            assert!(registry.document.profiles.is_empty());
            assert_eq!(std::fs::read(path(&home).with_extension("json.bak")).unwrap(), content);
        }
    }

    #[tokio::test]
    async fn what_others_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.prepare().unwrap();
        let text = r#"{"version": 1, "profiles": {"old": {"created_at": "2025-01-01T00:00:00+00:00", "last_used": "", "port": 9001, "note": "x"}}, "more": 1}"#;
        std::fs::write(path(&home), text).unwrap();
        let mut registry = Registry::open(&home).await.unwrap();
        assert!(registry.ports_of_others(&"new".parse().unwrap()).contains(&9001));
        registry.entry(&"new".parse().unwrap()).unwrap();
        registry.save().unwrap();
        let text = std::fs::read_to_string(path(&home)).unwrap();
        assert!(text.contains("\"note\": \"x\"") && text.contains("\"more\": 1"), "{text}");
        let error = registry.entry(&"NEW".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("differs from 'new' only by case"), "{error}");
    }
}
