//! What providers call things: a question as the body of a request, and an answer out of one.

mod anthropic;
mod gemini;
mod openai;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hindsight_engine::ports::{Media, Message, Tool, ToolCall, ToolChoice};
use hindsight_types::retain::TokenUsage;
use reqwest::Url;
use serde_json::{Map, Value};

use super::options::{Dialect, JsonMode, ModelOptions};
use crate::http::ApiKey;

/// A question, with everything decided that can be said in more than one way.
#[derive(Clone, Debug)]
pub(super) struct Question<'p> {
    /// The conversation so far.
    pub(super) messages: Vec<Message>,
    /// What is wanted.
    pub(super) output: Wanted<'p>,
    /// Longest answer in tokens.
    pub(super) max_tokens: Option<u32>,
    /// Whether that is called `max_completion_tokens` where OpenAI's words are spoken.
    pub(super) completion_tokens: bool,
    /// How freely the model chooses its words.
    pub(super) temperature: Option<f64>,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) enum Wanted<'p> {
    /// Words.
    Text,
    /// JSON of a schema.
    Json { name: &'p str, schema: Value, mode: JsonMode },
    /// Calls of tools, or words; none = how is left to the service.
    Tools { tools: Vec<&'p Tool>, choice: Option<ToolChoice> },
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
    /// Whether the longest answer was reached.
    pub(super) is_cut: bool,
    /// Why the model or its provider does not want to answer.
    pub(super) refusal: Option<String>,
    pub(super) usage: TokenUsage,
}

/// Where questions go.
pub(super) fn endpoint(options: &ModelOptions) -> Result<Url, String> {
    let path = match options.dialect {
        Dialect::OpenAi { .. } => "chat/completions".to_owned(),
        Dialect::Anthropic { .. } => "v1/messages".to_owned(),
        Dialect::Gemini => format!("models/{}:generateContent", options.model.trim_start_matches("models/")),
    };
    let mut url = options.url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    // The call itself, or the version of the API, may be a part of what was given.
    let path = match (options.dialect, base.as_str()) {
        (Dialect::OpenAi { .. }, base) if base.ends_with("/chat/completions") => base.to_owned(),
        (Dialect::Anthropic { .. }, base) if base.ends_with("/messages") => base.to_owned(),
        (Dialect::Anthropic { .. }, base) if base.ends_with("/v1") => format!("{base}/messages"),
        (_, base) => format!("{base}/{path}"),
    };
    url.set_path(&path);
    if url.cannot_be_a_base() { Err("its URL is none of a service".to_owned()) } else { Ok(url) }
}

/// The headers of every call, its key among them.
pub(super) fn headers(options: &ModelOptions) -> Vec<(String, ApiKey)> {
    let mut headers = Vec::new();
    let key = options.key.as_ref();
    match options.dialect {
        Dialect::OpenAi { .. } => {
            headers.extend(key.map(|key| (key.bearer().0.to_owned(), ApiKey::new(key.bearer().1))));
        }
        Dialect::Anthropic { .. } => {
            headers.push(("anthropic-version".to_owned(), ApiKey::new(anthropic::VERSION)));
            headers.extend(key.map(|key| ("x-api-key".to_owned(), key.clone())));
        }
        Dialect::Gemini => headers.extend(key.map(|key| ("x-goog-api-key".to_owned(), key.clone()))),
    }
    headers.extend(options.headers.iter().cloned());
    headers
}

/// The body of a request.
pub(super) fn body(options: &ModelOptions, question: &Question) -> Value {
    let mut body = match options.dialect {
        Dialect::OpenAi { require_parameters, .. } => openai::body(options, question, require_parameters),
        Dialect::Anthropic { cache } => anthropic::body(options, question, cache),
        Dialect::Gemini => gemini::body(options, question),
    };
    for (key, value) in &options.extra_body {
        add(&mut body, key, value);
    }
    Value::Object(body)
}

/// The answer in the body of a reply; else what is wrong with it.
pub(super) fn answer(dialect: Dialect, body: &Value) -> Result<Answer, String> {
    match dialect {
        Dialect::OpenAi { .. } => openai::answer(body),
        Dialect::Anthropic { .. } => anthropic::answer(body),
        Dialect::Gemini => gemini::answer(body),
    }
}

/// Whether the schema has to stand in the prompt.
pub(super) fn wants_schema_in_prompt(dialect: Dialect, mode: JsonMode) -> bool {
    match mode {
        JsonMode::Schema => matches!(dialect, Dialect::OpenAi { shows_schema: true, .. }),
        // A tool that has to be called has the schema of its arguments.
        JsonMode::Json => !matches!(dialect, Dialect::Anthropic { .. }),
        JsonMode::Prompt => true,
    }
}

/// Puts a value in, objects into the objects that stand there.
fn add(into: &mut Map<String, Value>, key: &str, value: &Value) {
    match (into.get_mut(key), value) {
        (Some(Value::Object(there)), Value::Object(more)) => {
            for (key, value) in more {
                add(there, key, value);
            }
        }
        _ => {
            into.insert(key.to_owned(), value.clone());
        }
    }
}

/// All that the user wants the model to be, in one text.
fn system(messages: &[Message]) -> Option<String> {
    let texts: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            Message::System(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// The bytes of a picture or a file as every provider takes them.
fn base64(media: &Media) -> String {
    STANDARD.encode(&media.data)
}

fn is_image(media: &Media) -> bool {
    media.media_type.starts_with("image/")
}

/// A number of tokens; what is no number counts as none.
fn tokens(usage: &Value, pointer: &str) -> i64 {
    usage.pointer(pointer).and_then(Value::as_i64).unwrap_or_default().max(0)
}
