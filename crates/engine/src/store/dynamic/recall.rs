//! The candidates of a recall, all arms in one statement.

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use pgvector::HalfVector;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::TagFilter;
use crate::recall::{BM25_B, BM25_K1};
use crate::store::{BankKey, ChunkRow, StoreError, fact_type_code};

/// A term of the query with its weight in the bank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TermProbe {
    /// Hash of the term.
    pub hash: i64,
    /// Number of the bank's memories that hold it; at least 1.
    pub df: i32,
    /// Inverse document frequency.
    pub idf: f64,
}

/// What to look for.
#[derive(Debug)]
pub struct CandidateQuery<'q> {
    /// The bank.
    pub bank: BankKey,
    /// Types of memory; not empty.
    pub types: &'q [FactType],
    /// Vector of the query; without one there is no semantic arm.
    pub vector: Option<&'q [f32]>,
    /// Cosine similarity below which the semantic arm finds nothing.
    pub min_similarity: f64,
    /// Terms of the query, the rarest first; none means no keyword arm.
    pub terms: &'q [TermProbe],
    /// Mean length of the bank's memories in terms.
    pub mean_length: f64,
    /// Candidates of each arm and type.
    pub per_arm: i64,
    /// Postings that may make candidates: terms beyond only score what others found.
    pub postings: i64,
    /// Which rows may be seen.
    pub tags: &'q TagFilter,
}

/// A memory that an arm found, with what ranking needs.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its id.
    pub memory_id: Uuid,
    /// Whether the semantic arm found it.
    pub by_meaning: bool,
    /// Cosine similarity to the query; `None` when the query has no vector.
    pub similarity: Option<f64>,
    /// Matched terms: place in [`CandidateQuery::terms`] and count in the memory.
    pub matches: Vec<(usize, i16)>,
    /// Length of the memory in terms; 0 when no term matched.
    pub length: i16,
    /// When what it tells of happened or was told.
    pub event_at: Option<DateTime<Utc>>,
    /// Length of its text in tokens.
    pub tokens: i32,
    /// Share of its text that asks.
    pub question_share: f32,
    /// Whether it names a time.
    pub has_time: bool,
    /// Who says it.
    pub author: Option<String>,
}

