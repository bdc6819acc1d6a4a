//! A cross-encoder's look at the best candidates, inside a time budget.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::factors::Factors;
use super::plan::RerankLimits;
use super::query::Query;
use super::score::Ranked;
use crate::EngineError;
use crate::ports::Reranker;
use crate::store::{BankKey, MemoryText, RecallSession};
use crate::text::tokens;

/// What became of a reranking.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Candidates that were offered.
    offered: usize,
    /// Candidates that got a score in time.
    scored: usize,
    /// Who scored.
    by: String,
    /// Why nobody did.
    failure: Option<String>,
}

impl Outcome {
    /// What the trace tells.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "reranker": self.by,
            "offered": self.offered,
            "reranked": self.scored,
            "summary": format!("reranked {} of {}", self.scored, self.offered),
            "failure": self.failure,
        })
    }
}

/// The texts that the reranker reads, in the order of the candidates.
pub(super) async fn documents(
    session: &mut RecallSession,
    bank: BankKey,
    ranked: &[Ranked],
    limits: RerankLimits,
) -> Result<Vec<String>, EngineError> {
    let ids: Vec<Uuid> = ranked.iter().take(limits.candidates).map(|row| row.candidate.memory_id).collect();
    let texts = session.texts(bank, &ids).await?;
    let texts: HashMap<Uuid, MemoryText> = texts.into_iter().map(|text| (text.memory_id, text)).collect();
    let document = |id: &Uuid| texts.get(id).map(|text| document(text, limits.tokens)).unwrap_or_default();
    Ok(ids.iter().map(document).collect())
}

/// A memory as a reranker reads it: its date in words and numbers, its context, its text.
fn document(text: &MemoryText, max_tokens: Option<usize>) -> String {
    let mut document = String::new();
    if let Some(start) = text.occurred_start {
        document.push_str(&start.format("[Date: %B %d, %Y (%Y-%m-%d)] ").to_string());
    }
    if let Some(context) = text.context.as_deref().filter(|context| !context.is_empty()) {
        document.push_str(context);
        document.push_str(": ");
    }
    document.push_str(&text.body);
    match max_tokens {
        Some(max) => tokens::truncate(&document, max).to_owned(),
        None => document,
    }
}

/// Puts the candidates in the reranker's order. Those without a score keep their order
/// behind the others; a reranker that fails changes nothing.
pub(super) async fn rerank(
    reranker: &dyn Reranker,
    query: &Query,
    ranked: &mut [Ranked],
    documents: Vec<String>,
    limits: RerankLimits,
) -> Outcome {
    let offered = documents.len();
    let by = reranker.name().to_owned();
    // The reranker keeps its own deadline; this one holds when it does not.
    let deadline = limits.budget.saturating_mul(2);
    let answer =
        tokio::time::timeout(deadline, reranker.rerank(&query.text, &documents, limits.budget)).await;
    let scores = match answer {
        Ok(Ok(scores)) if scores.len() == offered => scores,
        Ok(Ok(scores)) => {
            let failure = Some(format!("it sent {} scores for {offered} texts", scores.len()));
            return failed(Outcome { offered, scored: 0, by, failure });
        }
        Ok(Err(error)) => {
            return failed(Outcome { offered, scored: 0, by, failure: Some(error.to_string()) });
        }
        Err(_) => {
            let failure = Some("no scores came in time".to_owned());
            return failed(Outcome { offered, scored: 0, by, failure });
        }
    };
    let mut scored = 0;
    for (row, score) in ranked.iter_mut().zip(scores) {
        let Some(score) = score.filter(|score| score.is_finite()) else { continue };
        scored += 1;
        row.reranker = Some(score);
        row.score = Factors::of(row, query).apply(score);
    }
    place_behind(ranked);
    // Stable: what has no score keeps the fused order.
    ranked.sort_by(|a, b| match (a.reranker, b.reranker) {
        (Some(_), Some(_)) => b.score.total_cmp(&a.score),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    });
    Outcome { offered, scored, by, failure: None }
}

/// Scores of candidates without one from the reranker: in their order, below all that have one.
fn place_behind(ranked: &mut [Ranked]) {
    let with_score = ranked.iter().filter(|row| row.reranker.is_some());
    let Some(lowest) = with_score.map(|row| row.score).min_by(f64::total_cmp) else { return };
    for row in ranked.iter_mut().filter(|row| row.reranker.is_none()) {
        let fused = row.score.max(0.0);
        row.score = lowest * fused / (1.0 + fused);
    }
}

fn failed(outcome: Outcome) -> Outcome {
    tracing::warn!(
        reranker = outcome.by,
        reason = outcome.failure.as_deref().unwrap_or_default(),
        "recall keeps the fused order"
    );
    outcome
}
