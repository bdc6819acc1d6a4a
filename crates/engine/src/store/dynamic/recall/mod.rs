//! The candidates of a recall: every arm and the conversation around the hits, in one statement.
//!
//! What the keyword arm found is given: [`postings`] reads the lists of the query's words before.
//! The statement is a chain of `with` queries. [`arms`] writes `sem`, `kw`, `gr` and `timed`, one
//! for each arm, and `found`, their hits together; [`context`] reads what ranking needs of these
//! rows and of those around the best of them. Where a bank is held in the process, [`held`] asks only
//! for what is not held.

mod arms;
mod chunks;
mod context;
mod distance;
mod explain;
mod few;
mod held;
mod postings;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::TagFilter;
use crate::store::session::Session;
use crate::store::{BankKey, StoreError, StreamPlace, fact_type_code, fact_type_of};
use crate::text::dates::DateWindow;

pub(in crate::store) use chunks::{count_pending, fetch_chunks, fetch_visible};
pub(crate) use distance::{Spot, distances};
pub(in crate::store) use explain::explain_few;
pub(in crate::store) use few::fetch_few;
pub(in crate::store) use held::fetch_all;
pub use postings::{ListQuery, Posting, PostingsQuery};

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

/// What the graph arm starts from and how far it goes.
#[derive(Clone, Copy, Debug)]
pub struct GraphQuery<'q> {
    /// Lower-case names that stand in the query; those that are entities of the bank are
    /// followed like the entities of the best hits.
    pub names: &'q [String],
    /// The newest mentions of an entity that are followed.
    pub mentions: i64,
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
    /// Cells of the bank that the semantic arm looks into; none = it looks at every vector.
    pub probes: Option<i64>,
    /// What the keyword arm found, the best first: of each type [`per_arm`](Self::per_arm) at most,
    /// or all there are where tags are filtered by. None means no keyword arm.
    pub words: &'q [WordHit],
    /// Terms that are looked up for every row, place in the query and hash: their lists were not
    /// read as a whole.
    pub probed: &'q [(usize, i64)],
    /// Candidates of each arm and type.
    pub per_arm: i64,
    /// The graph arm; none = it does not run.
    pub graph: Option<GraphQuery<'q>>,
    /// Span of time of the temporal arm; none = it does not run.
    pub window: Option<DateWindow>,
    /// Best hits of an arm, over all types, whose neighbours in the conversation become candidates.
    pub context: i64,
    /// Which rows may be seen.
    pub tags: &'q TagFilter,
    /// All memories that may be seen, of whatever type, where they are few and known: then the words
    /// are of these, and cells are not looked into.
    pub few: Option<&'q [Uuid]>,
}

/// A memory that the keyword arm found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordHit {
    /// Its id.
    pub memory_id: Uuid,
    /// Its type.
    pub fact_type: FactType,
}

/// Which arms found a memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FoundBy {
    /// The semantic arm.
    pub meaning: bool,
    /// The keyword arm.
    pub words: bool,
    /// The graph arm, with its weight: the shared entities, rare ones more, and the links.
    pub graph: Option<f64>,
    /// The temporal arm.
    pub time: bool,
}

/// A memory that an arm found, or one that stands near it in a conversation.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its id.
    pub memory_id: Uuid,
    /// Its type.
    pub fact_type: FactType,
    /// Which arms found it; none for a neighbour.
    pub found_by: FoundBy,
    /// Steps to the nearest hit in its conversation: 0 for a hit. Beyond
    /// [`NEIGHBOURS`] it only lends its meaning and words to others.
    pub distance: i32,
    /// Cosine similarity to the query; `None` when one of both has no vector or one without a direction.
    pub similarity: Option<f64>,
    /// Place in a conversation.
    pub place: Option<StreamPlace>,
    /// Cosine similarity to the memories one and two places before; `None` where there is
    /// none that may be seen.
    pub before: [Option<f64>; 2],
    /// Matched terms: place in the query and count in the memory. The store tells those of
    /// [`CandidateQuery::probed`], the lists that were read tell the others.
    pub matches: Vec<(usize, i16)>,
    /// Length of the memory in terms; 0 when no term matched.
    pub length: i16,
    /// Begin and end of what it tells of, or when it was told.
    pub event: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Length of its text in tokens.
    pub tokens: i32,
    /// Share of its text that asks.
    pub question_share: f32,
    /// Whether it names a time.
    pub has_time: bool,
    /// Who says it.
    pub author: Option<Arc<str>>,
    /// Hash of its text without regard to case, spaces and punctuation at the ends.
    pub text_hash: Option<i64>,
    /// Facts that prove an observation; 1 for others.
    pub proof_count: i32,
}

/// What the arms found.
#[derive(Debug)]
pub struct Found {
    /// The candidates, in no order.
    pub candidates: Vec<Candidate>,
    /// False when cells brought fewer vectors of a type than the bank has and the arm may take.
    pub is_complete: bool,
}

/// Steps from a hit to a neighbour that is a candidate itself.
pub const NEIGHBOURS: i32 = 2;
/// Steps from a hit to the farthest memory that is read for it: one that lends a neighbour meaning or
/// words.
pub const REACH: i32 = NEIGHBOURS + 2;

