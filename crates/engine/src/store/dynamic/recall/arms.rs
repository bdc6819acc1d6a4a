//! The four arms: each finds memories by one signal.

use pgvector::HalfVector;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{BY_GRAPH, BY_MEANING, BY_TIME, BY_WORDS, CandidateQuery};
use crate::store::fact_type_code;

/// Best hits of the semantic arm whose entities and links the graph arm follows.
pub(super) const SEEDS: i64 = 20;
/// Cosine distance beyond which a hit is no seed.
pub(super) const SEED_DISTANCE: f64 = 0.7;
/// Entities that are followed: those that most seeds share, rare ones first.
const ENTITIES: i64 = 40;
/// The mentions of how many entities are followed at most, each with as many as one may have: a
/// hub fills it alone, of rare entities more find room.
const FULL_ENTITIES: i64 = 10;
/// Memories that the graph arm may bring.
const RELATED: i64 = 60;
/// A name in the query counts like this many seeds that share the entity.
const NAME_WEIGHT: f64 = 3.0;
/// Memories on either side of the middle of a window, and ranges that reach into it, that the
/// temporal arm looks at.
const NEAREST: i64 = 400;
/// Memories of a type that the temporal arm may bring.
const TIMED: i64 = 60;
/// Memories of a type that the temporal arm spreads from, and the heaviest causal links of one
/// that it follows in each direction.
const SPREADING: i64 = 10;
const SPREAD: i64 = 10;
/// Kinds of links that say what led to what.
const CAUSAL: &str = "kind between 2 and 5";
/// Cosine distance beyond which the temporal arm brings nothing.
const TIMED_DISTANCE: f64 = 0.9;

