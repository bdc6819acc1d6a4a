//! The providers of language models: where they are and what they take.

use hindsight_models::llm::{Dialect, JsonMode};
use hindsight_types::settings::{SettingError, nearest};
use url::{Host, Url};

use super::super::table;

/// A provider that can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    pub(super) model: &'static str,
    pub(super) kind: Kind,
    /// Whether it asks for a key.
    pub(super) is_closed: bool,
    /// Whether it is known to keep to a JSON schema.
    pub(super) has_schemas: bool,
    /// Whether it is known to promise JSON without a schema.
    pub(super) has_json_mode: bool,
    /// Whether it can be told that a tool has to be called.
    pub(super) has_tool_choice: bool,
}

/// How it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    OpenAi,
    /// As OpenAI, with its newer name for the longest answer.
    CompletionTokens,
    OpenRouter,
    Anthropic,
    Gemini,
}

impl Provider {
    const fn new(name: &'static str, url: &'static str, model: &'static str) -> Self {
        let kind = Kind::OpenAi;
        Self {
            name,
            url,
            model,
            kind,
            is_closed: true,
            has_schemas: true,
            has_json_mode: true,
            has_tool_choice: true,
        }
    }

    const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    const fn open(self) -> Self {
        Self { is_closed: false, ..self }
    }

    const fn without_schemas(self) -> Self {
        Self { has_schemas: false, ..self }
    }

    const fn without_json_mode(self) -> Self {
        Self { has_json_mode: false, ..self }
    }

    const fn without_tool_choice(self) -> Self {
        Self { has_tool_choice: false, ..self }
    }

    /// How it is spoken to at this place.
    pub(super) fn dialect(&self, cache: bool, url: &Url) -> Dialect {
        match self.kind {
            Kind::Anthropic => Dialect::Anthropic { cache },
            Kind::Gemini => Dialect::Gemini,
            Kind::OpenAi | Kind::CompletionTokens | Kind::OpenRouter => Dialect::OpenAi {
                completion_tokens: self.kind == Kind::CompletionTokens,
                require_parameters: self.kind == Kind::OpenRouter,
                // What runs there keeps to a schema by its grammar, which the model does not see.
                shows_schema: is_near(url) || self.name == "ollama-cloud",
                tool_choice: self.has_tool_choice,
            },
        }
    }

    /// Ways of asking it for JSON: schemas always, never, or where it is known to take them; JSON
    /// without a schema likewise.
    pub(super) fn json(&self, strict: Option<bool>, json_mode: Option<bool>) -> Vec<JsonMode> {
        if strict == Some(true) {
            return vec![JsonMode::Schema];
        }
        let speaks_openai = !matches!(self.kind, Kind::Anthropic | Kind::Gemini);
        let json_mode = json_mode.filter(|_| speaks_openai).unwrap_or(self.has_json_mode);
        let schema = (strict.is_none() && self.has_schemas).then_some(JsonMode::Schema);
        let json = json_mode.then_some(JsonMode::Json);
        [schema, json, Some(JsonMode::Prompt)].into_iter().flatten().collect()
    }
}

/// All that can be chosen.
pub(super) const PROVIDERS: [Provider; 17] = [
    Provider::new("openai", "https://api.openai.com/v1", "gpt-4o-mini").kind(Kind::CompletionTokens),
    Provider::new("anthropic", "https://api.anthropic.com", "claude-haiku-4-5").kind(Kind::Anthropic),
    Provider::new("gemini", "https://generativelanguage.googleapis.com/v1beta", "gemini-3.5-flash")
        .kind(Kind::Gemini),
    Provider::new("groq", "https://api.groq.com/openai/v1", "openai/gpt-oss-120b")
        .kind(Kind::CompletionTokens),
    Provider::new("ollama", "http://localhost:11434/v1", "gemma3:12b")
        .open()
        .without_json_mode()
        .without_tool_choice(),
    Provider::new("ollama-cloud", "https://ollama.com/v1", "gemma3:12b")
        .without_json_mode()
        .without_tool_choice(),
    Provider::new("lmstudio", "http://localhost:1234/v1", "local-model")
        .open()
        .without_json_mode()
        .without_tool_choice(),
    Provider::new("openrouter", "https://openrouter.ai/api/v1", "qwen/qwen3.5-9b").kind(Kind::OpenRouter),
    Provider::new("requesty", "https://router.requesty.ai/v1", "openai/gpt-4o-mini"),
    Provider::new("deepseek", "https://api.deepseek.com", "deepseek-v4-flash")
        .without_schemas()
        .without_tool_choice(),
    Provider::new("zai", "https://api.z.ai/api/paas/v4", "glm-4.5-flash")
        .without_schemas()
        .without_json_mode()
        .without_tool_choice(),
    Provider::new("minimax", "https://api.minimax.io/v1", "MiniMax-M3").without_schemas(),
    Provider::new("volcano", "https://ark.cn-beijing.volces.com/api/v3", "doubao-pro-32k")
        .without_schemas()
        .without_json_mode(),
    Provider::new("opencode-go", "https://opencode.ai/zen/go/v1", "deepseek-v4-flash").without_schemas(),
    Provider::new("atlas", "https://api.atlascloud.ai/v1", "deepseek-ai/deepseek-v4-pro").without_schemas(),
    Provider::new(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        "accounts/fireworks/models/llama-v3p1-8b-instruct",
    ),
    Provider::new("nous", "https://inference-api.nousresearch.com/v1", "deepseek/deepseek-v4-flash"),
];

