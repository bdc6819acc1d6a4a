//! Statements whose text depends on the request: filters, orders, schema names.
//!
//! Values are always bound. What goes into the text is constants of this module and the
//! schema name, which [`check_schema_name`] has vetted.

mod entities;
mod graph;
mod listing;
mod mental_models;
mod model_calls;
mod recall;
mod tags;

use sqlx::{PgConnection, Postgres, QueryBuilder, SqlStr};

use super::StoreError;

pub use entities::{EntityPair, EntityPairs, EntityRow};
pub use graph::{GraphFilter, GraphMemory, ObservedFact};
pub use listing::{ConsolidationState, DocumentFilter, MemoryFilter, MemoryRow, TimeField};
pub use mental_models::{MemoryScope, NewMemory, RefreshPoint};
pub use model_calls::{ModelCallFilter, ModelCallRow};
pub use recall::{
    Candidate, CandidateQuery, Found, FoundBy, GraphQuery, ListQuery, NEIGHBOURS, Posting, PostingsQuery,
    REACH, TermProbe, WordHit,
};
pub(crate) use recall::{Spot, distances};
pub(super) use recall::{count_pending, explain_few, fetch_all, fetch_chunks, fetch_few, fetch_visible};
pub use tags::TagFilter;

/// PostgreSQL cuts longer names silently.
const MAX_IDENTIFIER: usize = 63;

/// Accepts plain lower-case identifiers only, so that the name needs no quoting anywhere.
pub(super) fn check_schema_name(name: &str) -> Result<(), StoreError> {
    let mut chars = name.chars();
    let starts_well = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let goes_on_well = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_free = !name.starts_with("pg_");
    if starts_well && goes_on_well && is_free && name.len() <= MAX_IDENTIFIER {
        return Ok(());
    }
    Err(StoreError::BadOptions(format!(
        "'{name}' is not usable as a schema name: use lower-case letters, digits and _, at most {MAX_IDENTIFIER}, and do not start with pg_"
    )))
}

/// Serialises schema creation between processes; any constant will do.
const SCHEMA_LOCK: i64 = 0x6869_6e64_7369;

/// Makes the schema when it is missing. `name` has passed [`check_schema_name`].
pub(super) async fn create_schema(connection: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    execute_locked(connection, format!("create schema if not exists \"{name}\"")).await
}

/// Makes the extension when it is missing.
pub(super) async fn create_vector_extension(connection: &mut PgConnection) -> Result<(), StoreError> {
    let made =
        execute_locked(connection, "create extension if not exists vector schema public".to_owned()).await;
    made.map_err(|error| {
        StoreError::Unsupported(format!(
            "the database lacks the extension \"vector\" (pgvector 0.8 or newer) and it could not be created: {error}"
        ))
    })
}

/// Makes the extensions that similar names are found by, when they are missing and can be had.
pub(super) async fn create_trigram_extensions(connection: &mut PgConnection) {
    for extension in ["pg_trgm", "btree_gin"] {
        let statement = format!("create extension if not exists {extension} schema public");
        if let Err(error) = execute_locked(connection, statement).await {
            tracing::debug!(extension, %error, "an extension could not be created");
        }
    }
}

/// Makes the index that similar names are found by, when it is missing: not in a migration, since
/// the extensions may come later than those.
pub(super) async fn create_trigram_index(connection: &mut PgConnection) -> Result<(), StoreError> {
    let is_there =
        sqlx::query_scalar!(r#"select to_regclass('entities_by_trigrams') is not null as "found!""#)
            .fetch_one(&mut *connection)
            .await?;
    // To find it there by "if not exists" would wait for everyone who writes to the table.
    if is_there {
        return Ok(());
    }
    let statement = "create index if not exists entities_by_trigrams on entities
         using gin (bank_key, lower(name) gin_trgm_ops) where kind = 1";
    execute_locked(connection, statement.to_owned()).await
}

/// The beginning of a transaction and what it is set to, as one batch. `set_up` is made of
/// constants, numbers and a schema name that has passed [`check_schema_name`].
pub(super) fn batch(begin: &str, set_up: &str) -> SqlStr {
    QueryBuilder::<Postgres>::new(format!("{begin}{set_up}")).into_sql()
}

/// Finds tables in the schema from now on. `schema` has passed [`check_schema_name`].
pub(super) async fn set_search_path(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    let statement = format!("set search_path to \"{schema}\",public");
    QueryBuilder::<Postgres>::new(statement).build().persistent(false).execute(&mut *connection).await?;
    Ok(())
}

/// Numbers of the migrations that the schema has gone through; none where it is missing.
/// `schema` has passed [`check_schema_name`].
pub(super) async fn applied_migrations(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Vec<i64>, StoreError> {
    let table = format!("\"{schema}\"._sqlx_migrations");
    let mut query = QueryBuilder::<Postgres>::new("select to_regclass(");
    query.push_bind(&table).push(") is not null");
    let is_there: bool = query.build_query_scalar().persistent(false).fetch_one(&mut *connection).await?;
    if !is_there {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Postgres>::new(format!("select version from {table} where success"));
    Ok(query.build_query_scalar().persistent(false).fetch_all(&mut *connection).await?)
}

/// "If not exists" alone does not keep two sessions from colliding in the catalogue. The lock
/// is the session's, not a transaction's: a session learns what others have created when a
/// transaction begins, which has to be after the lock.
async fn execute_locked(connection: &mut PgConnection, statement: String) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_lock($1)", SCHEMA_LOCK).execute(&mut *connection).await?;
    let made = QueryBuilder::new(statement).build().persistent(false).execute(&mut *connection).await;
    sqlx::query_scalar!("select pg_advisory_unlock($1)", SCHEMA_LOCK).fetch_one(&mut *connection).await?;
    made?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_schema_name;

    #[test]
    fn only_plain_identifiers_are_schema_names() {
        for name in ["hindsight", "public", "user", "_t1", &"a".repeat(63)] {
            assert!(check_schema_name(name).is_ok(), "{name}");
        }
        for name in ["", "Hindsight", "1a", "a-b", "a\"b", "a;drop", "pg_own", &"a".repeat(64)] {
            assert!(check_schema_name(name).is_err(), "{name}");
        }
    }
}
