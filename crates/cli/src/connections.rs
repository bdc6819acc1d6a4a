//! Servers that commands talk to: named for one call, in the environment, or saved.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hindsight_client::{Client, ClientOptions};
use hindsight_embed_daemon::{create_private_dir, write_private};
use serde::{Deserialize, Serialize};

use crate::config::Environment;

/// Where a server is looked for that nobody names.
const DEFAULT_URL: &str = "http://localhost:8888";
/// Longest name of a connection, in bytes.
const NAME_MAX_BYTES: usize = 64;

/// How to reach a server, as it is saved.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// Address.
    pub(crate) api_url: Option<String>,
    /// Key.
    pub(crate) api_key: Option<String>,
}

/// The saved connections of one user.
pub(crate) struct Connections {
    folder: PathBuf,
}

impl Connections {
    /// Those below `~/.hindsight`; nothing is touched yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The one that is used when none is named.
    fn unnamed(&self) -> PathBuf {
        self.folder.join("config")
    }

    fn named(&self) -> PathBuf {
        self.folder.join("cli-profiles")
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        let is_safe = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '\\');
        if name.is_empty()
            || name.len() > NAME_MAX_BYTES
            || name.starts_with('.')
            || !name.chars().all(is_safe)
        {
            bail!(
                "'{name}' cannot name a connection: use up to {NAME_MAX_BYTES} letters, digits and signs, no slash, no space, no dot in front"
            );
        }
        Ok(self.named().join(format!("{name}.toml")))
    }

    fn read(path: &Path) -> Result<Option<Connection>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        // The parser's message would quote the line, which may hold the key.
        let parsed = toml::from_str(&text).ok();
        parsed.map(Some).with_context(|| {
            format!(r#"{} is broken: it holds lines like api_url = "http://localhost:8888""#, path.display())
        })
    }

    fn write(&self, path: &Path, connection: &Connection) -> Result<()> {
        // An address or key that no client takes is refused now, not at the first use.
        connection.client()?;
        create_private_dir(&self.folder)?;
        create_private_dir(&self.named())?;
        write_private(path, toml::to_string(connection)?.as_bytes())?;
        Ok(())
    }

    /// Saves the connection to use when none is named. What is not given stays as it is saved,
    /// but no key goes on to another server.
    pub(crate) fn configure(&self, given: Connection) -> Result<(PathBuf, Connection)> {
        let path = self.unnamed();
        let saved = Self::read(&path)?.unwrap_or_default();
        let is_same = given.api_url.is_none() || given.api_url == saved.api_url;
        let connection = Connection {
            api_url: given.api_url.or(saved.api_url),
            api_key: given.api_key.or(saved.api_key.filter(|_| is_same)),
        };
        self.write(&path, &connection)?;
        Ok((path, connection))
    }

    /// Saves a connection under a name that is new.
    pub(crate) fn create(&self, name: &str, connection: &Connection) -> Result<PathBuf> {
        let path = self.file(name)?;
        if path.exists() {
            bail!("there is a connection '{name}' already: delete it first");
        }
        self.write(&path, connection)?;
        Ok(path)
    }

    /// The connection of that name.
    pub(crate) fn show(&self, name: &str) -> Result<Connection> {
        Self::read(&self.file(name)?)?
            .with_context(|| format!("there is no connection '{name}': see `hindsight profile list`"))
    }

    /// All connections that can be read, by name.
    pub(crate) fn list(&self) -> Result<BTreeMap<String, Connection>> {
        let entries = match fs::read_dir(self.named()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", self.named().display()));
            }
        };
        let mut found = BTreeMap::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.extension().is_some_and(|extension| extension == "toml")
                && let Some(connection) = Self::read(&path)?
            {
                found.insert(name, connection);
            }
        }
        Ok(found)
    }

    /// Forgets a connection.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.file(name)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("there is no connection '{name}': see `hindsight profile list`")
            }
            removed => removed.with_context(|| format!("cannot delete connection '{name}'")),
        }
    }

    /// What a call uses: what `given` says for this call, else the environment, else the
    /// saved connection `name`, else the saved one without a name, else this machine.
    ///
    /// The key of a saved connection goes to its own server only.
    pub(crate) fn resolve(
        &self,
        given: Connection,
        name: Option<&str>,
        environment: &Environment,
    ) -> Result<Connection> {
        let url = given.api_url.or_else(|| environment.url.clone());
        let key = given.api_key.or_else(|| environment.api_key.clone());
        let saved = match name {
            _ if url.is_some() => None,
            Some(name) => Some(self.show(name)?),
            None => Self::read(&self.unnamed())?,
        };
        let saved = saved.unwrap_or_default();
        Ok(Connection { api_url: url.or(saved.api_url), api_key: key.or(saved.api_key) })
    }
}