/// Providers of the original that need more than a URL and a key, and what does instead.
const ELSEWHERE: [(&str, &str); 15] = [
    ("openai-responses", "openai"),
    ("vertexai", "gemini with an API key"),
    (
        "bedrock",
        "openai with the OpenAI-compatible URL of Bedrock or of a gateway as HINDSIGHT_API_LLM_BASE_URL",
    ),
    ("litellm", "openai with the URL of LiteLLM's proxy as HINDSIGHT_API_LLM_BASE_URL"),
    ("litellmrouter", "openai with the URL of LiteLLM's proxy as HINDSIGHT_API_LLM_BASE_URL"),
    (
        "llamacpp",
        "openai with the URL of llama-server, as http://localhost:8080/v1, as HINDSIGHT_API_LLM_BASE_URL",
    ),
    ("openai-codex", "openai with an API key"),
    ("chatgpt", "openai with an API key"),
    ("claude-code", "anthropic with an API key"),
    ("cursor", "openai, anthropic or another one with an API key"),
    ("github-copilot", "openai, anthropic or another one with an API key"),
    ("xai-oauth", "openai with https://api.x.ai/v1 as HINDSIGHT_API_LLM_BASE_URL and an API key"),
    ("meta", "openai with the provider's OpenAI-compatible URL as HINDSIGHT_API_LLM_BASE_URL and an API key"),
    ("mock", "openai with the URL of a server of your own as HINDSIGHT_API_LLM_BASE_URL"),
    ("azure", "openai with the OpenAI-compatible URL of your resource as HINDSIGHT_API_LLM_BASE_URL"),
];

/// Families of models that are known to read texts only, by beginnings of their names.
const TEXT_ONLY: [&str; 14] = [
    "gpt-oss",
    "gpt-3.5",
    "o1-mini",
    "o3-mini",
    "deepseek",
    "llama-v3",
    "llama-3.1",
    "llama-3.3",
    "llama3",
    "mistral-",
    "mixtral",
    "qwen2.5-coder",
    "glm-4.5-flash",
    "minimax",
];

/// Whether a model can be shown pictures and files, as far as one can tell from its name: whoever
/// is not known to read texts only.
pub(super) fn sees(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    !TEXT_ONLY.iter().any(|family| name.starts_with(family))
}

/// The provider of this name.
pub(super) fn named(name: &str) -> Result<&'static Provider, SettingError> {
    if let Some(provider) = PROVIDERS.iter().find(|provider| provider.name == name) {
        return Ok(provider);
    }
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(known, _)| *known == name) {
        return Err(table::LLM_PROVIDER
            .refuse(format!("'{name}' is not available in this version; set it to {instead}")));
    }
    let meant = nearest(name, PROVIDERS.iter().map(|provider| provider.name));
    let meant = meant.map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
    Err(table::LLM_PROVIDER
        .refuse(format!("'{name}' is not usable{meant}; give {}", table::LLM_PROVIDER.values)))
}

/// Whether a URL leads to this machine or its neighbours, whose servers mostly want no key.
pub(super) fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            !name.contains('.')
                || [".local", ".localhost", ".lan", ".internal", ".home.arpa"]
                    .iter()
                    .any(|end| name.ends_with(end))
        }
        None => false,
    }
}
