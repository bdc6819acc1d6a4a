//! What a database is doing.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hindsight_pg::{InstanceUrl, Instances, Layout, Options};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

/// Transactions that write, and have been for so many milliseconds.
const WRITES: &str = "select count(*) from pg_stat_activity where backend_xid is not null
    and clock_timestamp() - xact_start >= $1 * interval '1 millisecond'";

/// Clients' connections, and those of them that are not idle.
const CONNECTIONS: &str = "select count(*), count(*) filter (where state is distinct from 'idle')
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";

/// Waits until a transaction of an embedded instance of a home folder has been writing for as
/// long as `age`; fails when there is none within `patience`.
pub async fn wait_for_write(home: &Path, name: &str, age: Duration, patience: Duration) -> Result<()> {
    let mut connection = connect(home, name).await?;
    let awaited = async {
        loop {
            let writes: i64 =
                sqlx::query_scalar(WRITES).bind(age.as_secs_f64() * 1e3).fetch_one(&mut connection).await?;
            if writes > 0 {
                return Ok(());
            }
        }
    };
    let waited = tokio::time::timeout(patience, awaited).await;
    waited.with_context(|| format!("nobody wrote for {age:?} within {} s", patience.as_secs()))?
}

/// Connections of clients to a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// All that are open, but for the one that counts.
    pub open: i64,
    /// Those that work or are inside a transaction.
    pub busy: i64,
}

/// Counts the connections to an embedded instance of a home folder.
pub async fn connections(home: &Path, name: &str) -> Result<Connections> {
    let mut connection = connect(home, name).await?;
    let (open, busy) = sqlx::query_as(CONNECTIONS).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(Connections { open, busy })
}

async fn connect(home: &Path, name: &str) -> Result<PgConnection> {
    let instances = Instances::new(Layout::new(home), Options { fetch: false, ..Options::default() });
    let running = instances.start(&InstanceUrl::named(name)?).await?;
    let options: PgConnectOptions = running.connection.url().parse().context("the URL of the database")?;
    options.connect().await.context("cannot connect")
}

/// Files of the log that a database has ready, at most.
const LOG_FILES: usize = 500;

/// Makes the database behind `url` begin new files of its log until it cannot: PostgreSQL ends
/// then. For a database whose disk is full and that still lives on the files it has.
pub async fn use_up_log(url: &str) -> Result<()> {
    let options: PgConnectOptions = url.parse().context("the URL of the database")?;
    let mut connection = options.connect().await.context("cannot connect")?;
    for _ in 0..LOG_FILES {
        // A file is only left when there is something in it.
        let written = sqlx::query("select pg_logical_emit_message(true, 'testkit', 'full')");
        let begun = sqlx::query("select pg_switch_wal()");
        if written.execute(&mut connection).await.is_err() || begun.execute(&mut connection).await.is_err() {
            return Ok(());
        }
    }
    bail!("{LOG_FILES} files of the log found room")
}
