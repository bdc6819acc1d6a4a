//! The plans that PostgreSQL makes of recall's statements, for the tests that watch over them.

use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{CandidateQuery, PostingsQuery, TagFilter, few};
use crate::store::session::Session;
use crate::store::{BankKey, StoreError};

impl CandidateQuery<'_> {
    /// The plan that recall runs with, as `explain (format json)` tells it; without an estimate.
    pub(in crate::store) async fn explain(&self, connection: &mut Session) -> Result<Value, StoreError> {
        self.fetch(connection).await?;
        explain(self.statement(), connection).await
    }
}

impl CandidateQuery<'_> {
    /// The same of the statements that a held bank is asked with: for what is related to these
    /// memories, and for the probed words in them.
    pub(in crate::store) async fn explain_held(
        &self,
        connection: &mut Session,
        memories: &[Uuid],
    ) -> Result<[Value; 2], StoreError> {
        self.fetch_related(connection, memories.iter().map(|id| (*id, 0.0))).await?;
        self.fetch_matches(connection, memories.iter().copied()).await?;
        let related = explain(self.related_statement(memories.to_vec()), connection).await?;
        Ok([related, explain(self.matches_statement(memories.to_vec()), connection).await?])
    }
}

/// The plan of the look for few memories, explained likewise.
pub(in crate::store) async fn explain_few(
    connection: &mut Session,
    bank: BankKey,
    tags: &TagFilter,
) -> Result<Value, StoreError> {
    few::fetch_few(connection, bank, tags, 1).await?;
    explain(few::statement(bank, tags, 1), connection).await
}

impl PostingsQuery<'_> {
    /// The same of the lists of words.
    pub(in crate::store) async fn explain(&self, connection: &mut Session) -> Result<Value, StoreError> {
        self.fetch(connection).await?;
        explain(self.statement(), connection).await
    }
}

/// What is explained is the very statement that the connection has prepared, with the types of
/// its parameters. Its plan is made for any values, so they may all be null.
async fn explain(statement: QueryBuilder<Postgres>, connection: &mut Session) -> Result<Value, StoreError> {
    let text = statement.into_sql();
    let mut prepared = QueryBuilder::<Postgres>::new(
        "select name, parameter_types::text[] from pg_prepared_statements where statement = ",
    );
    prepared.push_bind(text.as_str());
    let (name, types): (String, Vec<String>) = prepared.build_query_as().fetch_one(&mut *connection).await?;
    let nulls: Vec<String> = types.iter().map(|parameter| format!("null::{parameter}")).collect();
    let explained = format!("explain (costs off, format json) execute {name}({})", nulls.join(", "));
    let mut explained = QueryBuilder::<Postgres>::new(explained);
    Ok(explained.build_query_scalar().persistent(false).fetch_one(&mut *connection).await?)
}
