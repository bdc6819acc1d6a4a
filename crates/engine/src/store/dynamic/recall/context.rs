//! The conversation around the hits, and what ranking needs of every row.
//!
//! Rows are looked up one by one from what was found: `offset 0` keeps the planner, which cannot
//! know how few these are, from reading the whole bank for a hash join. Each row is looked up
//! once, with all that is wanted of it.

use pgvector::HalfVector;
use sqlx::{Postgres, QueryBuilder};

use super::{CandidateQuery, IS_SPOT, REACH};
use crate::store::BankKey;

/// What is read of a row besides its id, type and similarities.
pub(super) fn push_of_row(query: &mut QueryBuilder<Postgres>, bank: BankKey, row: &str) {
    query.push("stream_id, stream_pos, event_at, event_end, tokens, question_share, has_time, author, text_hash, case when fact_type = 3 then (select s.proof_count from memory_state s where s.bank_key = ");
    query.push_bind(bank.0).push(" and s.memory_id = ").push(row).push(".memory_id) else 1 end");
}

/// What of a row goes into the pool besides its id and vector.
const OF_ROW: &str = "fact_type, stream_id, stream_pos, event_at, event_end, tokens, question_share, has_time, author, text_hash";

impl CandidateQuery<'_> {
    /// `hits`: the rows of what was found. `pool`: these and the places of the conversation around
    /// the best of them, as far as a neighbour may be a candidate, and from there as far as it may
    /// borrow.
    ///
    /// A neighbour passes the tag filter like any hit; one of a type that was not asked for
    /// lends, but is no candidate.
    pub(super) fn push_near(&self, query: &mut QueryBuilder<Postgres>) {
        let bank = self.bank.0;
        query.push("hits as materialized (select f.arms | case when f.place <= ").push_bind(self.context);
        query.push(format!(" then {IS_SPOT} else 0 end flags, f.by_graph, v.* from found f cross join lateral (select memory_id, embedding, {OF_ROW} from memory_vectors where bank_key = "));
        query.push_bind(bank).push(" and memory_id = f.memory_id offset 0) v), ");
        // Places that follow one another closely are one stretch, so that no row comes twice.
        query.push("stretches as (select stream_id, min(stream_pos) first, max(stream_pos) last from (select stream_id, stream_pos, count(*) filter (where starts) over (partition by stream_id order by stream_pos) nth from (select stream_id, stream_pos, stream_pos - lag(stream_pos) over (partition by stream_id order by stream_pos) <= ");
        query.push_bind(2 * REACH + 1);
        query.push(format!(" is not true starts from hits where flags & {IS_SPOT} <> 0 and stream_id is not null) x) x group by stream_id, nth), "));
        query.push(format!("pool as (select flags, by_graph, memory_id, embedding, {OF_ROW} from hits union all select 0, null, v.* from stretches cross join lateral (select memory_id, embedding, {OF_ROW} from memory_vectors where bank_key = "));
        query
            .push_bind(bank)
            .push(" and stream_id = stretches.stream_id and stream_pos between stretches.first - ");
        query.push_bind(REACH).push(" and stretches.last + ").push_bind(REACH);
        self.tags.push(query, "tags");
        query.push(" offset 0) v where v.memory_id not in (select memory_id from hits))");
    }

    /// `matches`: which of the probed terms each row of the pool holds.
    pub(super) fn push_matches(&self, query: &mut QueryBuilder<Postgres>) {
        if self.probed.is_empty() {
            return;
        }
        let (places, hashes): (Vec<i64>, Vec<i64>) = self
            .probed
            .iter()
            .map(|(place, hash)| (i64::try_from(*place).unwrap_or(i64::MAX), *hash))
            .unzip();
        query.push(", matches as (select l.memory_id, array_agg(c.place) places, array_agg(p.tf) counts, max(p.length) length from (select memory_id from pool) l cross join unnest(");
        query.push_bind(hashes).push("::int8[], ").push_bind(places);
        query.push("::int8[]) c(term, place) cross join lateral (select tf, length from memory_terms where bank_key = ");
        query.push_bind(self.bank.0);
        query.push(" and term = c.term and memory_id = l.memory_id offset 0) p group by l.memory_id)");
    }

    /// The rows of the pool with their similarity to the query and to what was said before. The
    /// order of the columns is that in which they are read.
    pub(super) fn push_result(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" select pool.memory_id, fact_type, flags, by_graph, ");
        match self.vector {
            Some(vector) => {
                let vector = HalfVector::from_f32_slice(vector);
                query.push("1 - (embedding <=> ").push_bind(vector).push("), ");
                // Two before is one row back where the place between is empty or hidden.
                query.push(
                    "case when lag(stream_pos) over w = stream_pos - 1 \
                     then 1 - (embedding <=> lag(embedding) over w) end, \
                     case when lag(stream_pos, 2) over w = stream_pos - 2 \
                     then 1 - (embedding <=> lag(embedding, 2) over w) \
                     when lag(stream_pos) over w = stream_pos - 2 \
                     then 1 - (embedding <=> lag(embedding) over w) end",
                );
            }
            None => {
                query.push("null::float8, null::float8, null::float8");
            }
        }
        query.push(", ");
        push_of_row(query, self.bank, "pool");
        query.push(", ");
        query.push(if self.probes.is_some() { "(select ok from complete)" } else { "true" });
        if self.probed.is_empty() {
            query.push(" from pool");
        } else {
            query.push(
                ", places, counts, length from pool left join matches m on m.memory_id = pool.memory_id",
            );
        }
        query.push(" window w as (partition by stream_id order by stream_pos)");
    }
}
