//! Recall: what matters for a query, inside a token budget.
//!
//! The way of a query, top to bottom: [`query`] reads it, [`words`] finds the memories that hold
//! its words, the other arms find candidates in one statement, or in what this process holds of the
//! bank ([`hot`], [`held`]) and a smaller one, [`score`] orders them (or [`fusion`], by ranks), [`rerank`] lets
//! a cross-encoder look at the best, [`select`] fills the budget, [`answer`] puts the response
//! together. No connection is held while a model works.

mod answer;
mod cut;
mod factors;
mod fusion;
mod fuzzy;
mod held;
mod hot;
mod period;
mod plan;
mod query;
mod related;
mod rerank;
mod scan;
mod score;
mod select;
mod trace;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use hindsight_types::recall::{ChunkData, ChunkIncludeOptions, FactType, RecallRequest, RecallResponse};
use hindsight_types::tags::TagGroup;
use indexmap::IndexMap;
use uuid::Uuid;

use self::answer::Answer;
pub(crate) use self::hot::HotBanks;
use self::plan::{Plan, bank_terms};
use self::query::Query;
use self::score::Ranked;
use self::select::ChunkBudget;
use self::trace::{Phases, TraceInput};
use crate::ports::{EmbedError, EmbedPurpose};
use crate::store::{BankKey, HydratedMemory, RecallBank, RecallSession, Store, TagFilter};
use crate::{Engine, EngineError};

/// Query vectors kept: 2,048 of 384 numbers are 3 MB.
const CACHED_QUERIES: u64 = 2048;
/// Memories whose chunks are read first: most budgets end among them. Twice as many follow, and so on.
const CHUNKS_READ_FIRST: usize = 25;

/// Vectors of recent queries; concurrent equal queries wait for one embedding.
#[derive(Clone)]
pub(crate) struct QueryCache(moka::future::Cache<String, Arc<Vec<f32>>>);

impl QueryCache {
    pub(crate) fn new() -> Self {
        Self(moka::future::Cache::new(CACHED_QUERIES))
    }
}

impl Engine {
    /// Finds what matters for the query.
    pub async fn recall(
        &self,
        bank_id: &str,
        request: &RecallRequest,
    ) -> Result<RecallResponse, EngineError> {
        self.recall_over(bank_id, request, false).await
    }

