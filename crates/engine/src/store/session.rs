//! Connections for one use: as they come where they are ours, in a transaction that begins with
//! their settings where a pooler in between hands them out for one transaction only.

use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};

use super::{Store, StoreError, dynamic};

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

/// A connection for one statement.
pub(super) enum Session {
    /// Ours for as long as the pool keeps it.
    Lasting(PoolConnection<Postgres>),
    /// Somebody else's after the transaction.
    Borrowed(Transaction<'static, Postgres>),
}

impl Session {
    /// Ends the session; what was written counts from now on.
    pub(super) async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Lasting(_) => Ok(()),
            Self::Borrowed(transaction) => Ok(transaction.commit().await?),
        }
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Lasting(connection) => connection,
            Self::Borrowed(transaction) => transaction,
        }
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Lasting(connection) => connection,
            Self::Borrowed(transaction) => transaction,
        }
    }
}

impl Store {
    /// A connection for one statement that reads, or that writes and is ended afterwards.
    pub(super) async fn session(&self) -> Result<Session, StoreError> {
        if self.set_up.is_some() {
            return Ok(Session::Borrowed(self.begin().await?));
        }
        Ok(Session::Lasting(self.pool.acquire().await?))
    }

    /// A transaction.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        begin(&self.pool, "begin", self.set_up.as_ref().map(|set_up| &*set_up.general)).await
    }

    /// A transaction on a connection of ours.
    pub(super) async fn begin_on<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Postgres>, StoreError> {
        match &self.set_up {
            None => Ok(connection.begin().await?),
            Some(set_up) => Ok(connection.begin_with(dynamic::batch("begin", &set_up.general)).await?),
        }
    }

    /// A transaction that sees one state of the database, for recall.
    pub(super) async fn begin_recall(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let how = "begin transaction isolation level repeatable read, read only";
        begin(&self.recall_pool, how, self.set_up.as_ref().map(|set_up| &*set_up.recall)).await
    }
}

async fn begin(
    pool: &PgPool,
    how: &'static str,
    set_up: Option<&str>,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    match set_up {
        None => Ok(pool.begin_with(how).await?),
        Some(set_up) => Ok(pool.begin_with(dynamic::batch(how, set_up)).await?),
    }
}
