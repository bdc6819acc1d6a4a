//! Connections for one use: as they come where they are ours, in a transaction that begins with
//! their settings where a pooler in between hands them out for one transaction only.
//!
//! Every statement has an end on this side too: the limit that the database is told is of no
//! use when the database, or the way to it, falls silent. A connection whose statement has not
//! come to its end, because its limit passed or its request was dropped, is closed and never
//! used again: whoever got it next might read answers that are another's, as after a `COPY`,
//! where the driver loses count of them.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, unfold};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTransactionManager, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr};
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout_at};

use super::{Store, StoreError, dynamic};

/// How much longer than the database itself a statement is waited for, so that one that is
/// only slow is ended by the database, and its connection lives on.
const GRACE: Duration = Duration::from_secs(1);

/// Settings that every transaction begins with.
#[derive(Clone, Debug)]
pub(super) struct SetUp {
    /// For everything but recall.
    general: Arc<str>,
    /// For recall.
    recall: Arc<str>,
}

impl SetUp {
    pub(super) fn new(general: &[(&str, String)], recall: &[(&str, String)]) -> Self {
        Self { general: set_local(general).into(), recall: set_local(recall).into() }
    }
}

/// Statements that set parameters until the transaction ends.
fn set_local(parameters: &[(&str, String)]) -> String {
    let mut batch = String::new();
    for (name, value) in parameters {
        // The value is a text; quotes in it are doubled. Writing to a text never fails.
        let _ = write!(batch, "; set local {name} to {value}");
    }
    batch
}

/// A connection for one statement or one transaction. Dropped before [`end`](Self::end), a
/// transaction is rolled back.
///
/// The driver has transactions of its own, but those do not let go of a connection that has to
/// be closed.
#[derive(Debug)]
pub(super) struct Session {
    connection: PoolConnection<Postgres>,
    watch: Watch,
}

impl Session {
    /// Takes a connection, waiting for a free one.
    async fn take(pool: &PgPool, statement_timeout: Duration) -> Result<Self, StoreError> {
        let limit = (!statement_timeout.is_zero()).then(|| statement_timeout.saturating_add(GRACE));
        Ok(Self { connection: pool.acquire().await?, watch: Watch { limit, is_busy: false } })
    }

    async fn begin(&mut self, how: SqlStr) -> Result<(), StoreError> {
        let (connection, watch) = self.parts();
        Ok(watch.run(PgTransactionManager::begin(connection, Some(how))).await?)
    }

    /// Ends the session; what was written counts from now on.
    pub(super) async fn end(mut self) -> Result<(), StoreError> {
        let (connection, watch) = self.parts();
        Ok(watch.run(PgTransactionManager::commit(connection)).await?)
    }

    /// The connection, and what every use of it goes through.
    pub(super) fn parts(&mut self) -> (&mut PgConnection, &mut Watch) {
        (&mut self.connection, &mut self.watch)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.watch.is_busy {
            self.connection.close_on_drop();
        } else {
            // Does nothing when no transaction is open.
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}

/// Looks after the statements of a connection.
#[derive(Debug)]
pub(super) struct Watch {
    /// How long a statement is waited for, if not for ever.
    limit: Option<Duration>,
    /// Whether a statement has begun and not come to its end.
    is_busy: bool,
}

impl Watch {
    /// Waits for work on the connection no longer than for one statement.
    pub(super) async fn run<T>(&mut self, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let deadline = self.begin();
        let done = within(deadline, work).await.and_then(|done| done);
        self.is_busy = done.as_ref().is_err_and(leaves_something_open);
        done
    }

    /// Says that a statement begins; when to give it up.
    fn begin(&mut self) -> Option<Instant> {
        self.is_busy = true;
        Instant::now().checked_add(self.limit?)
    }
}

/// Whether answers may still be to come after this error: not when the database has told it.
fn leaves_something_open(error: &sqlx::Error) -> bool {
    !matches!(error, sqlx::Error::Database(_) | sqlx::Error::RowNotFound)
}

async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> sqlx::Result<T> {
    match deadline {
        None => Ok(work.await),
        Some(deadline) => timeout_at(deadline, work).await.map_err(|_| Silence::error()),
    }
}

/// The database did not answer in time. Travels as an error of the driver.
#[derive(Debug)]
struct Silence;

impl Silence {
    fn error() -> sqlx::Error {
        sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, Self))
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer within the time of a statement")
    }
}

impl std::error::Error for Silence {}

/// Whether a statement was given up because the database did not answer in time.
pub(super) fn is_silence(error: &sqlx::Error) -> bool {
    let sqlx::Error::Io(error) = error else { return false };
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Silence>)
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, watch) = self.parts();
        let deadline = watch.begin();
        let rows = connection.fetch_many(query);
        Box::pin(unfold(Some((rows, watch)), move |state| async move {
            let (mut rows, watch) = state?;
            match within(deadline, rows.next()).await {
                Ok(Some(Ok(row))) => Some((Ok(row), Some((rows, watch)))),
                Ok(None) => {
                    watch.is_busy = false;
                    None
                }
                Ok(Some(Err(error))) | Err(error) => {
                    watch.is_busy = leaves_something_open(&error);
                    Some((Err(error), None))
                }
            }
        }))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, watch) = self.parts();
        Box::pin(watch.run(connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        let (connection, watch) = self.parts();
        Box::pin(watch.run(connection.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'c: 'e,
    {
        let (connection, watch) = self.parts();
        Box::pin(watch.run(connection.describe(sql)))
    }
}

impl Store {
    /// A connection for one statement that reads, or that writes and is ended afterwards.
    pub(super) async fn session(&self) -> Result<Session, StoreError> {
        if self.set_up.is_some() {
            return self.begin().await;
        }
        Session::take(&self.pool, self.statement_timeout).await
    }

    /// A transaction.
    pub(super) async fn begin(&self) -> Result<Session, StoreError> {
        let set_up = self.set_up.as_ref().map(|set_up| &*set_up.general);
        self.begin_with(&self.pool, "begin", set_up).await
    }

    /// A transaction that sees one state of the database, for recall.
    pub(super) async fn begin_recall(&self) -> Result<Session, StoreError> {
        let how = "begin transaction isolation level repeatable read, read only";
        let set_up = self.set_up.as_ref().map(|set_up| &*set_up.recall);
        self.begin_with(&self.recall_pool, how, set_up).await
    }

    /// The same over the database that is written to.
    pub(super) async fn begin_current(&self) -> Result<Session, StoreError> {
        let how = "begin transaction isolation level repeatable read, read only";
        let set_up = self.set_up.as_ref().map(|set_up| &*set_up.general);
        self.begin_with(&self.pool, how, set_up).await
    }

    async fn begin_with(
        &self,
        pool: &PgPool,
        how: &'static str,
        set_up: Option<&str>,
    ) -> Result<Session, StoreError> {
        let mut session = Session::take(pool, self.statement_timeout).await?;
        session.begin(dynamic::batch(how, set_up.unwrap_or_default())).await?;
        Ok(session)
    }
}
