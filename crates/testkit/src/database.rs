//! A database for one test.

use std::net::SocketAddr;
use std::str::FromStr;

use hindsight_pg::Address;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::proxy::FaultProxy;
use crate::steward::{Content, Steward};

/// Schemas of the tables and of the extensions.
pub(crate) const SEARCH_PATH: &str = "hindsight,public";

/// Connections of one pool.
const POOL_SIZE: u32 = 8;

/// A database of its own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// Its URL as a user would write it: it names no schema.
    pub url: String,
    name: String,
    steward: &'static Steward,
}

impl TestDatabase {
    /// A database with the extensions and all migrations, without rows.
    ///
    /// # Panics
    ///
    /// When there is no PostgreSQL; the message says why.
    pub async fn create() -> Self {
        Self::with(Content::Migrated).await
    }

    /// A database without anything, for tests of what makes the schema.
    ///
    /// # Panics
    ///
    /// When there is no PostgreSQL; the message says why.
    pub async fn create_empty() -> Self {
        Self::with(Content::Nothing).await
    }

    #[expect(clippy::panic, reason = "a test without a database has failed, and this says why")]
    async fn with(content: Content) -> Self {
        let created = async {
            let steward =
                tokio::task::spawn_blocking(Steward::of_process).await?.map_err(anyhow::Error::msg)?;
            anyhow::Ok((steward, steward.create(content).await?))
        };
        match created.await {
            Ok((steward, name)) => {
                let url = steward.connection.clone().with_database(&name).url();
                Self { url, name, steward }
            }
            Err(error) => panic!("{error:#}"),
        }
    }

    /// The URL with the search path of the schema, for tools that take only a URL.
    pub fn url_with_search_path(&self) -> String {
        format!("{}?options=-csearch_path%3D{}", self.url, SEARCH_PATH.replace(',', "%2C"))
    }

    /// A link to the database that can be made slow, cut or taken away, and the URL that
    /// leads over it.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[expect(clippy::panic, reason = "a test without its link has failed, and this says why")]
    pub async fn behind_proxy(&self) -> (FaultProxy, String) {
        let mut connection = self.steward.connection.clone().with_database(&self.name);
        let proxy = match &connection.address {
            Address::Socket(folder) => {
                FaultProxy::unix(folder.join(format!(".s.PGSQL.{}", connection.port))).await
            }
            Address::Tcp(host) => match host.parse() {
                Ok(host) => FaultProxy::tcp(SocketAddr::new(host, connection.port)).await,
                Err(error) => Err(std::io::Error::other(error)),
            },
        };
        let proxy = proxy.unwrap_or_else(|error| panic!("no link to the database: {error}"));
        connection.address = Address::Tcp(proxy.address().ip().to_string());
        connection.port = proxy.address().port();
        (proxy, connection.url())
    }

    /// A new pool whose connections find the tables. Connects when it is first used.
    ///
    /// # Panics
    ///
    /// Never: the URL is this crate's own.
    #[expect(clippy::expect_used, reason = "the URL was used to create the database")]
    pub fn pool(&self) -> PgPool {
        let options = PgConnectOptions::from_str(&self.url)
            .expect("the URL of a database that was just created")
            .options([("search_path", SEARCH_PATH)]);
        PgPoolOptions::new().max_connections(POOL_SIZE).connect_lazy_with(options)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.steward.discard(std::mem::take(&mut self.name));
    }
}
