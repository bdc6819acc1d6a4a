//! How a recall goes about it: how far each arm reaches, what is done with its finds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hindsight_types::recall::{Budget, RecallRequest};
use uuid::Uuid;

use super::held::HeldBank;
use super::hot::HotBanks;
use super::query::Query;
use super::score::{self, Ranked, Weights};
use super::words::{Reading, Words};
use super::{cut, fusion, select};
use crate::EngineError;
use crate::cells::cells_for;
use crate::config::{Fusion, Settings};
use crate::store::{
    Candidate, CandidateQuery, GraphQuery, PostingsQuery, RecallBank, RecallSession, TermProbe,
};

/// Memories that are looked up one by one at most.
const MOST_FEW: i64 = 5000;

/// What a reranker gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct RerankLimits {
    /// Candidates at most.
    pub(super) candidates: usize,
    /// Tokens of one candidate; all when not set.
    pub(super) tokens: Option<usize>,
    /// How long it may take.
    pub(super) budget: Duration,
}

/// The plan of one recall.
#[derive(Debug)]
pub(super) struct Plan {
    /// Candidates of each arm and type.
    pub(super) per_arm: i64,
    postings: i64,
    context: i64,
    /// Newest mentions of an entity that are followed; none = no graph arm.
    mentions: Option<i64>,
    temporal: bool,
    min_similarity: f64,
    /// Lowest keyword score of a hit of the keyword arm; none = every match counts.
    keyword_min_score: Option<f64>,
    /// What of each arm's finds goes on; none = all.
    per_source: Option<usize>,
    probes: Option<i64>,
    fusion: Fusion,
    /// What the reranker gets; none = it is not asked.
    pub(super) rerank: Option<RerankLimits>,
    /// Whether observations hide the facts behind them.
    pub(super) prefer_observations: bool,
}

impl Plan {
    pub(super) fn of(
        settings: &Settings,
        request: &RecallRequest,
        bank: &RecallBank,
        has_reranker: bool,
    ) -> Self {
        let of_level = |[low, mid, high]: [i64; 3]| match request.budget {
            Budget::Low => low,
            Budget::Mid => mid,
            Budget::High => high,
        };
        let rerank = (has_reranker && settings.enable_reranking).then(|| RerankLimits {
            candidates: settings.rerank_candidates(request.budget),
            tokens: settings.rerank_max_tokens,
            budget: settings.rerank_budget,
        });
        Self {
            per_arm: settings.per_arm(request.budget, request.max_tokens),
            postings: of_level(settings.postings),
            context: of_level(settings.context),
            mentions: settings.graph.then(|| of_level(settings.mentions)),
            temporal: settings.temporal,
            min_similarity: settings.min_similarity,
            keyword_min_score: Some(settings.keyword_min_score).filter(|floor| *floor > 0.0),
            per_source: usize::try_from(settings.max_candidates_per_source).ok().filter(|limit| *limit > 0),
            // A bank that has shrunk, or a limit that was raised, needs its cells no more.
            probes: (bank.cells > 0 && bank.memories > settings.exact_limit)
                .then(|| probes(of_level(settings.scanned), bank)),
            fusion: settings.fusion,
            rerank,
            prefer_observations: request.prefer_observations.unwrap_or(settings.prefer_observations),
        }
    }

    /// Memories that an answer may hold at most.
    pub(super) fn per_answer(&self) -> usize {
        usize::try_from(self.per_arm).unwrap_or(usize::MAX).saturating_mul(2)
    }

