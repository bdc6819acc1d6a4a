//! How a client reaches a running instance.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What may stand in a URL as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The folder of a unix socket.
    Socket(PathBuf),
    /// A host name or address.
    Tcp(String),
}

/// Everything a PostgreSQL client needs. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where the server listens.
    pub address: Address,
    /// Its port, which is part of the name of a socket too.
    pub port: u16,
    /// User, a superuser.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// Database.
    pub database: String,
}

impl Connection {
    /// As a URL that libpq, sqlx and their relatives take. It holds the password.
    pub fn url(&self) -> String {
        let host = match &self.address {
            Address::Socket(folder) => percent_encode(folder.as_os_str().as_bytes(), ENCODED).to_string(),
            Address::Tcp(host) => host.clone(),
        };
        let encode = |text: &str| percent_encode(text.as_bytes(), ENCODED).to_string();
        format!(
            "postgresql://{}:{}@{host}:{}/{}",
            encode(&self.user),
            encode(&self.password),
            self.port,
            encode(&self.database)
        )
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = database.into();
        self
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