impl CandidateQuery<'_> {
    pub(in crate::store) async fn fetch(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Candidate>, StoreError> {
        if self.vector.is_none() && self.terms.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::new("with ");
        self.push_semantic(&mut query);
        let probed = self.push_keyword(&mut query);
        self.push_pool(&mut query);
        self.push_matches(&mut query, &probed);
        self.push_result(&mut query);
        let rows = query.build().fetch_all(connection).await?;
        rows.into_iter()
            .map(|row| {
                let places: Option<Vec<i64>> = row.try_get("places")?;
                let counts: Option<Vec<i16>> = row.try_get("counts")?;
                let matches = std::iter::zip(places.unwrap_or_default(), counts.unwrap_or_default())
                    .filter_map(|(place, count)| Some((usize::try_from(place).ok()?, count)));
                Ok(Candidate {
                    memory_id: row.try_get("memory_id")?,
                    by_meaning: row.try_get("by_meaning")?,
                    similarity: row.try_get("similarity")?,
                    matches: matches.collect(),
                    length: row.try_get::<Option<i16>, _>("length")?.unwrap_or(0),
                    event_at: row.try_get("event_at")?,
                    tokens: row.try_get("tokens")?,
                    question_share: row.try_get("question_share")?,
                    has_time: row.try_get("has_time")?,
                    author: row.try_get("author")?,
                })
            })
            .collect()
    }

    /// `sem`: the nearest memories of each type, by an exact scan.
    fn push_semantic(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("sem as materialized (");
        let Some(vector) = self.vector else {
            query.push("select null::uuid memory_id, null::float8 d where false), ");
            return;
        };
        let vector = HalfVector::from_f32_slice(vector);
        for (i, fact_type) in self.types.iter().enumerate() {
            query.push(if i == 0 { "(" } else { " union all (" });
            query.push("select memory_id, embedding <=> ").push_bind(vector.clone());
            query.push(" d from memory_vectors where bank_key = ").push_bind(self.bank.0);
            query.push(" and fact_type = ").push(fact_type_code(*fact_type));
            self.tags.push(query, "tags");
            query.push(" order by d limit ").push_bind(self.per_arm).push(")");
        }
        query.push("), ");
    }

    /// `posts`: the newest postings of the rare terms; `kw`: the best memories of each type
    /// by them. Returns the places of the terms that have to be probed for every candidate.
    fn push_keyword(&self, query: &mut QueryBuilder<Postgres>) -> Vec<usize> {
        let mut scanned = Vec::new();
        let mut probed = Vec::new();
        let mut read = 0;
        for (place, term) in self.terms.iter().enumerate() {
            read += i64::from(term.df);
            if read <= self.postings || place == 0 {
                scanned.push(place);
            }
            // A list that is cut says nothing about the memories behind the cut.
            if read > self.postings {
                probed.push(place);
            }
        }
        let of = |places: &[usize]| -> (Vec<i64>, Vec<i64>, Vec<f64>) {
            let terms = places.iter().filter_map(|&place| Some((place, self.terms.get(place)?)));
            let mut columns = (Vec::new(), Vec::new(), Vec::new());
            for (place, term) in terms {
                columns.0.push(term.hash);
                columns.1.push(i64::try_from(place).unwrap_or(i64::MAX));
                columns.2.push(term.idf);
            }
            columns
        };
        let (hashes, places, idfs) = of(&scanned);
        query.push("posts as materialized (select r.place, r.idf, p.memory_id, p.fact_type, p.tf, p.length from unnest(");
        query.push_bind(hashes).push("::int8[], ").push_bind(places).push("::int8[], ").push_bind(idfs);
        query.push("::float8[]) r(term, place, idf) cross join lateral (select t.memory_id, t.fact_type, t.tf, t.length from memory_terms t");
        // Filters come before the limit: the newest postings may all be of memories that
        // the caller does not want.
        if !self.tags.passes_all() {
            query.push(" join memory_vectors v on v.bank_key = t.bank_key and v.memory_id = t.memory_id");
        }
        query.push(" where t.bank_key = ").push_bind(self.bank.0);
        query.push(" and t.term = r.term and t.fact_type in (");
        for (i, fact_type) in self.types.iter().enumerate() {
            query.push(if i == 0 { "" } else { ", " }).push(fact_type_code(*fact_type));
        }
        query.push(")");
        self.tags.push(query, "v.tags");
        query.push(" order by t.memory_id desc limit ").push_bind(self.postings);
        query.push(") p), kw as materialized (select memory_id from (select memory_id, row_number() over (partition by fact_type order by sum(idf * tf * ");
        query.push_bind(BM25_K1 + 1.0).push(" / (tf + ").push_bind(BM25_K1).push(" * (");
        query.push_bind(1.0 - BM25_B).push(" + ").push_bind(BM25_B / self.mean_length.max(1.0));
        query.push(" * length))) desc, memory_id desc) place from posts group by memory_id, fact_type");
        query.push(") x where place <= ").push_bind(self.per_arm).push("), ");
        probed
    }

    /// `pool`: what either arm found.
    fn push_pool(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("pool as materialized (select memory_id, bool_or(by_meaning) by_meaning from (select memory_id, true by_meaning from sem where d <= ");
        query.push_bind(1.0 - self.min_similarity);
        query.push("::float8 union all select memory_id, false from kw) x group by memory_id), ");
    }

    /// `hits`: the terms each candidate matches.
    fn push_matches(&self, query: &mut QueryBuilder<Postgres>, probed: &[usize]) {
        query.push("hits as (select memory_id, array_agg(place) places, array_agg(tf) counts, max(length) length from (select place, p.memory_id, tf, length from posts p join pool using (memory_id)");
        if !probed.is_empty() {
            let places: Vec<i64> = probed.iter().filter_map(|&place| i64::try_from(place).ok()).collect();
            let hashes: Vec<i64> =
                probed.iter().filter_map(|&place| self.terms.get(place)).map(|term| term.hash).collect();
            // "union", not "union all": the first term may be both scanned and probed.
            query.push(" union select c.place, p.memory_id, p.tf, p.length from pool cross join unnest(");
            query.push_bind(hashes).push("::int8[], ").push_bind(places);
            query
                .push("::int8[]) c(term, place) join memory_terms p on p.bank_key = ")
                .push_bind(self.bank.0);
            query.push(" and p.term = c.term and p.memory_id = pool.memory_id");
        }
        query.push(") x group by memory_id) ");
    }

    fn push_result(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("select v.memory_id, pool.by_meaning, ");
        match self.vector {
            Some(vector) => {
                let vector = HalfVector::from_f32_slice(vector);
                query.push("1 - (v.embedding <=> ").push_bind(vector).push(") similarity");
            }
            None => {
                query.push("null::float8 similarity");
            }
        }
        query.push(", h.places, h.counts, h.length, v.event_at, v.tokens, v.question_share, v.has_time, v.author from pool join memory_vectors v on v.bank_key = ");
        query.push_bind(self.bank.0);
        query.push(" and v.memory_id = pool.memory_id left join hits h on h.memory_id = pool.memory_id");
    }
}

/// The chunks that these memories come from, in the order of the memories, each once; with
/// a tag filter only those whose document passes it.
pub(in crate::store) async fn fetch_chunks(
    connection: &mut PgConnection,
    bank: BankKey,
    memories: &[Uuid],
    tags: &TagFilter,
) -> Result<Vec<ChunkRow>, StoreError> {
    let mut query = QueryBuilder::new(
        "select c.document_id, c.chunk_index, c.body from (select m.document_id, m.chunk_index, min(u.rank) as rank from unnest(",
    );
    query
        .push_bind(memories.to_vec())
        .push("::uuid[]) with ordinality u(memory_id, rank) join memories m on m.bank_key = ");
    query.push_bind(bank.0).push(" and m.memory_id = u.memory_id group by m.document_id, m.chunk_index) x join chunks c on c.bank_key = ");
    query.push_bind(bank.0).push(" and c.document_id = x.document_id and c.chunk_index = x.chunk_index join documents d on d.bank_key = ");
    query.push_bind(bank.0).push(" and d.document_id = x.document_id where true");
    tags.push(&mut query, "d.tags");
    query.push(" order by x.rank");
    Ok(query.build_query_as().fetch_all(connection).await?)
}
