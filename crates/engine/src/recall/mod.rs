//! Recall: what matters for a query, inside a token budget.
//!
//! The way of a query, top to bottom: [`query`] reads it, the arms find candidates in one
//! statement, [`score`] orders them, [`select`] fills the budget, [`answer`] puts the
//! response together. The model is asked before a connection is taken.

mod answer;
mod period;
mod query;
mod score;
mod select;

use std::sync::Arc;
use std::time::Instant;

use hindsight_types::recall::{Budget, RecallRequest, RecallResponse};
use uuid::Uuid;

use self::answer::{Answer, TraceInput};
use self::query::Query;
pub(crate) use self::score::{BM25_B, BM25_K1};
use self::score::{Ranked, Weights};
use crate::config::Settings;
use crate::ports::{EmbedError, EmbedPurpose};
use crate::store::{CandidateQuery, RecallBank, RecallSession, TermProbe};
use crate::{Engine, EngineError};

/// Query vectors kept: 2,048 of 384 numbers are 3 MB.
const CACHED_QUERIES: u64 = 2048;
/// Query terms used: of longer queries the rarest.
const MAX_TERMS: usize = 16;

/// How much the arms may bring.
#[derive(Clone, Copy, Debug)]
struct ArmLimits {
    /// Candidates of each arm and type.
    per_arm: i64,
    /// Postings that may make candidates.
    postings: i64,
}

impl ArmLimits {
    fn of(settings: &Settings, budget: Budget) -> Self {
        let of_level = |[low, mid, high]: [i64; 3]| match budget {
            Budget::Low => low,
            Budget::Mid => mid,
            Budget::High => high,
        };
        Self { per_arm: of_level(settings.budgets), postings: of_level(settings.postings) }
    }
}

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
        let started = Instant::now();
        let query = Query::read(request, self.clock.now(), self.store.language(), &self.settings)?;
        let vector = self.query_vector(&query.text).await;
        let embedded = started.elapsed();

        let mut session = self.store.recall_session().await?;
        let bank = session.bank(bank_id, &query.terms).await?;
        let bank = bank.ok_or_else(|| EngineError::BankNotFound(bank_id.to_owned()))?;
        let settings = self.settings.of_bank(&bank.config);
        let terms = if settings.text_search { weigh(&bank) } else { Vec::new() };
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
        let limits = ArmLimits::of(&settings, request.budget);
        let mut ranked = if query.types.is_empty() {
            Vec::new()
        } else {
            let vector = vector.as_ref().map(|vector| vector.as_slice());
            rank(&mut session, &bank, &query, vector, &terms, limits, &settings).await?
        };
        let retrieved = started.elapsed();

        let found = ranked.len();
        ranked.truncate(usize::try_from(limits.per_arm).unwrap_or(usize::MAX).saturating_mul(2));
        let chosen = select::within_budget(&ranked, request.max_tokens);
        let ids: Vec<Uuid> = chosen.iter().map(|ranked| ranked.candidate.memory_id).collect();
        let memories = session.hydrate(bank.key, &ids).await?;
        let chunks = match &request.include.chunks {
            Some(options) => {
                let sources: Vec<Uuid> = ranked.iter().map(|ranked| ranked.candidate.memory_id).collect();
                let rows = session.chunks(bank.key, &sources, &query.tags).await?;
                Some(select::chunks_within_budget(bank_id, rows, options.max_tokens))
            }
            None => None,
        };
        drop(session);

        let trace = request.trace.then(|| TraceInput {
            query: &query,
            request,
            has_vector: vector.is_some(),
            found,
            embedded,
            retrieved,
            total: started.elapsed(),
        });
        Ok(Answer { bank_id, request, chosen: &chosen, memories, chunks }.into_response(trace))
    }

    /// The vector of a query, from the cache or the model.
    async fn query_vector(&self, text: &str) -> Result<Arc<Vec<f32>>, EmbedError> {
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

/// What the query's words weigh in the bank, the rarest first. Words the bank does not
/// know find nothing and are left out.
fn weigh(bank: &RecallBank) -> Vec<TermProbe> {
    let memories = bank.memories as f64;
    let mut terms: Vec<TermProbe> = bank
        .frequencies
        .iter()
        .filter(|(_, df)| *df > 0)
        .map(|(hash, df)| TermProbe { hash: *hash, df: *df, idf: score::idf(memories, f64::from(*df)) })
        .collect();
    terms.sort_unstable_by_key(|term| (term.df, term.hash));
    terms.truncate(MAX_TERMS);
    terms
}

/// Finds the candidates and puts them in order, the best first.
async fn rank(
    session: &mut RecallSession,
    bank: &RecallBank,
    query: &Query,
    vector: Option<&[f32]>,
    terms: &[TermProbe],
    limits: ArmLimits,
    settings: &Settings,
) -> Result<Vec<Ranked>, EngineError> {
    let mean_length = if bank.memories > 0 { bank.term_length as f64 / bank.memories as f64 } else { 1.0 };
    let candidates = session
        .candidates(&CandidateQuery {
            bank: bank.key,
            types: &query.types,
            vector,
            min_similarity: query.floors.semantic.unwrap_or(settings.min_similarity),
            terms,
            mean_length,
            per_arm: limits.per_arm,
            postings: limits.postings,
            tags: &query.tags,
        })
        .await?;
    let weights = Weights { terms, mean_length, memories: bank.memories as f64 };
    Ok(score::rank(candidates, query, &weights))
}
