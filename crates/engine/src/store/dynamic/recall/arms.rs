//! The four arms: each finds memories by one signal.

use pgvector::HalfVector;
use sqlx::{Postgres, QueryBuilder};

use super::CandidateQuery;
use crate::recall::{BM25_B, BM25_K1};
use crate::store::fact_type_code;

/// Best hits of the semantic arm whose entities and links the graph arm follows.
const SEEDS: i64 = 20;
/// Cosine distance beyond which a hit is no seed.
const SEED_DISTANCE: f64 = 0.7;
/// Entities that are followed: those that most seeds share, rare ones first.
const ENTITIES: i64 = 40;
/// Memories that the graph arm may bring.
const RELATED: i64 = 60;
/// A name in the query counts like this many seeds that share the entity.
const NAME_WEIGHT: f64 = 3.0;
/// Postings of a term from which it is cheaper to look it up for each row of the pool than to
/// read them.
const LONGEST_LIST: i32 = 10_000;
/// Memories on either side of the middle of a window, and ranges that reach into it, that the
/// temporal arm looks at.
const NEAREST: i64 = 400;
/// Memories of a type that the temporal arm may bring.
const TIMED: i64 = 60;
/// Cosine distance beyond which the temporal arm brings nothing.
const TIMED_DISTANCE: f64 = 0.9;

/// How the terms of a query are looked up, by their places in it.
#[derive(Debug)]
pub(super) struct Terms {
    /// Their postings are read, the newest first, and make candidates.
    pub(super) scanned: Vec<usize>,
    /// Too frequent for that: their postings are read for the rows of the pool only. The rarest
    /// term may be both.
    pub(super) listed: Vec<usize>,
    /// More frequent still: looked up for every row of the pool.
    pub(super) probed: Vec<usize>,
}

