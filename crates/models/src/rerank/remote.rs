//! What all rerankers over HTTP have in common: batches from the front, a deadline, checks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use futures::{FutureExt, StreamExt};
use hindsight_engine::ports::{RerankError, Reranker};
use reqwest::Url;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::http::{ApiKey, CallLimits, HttpError, Service};

/// A service that says it sends numbers from 0 to 1 may miss them by so much: it computes in
/// few digits.
const ROUNDING: f64 = 1e-3;

/// How to reach a reranker over HTTP.
#[derive(Clone, Debug)]
pub struct RemoteRerankerOptions {
    /// Who scores, for logs, as `provider/model`.
    pub name: String,
    /// Where documents are sent to.
    pub endpoint: Url,
    /// Model, where the service has several.
    pub model: Option<String>,
    /// Key of the service.
    pub key: Option<ApiKey>,
    /// Documents in one call at most.
    pub batch_size: usize,
    /// Bounds of its calls.
    pub limits: CallLimits,
}

/// What a service wants to be told and how it answers.
pub(super) trait Wire: Send + Sync {
    /// The body of a call.
    fn body(&self, query: &str, documents: &[String]) -> Value;

    /// The scores in an answer with the places of their documents, already from 0 to 1.
    fn scores(&self, answer: Value) -> Result<Vec<(usize, f64)>, serde_json::Error>;
}

/// A reranker over HTTP.
pub struct RemoteReranker {
    name: String,
    endpoint: Url,
    batch_size: usize,
    service: Service,
    wire: Box<dyn Wire>,
}

impl fmt::Debug for RemoteReranker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReranker").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RemoteReranker {
    pub(super) fn new(
        options: RemoteRerankerOptions,
        wire: impl Wire + 'static,
    ) -> Result<Self, RerankError> {
        let header = options.key.as_ref().map(ApiKey::bearer);
        let service = Service::new(options.limits, options.key, header).map_err(RerankError::Failed)?;
        Ok(Self {
            name: options.name,
            endpoint: options.endpoint,
            batch_size: options.batch_size.max(1),
            service,
            wire: Box::new(wire),
        })
    }

    /// The scores of one batch in its order.
    async fn batch(
        &self,
        query: &str,
        documents: &[String],
        deadline: Instant,
    ) -> Result<Vec<f64>, HttpError> {
        let body = self.wire.body(query, documents);
        let answer: Value = self.service.post(&self.endpoint, &body, Some(deadline)).await?;
        let garbage = |reason: String| HttpError::Garbage { url: self.name.clone(), reason };
        let scores = self.wire.scores(answer).map_err(|error| garbage(error.to_string()))?;
        in_order(&scores, documents.len()).map_err(garbage)
    }
}

/// One score for each of `wanted` documents; what is missing, double or no share is an error.
fn in_order(scores: &[(usize, f64)], wanted: usize) -> Result<Vec<f64>, String> {
    let mut found = vec![None; wanted];
    for &(index, score) in scores {
        let place = found.get_mut(index).ok_or_else(|| format!("there is no document {index}"))?;
        if place.is_some() {
            return Err(format!("document {index} has two scores"));
        }
        if !(-ROUNDING..=1.0 + ROUNDING).contains(&score) {
            return Err(format!("document {index} has the score {score}, which is not from 0 to 1"));
        }
        *place = Some(score.clamp(0.0, 1.0));
    }
    let sent = scores.len();
    let found: Option<Vec<f64>> = found.into_iter().collect();
    found.ok_or_else(|| format!("there are {sent} scores for {wanted} documents"))
}

#[async_trait]
impl Reranker for RemoteReranker {
    fn name(&self) -> &str {
        &self.name
    }

    async fn rerank(
        &self,
        query: &str,
        documents: &[String],
        budget: Duration,
    ) -> Result<Vec<Option<f64>>, RerankError> {
        let mut found = vec![None; documents.len()];
        if documents.is_empty() || budget.is_zero() {
            return Ok(found);
        }
        let deadline = Instant::now() + budget;
        // Not an iterator: what borrows in one cannot be held across a wait.
        let calls: Vec<_> = documents
            .chunks(self.batch_size)
            .map(|batch| self.batch(query, batch, deadline).boxed())
            .collect();
        let mut answers = stream::iter(calls).buffered(self.service.max_concurrent());
        let mut places = found.chunks_mut(self.batch_size);
        let mut is_any_scored = false;
        // An error here means that the time is up, and so does a call that ends for that.
        while let Ok(Some(answer)) = timeout_at(deadline, answers.next()).await {
            let scores = match answer {
                Ok(scores) => scores,
                Err(HttpError::Late(_)) => break,
                // It has no time for the rest within ours.
                Err(HttpError::Busy { .. }) if is_any_scored => break,
                Err(error @ HttpError::Busy { .. }) => {
                    tracing::debug!(reranker = self.name, %error, "a reranker is busy");
                    return Err(RerankError::Busy);
                }
                Err(error) => return Err(RerankError::Failed(error.to_string())),
            };
            is_any_scored = true;
            for (place, score) in places.next().into_iter().flatten().zip(scores) {
                *place = Some(score);
            }
        }
        drop(answers);
        if is_any_scored {
            return Ok(found);
        }
        Err(RerankError::Failed(format!("{} did not answer within {} ms", self.name, budget.as_millis())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_put_in_the_order_of_the_documents() {
        assert_eq!(in_order(&[(1, 0.25), (0, 1.0005)], 2), Ok(vec![1.0, 0.25]));
    }

    #[test]
    fn what_is_not_one_share_for_each_document_is_refused() {
        for (scores, wanted, reason) in [
            (&[(0, 0.5)][..], 2, "1 scores for 2"),
            (&[(0, 0.5), (0, 0.5)], 2, "two scores"),
            (&[(2, 0.5), (0, 0.5)], 2, "no document 2"),
            (&[(0, f64::NAN)], 1, "NaN"),
            (&[(0, 7.5)], 1, "not from 0 to 1"),
        ] {
            let problem = in_order(scores, wanted).unwrap_err();
            assert!(problem.contains(reason), "{problem}");
        }
    }
}