    /// The same; over the database that is written to, whatever replicas there are, if that is wanted.
    pub(crate) async fn recall_over(
        &self,
        bank_id: &str,
        request: &RecallRequest,
        is_current: bool,
    ) -> Result<RecallResponse, EngineError> {
        let mut phases = Phases::start();
        let mut query = Query::read(request, self.clock.now(), self.store.language(), &self.settings)?;
        let vector = self.query_vector(&query.text).await;
        phases.end("generate_query_embedding");

        let (mut session, bank) = self.session_of(bank_id, &query.terms, is_current).await?;
        if let Some(groups) = query.fuzzy_groups() {
            query.tags = TagFilter::Groups(fuzzy_tags(&mut session, bank.key, groups).await?);
        }
        let settings = self.settings.of_bank(&bank.config);
        let plan = Plan::of(&settings, request, &bank, self.reranker().is_some());
        check_floors(&query, &plan)?;
        let terms = if settings.text_search { bank_terms(&bank, &settings) } else { Vec::new() };
        let vector = match vector {
            Ok(vector) => Some(vector),
            // No arm is left.
            Err(error) if terms.is_empty() => return Err(error.into()),
            // Answers from words alone are better than none; the trace says so.
            Err(error) => {
                tracing::warn!(%error, "recall goes on without the semantic arm");
                None
            }
        };
        let candidates = if query.types.is_empty() {
            Vec::new()
        } else {
            let vector = vector.as_ref().map(|vector| vector.as_slice());
            plan.candidates(&mut session, &self.hot, &bank, &query, vector, &terms).await?
        };
        phases.end("parallel_retrieval");

        let weights = score::Weights::of(&bank, &terms);
        let mut ranked = plan.fuse(candidates, &query, &weights);
        phases.end("fusion");
        let found = ranked.len();
        let before_reranking = request.trace.then(|| trace::Fused::of(&ranked));

        let mut reranked = None;
        if let (Some(reranker), Some(limits)) = (self.reranker(), plan.rerank) {
            let documents = rerank::documents(&mut session, bank.key, &ranked, limits).await?;
            let is_current = session.is_current();
            drop(session);
            phases.end("hydrate_candidates");
            reranked = Some(rerank::rerank(reranker, &query, &mut ranked, documents, limits).await);
            phases.end("reranking");
            session = if is_current {
                self.store.current_session().await?
            } else {
                self.store.recall_session().await?
            };
        }
        ranked.retain(|ranked| ranked.passes(&query.floors));
        if plan.prefer_observations {
            hide_sources(&mut session, bank.key, &mut ranked, &query, plan.per_answer()).await?;
            phases.end("prefer_observations_dedup");
        }
        ranked.truncate(plan.per_answer());

        let chosen = select::within_budget(&ranked, request.max_tokens);
        let ids: Vec<Uuid> = chosen.iter().map(|ranked| ranked.candidate.memory_id).collect();
        phases.end("token_filtering");
        let memories = session.hydrate(bank.key, &ids, &query.tags).await?;
        phases.end("hydrate_results");
        let chunks = match &request.include.chunks {
            Some(options) => {
                let sources: Vec<Uuid> = ranked.iter().map(|ranked| ranked.candidate.memory_id).collect();
                let chunks =
                    chunks_of(&mut session, bank.key, bank_id, &sources, &query.tags, options).await?;
                phases.end("chunk_fetch");
                Some(chunks)
            }
            None => None,
        };
        let source_facts = match &request.include.source_facts {
            Some(options) => {
                let facts = source_facts(&mut session, bank.key, &memories, &query).await?;
                phases.end("source_fact_fetch");
                Some(select::source_facts_within_budget(&chosen, &memories, facts, options))
            }
            None => None,
        };
        let texts = match &before_reranking {
            Some(fused) => session.texts(bank.key, &fused.ids()).await?,
            None => Vec::new(),
        };
        drop(session);

        let trace = before_reranking.map(|fused| TraceInput {
            query: &query,
            request,
            vector: vector.as_ref().map(|vector| vector.as_slice()),
            found,
            per_arm: plan.per_arm,
            fused,
            texts,
            reranked,
            phases,
        });
        Ok(Answer { bank_id, request, chosen: &chosen, memories, chunks, source_facts }.into_response(trace))
    }

    /// A session for a recall, and the bank in it. A replica may not have heard of a bank that was
    /// just made; then it is over the database that is written to, as where that is wanted.
    async fn session_of(
        &self,
        bank_id: &str,
        terms: &[i64],
        is_current: bool,
    ) -> Result<(RecallSession, RecallBank), EngineError> {
        if !is_current {
            let mut session = self.store.recall_session().await?;
            if let Some(bank) = session.bank(bank_id, terms).await? {
                return Ok((session, bank));
            }
        }
        let mut session = self.store.current_session().await?;
        let bank = session.bank(bank_id, terms).await?;
        let bank = bank.ok_or_else(|| EngineError::BankNotFound(bank_id.to_owned()))?;
        Ok((session, bank))
    }

    /// The vector of a query, from the cache or the model.
    pub(crate) async fn query_vector(&self, text: &str) -> Result<Arc<Vec<f32>>, EmbedError> {
        let embed = async {
            let vectors = self.vectors(EmbedPurpose::Query, vec![text.to_owned()]).await?;
            let vector = vectors.into_iter().next();
            vector.map(Arc::new).ok_or_else(|| EmbedError::Failed("no vector came back".to_owned()))
        };
        self.queries.0.try_get_with(text.to_owned(), embed).await.map_err(|error: Arc<EmbedError>| {
            match &*error {
                EmbedError::Busy => EmbedError::Busy,
                EmbedError::Failed(reason) => EmbedError::Failed(reason.clone()),
            }
        })
    }
}

