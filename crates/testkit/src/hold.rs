//! Tables that nobody can use for a while, as when a statement does not come to its end.

use sqlx::{Postgres, QueryBuilder, Transaction};

use crate::TestDatabase;

/// A table that is held; it is free again when this is released.
#[derive(Debug)]
pub struct HeldTable(Transaction<'static, Postgres>);

impl TestDatabase {
    /// Holds a table, named with its schema.
    ///
    /// # Panics
    ///
    /// When there is no such table.
    #[expect(clippy::expect_used, reason = "a test without its table has failed")]
    pub async fn hold(&self, table: &str) -> HeldTable {
        let mut transaction = self.pool().begin().await.expect("a transaction");
        let statement = format!("lock table {table} in access exclusive mode");
        QueryBuilder::<Postgres>::new(statement)
            .build()
            .execute(&mut *transaction)
            .await
            .expect("the table is there");
        HeldTable(transaction)
    }
}

impl HeldTable {
    /// Frees the table.
    ///
    /// # Panics
    ///
    /// When the database is gone.
    #[expect(clippy::expect_used, reason = "a test without its database has failed")]
    pub async fn release(self) {
        self.0.rollback().await.expect("the database is there");
    }
}