    /// What the arms find.
    ///
    /// Under a filter the nearest ones may lie anywhere: where it lets few memories through, these are
    /// looked at, and where cells bring fewer vectors of a type than the arm may have although the
    /// bank has more, every vector is.
    pub(super) async fn candidates(
        &self,
        session: &mut RecallSession,
        hot: &HotBanks,
        bank: &RecallBank,
        query: &Query,
        vector: Option<&[f32]>,
        terms: &[TermProbe],
    ) -> Result<Vec<Candidate>, EngineError> {
        let held = self.held(session, hot, bank, query, vector).await?;
        if held.as_ref().is_some_and(|(held, _)| !held.has_any(&query.types)) {
            return Ok(Vec::new());
        }
        let few = if query.tags.passes_all() {
            None
        } else {
            session.few(bank.key, &query.tags, most_few(bank)).await?
        };
        if few.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mean_length = score::mean_length(bank);
        let reading = Reading::of(terms, self.postings);
        let postings =
            PostingsQuery { bank: bank.key, lists: &reading.lists, types: &query.types, tags: &query.tags };
        let words = Words::new(&reading, terms, mean_length, session.postings(&postings).await?);
        let mut wanted = CandidateQuery {
            bank: bank.key,
            types: &query.types,
            vector,
            min_similarity: query.floors.semantic.unwrap_or(self.min_similarity),
            probes: self.probes.filter(|_| few.is_none()),
            words: &[],
            probed: &reading.probed,
            per_arm: self.per_arm,
            graph: self.mentions.map(|mentions| GraphQuery { names: &query.names, mentions }),
            window: query.window.filter(|_| self.temporal),
            context: self.context,
            tags: &query.tags,
            few: few.as_deref(),
        };
        let mut hits = words.hits(&wanted);
        if let Some(few) = &few {
            let few: HashSet<Uuid> = few.iter().copied().collect();
            hits.retain(|hit| few.contains(&hit.memory_id));
        }
        wanted.words = &hits;
        let mut candidates = match held {
            Some((held, vector)) => held.candidates(session, &wanted, vector).await?,
            None => {
                let mut found = session.candidates(&wanted).await?;
                if wanted.probes.is_some() && !found.is_complete {
                    wanted.probes = None;
                    found = session.candidates(&wanted).await?;
                }
                found.candidates
            }
        };
        words.tell(&mut candidates);
        Ok(candidates)
    }

    /// The bank as it is held here, where all of it may be seen and is to be looked at; with the vector
    /// to look with.
    async fn held<'v>(
        &self,
        session: &mut RecallSession,
        hot: &HotBanks,
        bank: &RecallBank,
        query: &Query,
        vector: Option<&'v [f32]>,
    ) -> Result<Option<(Arc<HeldBank>, &'v [f32])>, EngineError> {
        let (Some(vector), None, true) = (vector, self.probes, query.tags.passes_all()) else {
            return Ok(None);
        };
        let held = hot.of(session, bank, vector.len()).await?;
        Ok(held.map(|held| (held, vector)))
    }

    /// The candidates in order, the best first.
    pub(super) fn fuse(&self, found: Vec<Candidate>, query: &Query, weights: &Weights) -> Vec<Ranked> {
        let keyword_floor = query.floors.keyword.or(self.keyword_min_score);
        let mut ranked = score::rank(found, query, weights, keyword_floor);
        if let Some(limit) = self.per_source {
            cut::cut_arms(&mut ranked, limit);
        }
        if self.fusion == Fusion::Ranks {
            fusion::by_ranks(&mut ranked, query);
        }
        select::drop_repeated(&mut ranked);
        ranked
    }
}

/// Memories up to which a filter by tags is asked for all that it lets through: each costs about as
/// much as four that are scanned.
fn most_few(bank: &RecallBank) -> i64 {
    (bank.memories / 4).min(MOST_FEW)
}

/// Cells that hold about so many vectors together.
fn probes(scanned: i64, bank: &RecallBank) -> i64 {
    let cells = cells_for(bank.cells);
    scanned.saturating_mul(cells).div_euclid(bank.memories.max(1)).clamp(1, cells)
}

/// What the query's words weigh in the bank, the rarest first. Words the bank does not
/// know find nothing and are left out.
pub(super) fn bank_terms(bank: &RecallBank, settings: &Settings) -> Vec<TermProbe> {
    let memories = bank.memories as f64;
    let mut terms: Vec<TermProbe> = bank
        .frequencies
        .iter()
        .filter(|(_, df)| *df > 0)
        .map(|(hash, df)| TermProbe { hash: *hash, df: *df, idf: score::idf(memories, f64::from(*df)) })
        .collect();
    terms.sort_unstable_by_key(|term| (term.df, term.hash));
    if settings.max_query_terms > 0 {
        terms.truncate(settings.max_query_terms);
    }
    terms
}
