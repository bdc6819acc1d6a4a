//! Database URLs: an embedded instance or a server elsewhere.
//!
//! Passwords never leave this module through `Debug` or `Display`, and error messages
//! never repeat a URL.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Name of the instance, the user and the database where a URL names none.
pub(crate) const DEFAULT_NAME: &str = "hindsight";

const EXTERNAL_SCHEMES: [&str; 4] =
    ["postgresql://", "postgres://", "postgresql+asyncpg://", "postgres+asyncpg://"];

/// Settings the instance decides itself; the URL has other words for some of them.
const MANAGED_SETTINGS: [&str; 8] = [
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "logging_collector",
    "port",
    "unix_socket_directories",
];

/// Where the memories are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An instance managed by this crate.
    Embedded(InstanceUrl),
    /// A server that somebody else runs.
    External(ExternalUrl),
}

/// An embedded instance: `pg0`, `pg0://NAME`, `pg0://USER:PASSWORD@NAME:PORT?setting=value`.
#[derive(Clone, PartialEq, Eq)]
pub struct InstanceUrl {
    /// Name of the instance, which is the name of its folder.
    pub name: String,
    /// TCP port on the loopback interface; none means a unix socket only.
    pub port: Option<u16>,
    /// Superuser to connect as; none means the one the instance was made with.
    pub user: Option<String>,
    /// Password of the user; none means the instance's own, random one.
    pub password: Option<String>,
    /// Settings as in `postgresql.conf`, in the order given; the last of a name wins.
    pub settings: Vec<(String, String)>,
}

/// The URL of an external server, ready for a PostgreSQL client.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalUrl(String);

/// Why a text is not a database URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The scheme is unknown.
    #[error("unknown database URL; use pg0, pg0://NAME or postgresql://USER:PASSWORD@HOST/DATABASE")]
    Scheme,
    /// The instance's name cannot be the name of a folder.
    #[error(
        "an instance's name has at most 100 letters, digits, dots, dashes and underscores and starts with a letter or digit"
    )]
    Name,
    /// The port is no number between 1 and 65535.
    #[error("the port of an instance is a number between 1 and 65535")]
    Port,
    /// User or password cannot be used.
    #[error(
        "user and password of an instance must not be empty, contain control characters or start with pg_"
    )]
    Credentials,
    /// A setting is not of the form `name=value`.
    #[error("`{0}` is not a PostgreSQL setting; write name=value with a name as in postgresql.conf")]
    Setting(String),
    /// A setting that the instance decides itself.
    #[error("`{0}` cannot be set in the URL of an embedded instance; the port is written pg0://NAME:PORT")]
    Managed(String),
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if let Some(rest) = EXTERNAL_SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
            return Ok(Self::External(ExternalUrl::from_rest(rest)));
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let authority = match base.strip_prefix("pg0") {
            Some("") => "",
            Some(rest) => rest.strip_prefix("://").ok_or(UrlError::Scheme)?,
            None => return Err(UrlError::Scheme),
        };
        InstanceUrl::from_parts(authority.trim_end_matches('/'), query).map(Self::Embedded)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(url) => url.fmt(f),
            Self::External(url) => url.fmt(f),
        }
    }
}

impl InstanceUrl {
    /// The instance of that name with everything else left to the defaults.
    pub fn named(name: &str) -> Result<Self, UrlError> {
        let mut characters = name.chars();
        let valid = name.len() <= 100
            && characters.next().is_some_and(char::is_alphanumeric)
            && characters.all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if !valid {
            return Err(UrlError::Name);
        }
        Ok(Self { name: name.to_owned(), port: None, user: None, password: None, settings: Vec::new() })
    }

    fn from_parts(authority: &str, query: &str) -> Result<Self, UrlError> {
        // The last `@` separates, so that a password may hold one; nothing is decoded.
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority),
        };
        let (name, port) = match place.rsplit_once(':') {
            Some((name, port)) => (name, Some(parse_port(port)?)),
            None => (place, None),
        };
        let mut url = Self::named(if name.is_empty() { DEFAULT_NAME } else { name })?;
        url.port = port;
        if let Some(credentials) = credentials {
            let (user, password) = match credentials.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (credentials, None),
            };
            // A name of more than 63 bytes would be cut, one starting with pg_ is refused.
            if user.len() > 63 || user.starts_with("pg_") {
                return Err(UrlError::Credentials);
            }
            url.user = Some(usable(user)?);
            url.password = password.map(usable).transpose()?;
        }
        url.settings = parse_settings(query)?;
        Ok(url)
    }
}

fn usable(text: &str) -> Result<String, UrlError> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(UrlError::Credentials);
    }
    Ok(text.to_owned())
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(UrlError::Port),
    }
}

fn parse_settings(query: &str) -> Result<Vec<(String, String)>, UrlError> {
    query.split('&').filter(|pair| !pair.is_empty()).map(parse_setting).collect()
}

fn parse_setting(pair: &str) -> Result<(String, String), UrlError> {
    let (name, value) = pair.split_once('=').ok_or_else(|| UrlError::Setting(pair.to_owned()))?;
    let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        && !value.chars().any(char::is_control);
    if !valid {
        return Err(UrlError::Setting(name.to_owned()));
    }
    let name = name.to_ascii_lowercase();
    if MANAGED_SETTINGS.contains(&name.as_str()) {
        return Err(UrlError::Managed(name));
    }
    Ok((name, value))
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pg0://")?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if self.password.is_some() {
                f.write_str(":***")?;
            }
            f.write_str("@")?;
        }
        f.write_str(&self.name)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for (index, (name, value)) in self.settings.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceUrl({self})")
    }
}

impl ExternalUrl {
    /// `rest` is what follows the scheme. Only the name of one query parameter is
    /// changed; the rest stays byte for byte, whatever encoding its writer chose.
    fn from_rest(rest: &str) -> Self {
        let mut url = String::from("postgresql://");
        let (base, query) = rest.split_once('?').map_or((rest, None), |(base, query)| (base, Some(query)));
        url.push_str(base);
        let mut separator = '?';
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            url.push(separator);
            separator = '&';
            match pair.strip_prefix("ssl=") {
                Some(mode) => url.extend(["sslmode=", mode]),
                None => url.push_str(pair),
            }
        }
        Self(url)
    }

    /// The URL with its password, for a PostgreSQL client.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.strip_prefix("postgresql://").unwrap_or_default();
        f.write_str("postgresql://")?;
        // Passwords may hold unencoded `/`, `?` and `@`: hide up to the last `@` rather than too little.
        let rest = match rest.rsplit_once('@') {
            Some((credentials, rest)) => {
                match credentials.split_once(':') {
                    Some((user, _)) => write!(f, "{user}:***@")?,
                    None => write!(f, "{credentials}@")?,
                }
                rest
            }
            None => rest,
        };
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        f.write_str(base)?;
        let mut separator = '?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((name @ ("password" | "sslpassword"), _)) => write!(f, "{separator}{name}=***")?,
                _ => write!(f, "{separator}{pair}")?,
            }
            separator = '&';
        }
        Ok(())
    }
}

impl fmt::Debug for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalUrl({self})")
    }
}
