//! The one thread of a test process that creates and drops its databases.
//!
//! Advisory locks in the maintenance database say what is in use: every process holds one
//! on the template it clones and one on its own number, which is part of the names of its
//! databases. PostgreSQL releases them when the process ends in whatever way, and the
//! next process drops what nobody holds.

use std::fmt;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use hindsight_migrations::MIGRATOR;
use hindsight_pg::Connection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres, QueryBuilder};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::database::SEARCH_PATH;

/// Held while templates are made and old databases dropped.
const MAINTENANCE: i64 = 0x6869_6e64;

/// A PostgreSQL of the system may come without its contrib modules.
const TRIGRAMS: &str = "DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION pg_trgm SCHEMA public;
    END IF;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'btree_gin') THEN
        CREATE EXTENSION btree_gin SCHEMA public;
    END IF;
END $$";

const TEMPLATE: &str = "template_";
const CLONE: &str = "test_";

/// What a new database starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Migrated,
    Nothing,
}

enum Order {
    Create(Content, oneshot::Sender<anyhow::Result<String>>),
    Drop(String),
}

/// Takes orders for databases.
pub(crate) struct Steward {
    /// To the maintenance database.
    pub(crate) connection: Connection,
    orders: mpsc::UnboundedSender<Order>,
}

impl Steward {
    /// The steward of this process, engaged at the first call, which blocks.
    pub(crate) fn of_process() -> Result<&'static Self, &'static str> {
        static STEWARD: OnceLock<Result<Steward, String>> = OnceLock::new();
        let steward = STEWARD.get_or_init(|| Self::engage().map_err(|error| format!("{error:#}")));
        steward.as_ref().map_err(String::as_str)
    }

