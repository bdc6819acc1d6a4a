//! Hearing of background work without asking again and again.

use std::fmt;

use sqlx::postgres::{PgListener, PgPoolOptions};
use uuid::Uuid;

use super::WAKE;
use crate::store::{Store, StoreError};

/// What workers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationSignal {
    /// There may be work.
    Work,
    /// An operation, or one of which it is a part, was called off.
    Cancelled(Uuid),
}

impl fmt::Display for OperationSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work => f.write_str("work"),
            Self::Cancelled(id) => write!(f, "cancelled {id}"),
        }
    }
}

/// Signals as they come. They are a help, not a promise: behind some poolers none ever comes, and
/// those of a time without connection are lost.
#[derive(Debug)]
pub struct OperationSignals {
    listener: PgListener,
    schema: String,
}

impl Store {
    /// Listens for signals on a connection of its own.
    pub async fn operation_signals(&self) -> Result<OperationSignals, StoreError> {
        let schema = sqlx::query_scalar!(r#"select current_schema()::text as "schema!""#)
            .fetch_one(&mut self.session().await?)
            .await?;
        // The listener keeps its connection, which must not be one that requests wait for.
        let own = PgPoolOptions::new().max_connections(1);
        let own = own.connect_lazy_with((*self.pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(WAKE).await?;
        Ok(OperationSignals { listener, schema })
    }
}

impl OperationSignals {
    /// Waits for the next signal of this schema. An error means that the connection is gone.
    pub async fn next(&mut self) -> Result<OperationSignal, StoreError> {
        loop {
            // `None` is a connection that was lost and is there again: something may have been missed.
            let Some(signal) = self.listener.try_recv().await? else {
                return Ok(OperationSignal::Work);
            };
            if let Some(signal) = read(signal.payload(), &self.schema) {
                return Ok(signal);
            }
        }
    }
}

fn read(payload: &str, schema: &str) -> Option<OperationSignal> {
    let signal = payload.strip_prefix(schema)?.strip_prefix(' ')?;
    match signal.strip_prefix("cancelled ") {
        Some(id) => Uuid::try_parse(id).ok().map(OperationSignal::Cancelled),
        None => (signal == "work").then_some(OperationSignal::Work),
    }
}
