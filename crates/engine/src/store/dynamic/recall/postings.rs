//! Which memories hold the words of a query.
//!
//! A posting that is read from the index costs a tenth of a microsecond, one that is grouped by
//! its memory half of one, and a word that is looked up for a single memory two. So lists come
//! out of the database as they are, packed, and meet where sorting is cheap.

use hindsight_types::recall::FactType;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::TagFilter;
use crate::store::session::Session;
use crate::store::{BankKey, StoreError, fact_type_code, fact_type_of};

/// Bytes of an id, and of what is packed beside it.
const ID: usize = 16;
const REST: usize = 8;

/// A list that is read: the memories that hold a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Place of the term in the query.
    pub place: usize,
    /// Hash of the term.
    pub hash: i64,
    /// How many postings are read, the newest first; none = all, whatever the filters.
    pub depth: Option<i64>,
}

/// The lists to read of a bank. Filters come before the depth of a list; a list that is read as
/// a whole is not filtered.
#[derive(Debug)]
pub struct PostingsQuery<'q> {
    /// The bank.
    pub bank: BankKey,
    /// The lists, all of them whole or all of them cut.
    pub lists: &'q [ListQuery],
    /// Types of the memories in lists that are cut.
    pub types: &'q [FactType],
    /// Which memories may be in lists that are cut.
    pub tags: &'q TagFilter,
}

/// That a memory holds a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The memory.
    pub memory_id: Uuid,
    /// Place of the term in the query.
    pub place: usize,
    /// How often the memory holds it.
    pub count: i16,
    /// Length of the memory in terms.
    pub length: i16,
    /// Type of the memory.
    pub fact_type: FactType,
}

impl PostingsQuery<'_> {
    /// The postings, each list in one piece.
    pub(in crate::store) async fn fetch(&self, connection: &mut Session) -> Result<Vec<Posting>, StoreError> {
        if self.lists.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = self.statement();
        let rows = query.build().fetch_all(connection).await?;
        let mut postings = Vec::new();
        for row in &rows {
            read(row, &mut postings)?;
        }
        Ok(postings)
    }

    pub(super) fn statement(&self) -> QueryBuilder<Postgres> {
        let is_cut = self.lists.iter().any(|list| list.depth.is_some());
        let hashes: Vec<i64> = self.lists.iter().map(|list| list.hash).collect();
        let places: Vec<i64> =
            self.lists.iter().map(|list| i64::try_from(list.place).unwrap_or(i64::MAX)).collect();
        let depths: Vec<Option<i64>> = self.lists.iter().map(|list| list.depth).collect();
        let mut query = QueryBuilder::new("select r.place, p.ids, p.rest from unnest(");
        query.push_bind(hashes).push("::int8[], ").push_bind(places).push("::int8[], ").push_bind(depths);
        query.push("::int8[]) r(term, place, depth) cross join lateral (select coalesce(string_agg(uuid_send(memory_id), ''), '') ids, coalesce(string_agg(int8send((fact_type::int8 << 32) | (tf::int8 << 16) | length::int8), ''), '') rest from (select t.memory_id, t.fact_type, t.tf, t.length from memory_terms t");
        if is_cut && !self.tags.passes_all() {
            query.push(" join memory_vectors v on v.bank_key = t.bank_key and v.memory_id = t.memory_id");
        }
        query.push(" where t.bank_key = ").push_bind(self.bank.0).push(" and t.term = r.term");
        if is_cut {
            let codes: Vec<i16> = self.types.iter().copied().map(fact_type_code).collect();
            query.push(" and t.fact_type = any(").push_bind(codes).push("::int2[])");
            self.tags.push(&mut query, "v.tags");
            query.push(" order by t.memory_id desc limit r.depth");
        }
        query.push(" offset 0) t) p");
        query
    }
}

/// Unpacks a list.
fn read(row: &PgRow, postings: &mut Vec<Posting>) -> sqlx::Result<()> {
    let place: i64 = row.try_get(0)?;
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let (ids, rest): (&[u8], &[u8]) = (row.try_get(1)?, row.try_get(2)?);
    postings.reserve(ids.len() / ID);
    let (ids, _) = ids.as_chunks::<ID>();
    let (rest, _) = rest.as_chunks::<REST>();
    postings.extend(std::iter::zip(ids, rest).map(|(id, rest)| {
        let [_, _, t0, t1, c0, c1, l0, l1] = *rest;
        Posting {
            memory_id: Uuid::from_bytes(*id),
            place,
            count: i16::from_be_bytes([c0, c1]),
            length: i16::from_be_bytes([l0, l1]),
            fact_type: fact_type_of(i16::from_be_bytes([t0, t1])),
        }
    }));
    Ok(())
}