impl CandidateQuery<'_> {
    /// `sem`: the nearest memories of each type, with their place among those of all types.
    pub(super) fn push_semantic(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(vector) = self.vector else {
            query.push("sem as (select null::uuid memory_id, null::int2 fact_type, null::float8 d, null::int8 place where false), ");
            return;
        };
        let vector = HalfVector::from_f32_slice(vector);
        if let Some(probes) = self.probes {
            // Cell 0 holds what was not assigned yet.
            query.push("cells as materialized (select array_agg(cell) || 0 a from (select cell from bank_cells where bank_key = ");
            query.push_bind(self.bank.0).push(" order by centroid <=> ").push_bind(vector.clone());
            query.push(" limit ").push_bind(probes).push(") x), ");
        }
        query.push("sem as materialized (select memory_id, fact_type, d, row_number() over (order by d) place from (");
        for (i, fact_type) in self.types.iter().enumerate() {
            let code = fact_type_code(*fact_type);
            query.push(if i == 0 { "(" } else { " union all (" });
            query.push("select memory_id, ").push(code).push("::int2 fact_type, embedding <=> ");
            query.push_bind(vector.clone());
            query.push(" d from memory_vectors where bank_key = ").push_bind(self.bank.0);
            query.push(" and fact_type = ").push(code);
            if self.probes.is_some() {
                query.push(" and cell = any((select a from cells)::int4[])");
            }
            self.tags.push(query, "tags");
            query.push(" order by d limit ").push_bind(self.per_arm).push(")");
        }
        query.push(") x), ");
        if self.probes.is_some() {
            self.push_complete(query);
        }
    }

    /// `complete`: whether the cells brought as many vectors of each type as the arm may take or
    /// the bank has. To know that one more exists is cheap, to count them is not.
    fn push_complete(&self, query: &mut QueryBuilder<Postgres>) {
        let types: Vec<i16> = self.types.iter().copied().map(fact_type_code).collect();
        query.push("complete as materialized (select bool_and(t.n >= ").push_bind(self.per_arm);
        query.push(" or not exists (select 1 from memory_vectors where bank_key = ").push_bind(self.bank.0);
        query.push(" and fact_type = t.fact_type");
        self.tags.push(query, "tags");
        query.push(" offset t.n limit 1)) ok from (select u.fact_type, (select count(*) from sem where sem.fact_type = u.fact_type) n from unnest(");
        query.push_bind(types).push("::int2[]) u(fact_type)) t), ");
    }

    /// `posts`: the newest postings of the rare terms; `kw`: the best memories of each type by
    /// them, with their place among those of all types.
    pub(super) fn push_keyword(&self, query: &mut QueryBuilder<Postgres>) -> Terms {
        let mut terms = Terms { scanned: Vec::new(), listed: Vec::new(), probed: Vec::new() };
        let mut read = 0;
        for (place, term) in self.terms.iter().enumerate() {
            read += i64::from(term.df);
            if read <= self.postings || place == 0 {
                terms.scanned.push(place);
            }
            // A list that is cut says nothing about the memories behind the cut.
            if read > self.postings {
                let list = if term.df <= LONGEST_LIST { &mut terms.listed } else { &mut terms.probed };
                list.push(place);
            }
        }
        let (hashes, places) = self.hashes_and_places(&terms.scanned);
        let idfs: Vec<f64> =
            terms.scanned.iter().filter_map(|&place| self.terms.get(place)).map(|term| term.idf).collect();
        query.push("posts as materialized (select r.place, r.idf, p.memory_id, p.fact_type, p.tf, p.length from unnest(");
        query.push_bind(hashes).push("::int8[], ").push_bind(places).push("::int8[], ").push_bind(idfs);
        query.push("::float8[]) r(term, place, idf) cross join lateral (select t.memory_id, t.fact_type, t.tf, t.length from memory_terms t");
        self.push_tag_join(query, "t");
        query.push(" where t.bank_key = ").push_bind(self.bank.0);
        query.push(" and t.term = r.term");
        self.push_types(query, "t.fact_type");
        self.tags.push(query, "v.tags");
        query.push(" order by t.memory_id desc limit ").push_bind(self.postings);
        query.push(") p), scored as (select memory_id, fact_type, sum(idf * tf * ");
        query.push_bind(BM25_K1 + 1.0).push(" / (tf + ").push_bind(BM25_K1).push(" * (");
        query.push_bind(1.0 - BM25_B).push(" + ").push_bind(BM25_B / self.mean_length.max(1.0));
        query.push(" * length))) s from posts group by memory_id, fact_type), ");
        query.push("kw as materialized (select memory_id, fact_type, place from (select memory_id, fact_type, row_number() over (partition by fact_type order by s desc, memory_id desc) own, row_number() over (order by s desc, memory_id desc) place from scored) x where own <= ");
        query.push_bind(self.per_arm).push("), ");
        terms
    }

    /// The terms at these places: their hashes, and the places again.
    pub(super) fn hashes_and_places(&self, places: &[usize]) -> (Vec<i64>, Vec<i64>) {
        let known = places.iter().filter_map(|&place| Some((self.terms.get(place)?.hash, place)));
        known.map(|(hash, place)| (hash, i64::try_from(place).unwrap_or(i64::MAX))).unzip()
    }

    /// `gr`: memories that share entities with the best hits or with the query, and memories
    /// linked to the best hits.
    pub(super) fn push_graph(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(graph) = self.graph else { return };
        let bank = self.bank.0;
        query.push("seed as materialized (select memory_id from sem where place <= ").push_bind(SEEDS);
        query.push(" and d <= ").push_bind(SEED_DISTANCE).push("), ");
        // Rare shared entities first: a hub says little about what belongs together.
        query.push("ent as materialized (select x.entity_id, sum(x.seeds) / (10 + max(s.mentions)) weight from (select m.entity_id, 1::float8 seeds from seed cross join lateral (select entity_id from memory_entities where bank_key = ");
        query
            .push_bind(bank)
            .push(" and memory_id = seed.memory_id offset 0) m union all select entity_id, ");
        query.push_bind(NAME_WEIGHT).push("::float8 from entities where bank_key = ").push_bind(bank);
        query.push(" and lower(name) = any(").push_bind(graph.names.to_vec());
        query.push("::text[])) x cross join lateral (select mentions from entity_stats where bank_key = ");
        query.push_bind(bank).push(" and entity_id = x.entity_id offset 0) s");
        query.push(" group by 1 order by 2 desc, 1 limit ").push_bind(ENTITIES).push("), ");
        query.push("gr as materialized (select memory_id, fact_type, s, row_number() over (order by s desc, memory_id desc) place from (select memory_id, fact_type, sum(s) s from (select p.memory_id, p.fact_type, ent.weight s from ent cross join lateral (select t.memory_id, t.fact_type from memory_entities t");
        self.push_tag_join(query, "t");
        query.push(" where t.bank_key = ").push_bind(bank).push(" and t.entity_id = ent.entity_id");
        self.push_types(query, "t.fact_type");
        self.tags.push(query, "v.tags");
        query.push(" order by t.memory_id desc limit ").push_bind(graph.mentions).push(") p");
        for (from, to) in [("memory_id", "other_id"), ("other_id", "memory_id")] {
            query.push(" union all select v.memory_id, v.fact_type, l.weight::float8 from seed cross join lateral (select ");
            query.push(to).push(" memory_id, weight from memory_links where bank_key = ").push_bind(bank);
            query.push(" and ").push(from).push(" = seed.memory_id offset 0) l cross join lateral (select memory_id, fact_type from memory_vectors where bank_key = ");
            query.push_bind(bank).push(" and memory_id = l.memory_id");
            self.push_types(query, "fact_type");
            self.tags.push(query, "tags");
            query.push(" offset 0) v");
        }
        // A seed is no news.
        query.push(
            ") x where memory_id not in (select memory_id from seed) group by memory_id, fact_type) x), ",
        );
    }

    /// `timed`: memories of the window, the nearest to its middle, by meaning.
    pub(super) fn push_temporal(&self, query: &mut QueryBuilder<Postgres>) {
        let (Some(window), Some(vector)) = (self.window, self.vector) else { return };
        let bank = self.bank.0;
        let middle = window.start + (window.end - window.start) / 2;
        query.push("inside as (");
        // Ranges that begin before the window and reach into it have an index of their own.
        for (i, (condition, order, bounds)) in [
            ("event_at >= ", "event_at", [Some(middle), Some(window.end)]),
            ("event_at < ", "event_at desc", [Some(middle), Some(window.start)]),
            ("event_at < ", "event_end", [Some(window.start), Some(window.start)]),
        ]
        .into_iter()
        .enumerate()
        {
            query.push(if i == 0 { "(" } else { " union all (" });
            query.push("select memory_id, fact_type from memory_vectors where bank_key = ").push_bind(bank);
            query.push(" and event_at is not null and ").push(condition).push_bind(bounds[0]);
            query.push(match i {
                0 => " and event_at <= ",
                1 => " and event_at >= ",
                _ => " and event_end - event_at > interval '1 day' and event_end >= ",
            });
            query.push_bind(bounds[1]);
            self.push_types(query, "fact_type");
            self.tags.push(query, "tags");
            query.push(" order by ").push(order).push(" limit ").push_bind(NEAREST).push(")");
        }
        query.push("), timed as materialized (select memory_id, fact_type, row_number() over (partition by fact_type order by d) place from (select v.memory_id, v.fact_type, v.embedding <=> ");
        query.push_bind(HalfVector::from_f32_slice(vector));
        query.push(" d from inside join memory_vectors v on v.bank_key = ").push_bind(bank);
        query
            .push(" and v.memory_id = inside.memory_id) x where d <= ")
            .push_bind(TIMED_DISTANCE)
            .push("), ");
    }

    /// Joins the vector row of `alias` as `v` where tags are asked for. Filters come before
    /// limits: the newest rows may all be of memories that the caller may not see.
    fn push_tag_join(&self, query: &mut QueryBuilder<Postgres>, alias: &str) {
        if !self.tags.passes_all() {
            query
                .push(" join memory_vectors v on v.bank_key = ")
                .push(alias)
                .push(".bank_key and v.memory_id = ");
            query.push(alias).push(".memory_id");
        }
    }

    /// `found`: what any arm found, and its best place in the arms that read vectors and words.
    pub(super) fn push_found(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("found as materialized (select memory_id, fact_type, bool_or(arm = 1) by_meaning, bool_or(arm = 2) by_words, max(s) by_graph, bool_or(arm = 4) by_time, min(place) place from (select memory_id, fact_type, 1 arm, null::float8 s, place from sem where d <= ");
        query.push_bind(1.0 - self.min_similarity);
        query.push("::float8 union all select memory_id, fact_type, 2, null, place from kw");
        if self.graph.is_some() {
            query
                .push(" union all select memory_id, fact_type, 3, s, null from gr where place <= ")
                .push_bind(RELATED);
        }
        if self.window.is_some() && self.vector.is_some() {
            query
                .push(" union all select memory_id, fact_type, 4, null, null from timed where place <= ")
                .push_bind(TIMED);
        }
        query.push(") x group by memory_id, fact_type), ");
    }
}
