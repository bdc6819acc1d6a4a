//! What all embedding services have in common: prefixes, cuts, batches in order, checks.

use std::fmt;

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel};
use hindsight_engine::text::tokens;
use reqwest::Url;
use serde_json::Value;

use crate::http::{ApiKey, CallLimits, HttpError, Service};

/// What a new service is tried with.
const PROBE: &str = "The quick brown fox jumps over the lazy dog.";

/// How to reach an embedding service.
#[derive(Clone, Debug)]
pub struct RemoteEmbedderOptions {
    /// Its URL, to which the paths of its calls are added.
    pub url: Url,
    /// Model, in the service's words.
    pub model: String,
    /// Key of the service.
    pub key: Option<ApiKey>,
    /// Numbers a vector is to have, where the model leaves a choice.
    pub dimensions: Option<u32>,
    /// Texts in one call at most.
    pub batch_size: usize,
    /// Tokens of a text that are sent, its prefix included; 0 = all.
    pub max_input_tokens: usize,
    /// Put before every query.
    pub query_prefix: String,
    /// Put before every passage.
    pub passage_prefix: String,
    /// Bounds of its calls.
    pub limits: CallLimits,
}

/// What a service wants to be told and how it answers.
pub(super) trait Wire: Send + Sync {
    /// Where texts are sent to.
    fn endpoint(&self) -> &Url;

    /// The body of a call.
    fn body(&self, purpose: EmbedPurpose, texts: &[String]) -> Value;

    /// The vectors in an answer, in the order of the texts.
    fn vectors(&self, answer: Value) -> Result<Vec<Vec<f32>>, String>;
}

/// An embedding model over HTTP. Its vectors are made to have length 1.
pub struct RemoteEmbedder {
    identity: EmbeddingModel,
    batch_size: usize,
    max_input_tokens: usize,
    service: Service,
    wire: Box<dyn Wire>,
}

impl fmt::Debug for RemoteEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteEmbedder").field("model", &self.identity).finish_non_exhaustive()
    }
}

impl RemoteEmbedder {
    /// A service that has shown with one text that it gives usable vectors, and of which length.
    pub(super) async fn connect(
        provider: &str,
        name: String,
        options: RemoteEmbedderOptions,
        service: Service,
        wire: impl Wire + 'static,
    ) -> Result<Self, EmbedError> {
        let mut embedder = Self {
            identity: EmbeddingModel {
                provider: provider.to_owned(),
                name,
                dimension: 0,
                normalized: true,
                query_prefix: options.query_prefix,
                passage_prefix: options.passage_prefix,
            },
            batch_size: options.batch_size.max(1),
            max_input_tokens: options.max_input_tokens,
            service,
            wire: Box::new(wire),
        };
        let probe = embedder.batch(EmbedPurpose::Passage, &[PROBE.to_owned()]).await?;
        let dimension = probe.first().map_or(0, Vec::len);
        if options.dimensions.is_some_and(|wanted| wanted as usize != dimension) {
            return Err(EmbedError::Failed(format!(
                "{} gives vectors of {dimension} numbers whatever is asked for; leave the number of dimensions out",
                embedder.identity.name
            )));
        }
        embedder.identity.dimension = u32::try_from(dimension).unwrap_or(u32::MAX);
        Ok(embedder)
    }

    /// A text as it is sent.
    fn prepared(&self, purpose: EmbedPurpose, text: &str) -> String {
        let prefix = match purpose {
            EmbedPurpose::Query => &self.identity.query_prefix,
            EmbedPurpose::Passage => &self.identity.passage_prefix,
        };
        let whole = format!("{prefix}{text}");
        let cut = match self.max_input_tokens {
            0 => whole.as_str(),
            max => tokens::truncate(&whole, max),
        };
        // Services refuse a text without anything in it.
        if cut.is_empty() { " ".to_owned() } else { cut.to_owned() }
    }

    /// The vectors of one call.
    async fn batch(&self, purpose: EmbedPurpose, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let url = self.wire.endpoint();
        let answer = self.service.post(url, &self.wire.body(purpose, texts), None).await.map_err(failed)?;
        let garbage = |reason: String| {
            EmbedError::Failed(format!("{} sent vectors that cannot be used: {reason}", self.identity.name))
        };
        let vectors = self.wire.vectors(answer).map_err(garbage)?;
        if vectors.len() != texts.len() {
            return Err(garbage(format!("there are {} for {} texts", vectors.len(), texts.len())));
        }
        let dimension = match self.identity.dimension {
            0 => vectors.first().map_or(0, Vec::len),
            known => known as usize,
        };
        vectors.into_iter().map(|vector| unit(vector, dimension).map_err(garbage)).collect()
    }
}

/// The vector at length 1.
fn unit(mut vector: Vec<f32>, dimension: usize) -> Result<Vec<f32>, String> {
    if vector.len() != dimension {
        return Err(format!("one has {} numbers instead of {dimension}", vector.len()));
    }
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    // Also false for a length that is not a number.
    if !(length > 0.0 && length.is_finite()) {
        return Err("one is not made of finite numbers, not all of them 0".to_owned());
    }
    for value in &mut vector {
        #[expect(clippy::cast_possible_truncation, reason = "a number of at most 1 fits")]
        let scaled = (f64::from(*value) / length) as f32;
        *value = scaled;
    }
    Ok(vector)
}

/// The error of a call in the engine's words.
pub(super) fn failed(error: HttpError) -> EmbedError {
    match error {
        HttpError::Busy { .. } => EmbedError::Busy,
        other => EmbedError::Failed(other.to_string()),
    }
}

#[async_trait]
impl Embedder for RemoteEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.identity
    }

    async fn embed(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<_> = texts.iter().map(|text| self.prepared(purpose, text)).collect();
        // Not an iterator: what borrows in one cannot be held across a wait.
        let calls: Vec<_> =
            texts.chunks(self.batch_size).map(|batch| self.batch(purpose, batch).boxed()).collect();
        let vectors: Vec<_> =
            stream::iter(calls).buffered(self.service.max_concurrent()).try_collect().await?;
        Ok(vectors.concat())
    }
}

/// The URL with a path behind its own.
pub(super) fn join(url: &Url, path: &str) -> Url {
    let mut joined = url.clone();
    joined.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
    joined
}

/// What a service gets in a header: its key.
pub(super) fn service(
    options: &RemoteEmbedderOptions,
    header: impl FnOnce(&ApiKey) -> (&'static str, String),
) -> Result<Service, EmbedError> {
    let header = options.key.as_ref().map(header);
    Service::new(options.limits, options.key.clone(), header).map_err(EmbedError::Failed)
}
