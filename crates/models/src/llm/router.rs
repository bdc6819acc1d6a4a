//! Which models answer calls of which kind.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engine::ports::{Clock, LanguageModel, Listener, LlmError, LlmOperation, Prompt, Reply};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::chain::Chain;
use super::endpoint::{Endpoint, Permits, Spent};
use super::learned::Learned;
use super::options::{LlmOptions, RouteOptions, SchemaKeywords};
use super::trace;
use crate::http;

/// Why models cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {model}: {problem}")]
pub struct BuildError {
    operation: &'static str,
    model: String,
    problem: String,
}

/// Language models, chosen by what a call is for.
pub struct Router {
    retain: Chain,
    retain_with_media: Chain,
    sees_media: bool,
    reflect: Chain,
    consolidation: Chain,
    mental_model_refresh: Chain,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("models", &self.names()).finish()
    }
}

/// Language models of these options. Nobody is called yet.
pub fn build(options: LlmOptions, clock: Arc<dyn Clock>) -> Result<Router, BuildError> {
    let client = http::client(options.connect_timeout).map_err(|problem| BuildError {
        operation: "language models",
        model: "all".to_owned(),
        problem,
    })?;
    let mut builder = Builder {
        client,
        all: Arc::new(Semaphore::new(options.max_concurrent.max(1))),
        turnstile: Arc::new(Semaphore::new(1)),
        keywords: options.keywords,
        learned: HashMap::new(),
        clock,
    };
    Ok(Router {
        retain: builder.chain(LlmOperation::Retain, options.retain)?,
        retain_with_media: builder.chain(LlmOperation::RetainWithMedia, options.retain_with_media)?,
        sees_media: options.sees_media,
        reflect: builder.chain(LlmOperation::Reflect, options.reflect)?,
        consolidation: builder.chain(LlmOperation::Consolidation, options.consolidation)?,
        mental_model_refresh: builder
            .chain(LlmOperation::MentalModelRefresh, options.mental_model_refresh)?,
    })
}

/// What all endpoints share.
struct Builder {
    client: reqwest::Client,
    all: Arc<Semaphore>,
    turnstile: Arc<Semaphore>,
    keywords: SchemaKeywords,
    /// What is learned of a model holds for all kinds of calls.
    learned: HashMap<(String, String), Arc<Learned>>,
    clock: Arc<dyn Clock>,
}

impl Builder {
    fn chain(&mut self, operation: LlmOperation, route: RouteOptions) -> Result<Chain, BuildError> {
        let narrow = route.max_concurrent.map(|permits| Arc::new(Semaphore::new(permits.max(1))));
        // Somebody waits for the answer to a question; everything else is work in the background.
        let turnstile = (operation != LlmOperation::Reflect).then(|| Arc::clone(&self.turnstile));
        let permits = Permits { narrow, turnstile, all: Arc::clone(&self.all) };
        let operation = trace::operation(operation);
        let mut endpoints = Vec::new();
        for model in route.models {
            let place = (model.url.to_string(), model.model.clone());
            let learned = Arc::clone(self.learned.entry(place).or_default());
            let name = format!("{}/{}", model.provider, model.model);
            let endpoint = Endpoint::new(
                self.client.clone(),
                model,
                route.temperature,
                self.keywords,
                permits.clone(),
                learned,
                Arc::clone(&self.clock),
            );
            endpoints.push(endpoint.map_err(|problem| BuildError { operation, model: name, problem })?);
        }
        Chain::new(endpoints, &route.order, route.cooldown).map_err(|problem| BuildError {
            operation,
            model: "all".to_owned(),
            problem,
        })
    }
}

impl Router {
    fn chain(&self, operation: LlmOperation) -> &Chain {
        match operation {
            LlmOperation::Retain => &self.retain,
            LlmOperation::RetainWithMedia => &self.retain_with_media,
            LlmOperation::Reflect => &self.reflect,
            LlmOperation::Consolidation => &self.consolidation,
            LlmOperation::MentalModelRefresh => &self.mental_model_refresh,
        }
    }

    /// Who answers, each name once, in the order of the kinds of calls.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for operation in LlmOperation::ALL {
            let name = self.chain(operation).name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[async_trait]
impl LanguageModel for Router {
    fn name(&self, operation: LlmOperation) -> String {
        self.chain(operation).name()
    }

    fn sees_media(&self) -> bool {
        self.sees_media
    }

    async fn ask(&self, prompt: Prompt) -> Result<Reply, LlmError> {
        self.ask_for(prompt, None).await
    }

    async fn ask_heard(&self, prompt: Prompt, listener: &dyn Listener) -> Result<Reply, LlmError> {
        self.ask_for(prompt, Some(listener)).await
    }
}

impl Router {
    async fn ask_for(&self, prompt: Prompt, listener: Option<&dyn Listener>) -> Result<Reply, LlmError> {
        let chain = self.chain(prompt.operation);
        let begin = Instant::now();
        let deadline = prompt.budget.and_then(|budget: Duration| begin.checked_add(budget));
        let mut spent = Spent { listener, ..Spent::default() };
        let outcome = chain.ask(&prompt, deadline, &mut spent).await;
        let all = chain.name();
        trace::tell(
            &trace::Call {
                operation: prompt.operation,
                model: outcome.as_ref().map_or(&all, |reply| &reply.model),
                attempts: spent.attempts,
                duration: begin.elapsed(),
                usage: spent.usage,
            },
            outcome.as_ref().err(),
        );
        match outcome {
            Ok(reply) => Ok(Reply { usage: spent.usage, ..reply }),
            Err(failure) => Err(LlmError { failure, usage: spent.usage }),
        }
    }
}
