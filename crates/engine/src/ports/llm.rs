//! What the engine asks of a language model.
//!
//! An implementation keeps the promises of the provider's side: permits, retries, deadlines, the
//! provider's dialect for structured output and tools, and the usage of every attempt. What an
//! answer means, and whether its content is any good, is judged by the engine.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hindsight_types::retain::TokenUsage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What a call is for. Each may have a model, limits and a temperature of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LlmOperation {
    /// Making facts of a text.
    Retain,
    /// Making facts of a text with pictures or files in it.
    RetainWithMedia,
    /// Answering a question from memory.
    Reflect,
    /// Making observations of facts.
    Consolidation,
    /// Writing a mental model anew.
    MentalModelRefresh,
}

impl LlmOperation {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Retain, Self::RetainWithMedia, Self::Reflect, Self::Consolidation, Self::MentalModelRefresh];
}

/// One message of a conversation with a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// What the model is to do, whatever is said later.
    System(String),
    /// What the model is asked or told.
    User(String),
    /// The same with pictures and files in their places. Not empty.
    Shown(Vec<Piece>),
    /// What the model said.
    Assistant {
        /// Its words; empty when it only called tools.
        text: String,
        /// The tools it called.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// The answer.
        content: String,
    },
}

/// A part of what a model is told and shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// A picture or a file.
    Media(Media),
}

/// A picture or a file that a model is shown.
#[derive(Clone, PartialEq)]
pub struct Media {
    /// Its media type: a picture of any kind, or `application/pdf`.
    pub media_type: String,
    /// Its name, if it has one.
    pub filename: Option<String>,
    /// Its bytes.
    pub data: Arc<[u8]>,
}

impl fmt::Debug for Media {
    /// Without its bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("media_type", &self.media_type)
            .field("filename", &self.filename)
            .field("bytes", &self.data.len())
            .finish()
    }
}

/// A tool that the model wants called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call, so that its result finds it.
    pub id: String,
    /// Name of the tool, as the model wrote it: it may be none that was offered.
    pub name: String,
    /// The arguments; null when they were no JSON.
    pub arguments: Value,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// Whether the model has to call a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Any one.
    Required,
    /// This one.
    Named(String),
}

/// What kind of answer is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Words.
    Text,
    /// A JSON value of this schema.
    Json {
        /// Short name of the schema: letters, digits, underscores.
        name: String,
        /// The schema. It has to say `additionalProperties: false` and list every property as
        /// required wherever a provider's strict mode is to take it.
        schema: Value,
    },
    /// Calls of tools, or words.
    Tools {
        /// What may be called; not empty.
        tools: Vec<Tool>,
        /// Whether something has to be.
        choice: ToolChoice,
    },
}

/// One question to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// What it is for.
    pub operation: LlmOperation,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// What is wanted.
    pub output: Output,
    /// Longest answer in tokens; none = the provider's own bound.
    pub max_tokens: Option<u32>,
    /// How freely the words are chosen, in place of what the operation is configured with; none =
    /// as configured. Where no temperature is configured to be sent, none is.
    pub temperature: Option<f64>,
    /// Time for the answer with all attempts; none = what the operation is configured with.
    pub budget: Option<Duration>,
    /// What it is about, for records of calls.
    pub about: About,
}

/// What a question is about. No model sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Which step of the operation asks, in one word like `retain_extract_facts`.
    pub scope: Cow<'static, str>,
    /// Which of the steps of that kind, where there are several.
    pub step: Option<String>,
    /// The document that is read.
    pub document_id: Option<String>,
    /// The memories that the answer is to be made of.
    pub source_ids: Vec<Uuid>,
}

impl About {
    /// A step of which there is nothing more to say.
    pub fn scope(scope: impl Into<Cow<'static, str>>) -> Self {
        Self { scope: scope.into(), ..Self::default() }
    }
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Its words: the visible ones only. Empty when it only called tools.
    pub text: String,
    /// The value, where JSON was asked for: parsed, not checked against the schema.
    pub value: Option<Value>,
    /// Calls of tools, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Whether the longest allowed answer was reached. Never with [`Output::Json`], where a cut
    /// answer is [`LlmFailure::OutputTooLong`].
    pub is_cut: bool,
    /// Who answered: `provider/model`.
    pub model: String,
    /// Tokens of every attempt that was made for this answer.
    pub usage: TokenUsage,
}

