//! Rerankers in a row: the first that scores anything serves the call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engine::ports::{RerankError, Reranker};
use tokio::time::Instant;

/// A reranker of a chain, and the time it may take of the whole.
#[derive(Clone)]
pub struct Member {
    /// Who scores.
    pub reranker: Arc<dyn Reranker>,
    /// How long it may take, less when less is left.
    pub budget: Duration,
}

/// Several rerankers, asked in order until one scores.
pub struct ChainedRerankers {
    name: String,
    members: Vec<Member>,
    may_go_without: bool,
}

impl fmt::Debug for ChainedRerankers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainedRerankers").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ChainedRerankers {
    /// The members in the order they are asked. With `may_go_without`, a call that none of them
    /// serves is no error: nothing is scored then.
    pub fn new(members: Vec<Member>, may_go_without: bool) -> Self {
        let names: Vec<_> = members.iter().map(|member| member.reranker.name()).collect();
        Self { name: names.join(", "), members, may_go_without }
    }
}

#[async_trait]
impl Reranker for ChainedRerankers {
    fn name(&self) -> &str {
        &self.name
    }

    async fn rerank(
        &self,
        query: &str,
        documents: &[String],
        budget: Duration,
    ) -> Result<Vec<Option<f64>>, RerankError> {
        let end = Instant::now() + budget;
        let mut last = None;
        for member in &self.members {
            let left = member.budget.min(end.saturating_duration_since(Instant::now()));
            if documents.is_empty() || left.is_zero() {
                break;
            }
            match member.reranker.rerank(query, documents, left).await {
                Ok(scores) if scores.iter().any(Option::is_some) => return Ok(scores),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(reranker = member.reranker.name(), %error, "the next reranker is asked");
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if !self.may_go_without => Err(error),
            _ => Ok(vec![None; documents.len()]),
        }
    }
}
