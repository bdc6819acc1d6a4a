//! The memories that a filter lets through, where they are few.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::TagFilter;
use crate::store::session::Session;
use crate::store::{BankKey, StoreError};

/// All memories of a bank that a filter lets through; none where they may be more than `most`.
///
/// The masks of all are read, and the tags of those whose mask passes.
pub(in crate::store) async fn fetch_few(
    connection: &mut Session,
    bank: BankKey,
    tags: &TagFilter,
    most: i64,
) -> Result<Option<Vec<Uuid>>, StoreError> {
    let (is_few, few): (bool, Vec<Uuid>) =
        statement(bank, tags, most).build_query_as().fetch_one(connection).await?;
    Ok(is_few.then_some(few))
}

pub(super) fn statement(bank: BankKey, tags: &TagFilter, most: i64) -> QueryBuilder<sqlx::Postgres> {
    let mut query = QueryBuilder::new(
        "with masked as materialized (select memory_id from memory_vectors where bank_key = ",
    );
    query.push_bind(bank.0);
    tags.push_mask(&mut query);
    query
        .push(" limit ")
        .push_bind(most.saturating_add(1))
        .push("), counted as materialized (select count(*) <= ");
    query.push_bind(most).push(" is_few from masked) select is_few, array(select memory_id from masked cross join lateral (select from memory_vectors where bank_key = ");
    query.push_bind(bank.0).push(" and memory_id = masked.memory_id");
    tags.push(&mut query, "tags");
    query.push(" offset 0) v where is_few) from counted");
    query
}
