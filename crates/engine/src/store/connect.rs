//! Opening the database: connection settings, checks, schema.

use std::time::Duration;

use hindsight_migrations::MIGRATOR;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tracing::log::LevelFilter;

use super::session::SetUp;
use super::{Store, StoreError, dynamic};
use crate::text::terms::Language;

/// Oldest PostgreSQL that is known to work, as `server_version_num` has it.
const MIN_POSTGRES: i32 = 140_000;
/// Oldest pgvector: the first with iterative scans and a complete `halfvec`.
const MIN_PGVECTOR: (u32, u32) = (0, 8);

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `postgresql://…`
    pub url: String,
    /// A replica that recall asks instead; it may lag behind.
    pub read_url: Option<String>,
    /// The database by a way that is good for changes of the schema, as one around a pooler.
    pub migration_url: Option<String>,
    /// PostgreSQL schema that holds our tables.
    pub schema: String,
    /// Connections for everything but recall.
    pub pool: PoolSize,
    /// Connections for recall.
    pub recall_pool: PoolSize,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// Waits for a connection from this time on are told in the log.
    pub acquire_warning: Duration,
    /// How long a statement may take; zero = for ever. The database is told, and a little later
    /// the connection is given up. Changes of the schema may always.
    pub statement_timeout: Duration,
    /// Workers of PostgreSQL that may help with one statement, if not as many as it is set to.
    pub parallel_workers: Option<u32>,
    /// Whether connections belong to somebody else after every transaction, as behind a
    /// transaction pooler: each transaction then begins with its settings, and none are asked
    /// for when a connection is opened.
    pub set_up_transactions: bool,
    /// Whether the schema may be brought up to date; else it has to be.
    pub migrate: bool,
    /// What words are stemmed by; constant for the life of a database.
    pub language: Language,
}

/// How many connections a pool keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// Kept open even when nobody needs them.
    pub min: u32,
    /// Most at one time.
    pub max: u32,
}

impl StoreOptions {
    /// How to reach one database in a common way.
    pub fn new(url: impl Into<String>) -> Self {
        let size = PoolSize { min: 0, max: 20 };
        Self {
            url: url.into(),
            read_url: None,
            migration_url: None,
            schema: "hindsight".to_owned(),
            pool: size,
            recall_pool: size,
            acquire_timeout: Duration::from_secs(30),
            acquire_warning: Duration::from_secs(1),
            statement_timeout: Duration::from_mins(1),
            parallel_workers: None,
            set_up_transactions: false,
            migrate: true,
            language: Language::ENGLISH,
        }
    }

    /// What a connection of ours is set to.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("search_path", format!("\"{}\",public", self.schema)),
            ("jit", "off".to_owned()),
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
        ];
        if let Some(workers) = self.parallel_workers {
            parameters.push(("max_parallel_workers_per_gather", workers.to_string()));
        }
        parameters
    }

    /// What a connection for recall is set to: recall is built on index scans; a bitmap plan
    /// was measured a third slower, and a plan made anew for each query costs more than it
    /// gains.
    fn recall_parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = self.parameters();
        if self.parallel_workers.is_none() {
            // To start workers costs more than they save here.
            parameters.push(("max_parallel_workers_per_gather", "0".to_owned()));
        }
        parameters.extend(
            [
                ("enable_seqscan", "off"),
                ("enable_bitmapscan", "off"),
                // What recall reads is in memory: without this the covering index loses to the table.
                ("random_page_cost", "1.1"),
                // In kB: the rows of a broad recall, with their vectors, are sorted in memory.
                ("work_mem", "16384"),
                ("plan_cache_mode", "force_generic_plan"),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
        parameters
    }

    fn pool(&self, size: PoolSize, connect: PgConnectOptions) -> PgPool {
        PgPoolOptions::new()
            .min_connections(size.min)
            .max_connections(size.max)
            .acquire_timeout(self.acquire_timeout)
            .acquire_slow_threshold(self.acquire_warning)
            .connect_lazy_with(connect)
    }
}

/// One of the addresses that a store knows.
#[derive(Clone, Copy)]
struct Way {
    role: &'static str,
    variable: &'static str,
}

const MAIN: Way = Way { role: "the database", variable: "DATABASE_URL" };
const REPLICA: Way = Way { role: "the replica for recall", variable: "READ_DATABASE_URL" };
const DIRECT: Way =
    Way { role: "the database for changes of the schema", variable: "MIGRATION_DATABASE_URL" };

impl Store {
    /// Connects, checks that the database is one Hindsight can use, and brings its schema
    /// up to date. Processes that start together take turns.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        dynamic::check_schema_name(&options.schema)?;
        let (parameters, recall_parameters) = (options.parameters(), options.recall_parameters());
        let main = connect_options(&options.url, MAIN)?;
        let read = match &options.read_url {
            Some(url) => connect_options(url, REPLICA)?,
            None => main.clone(),
        };
        let search_path = || parameters.iter().take(1).map(|(name, value)| (*name, value.as_str()));
        let has_trigrams = match &options.migration_url {
            Some(url) => {
                let direct = connect_options(url, DIRECT)?.options(search_path());
                let has_trigrams = prepare(reach(&direct, DIRECT, options).await?, options).await?;
                reach(&main, MAIN, options).await?.close().await?;
                has_trigrams
            }
            None if options.set_up_transactions => {
                let mut connection = reach(&main, MAIN, options).await?;
                dynamic::set_search_path(&mut connection, &options.schema).await?;
                prepare(connection, options).await?
            }
            None => {
                let direct = main.clone().options(search_path());
                prepare(reach(&direct, MAIN, options).await?, options).await?
            }
        };
        if options.read_url.is_some() {
            reach(&read, REPLICA, options).await?.close().await?;
        }