/// The trees with nothing left to be looked up by likeness; looked up in the database that is written
/// to, if that is wanted.
pub(crate) async fn exact_groups(
    store: &Store,
    bank: BankKey,
    groups: &[TagGroup],
    is_current: bool,
) -> Result<Vec<TagGroup>, EngineError> {
    if !groups.iter().any(fuzzy::is_fuzzy) {
        return Ok(groups.to_vec());
    }
    let mut session =
        if is_current { store.current_session().await? } else { store.recall_session().await? };
    fuzzy_tags(&mut session, bank, groups).await
}

/// The trees with the bank's own tags in place of words that are like them.
async fn fuzzy_tags(
    session: &mut RecallSession,
    bank: BankKey,
    groups: &[TagGroup],
) -> Result<Vec<TagGroup>, EngineError> {
    let known = session.tags(bank, fuzzy::MOST_TAGS + 1).await?;
    if known.len() > fuzzy::MOST_TAGS {
        return Err(EngineError::Unprocessable(format!(
            "the bank has more than {} tags, too many to look for likeness; use resolve \"exact\"",
            fuzzy::MOST_TAGS
        )));
    }
    fuzzy::resolve(groups, &known).map_err(EngineError::Unprocessable)
}

/// A floor on scores that nobody gives would let nothing pass without a word.
fn check_floors(query: &Query, plan: &Plan) -> Result<(), EngineError> {
    if query.floors.reranker.is_some() && plan.rerank.is_none() {
        return Err(EngineError::Invalid(
            "min_scores.reranker needs a reranker that scores; none is configured".to_owned(),
        ));
    }
    Ok(())
}

/// Drops the facts behind the observations that are among the best: they say it already.
async fn hide_sources(
    session: &mut RecallSession,
    bank: BankKey,
    ranked: &mut Vec<Ranked>,
    query: &Query,
    best: usize,
) -> Result<(), EngineError> {
    let observations: Vec<Uuid> = ranked
        .iter()
        .take(best)
        .filter(|ranked| ranked.candidate.fact_type == FactType::Observation)
        .map(|ranked| ranked.candidate.memory_id)
        .collect();
    let raw = query.types.iter().any(|fact_type| *fact_type != FactType::Observation);
    if raw && !observations.is_empty() {
        let hidden: HashSet<Uuid> = session.sources(bank, &observations).await?.into_iter().collect();
        ranked.retain(|ranked| !hidden.contains(&ranked.candidate.memory_id));
    }
    Ok(())
}

/// The chunks that these memories come from, in their order, as many as fit.
async fn chunks_of(
    session: &mut RecallSession,
    bank: BankKey,
    bank_id: &str,
    mut memories: &[Uuid],
    tags: &TagFilter,
    options: &ChunkIncludeOptions,
) -> Result<IndexMap<String, ChunkData>, EngineError> {
    let mut budget = ChunkBudget::new(bank_id, options.max_tokens);
    let mut read = CHUNKS_READ_FIRST;
    while !budget.is_spent() && !memories.is_empty() {
        let (next, behind) = memories.split_at(read.min(memories.len()));
        budget.add(session.chunks(bank, next, tags).await?);
        (memories, read) = (behind, read * 2);
    }
    Ok(budget.into_chunks())
}

/// The facts behind the observations among the memories that the caller may see.
async fn source_facts(
    session: &mut RecallSession,
    bank: BankKey,
    memories: &[HydratedMemory],
    query: &Query,
) -> Result<Vec<HydratedMemory>, EngineError> {
    let ids: Vec<Uuid> = memories.iter().flat_map(|memory| memory.source_ids.iter().copied()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let visible = session.visible(bank, &ids, &query.tags).await?;
    Ok(session.hydrate(bank, &visible, &query.tags).await?)
}