impl Connection {
    /// A client of the server.
    pub(crate) fn client(&self) -> Result<Client, hindsight_client::ClientError> {
        let options = ClientOptions { api_key: self.api_key.clone(), ..ClientOptions::default() };
        Client::with_options(self.api_url.as_deref().unwrap_or(DEFAULT_URL), &options)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn connection(url: &str, key: &str) -> Connection {
        Connection {
            api_url: (!url.is_empty()).then(|| url.to_owned()),
            api_key: (!key.is_empty()).then(|| key.to_owned()),
        }
    }

    fn environment(url: &str, key: &str) -> Environment {
        let Connection { api_url, api_key } = connection(url, key);
        Environment { url: api_url, api_key, ..Environment::default() }
    }

    fn resolved(
        connections: &Connections,
        given: Connection,
        name: Option<&str>,
        environment: &Environment,
    ) -> (String, String) {
        let found = connections.resolve(given, name, environment).unwrap();
        (found.api_url.unwrap_or_default(), found.api_key.unwrap_or_default())
    }

    #[test]
    fn the_call_wins_then_the_environment_then_what_is_saved() {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::new(folder.path().join(".hindsight"));
        let pair = |url: &str, key: &str| (url.to_owned(), key.to_owned());
        let (nothing, none) = (connection("", ""), environment("", ""));
        assert_eq!(resolved(&connections, nothing.clone(), None, &none), pair("", ""));
        connections.configure(connection("http://file", "f")).unwrap();
        connections.create("work", &connection("http://work", "w")).unwrap();
        assert_eq!(resolved(&connections, nothing.clone(), None, &none), pair("http://file", "f"));
        assert_eq!(resolved(&connections, nothing.clone(), Some("work"), &none), pair("http://work", "w"));
        let key_only = environment("", "e");
        assert_eq!(
            resolved(&connections, nothing.clone(), Some("work"), &key_only),
            pair("http://work", "e")
        );
        let url_only = environment("http://env", "");
        assert_eq!(resolved(&connections, nothing, Some("work"), &url_only), pair("http://env", ""));
        let given = connection("http://here", "");
        assert_eq!(resolved(&connections, given, Some("work"), &url_only), pair("http://here", ""));
    }

    #[test]
    fn what_is_not_given_stays_and_no_key_goes_to_another_server() {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::new(folder.path().to_owned());
        let configure = |url: &str, key: &str| {
            let (_, saved) = connections.configure(connection(url, key)).unwrap();
            assert!(Connections::read(&connections.unnamed()).unwrap() == Some(saved.clone()));
            (saved.api_url.unwrap_or_default(), saved.api_key.unwrap_or_default())
        };
        let pair = |url: &str, key: &str| (url.to_owned(), key.to_owned());
        assert_eq!(configure("", "k"), pair("", "k"));
        assert_eq!(configure("http://one", ""), pair("http://one", ""));
        assert_eq!(configure("", "one"), pair("http://one", "one"));
        assert_eq!(configure("http://one", ""), pair("http://one", "one"));
        assert_eq!(configure("http://two", ""), pair("http://two", ""));
        assert_eq!(configure("http://three", "three"), pair("http://three", "three"));
    }

    #[test]
    fn files_are_private_and_no_name_leads_out_of_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::new(folder.path().to_owned());
        let path = connections.create("work", &connection("https://host", "secret \"key\"")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(connections.show("work").unwrap().api_key.as_deref(), Some("secret \"key\""));
        for name in ["../x", "a/b", ".x", "", "a b", "a\nb", &"n".repeat(65)] {
            let error = connections.create(name, &connection("http://host", "")).unwrap_err().to_string();
            assert!(error.contains("cannot name a connection"), "{name}: {error}");
        }
        assert!(connections.create("work", &connection("http://host", "")).is_err(), "it is there already");
        assert!(connections.create("new", &connection("host:1", "")).is_err(), "that is no address");
        assert_eq!(connections.list().unwrap().into_keys().collect::<Vec<_>>(), ["work"]);
        connections.delete("work").unwrap();
        assert!(connections.delete("work").is_err() && connections.show("work").is_err());
    }

    #[test]
    fn a_broken_file_is_named_without_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::new(folder.path().to_owned());
        fs::write(folder.path().join("config"), "api_key = secret").unwrap();
        let error = connections.resolve(connection("", ""), None, &environment("", "")).err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains("config is broken") && !error.contains("secret"), "{error}");
    }
}