        let start = |connect: PgConnectOptions, parameters: &[(&'static str, String)]| {
            if options.set_up_transactions { connect } else { connect.options(parameters.iter().cloned()) }
        };
        let store = Self {
            pool: options.pool(options.pool, start(main, &parameters)),
            recall_pool: options.pool(options.recall_pool, start(read, &recall_parameters)),
            language: options.language,
            has_trigrams,
            consolidation: None,
            statement_timeout: options.statement_timeout,
            set_up: options.set_up_transactions.then(|| SetUp::new(&parameters, &recall_parameters)),
        };
        store.claim_text_analysis(options.language).await?;
        Ok(store)
    }
}

fn connect_options(url: &str, Way { role, .. }: Way) -> Result<PgConnectOptions, StoreError> {
    let parsed: PgConnectOptions = url
        .parse()
        .map_err(|error| StoreError::BadOptions(format!("the URL of {role} is not usable: {error}")))?;
    Ok(parsed
        .application_name("hindsight")
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(2)))
}

async fn reach(
    connect: &PgConnectOptions,
    Way { role, variable }: Way,
    options: &StoreOptions,
) -> Result<PgConnection, StoreError> {
    let unreachable = |reason: String| StoreError::Unreachable {
        role,
        variable,
        address: match connect.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", connect.get_host(), connect.get_port()),
        },
        reason,
    };
    match tokio::time::timeout(options.acquire_timeout, connect.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer within {} s", options.acquire_timeout.as_secs()))),
    }
}

/// Checks the database and brings the schema up to date. Returns whether similar names can be
/// found by their trigrams.
async fn prepare(mut connection: PgConnection, options: &StoreOptions) -> Result<bool, StoreError> {
    let schema = &options.schema;
    check_server(&mut connection, options.migrate).await?;
    if sqlx::query_scalar!(
        r#"select exists(select 1 from information_schema.tables
           where table_schema = $1 and table_name = 'alembic_version') as "found!""#,
        schema
    )
    .fetch_one(&mut connection)
    .await?
    {
        return Err(StoreError::ForeignSchema(schema.clone()));
    }
    if options.migrate {
        dynamic::create_schema(&mut connection, schema).await?;
        // Not `run`: its future cannot be shown to be Send where it is spawned.
        MIGRATOR.run_direct(None, &mut connection, false).await?;
    } else {
        let applied = dynamic::applied_migrations(&mut connection, schema).await?;
        if MIGRATOR.iter().any(|migration| !applied.contains(&migration.version)) {
            return Err(StoreError::OldSchema(schema.clone()));
        }
    }
    let has_trigrams = prepare_trigrams(&mut connection, options.migrate).await?;
    connection.close().await?;
    Ok(has_trigrams)
}

/// Makes what finds similar names, where that is possible; a database may lack the extensions
/// or not let us create them.
async fn prepare_trigrams(connection: &mut PgConnection, may_create: bool) -> Result<bool, StoreError> {
    if may_create && !has_trigrams(connection).await? {
        dynamic::create_trigram_extensions(connection).await;
    }
    if !has_trigrams(connection).await? {
        tracing::warn!(
            "the database lacks the extensions pg_trgm and btree_gin: in banks with many names those are taken for one only when they are equal but for case"
        );
        return Ok(false);
    }
    if may_create {
        dynamic::create_trigram_index(connection).await?;
    }
    Ok(true)
}

async fn has_trigrams(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select count(*) = 2 as "found!" from pg_extension where extname in ('pg_trgm', 'btree_gin')"#
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

async fn check_server(connection: &mut PgConnection, may_create: bool) -> Result<(), StoreError> {
    let version = sqlx::query_scalar!(r#"select current_setting('server_version_num')::int as "version!""#)
        .fetch_one(&mut *connection)
        .await?;
    if version < MIN_POSTGRES {
        return Err(StoreError::Unsupported(format!(
            "the database is PostgreSQL {}; version 14 or newer is needed",
            version / 10_000
        )));
    }
    let installed = vector_version(connection).await?;
    let installed = match installed {
        Some(version) => Some(version),
        None if !may_create => None,
        None => {
            dynamic::create_vector_extension(connection).await?;
            vector_version(connection).await?
        }
    };
    let supported = installed.as_deref().and_then(parse_version).is_some_and(|found| found >= MIN_PGVECTOR);
    if supported {
        return Ok(());
    }
    Err(StoreError::Unsupported(format!(
        "the database has pgvector {}; version 0.8 or newer is needed (ALTER EXTENSION vector UPDATE)",
        installed.unwrap_or_else(|| "missing".to_owned())
    )))
}

async fn vector_version(connection: &mut PgConnection) -> Result<Option<String>, StoreError> {
    let version = sqlx::query_scalar!("select extversion from pg_extension where extname = 'vector'")
        .fetch_optional(connection)
        .await?;
    Ok(version)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(parse_version("0.10.1") >= Some(MIN_PGVECTOR));
        assert!(parse_version("0.8.5") >= Some(MIN_PGVECTOR));
        assert!(parse_version("0.7.4") < Some(MIN_PGVECTOR));
        assert_eq!(parse_version("unknown"), None);
    }
}
