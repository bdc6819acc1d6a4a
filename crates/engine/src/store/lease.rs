//! Connections for work that may be given up halfway.

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::StoreError;

/// A connection of the pool that is closed, rather than used again, unless its work has come
/// to its end.
///
/// A request whose client hangs up is dropped where it stands. In the middle of a `COPY` the
/// driver then loses count of the answers that are still to come, and whoever gets the
/// connection next would read those, which may be somebody else's.
pub(super) struct Lease {
    pub(super) connection: PoolConnection<Postgres>,
    is_settled: bool,
}

impl Lease {
    /// Takes a connection, waiting for a free one.
    pub(super) async fn take(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { connection: pool.acquire().await?, is_settled: false })
    }

    /// Says that nothing is under way any more, and gives the connection back.
    pub(super) fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_settled {
            self.connection.close_on_drop();
        }
    }
}