/// What a row of the answer is flagged with: the arms that found it, and that it is one of the
/// best hits, whose neighbours are read.
const BY_MEANING: i32 = 1;
const BY_WORDS: i32 = 2;
const BY_GRAPH: i32 = 4;
const BY_TIME: i32 = 8;
const IS_SPOT: i32 = 16;

impl CandidateQuery<'_> {
    pub(in crate::store) async fn fetch(&self, connection: &mut Session) -> Result<Found, StoreError> {
        if self.vector.is_none() && self.words.is_empty() {
            return Ok(Found { candidates: Vec::new(), is_complete: true });
        }
        let mut query = self.statement();
        // Not row by row: there are thousands.
        let (connection, watch) = connection.parts();
        let rows = watch.run(query.build().fetch_all(connection)).await?;
        let is_complete = match rows.first() {
            Some(row) => row.try_get(IS_COMPLETE)?,
            None => self.probes.is_none(),
        };
        let mut candidates = Vec::with_capacity(rows.len());
        let mut spots = Vec::with_capacity(rows.len());
        for row in &rows {
            let (candidate, spot) = read(row, !self.probed.is_empty())?;
            spots.push(spot);
            candidates.push(candidate);
        }
        for (candidate, distance) in std::iter::zip(&mut candidates, distance::distances(&spots)) {
            candidate.distance = distance;
        }
        Ok(Found { candidates, is_complete })
    }

    fn statement(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("with ");
        self.push_semantic(&mut query);
        self.push_keyword(&mut query);
        self.push_seeds(&mut query);
        self.push_graph(&mut query);
        self.push_temporal(&mut query);
        self.push_found(&mut query);
        self.push_near(&mut query);
        self.push_matches(&mut query);
        self.push_result(&mut query);
        query
    }

    /// Whether any memory will do, of whatever type and tags.
    fn takes_all(&self) -> bool {
        self.has_all_types() && self.tags.passes_all()
    }

    fn has_all_types(&self) -> bool {
        FactType::ALL.iter().all(|fact_type| self.types.contains(fact_type))
    }

    /// Appends ` and <column> in (<types>)`; nothing where every type is asked for.
    fn push_types(&self, query: &mut QueryBuilder<Postgres>, column: &str) {
        if self.has_all_types() {
            return;
        }
        query.push(" and ").push(column).push(" in (");
        for (i, fact_type) in self.types.iter().enumerate() {
            query.push(if i == 0 { "" } else { ", " }).push(fact_type_code(*fact_type));
        }
        query.push(")");
    }
}

/// Column of the answer that says whether the cells brought enough.
const IS_COMPLETE: usize = 17;
/// The first column behind: of the probed terms, where there are any.
const MATCHES: usize = 18;

/// A row, and what its distance depends on. Columns go by their number: to look up twenty
/// names in each of thousands of rows takes longer than to decode them.
fn read(row: &PgRow, has_matches: bool) -> sqlx::Result<(Candidate, Spot)> {
    let flags: i32 = row.try_get(2)?;
    let has = |flag: i32| flags & flag != 0;
    let by_graph: Option<f64> = row.try_get(3)?;
    let stream: Option<(Uuid, i32)> = Option::zip(row.try_get(7)?, row.try_get(8)?);
    let event_at: Option<DateTime<Utc>> = row.try_get(9)?;
    let event_end: Option<DateTime<Utc>> = row.try_get(10)?;
    let mut candidate = Candidate {
        memory_id: row.try_get(0)?,
        fact_type: fact_type_of(row.try_get(1)?),
        found_by: FoundBy {
            meaning: has(BY_MEANING),
            words: has(BY_WORDS),
            graph: by_graph,
            time: has(BY_TIME),
        },
        distance: 0,
        similarity: cosine(row, 4)?,
        before: [cosine(row, 5)?, cosine(row, 6)?],
        place: stream.map(|(stream_id, position)| StreamPlace { stream_id, position }),
        event: event_at.map(|start| (start, event_end.unwrap_or(start))),
        tokens: row.try_get(11)?,
        question_share: row.try_get(12)?,
        has_time: row.try_get(13)?,
        author: row.try_get::<Option<&str>, _>(14)?.map(Arc::from),
        text_hash: row.try_get(15)?,
        proof_count: row.try_get(16)?,
        matches: Vec::new(),
        length: 0,
    };
    if has_matches {
        (candidate.matches, candidate.length) = read_matches(row, MATCHES)?;
    }
    let spot = Spot { place: candidate.place, is_hit: flags != 0, is_middle: has(IS_SPOT) };
    Ok((candidate, spot))
}

/// A cosine; none also where one of both vectors has no direction, of which the database makes NaN.
fn cosine(row: &PgRow, at: usize) -> sqlx::Result<Option<f64>> {
    Ok(row.try_get::<Option<f64>, _>(at)?.filter(|cosine| !cosine.is_nan()))
}

/// Terms that a row holds, place in the query and count, and its length in terms.
fn read_matches(row: &PgRow, from: usize) -> sqlx::Result<(Vec<(usize, i16)>, i16)> {
    let places: Option<Vec<i64>> = row.try_get(from)?;
    let counts: Option<Vec<i16>> = row.try_get(from + 1)?;
    let matches = std::iter::zip(places.unwrap_or_default(), counts.unwrap_or_default())
        .filter_map(|(place, count)| Some((usize::try_from(place).ok()?, count)));
    Ok((matches.collect(), row.try_get::<Option<i16>, _>(from + 2)?.unwrap_or(0)))
}
