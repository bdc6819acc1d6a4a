//! Opening the database: connection settings, checks, schema.

use std::time::Duration;

use hindsight_migrations::MIGRATOR;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tracing::log::LevelFilter;

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
    /// PostgreSQL schema that holds our tables.
    pub schema: String,
    /// Connections of each of the two pools.
    pub max_connections: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// What words are stemmed by; constant for the life of a database.
    pub language: Language,
}

impl Store {
    /// Connects, checks that the database is one Hindsight can use, and brings its schema
    /// up to date. Processes that start together take turns.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        dynamic::check_schema_name(&options.schema)?;
        let base = connect_options(options)?;
        let mut connection = reach(&base, options.acquire_timeout).await?;
        prepare(&mut connection, &options.schema).await?;
        connection.close().await?;

        let pool = |connect: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(options.max_connections)
                .acquire_timeout(options.acquire_timeout)
                .connect_lazy_with(connect)
        };
        // Recall is built on index scans; a bitmap plan was measured a third slower, and
        // a plan made anew for each query costs more than it gains.
        let recall = base.clone().options([
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            // What recall reads is in memory: without this the covering index loses to the table.
            ("random_page_cost", "1.1"),
            // To start workers costs more than they save here.
            ("max_parallel_workers_per_gather", "0"),
            ("plan_cache_mode", "force_generic_plan"),
        ]);
        let store = Self { pool: pool(base), recall_pool: pool(recall), language: options.language };
        store.claim_text_analysis(options.language).await?;
        Ok(store)
    }
}

fn connect_options(options: &StoreOptions) -> Result<PgConnectOptions, StoreError> {
    let parsed: PgConnectOptions = options
        .url
        .parse()
        .map_err(|error| StoreError::BadOptions(format!("the database URL is not usable: {error}")))?;
    Ok(parsed
        .application_name("hindsight")
        .options([("search_path", format!("\"{}\",public", options.schema).as_str()), ("jit", "off")])
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(2)))
}

async fn reach(options: &PgConnectOptions, deadline: Duration) -> Result<PgConnection, StoreError> {
    let unreachable = |reason: String| StoreError::Unreachable {
        address: match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        },
        reason,
    };
    match tokio::time::timeout(deadline, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer within {} s", deadline.as_secs()))),
    }
}

async fn prepare(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    check_server(connection).await?;
    if sqlx::query_scalar!(
        r#"select exists(select 1 from information_schema.tables
           where table_schema = $1 and table_name = 'alembic_version') as "found!""#,
        schema
    )
    .fetch_one(&mut *connection)
    .await?
    {
        return Err(StoreError::ForeignSchema(schema.to_owned()));
    }
    dynamic::create_schema(connection, schema).await?;
    // Not `run`: its future cannot be shown to be Send where it is spawned.
    MIGRATOR.run_direct(None, connection, false).await?;
    Ok(())
}

async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
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