/// Why a model gave no usable answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LlmFailure {
    /// The longest allowed answer was reached in the middle of a JSON value: ask for less.
    #[error("the answer was longer than the model may write")]
    OutputTooLong,
    /// The model or its provider does not want to answer this. Asking again is no use.
    #[error("the model refused: {0}")]
    Refused(String),
    /// JSON was asked for, and none came, attempts and repair included.
    #[error("the answer was no JSON: {0}")]
    NotJson(String),
    /// The key or the account is not good for this (401, 403). Asking again is no use.
    #[error("the provider denied access: {0}")]
    Denied(String),
    /// The provider answers again at this time, which is later than a caller should wait.
    #[error("the provider's quota resets at {0}")]
    QuotaUntil(DateTime<Utc>),
    /// The provider has too much to do (429, 503), after all attempts.
    #[error("the provider has too much to do: {0}")]
    Busy(String),
    /// The request itself was found wrong (another 4xx). Asking again is no use.
    #[error("the provider did not take the request: {0}")]
    Rejected(String),
    /// No answer within the time for it.
    #[error("the model did not answer in time")]
    Late,
    /// No answer, or a broken one, after all attempts.
    #[error("the model could not be asked: {0}")]
    Failed(String),
}

/// A call without a usable answer, and what it cost.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{failure}")]
pub struct LlmError {
    /// Why there is none.
    #[source]
    pub failure: LlmFailure,
    /// Tokens of every attempt.
    pub usage: TokenUsage,
}

/// One request to a model, and what came of it.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Who was asked.
    pub provider: &'a str,
    /// For which of its models.
    pub model: &'a str,
    /// The conversation as it was sent.
    pub messages: &'a [Message],
    /// Longest answer that was asked for, in tokens.
    pub max_tokens: Option<u32>,
    /// Temperature that was asked for.
    pub temperature: Option<f64>,
    /// Time from the request to its outcome.
    pub duration: Duration,
    /// What the model said, if it did.
    pub said: Option<Said<'a>>,
    /// Why that, or nothing, is no use; without keys.
    pub failure: Option<String>,
    /// What it cost; none where the provider did not tell.
    pub usage: Option<TokenUsage>,
}

/// What a model said, of whatever use it is.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Its words.
    pub text: &'a str,
    /// The tools it called.
    pub tool_calls: &'a [ToolCall],
    /// Whether the longest allowed answer was reached.
    pub is_cut: bool,
}

/// Hears of every request to a model. It may keep nobody waiting.
pub trait Listener: Send + Sync {
    /// Hears of a request that has its outcome, or was given up.
    fn hear(&self, attempt: &Attempt<'_>);
}

/// A language model, or several behind one face.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Who answers questions of this kind, for traces and as part of the key under which answers
    /// are kept: `provider/model`.
    fn name(&self, operation: LlmOperation) -> String;

    /// Asks once; attempts, repair and failover happen behind this. Dropping the future abandons
    /// the call.
    async fn ask(&self, prompt: Prompt) -> Result<Reply, LlmError>;

    /// The same, while somebody hears of every request. A model that does not say what it does to
    /// answer counts as having sent one.
    async fn ask_heard(&self, prompt: Prompt, listener: &dyn Listener) -> Result<Reply, LlmError> {
        let (begin, name, messages) = (Instant::now(), self.name(prompt.operation), prompt.messages.clone());
        let (max_tokens, temperature) = (prompt.max_tokens, prompt.temperature);
        let outcome = self.ask(prompt).await;
        let (provider, model) = name.split_once('/').unwrap_or(("", &name));
        let (said, failure, usage) = match &outcome {
            Ok(Reply { text, tool_calls, is_cut, usage, .. }) => {
                (Some(Said { text, tool_calls, is_cut: *is_cut }), None, *usage)
            }
            Err(LlmError { failure, usage }) => (None, Some(failure.to_string()), *usage),
        };
        let usage = (usage != TokenUsage::default()).then_some(usage);
        let duration = begin.elapsed();
        let messages = &messages;
        listener.hear(&Attempt {
            provider,
            model,
            messages,
            max_tokens,
            temperature,
            duration,
            said,
            failure,
            usage,
        });
        outcome
    }

    /// Whether whoever answers [`LlmOperation::RetainWithMedia`] can be shown pictures and files.
    fn sees_media(&self) -> bool {
        true
    }
}
