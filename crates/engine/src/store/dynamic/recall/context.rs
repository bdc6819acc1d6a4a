//! The conversation around the hits, and what ranking needs of every row.
//!
//! Rows are looked up one by one from what was found: `offset 0` keeps the planner, which cannot
//! know how few these are, from reading the whole bank for a hash join.

use hindsight_types::recall::FactType;
use pgvector::HalfVector;
use sqlx::{Postgres, QueryBuilder};

use super::arms::Terms;
use super::{CandidateQuery, LENDERS, NEIGHBOURS};
use crate::store::fact_type_code;

impl CandidateQuery<'_> {
    /// `pool`: the hits, and the places of the conversation around the best of them: as far
    /// as a neighbour may be a candidate, and from there as far as it may borrow.
    ///
    /// A neighbour passes the tag filter like any hit; one of a type that was not asked for
    /// lends, but is no candidate.
    pub(super) fn push_near(&self, query: &mut QueryBuilder<Postgres>) {
        let bank = self.bank.0;
        query.push("spots as materialized (select a.stream_id, a.stream_pos + k.step pos, min(abs(k.step)) distance from (select v.stream_id, v.stream_pos from found cross join lateral (select stream_id, stream_pos from memory_vectors where bank_key = ");
        query.push_bind(bank).push(
            " and memory_id = found.memory_id and stream_id is not null offset 0) v where found.place <= ",
        );
        query.push_bind(self.context).push(") a cross join generate_series(");
        query.push_bind(-(NEIGHBOURS + LENDERS)).push(", ").push_bind(NEIGHBOURS + LENDERS);
        query.push(") k(step) group by 1, 2), ");
        query.push("pool as materialized (select memory_id, fact_type, min(distance) distance from (select memory_id, fact_type, 0 distance from found union all select v.memory_id, v.fact_type, greatest(spots.distance, 1) from spots join memory_vectors v on v.bank_key = ");
        query
            .push_bind(bank)
            .push(" and v.stream_id = spots.stream_id and v.stream_pos = spots.pos where true");
        self.tags.push(query, "v.tags");
        query.push(") x group by memory_id, fact_type), ");
    }

    /// `matches`: the terms each row of the pool holds.
    pub(super) fn push_matches(&self, query: &mut QueryBuilder<Postgres>, terms: &Terms) {
        query.push("matches as (select memory_id, array_agg(place) places, array_agg(tf) counts, max(length) length from (select place, p.memory_id, tf, length from posts p join pool using (memory_id)");
        // "union", not "union all": the rarest term may be both read and looked up.
        if !terms.listed.is_empty() {
            let (hashes, places) = self.hashes_and_places(&terms.listed);
            query.push(" union select c.place, p.memory_id, p.tf, p.length from unnest(");
            query.push_bind(hashes).push("::int8[], ").push_bind(places);
            query.push("::int8[]) c(term, place) cross join lateral (select memory_id, tf, length from memory_terms where bank_key = ");
            query.push_bind(self.bank.0).push(" and term = c.term offset 0) p join pool using (memory_id)");
        }
        self.push_probe(query, &terms.probed, "true");
        // The postings that were read are those of the types asked for; others only lend.
        if self.types.len() < FactType::ALL.len() {
            let asked: Vec<String> =
                self.types.iter().map(|fact_type| fact_type_code(*fact_type).to_string()).collect();
            self.push_probe(query, &terms.scanned, &format!("fact_type not in ({})", asked.join(", ")));
        }
        query.push(") x group by memory_id) ");
    }

    /// Looks the terms at these places up for each row of the pool that meets the condition.
    fn push_probe(&self, query: &mut QueryBuilder<Postgres>, places: &[usize], condition: &str) {
        if places.is_empty() {
            return;
        }
        let (hashes, places) = self.hashes_and_places(places);
        query.push(
            " union select c.place, l.memory_id, p.tf, p.length from (select memory_id from pool where ",
        );
        query.push(condition).push(") l cross join unnest(");
        query.push_bind(hashes).push("::int8[], ").push_bind(places);
        query.push("::int8[]) c(term, place) cross join lateral (select tf, length from memory_terms where bank_key = ");
        query.push_bind(self.bank.0);
        query.push(" and term = c.term and memory_id = l.memory_id offset 0) p");
    }

    /// The rows of the pool with their similarity to the query and to what was said before.
    pub(super) fn push_result(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("select v.memory_id, v.fact_type, pool.distance, coalesce(f.by_meaning, false) by_meaning, coalesce(f.by_words, false) by_words, f.by_graph, coalesce(f.by_time, false) by_time, ");
        match self.vector {
            Some(vector) => {
                let vector = HalfVector::from_f32_slice(vector);
                query.push("1 - (v.embedding <=> ").push_bind(vector).push(") similarity, ");
                // Two before is one row back where the place between is empty or hidden.
                query.push(
                    "case when lag(v.stream_pos) over w = v.stream_pos - 1 \
                     then 1 - (v.embedding <=> lag(v.embedding) over w) end one_before, \
                     case when lag(v.stream_pos, 2) over w = v.stream_pos - 2 \
                     then 1 - (v.embedding <=> lag(v.embedding, 2) over w) \
                     when lag(v.stream_pos) over w = v.stream_pos - 2 \
                     then 1 - (v.embedding <=> lag(v.embedding) over w) end two_before",
                );
            }
            None => {
                query.push("null::float8 similarity, null::float8 one_before, null::float8 two_before");
            }
        }
        query.push(", m.places, m.counts, m.length, v.stream_id, v.stream_pos, v.event_at, v.event_end, v.tokens, v.question_share, v.has_time, v.author, v.text_hash, case when v.fact_type = 3 then (select s.proof_count from memory_state s where s.bank_key = v.bank_key and s.memory_id = v.memory_id) else 1 end proof_count, ");
        query.push(if self.probes.is_some() { "(select ok from complete)" } else { "true" });
        query.push(
            " is_complete from pool cross join lateral (select * from memory_vectors where bank_key = ",
        );
        query.push_bind(self.bank.0);
        query.push(" and memory_id = pool.memory_id offset 0) v left join found f on f.memory_id = pool.memory_id left join matches m on m.memory_id = pool.memory_id window w as (partition by v.stream_id order by v.stream_pos)");
    }
}
