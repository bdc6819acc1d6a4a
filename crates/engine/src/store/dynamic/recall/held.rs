//! Recall in a bank whose memories are held in the process: the database is asked for what is not held.

use std::collections::HashMap;

use futures::TryStreamExt as _;
use half::f16;
use pgvector::HalfVector;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::arms::{SEED_DISTANCE, SEEDS};
use super::context::push_of_row;
use super::{BY_TIME, Candidate, CandidateQuery, FoundBy, MATCHES, read, read_matches};
use crate::store::session::Session;
use crate::store::{BankKey, StoreError};

/// Hands over every memory of a bank with its vector, as a candidate that nothing has found.
pub(in crate::store) async fn fetch_all(
    connection: &mut Session,
    bank: BankKey,
    mut take: impl FnMut(Candidate, &[f16]),
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select memory_id, fact_type, 0 flags, null::float8 by_graph, null::float8, null::float8, null::float8, ",
    );
    push_of_row(&mut query, bank, "v");
    query.push(", true, embedding from memory_vectors v where bank_key = ").push_bind(bank.0);
    let mut rows = query.build().fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let vector: HalfVector = row.try_get(MATCHES)?;
        take(read(&row, false)?.0, vector.as_slice());
    }
    Ok(())
}

impl CandidateQuery<'_> {
    /// What the graph arm and the temporal arm find, where the nearest memories and their distances
    /// are known, the nearest first. A memory may come several times.
    pub(in crate::store) async fn fetch_related(
        &self,
        connection: &mut Session,
        nearest: impl Iterator<Item = (Uuid, f64)>,
    ) -> Result<Vec<(Uuid, FoundBy)>, StoreError> {
        if self.graph.is_none() && !self.is_timed() {
            return Ok(Vec::new());
        }
        let seeds = (0..SEEDS).zip(nearest).map(|(_, near)| near);
        let seeds = seeds.take_while(|(_, distance)| *distance <= SEED_DISTANCE).map(|(id, _)| id);
        let mut query = self.related_statement(seeds.collect());
        let rows = query.build().fetch_all(connection).await?;
        let read = |row: &PgRow| {
            let arm: i16 = row.try_get(1)?;
            let found_by =
                FoundBy { graph: row.try_get(2)?, time: i32::from(arm) == BY_TIME, ..FoundBy::default() };
            Ok((row.try_get(0)?, found_by))
        };
        rows.iter().map(read).collect()
    }

    pub(super) fn related_statement(&self, seeds: Vec<Uuid>) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("with seed as materialized (select memory_id from unnest(");
        query.push_bind(seeds).push("::uuid[]) u(memory_id)), ");
        self.push_graph(&mut query);
        self.push_temporal(&mut query);
        query.push("found as (select null::uuid memory_id, null::int2 arm, null::float8 s, null::int8 place where false");
        self.push_related(&mut query);
        query.push(") select memory_id, arm, s from found");
        query
    }

    /// Which of the probed terms these memories hold, and their lengths in terms.
    pub(in crate::store) async fn fetch_matches(
        &self,
        connection: &mut Session,
        memories: impl Iterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, (Vec<(usize, i16)>, i16)>, StoreError> {
        if self.probed.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.matches_statement(memories.collect()).build().fetch_all(connection).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, read_matches(row, 1)?))).collect()
    }

    pub(super) fn matches_statement(&self, memories: Vec<Uuid>) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("with pool as materialized (select memory_id from unnest(");
        query.push_bind(memories).push("::uuid[]) u(memory_id))");
        self.push_matches(&mut query);
        query.push(" select memory_id, places, counts, length from matches");
        query
    }
}