    fn engage() -> anyhow::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (ready, engaged) = std::sync::mpsc::channel();
        // A runtime of its own: those of the tests end with each test.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("testkit".to_owned()).spawn(move || {
            runtime.block_on(async {
                match Office::open().await {
                    Ok(mut office) => {
                        let _ = ready.send(Ok(office.cluster.connection.clone()));
                        office.serve(inbox).await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        })?;
        let connection = engaged.recv().context("the thread for databases ended")??;
        Ok(Self { connection, orders })
    }

    /// Creates a database; its name.
    pub(crate) async fn create(&self, content: Content) -> anyhow::Result<String> {
        let (reply, answer) = oneshot::channel();
        let gone = || anyhow!("the thread for databases ended");
        self.orders.send(Order::Create(content, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Drops a database soon.
    pub(crate) fn discard(&self, database: String) {
        // Without the thread the next process drops it.
        let _ = self.orders.send(Order::Drop(database));
    }
}

/// The thread's side.
struct Office {
    cluster: Cluster,
    maintenance: PgConnection,
    template: String,
    own: i64,
    created: u64,
}

impl Office {
    async fn open() -> anyhow::Result<Self> {
        let cluster = Cluster::join().await?;
        let mut maintenance = PgConnection::connect(&cluster.connection.url()).await?;
        let own = random_key();
        let migrations = migrations_key();
        let template = format!("{TEMPLATE}{migrations:016x}");
        maintenance.execute("SET client_min_messages = warning").await?;
        lock(&mut maintenance, MAINTENANCE).await?;
        lock(&mut maintenance, own).await?;
        sqlx::query("SELECT pg_advisory_lock_shared($1)").bind(migrations).execute(&mut maintenance).await?;
        let mut office = Self { cluster, maintenance, template, own, created: 0 };
        office.drop_unused().await?;
        office.make_template().await?;
        unlock(&mut office.maintenance, MAINTENANCE).await?;
        Ok(office)
    }

    async fn serve(&mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Create(content, reply) => {
                    let created = self.create(content).await;
                    // A test that ended meanwhile left a database for the next process to drop.
                    let _ = reply.send(created);
                }
                Order::Drop(database) => {
                    let _ = self.run(&["DROP DATABASE IF EXISTS ", &database, " WITH (FORCE)"]).await;
                }
            }
        }
    }

    async fn create(&mut self, content: Content) -> anyhow::Result<String> {
        self.created += 1;
        let name = format!("{CLONE}{:016x}_{}", self.own, self.created);
        let template = match content {
            Content::Migrated => self.template.clone(),
            Content::Nothing => "template0".to_owned(),
        };
        self.run(&["CREATE DATABASE ", &name, " TEMPLATE ", &template, " STRATEGY file_copy"])
            .await
            .context("cannot create a database for a test")?;
        Ok(name)
    }

    /// Makes the template under another name first: one that exists is complete.
    async fn make_template(&mut self) -> anyhow::Result<()> {
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&self.template)
            .fetch_one(&mut self.maintenance)
            .await?;
        if exists {
            return Ok(());
        }
        let template = self.template.clone();
        let unfinished = format!("{template}_unfinished");
        self.run(&["DROP DATABASE IF EXISTS ", &unfinished, " WITH (FORCE)"]).await?;
        self.run(&["CREATE DATABASE ", &unfinished]).await?;
        let url = self.cluster.connection.clone().with_database(&unfinished).url();
        let options = url.parse::<PgConnectOptions>()?.options([("search_path", SEARCH_PATH)]);
        let mut connection = PgConnection::connect_with(&options).await?;
        connection.execute("CREATE SCHEMA hindsight").await?;
        connection.execute("CREATE EXTENSION vector SCHEMA public").await?;
        connection.execute(TRIGRAMS).await?;
        MIGRATOR.run(&mut connection).await.context("the migrations failed")?;
        connection.close().await?;
        self.run(&["ALTER DATABASE ", &unfinished, " RENAME TO ", &template]).await?;
        Ok(())
    }

    /// Drops the databases of processes that ended, and templates that nobody clones.
    async fn drop_unused(&mut self) -> anyhow::Result<()> {
        let names: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database ORDER BY datname")
            .fetch_all(&mut self.maintenance)
            .await?;
        for name in names {
            let Some(rest) = name.strip_prefix(TEMPLATE).or_else(|| name.strip_prefix(CLONE)) else {
                continue;
            };
            let owner = rest.split('_').next().unwrap_or_default();
            let Ok(owner) = u64::from_str_radix(owner, 16).map(u64::cast_signed) else { continue };
            if name == self.template || owner == self.own {
                continue;
            }
            let unused: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(owner)
                .fetch_one(&mut self.maintenance)
                .await?;
            if unused {
                self.run(&["DROP DATABASE IF EXISTS ", &name, " WITH (FORCE)"]).await?;
                unlock(&mut self.maintenance, owner).await?;
            }
        }
        Ok(())
    }

    /// Statements about databases take no parameters; the names are made here of letters,
    /// digits and underscores.
    async fn run(&mut self, parts: &[&str]) -> sqlx::Result<()> {
        let mut statement = QueryBuilder::<Postgres>::new("");
        for part in parts {
            statement.push(part);
        }
        statement.build().persistent(false).execute(&mut self.maintenance).await?;
        Ok(())
    }
}

impl fmt::Debug for Steward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steward").field("connection", &self.connection).finish_non_exhaustive()
    }
}

async fn lock(connection: &mut PgConnection, key: i64) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(key).execute(connection).await?;
    Ok(())
}

async fn unlock(connection: &mut PgConnection, key: i64) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(key).execute(connection).await?;
    Ok(())
}

fn random_key() -> i64 {
    Uuid::new_v4().as_u64_pair().0.cast_signed()
}

/// A number that changes with any migration.
fn migrations_key() -> i64 {
    let names = MIGRATOR.iter().flat_map(|migration| {
        migration.version.to_be_bytes().into_iter().chain(migration.checksum.iter().copied())
    });
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &names.collect::<Vec<u8>>()).as_u64_pair().0.cast_signed()
}
