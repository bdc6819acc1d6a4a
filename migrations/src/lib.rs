//! The schema of Hindsight's database as forward-only SQL files.
//!
//! [`MIGRATOR`] carries the files of `sql/`. They name no PostgreSQL schema: run them on a
//! connection whose search path starts with the schema that is to hold the tables, with
//! the extension `vector` reachable through it. A file is never edited once released.

/// All migrations, in order.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./sql");
