//! What a language model is called with: values, which somebody else has read from settings.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};

use crate::http::{self, ApiKey};

/// How a service wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `POST chat/completions`, as OpenAI and very many others have it.
    OpenAi {
        /// Whether the longest answer is named `max_completion_tokens`, not `max_tokens`.
        completion_tokens: bool,
        /// Whether the routing of `OpenRouter` has to be told to honour every parameter.
        require_parameters: bool,
        /// Whether a schema stands in the prompt too when the service is given it: some let the
        /// model write nothing else, and do not show it why.
        shows_schema: bool,
        /// Whether it can be told that a tool has to be called. Else that is left out, and a tool
        /// that has to be called is the only one offered.
        tool_choice: bool,
    },
    /// `POST messages` of Anthropic.
    Anthropic {
        /// Whether the beginning of the conversation is to be kept in the provider's cache.
        cache: bool,
    },
    /// `POST models/MODEL:generateContent` of Gemini.
    Gemini,
}

/// How JSON of a schema is asked for. Each is a step down from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonMode {
    /// The provider is given the schema and keeps to it.
    Schema,
    /// The provider promises some JSON; the schema stands in the prompt.
    Json,
    /// The prompt alone says it.
    Prompt,
}

/// Which keywords a schema may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaKeywords {
    /// `maxItems`.
    pub max_items: bool,
    /// `pattern`.
    pub pattern: bool,
}

/// One model at one service.
#[derive(Clone)]
pub struct ModelOptions {
    /// What the provider is called, for traces.
    pub provider: String,
    /// Model, in the provider's words.
    pub model: String,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// URL of the API, to which the paths of its calls are added.
    pub url: Url,
    /// Key, where the service wants one.
    pub key: Option<ApiKey>,
    /// Headers that go with every call. They may be secrets.
    pub headers: Vec<(String, ApiKey)>,
    /// What is added to the body of every call; it wins over what stands there.
    pub extra_body: Map<String, Value>,
    /// How much the model is to think, in the provider's words.
    pub reasoning_effort: Option<String>,
    /// Ways in which JSON is asked for: the first one, and those it is asked for in turn when the
    /// service refuses that. Not empty.
    pub json: Vec<JsonMode>,
    /// Longest wait for one attempt.
    pub timeout: Duration,
    /// Attempts after the first.
    pub retries: usize,
    /// Wait before the first of them; it doubles every time.
    pub initial_backoff: Duration,
    /// Longest wait before an attempt. A service that asks for more is not waited for.
    pub max_backoff: Duration,
}

impl fmt::Debug for ModelOptions {
    /// Without what may be a secret: URLs hold passwords, and bodies whatever somebody has set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelOptions")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("url", &http::place(&self.url))
            .finish_non_exhaustive()
    }
}

/// Which model of several is asked first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Always the first that works.
    #[default]
    Failover,
    /// In turns, each as often as its weight says; all alike where there are none.
    RoundRobin(Vec<u32>),
}

/// Who answers calls of one kind, and how.
#[derive(Clone, Debug)]
pub struct RouteOptions {
    /// The models; not empty. Another one is asked when one fails.
    pub models: Vec<ModelOptions>,
    /// Which of them is asked first.
    pub order: Order,
    /// How long a model that failed is asked last, at first; doubles up to an hour. Zero = never.
    pub cooldown: Duration,
    /// Calls of this kind in flight at once, within the number for all kinds; none = as many.
    pub max_concurrent: Option<usize>,
    /// Temperature; none = it is not sent.
    pub temperature: Option<f64>,
}

/// All language models of a program.
#[derive(Clone, Debug)]
pub struct LlmOptions {
    /// Making facts.
    pub retain: RouteOptions,
    /// Making facts of texts with pictures and files in them.
    pub retain_with_media: RouteOptions,
    /// Whether the models of that route can be shown pictures and files.
    pub sees_media: bool,
    /// Answering questions.
    pub reflect: RouteOptions,
    /// Making observations.
    pub consolidation: RouteOptions,
    /// Writing mental models anew.
    pub mental_model_refresh: RouteOptions,
    /// Calls in flight at once, of all kinds.
    pub max_concurrent: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Which keywords a schema may have.
    pub keywords: SchemaKeywords,
}