impl CandidateQuery<'_> {
    /// `sem`: the nearest memories of each type, with their place among those of all types.
    pub(super) fn push_semantic(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(vector) = self.vector else {
            query.push("sem as (select null::uuid memory_id, null::int2 fact_type, null::float8 d, null::int8 place where false), ");
            return;
        };
        let vector = HalfVector::from_f32_slice(vector);
        if let Some(few) = self.few {
            query.push("sem as materialized (select memory_id, fact_type, d, row_number() over (order by d) place from (select v.*, row_number() over (partition by v.fact_type order by v.d) nth from unnest(");
            query
                .push_bind(few.to_vec())
                .push(
                    "::uuid[]) u(memory_id) cross join lateral (select memory_id, fact_type, embedding <=> ",
                )
                .push_bind(vector);
            query
                .push(" d from memory_vectors where bank_key = ")
                .push_bind(self.bank.0)
                .push(" and memory_id = u.memory_id");
            self.push_types(query, "fact_type");
            query.push(" offset 0) v) x where nth <= ").push_bind(self.per_arm).push("), ");
            return;
        }
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
            query.push("select memory_id, ").push(code).push("::int2 fact_type, d from (");
            query.push("select memory_id, embedding <=> ").push_bind(vector.clone());
            query.push(" d from memory_vectors where bank_key = ").push_bind(self.bank.0);
            query.push(" and fact_type = ").push(code);
            if self.probes.is_some() {
                query.push(" and cell = any((select a from cells)::int4[])");
            }
            self.tags.push_mask(query);
            query.push(" order by d) s");
            self.push_tags_of(query, "s");
            query.push(" order by d limit ").push_bind(self.per_arm).push(")");
        }
        query.push(") x), ");
        if self.probes.is_some() {
            self.push_complete(query);
        }
    }

    /// Joins the rows of `alias` that pass the tag filter: one by one, in the order they come in, so
    /// that no more are looked at than are taken.
    fn push_tags_of(&self, query: &mut QueryBuilder<Postgres>, alias: &str) {
        if self.tags.passes_all() {
            return;
        }
        query.push(" cross join lateral (select from memory_vectors where bank_key = ");
        query.push_bind(self.bank.0).push(" and memory_id = ").push(alias).push(".memory_id");
        self.tags.push(query, "tags");
        query.push(" offset 0) v");
    }

    /// `complete`: whether the cells brought as many vectors of each type as the arm may take or
    /// the bank may have. To know that one more exists is cheap, to count them is not.
    fn push_complete(&self, query: &mut QueryBuilder<Postgres>) {
        let types: Vec<i16> = self.types.iter().copied().map(fact_type_code).collect();
        query.push("complete as materialized (select bool_and(t.n >= ").push_bind(self.per_arm);
        query.push(" or not exists (select 1 from memory_vectors where bank_key = ").push_bind(self.bank.0);
        query.push(" and fact_type = t.fact_type");
        self.tags.push_mask(query);
        query.push(" offset t.n limit 1)) ok from (select u.fact_type, (select count(*) from sem where sem.fact_type = u.fact_type) n from unnest(");
        query.push_bind(types).push("::int2[]) u(fact_type)) t), ");
    }

    /// `kw`: the best memories of each type by words, with their place among those of all types.
    ///
    /// Without a filter by tags they are those that were given; with one, the best that pass it.
    pub(super) fn push_keyword(&self, query: &mut QueryBuilder<Postgres>) {
        if self.tags.passes_all() {
            let ids: Vec<Uuid> = self.words.iter().map(|word| word.memory_id).collect();
            query.push("kw as (select memory_id, place from unnest(").push_bind(ids);
            query.push("::uuid[]) with ordinality u(memory_id, place)), ");
            return;
        }
        query.push("kw as materialized (select memory_id, row_number() over (order by rank) place from (");
        for (i, fact_type) in self.types.iter().enumerate() {
            let own = (1_i64..).zip(self.words).filter(|(_, word)| word.fact_type == *fact_type);
            let (ranks, ids): (Vec<i64>, Vec<Uuid>) = own.map(|(rank, word)| (rank, word.memory_id)).unzip();
            query.push(if i == 0 { "(" } else { " union all (" });
            query.push("select u.memory_id, u.rank from unnest(").push_bind(ids).push("::uuid[], ");
            query.push_bind(ranks).push("::int8[]) with ordinality u(memory_id, rank, nth)");
            self.push_tags_of(query, "u");
            query.push(" order by u.nth limit ").push_bind(self.per_arm).push(")");
        }
        query.push(") x), ");
    }

    /// `seed`: the best hits of the semantic arm, which the graph arm starts from.
    pub(super) fn push_seeds(&self, query: &mut QueryBuilder<Postgres>) {
        if self.graph.is_some() {
            query.push("seed as materialized (select memory_id from sem where place <= ").push_bind(SEEDS);
            query.push(" and d <= ").push_bind(SEED_DISTANCE).push("), ");
        }
    }

    /// `gr`: memories that share entities with the best hits or with the query, and memories
    /// linked to the best hits.
    pub(super) fn push_graph(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(graph) = self.graph else { return };
        let bank = self.bank.0;
        // Rare shared entities first: a hub says little about what belongs together.
        query.push("ent as materialized (select entity_id, weight from (select *, sum(followed) over (order by weight desc, entity_id) - followed before from (select x.entity_id, sum(x.seeds) / (10 + max(s.mentions)) weight, least(max(s.mentions), ");
        query.push_bind(graph.mentions).push(") followed from (select m.entity_id, 1::float8 seeds from seed cross join lateral (select entity_id from memory_entities where bank_key = ");
        query
            .push_bind(bank)
            .push(" and memory_id = seed.memory_id offset 0) m union all select entity_id, ");
        query.push_bind(NAME_WEIGHT).push("::float8 from entities where bank_key = ").push_bind(bank);
        query.push(" and lower(name) = any(").push_bind(graph.names.to_vec());
        query.push("::text[])) x cross join lateral (select mentions from entity_stats where bank_key = ");
        query.push_bind(bank).push(" and entity_id = x.entity_id offset 0) s");
        query
            .push(" group by 1 order by 2 desc, 1 limit ")
            .push_bind(ENTITIES)
            .push(") x) x where before < ");
        query.push_bind(FULL_ENTITIES * graph.mentions).push("), ");
        query.push("gr as (select memory_id, sum(s) s from (");
        match self.few {
            Some(few) => self.push_mentions_of(query, few, graph.mentions),
            None => self.push_mentions(query, graph.mentions),
        }
        for (from, to) in [("memory_id", "other_id"), ("other_id", "memory_id")] {
            query.push(format!(" union all select l.memory_id, l.weight::float8 from seed cross join lateral (select {to} memory_id, weight from memory_links where bank_key = "));
            query.push_bind(bank).push(format!(" and {from} = seed.memory_id offset 0) l"));
            if !self.takes_all() {
                query.push(" cross join lateral (select from memory_vectors where bank_key = ");
                query.push_bind(bank).push(" and memory_id = l.memory_id");
                self.push_types(query, "fact_type");
                self.tags.push(query, "tags");
                query.push(" offset 0) v");
            }
        }
        // A seed is no news.
        query.push(") x where memory_id not in (select memory_id from seed) group by memory_id order by s desc, memory_id desc limit ");
        query.push_bind(RELATED).push("), ");
    }

    /// The newest memories that mention the entities, with what each mention weighs.
    fn push_mentions(&self, query: &mut QueryBuilder<Postgres>, mentions: i64) {
        query.push("select p.memory_id, ent.weight s from ent cross join lateral (select t.memory_id from memory_entities t");
        self.push_tag_join(query, "t");
        query.push(" where t.bank_key = ").push_bind(self.bank.0).push(" and t.entity_id = ent.entity_id");
        self.push_types(query, "t.fact_type");
        self.tags.push(query, "v.tags");
        query.push(" order by t.memory_id desc limit ").push_bind(mentions).push(") p");
    }

    /// The same among few memories: an entity may have many others.
    fn push_mentions_of(&self, query: &mut QueryBuilder<Postgres>, few: &[Uuid], mentions: i64) {
        query.push("select memory_id, weight s from (select t.memory_id, ent.weight, row_number() over (partition by ent.entity_id order by t.memory_id desc) nth from unnest(");
        query.push_bind(few.to_vec()).push("::uuid[]) u(memory_id) cross join lateral (select memory_id, entity_id, fact_type from memory_entities where bank_key = ");
        query.push_bind(self.bank.0).push(
            " and memory_id = u.memory_id offset 0) t join ent on ent.entity_id = t.entity_id where true",
        );
        self.push_types(query, "t.fact_type");
        query.push(") p where nth <= ").push_bind(mentions);
    }

    /// `timed`: memories of the window, the nearest to its middle, by meaning; `spread`: what led
    /// to the best of them and what they led to, whenever that was.
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
        self.push_spreading(query, vector);
    }

    fn push_spreading(&self, query: &mut QueryBuilder<Postgres>, vector: &[f32]) {
        let bank = self.bank.0;
        query.push("spread as (");
        for (i, (from, to)) in [("memory_id", "other_id"), ("other_id", "memory_id")].into_iter().enumerate()
        {
            query.push(if i == 0 { "" } else { " union all " });
            query
                .push("select v.memory_id from (select memory_id from timed where place <= ")
                .push_bind(SPREADING);
            query.push(format!(
                ") t cross join lateral (select {to} memory_id from memory_links where bank_key = "
            ));
            query
                .push_bind(bank)
                .push(format!(" and {from} = t.memory_id and {CAUSAL} order by weight desc, {to} limit "));
            query
                .push_bind(SPREAD)
                .push(") l cross join lateral (select memory_id from memory_vectors where bank_key = ");
            query.push_bind(bank).push(" and memory_id = l.memory_id");
            self.push_types(query, "fact_type");
            self.tags.push(query, "tags");
            query.push(" and embedding <=> ").push_bind(HalfVector::from_f32_slice(vector)).push(" <= ");
            query.push_bind(TIMED_DISTANCE).push(" offset 0) v");
        }
        query.push("), ");
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

    /// `found`: what any arm found, and its best place in the arms that read vectors and words; in
    /// the order in which their rows lie beside one another.
    pub(super) fn push_found(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("found as (select memory_id, bit_or(arm) arms, max(s) by_graph, min(place) place from (");
        query.push(format!(
            "select memory_id, {BY_MEANING}::int2 arm, null::float8 s, place from sem where d <= "
        ));
        query.push_bind(1.0 - self.min_similarity);
        query.push(format!("::float8 union all select memory_id, {BY_WORDS}::int2, null, place from kw"));
        self.push_related(query);
        query.push(") x group by memory_id order by memory_id), ");
    }

    /// ` union all` what the graph arm and the temporal arm found.
    pub(super) fn push_related(&self, query: &mut QueryBuilder<Postgres>) {
        if self.graph.is_some() {
            query.push(format!(" union all select memory_id, {BY_GRAPH}::int2, s, null from gr"));
        }
        if self.is_timed() {
            query.push(format!(
                " union all select memory_id, {BY_TIME}::int2, null, null from timed where place <= "
            ));
            query.push_bind(TIMED);
            query.push(format!(" union all select memory_id, {BY_TIME}::int2, null, null from spread"));
        }
    }

    /// Whether the temporal arm runs.
    pub(super) fn is_timed(&self) -> bool {
        self.window.is_some() && self.vector.is_some()
    }
}
