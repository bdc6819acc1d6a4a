//! Which model makes vectors of texts.

use std::path::PathBuf;
use std::time::Duration;

use hindsight_models::embed::RemoteEmbedderOptions;
use hindsight_models::{ApiKey, CallLimits};
use hindsight_types::settings::{Reader, Setting, SettingError};
use url::Url;

use super::rerank::{is_path, url};
use super::{seconds, table};

/// Longest wait for one call of a service.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Texts in one call that Cohere takes.
const COHERE_BATCH: usize = 96;
/// Where the Gemini API is called.
const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta";

/// An embedding model that was chosen.
#[derive(Clone, Debug)]
pub enum EmbedderChoice {
    /// A model on this machine.
    Local(LocalModel),
    /// A server of Text Embeddings Inference.
    Tei(RemoteEmbedderOptions),
    /// A service with the call of OpenAI.
    OpenAi(RemoteEmbedderOptions),
    /// Cohere.
    Cohere(RemoteEmbedderOptions),
    /// The Gemini API.
    Google(RemoteEmbedderOptions),
}

/// A model on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalModel {
    /// What the database began with; in a new one bge-small, if it is there, else MiniLM.
    Auto,
    /// all-MiniLM-L6-v2, which is fetched.
    MiniLm,
    /// bge-small-en-v1.5, which somebody has put into the assets folder.
    BgeSmall,
    /// One in a folder that somebody brings.
    Folder(PathBuf),
}

impl LocalModel {
    fn read(reader: &Reader) -> Result<Self, SettingError> {
        let model: String = reader.value(&table::EMBEDDINGS_LOCAL_MODEL)?;
        match model.as_str() {
            "auto" => Ok(Self::Auto),
            "all-MiniLM-L6-v2" | "sentence-transformers/all-MiniLM-L6-v2" => Ok(Self::MiniLm),
            "bge-small" | "bge-small-en-v1.5" | "BAAI/bge-small-en-v1.5" => Ok(Self::BgeSmall),
            path if is_path(path) => Ok(Self::Folder(PathBuf::from(path))),
            other => Err(table::EMBEDDINGS_LOCAL_MODEL.unusable(other)),
        }
    }
}

impl EmbedderChoice {
    /// The chosen one. Every setting is looked at, also those of what was not chosen, so that
    /// what is not usable is told before somebody chooses it.
    pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let reader = Reader::new(lookup);
        let services = Services { lookup, reader: &reader };
        let (tei, openai) = (services.tei()?, services.openai()?);
        let (cohere, google) = (services.cohere()?, services.google()?);
        let local = LocalModel::read(&reader)?;
        let provider: String = reader.value(&table::EMBEDDINGS_PROVIDER)?;
        match provider.as_str() {
            "local" => Ok(Self::Local(local)),
            "tei" => tei.map(Self::Tei).ok_or_else(|| {
                table::EMBEDDINGS_TEI_URL
                    .refuse("the embedding model tei needs the URL of its server; set it")
            }),
            // A server of one's own may do without a key.
            "openai" if reader.given(&table::EMBEDDINGS_OPENAI_BASE_URL).is_some() => {
                Ok(Self::OpenAi(openai))
            }
            "openai" => with_key(openai, &table::EMBEDDINGS_OPENAI_API_KEY).map(Self::OpenAi),
            "cohere" => with_key(cohere, &table::EMBEDDINGS_COHERE_API_KEY).map(Self::Cohere),
            "google" | "gemini" => with_key(google, &table::EMBEDDINGS_GEMINI_API_KEY).map(Self::Google),
            other => Err(table::EMBEDDINGS_PROVIDER.unusable(other)),
        }
    }
}

fn with_key(
    options: RemoteEmbedderOptions,
    setting: &Setting,
) -> Result<RemoteEmbedderOptions, SettingError> {
    match options.key {
        Some(_) => Ok(options),
        None => Err(setting.refuse("the embedding model needs a key; set one")),
    }
}

/// Reads the settings of each service.
struct Services<'r> {
    lookup: &'r dyn Fn(&str) -> Option<String>,
    reader: &'r Reader<'r>,
}

impl Services<'_> {
    fn tei(&self) -> Result<Option<RemoteEmbedderOptions>, SettingError> {
        let batch_size = self.reader.positive(&table::EMBEDDINGS_TEI_BATCH_SIZE)?;
        let Some(url) = url(self.reader, &table::EMBEDDINGS_TEI_URL)? else { return Ok(None) };
        self.options(url, String::new(), None, None, batch_size).map(Some)
    }

    fn openai(&self) -> Result<RemoteEmbedderOptions, SettingError> {
        self.options(
            required_url(self.reader, &table::EMBEDDINGS_OPENAI_BASE_URL)?,
            self.reader.value(&table::EMBEDDINGS_OPENAI_MODEL)?,
            self.key(&table::EMBEDDINGS_OPENAI_API_KEY, true),
            self.dimensions(&table::EMBEDDINGS_OPENAI_DIMENSIONS)?,
            self.reader.positive(&table::EMBEDDINGS_OPENAI_BATCH_SIZE)?,
        )
    }

    fn cohere(&self) -> Result<RemoteEmbedderOptions, SettingError> {
        self.options(
            required_url(self.reader, &table::EMBEDDINGS_COHERE_BASE_URL)?,
            self.reader.value(&table::EMBEDDINGS_COHERE_MODEL)?,
            self.key(&table::EMBEDDINGS_COHERE_API_KEY, false),
            self.dimensions(&table::EMBEDDINGS_COHERE_OUTPUT_DIMENSIONS)?,
            COHERE_BATCH,
        )
    }

    fn google(&self) -> Result<RemoteEmbedderOptions, SettingError> {
        let key = &table::EMBEDDINGS_GEMINI_API_KEY;
        self.options(
            Url::parse(GEMINI).map_err(|error| key.refuse(error.to_string()))?,
            self.reader.value(&table::EMBEDDINGS_GEMINI_MODEL)?,
            self.key(key, true),
            self.dimensions(&table::EMBEDDINGS_GEMINI_OUTPUT_DIMENSIONALITY)?,
            self.reader.positive(&table::EMBEDDINGS_GEMINI_BATCH_SIZE)?,
        )
    }

    fn options(
        &self,
        url: Url,
        model: String,
        key: Option<ApiKey>,
        dimensions: Option<u32>,
        batch_size: usize,
    ) -> Result<RemoteEmbedderOptions, SettingError> {
        Ok(RemoteEmbedderOptions {
            url,
            model,
            key,
            dimensions,
            batch_size,
            max_input_tokens: self.reader.value(&table::EMBEDDINGS_MAX_INPUT_TOKENS)?,
            query_prefix: self.prefix(&table::EMBEDDINGS_QUERY_PREFIX),
            passage_prefix: self.prefix(&table::EMBEDDINGS_PASSAGE_PREFIX),
            limits: CallLimits {
                timeout: TIMEOUT,
                max_concurrent: self.reader.positive::<u32>(&table::EMBEDDINGS_MAX_CONCURRENT)? as usize,
                retries: self.reader.value(&table::EMBEDDINGS_MAX_RETRIES)?,
                initial_backoff: seconds(self.reader, &table::EMBEDDINGS_INITIAL_BACKOFF)?,
                max_backoff: seconds(self.reader, &table::EMBEDDINGS_MAX_BACKOFF)?,
                retry_budget: seconds(self.reader, &table::EMBEDDINGS_RETRY_BUDGET)?,
            },
        })
    }

    /// The key of a service, else that of the language model where one key serves both.
    fn key(&self, setting: &Setting, or_of_language_model: bool) -> Option<ApiKey> {
        let other = || or_of_language_model.then(|| self.reader.given(&table::LLM_API_KEY)).flatten();
        self.reader.given(setting).or_else(other).map(ApiKey::new)
    }

    fn dimensions(&self, setting: &Setting) -> Result<Option<u32>, SettingError> {
        match self.reader.text(setting) {
            Some(_) => self.reader.positive(setting).map(Some),
            None => Ok(None),
        }
    }

    /// A prefix as it was given: the space at its end is part of it.
    fn prefix(&self, setting: &Setting) -> String {
        (self.lookup)(setting.name).filter(|prefix| !prefix.trim().is_empty()).unwrap_or_default()
    }
}

fn required_url(reader: &Reader, setting: &Setting) -> Result<Url, SettingError> {
    url(reader, setting)?.ok_or_else(|| setting.refuse("give the URL of the service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<EmbedderChoice, SettingError> {
        EmbedderChoice::read(&|name| {
            let short = name.strip_prefix("HINDSIGHT_API_")?;
            variables.iter().find(|(known, _)| *known == short).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn services_are_chosen_with_their_defaults() {
        assert!(matches!(read(&[]), Ok(EmbedderChoice::Local(LocalModel::Auto))));
        let Ok(EmbedderChoice::OpenAi(openai)) = read(&[
            ("EMBEDDINGS_PROVIDER", "openai"),
            ("LLM_API_KEY", "secret"),
            ("EMBEDDINGS_QUERY_PREFIX", "query: "),
        ]) else {
            panic!("openai")
        };
        assert_eq!(openai.url.as_str(), "https://api.openai.com/v1");
        assert_eq!((openai.model.as_str(), openai.batch_size), ("text-embedding-3-small", 100));
        assert_eq!(openai.query_prefix, "query: ");
        assert!(!format!("{openai:?}").contains("secret"));
        let google = [("EMBEDDINGS_PROVIDER", "gemini"), ("EMBEDDINGS_GEMINI_API_KEY", "k")];
        let Ok(EmbedderChoice::Google(google)) = read(&google) else { panic!("google") };
        assert_eq!(google.dimensions, Some(768));
        let tei = [("EMBEDDINGS_PROVIDER", "tei"), ("EMBEDDINGS_TEI_URL", "http://127.0.0.1:8080")];
        assert!(matches!(read(&tei), Ok(EmbedderChoice::Tei(_))));
    }

    #[test]
    fn local_models_are_named_or_lie_in_a_folder() {
        for (model, expected) in [
            ("BAAI/bge-small-en-v1.5", LocalModel::BgeSmall),
            ("all-MiniLM-L6-v2", LocalModel::MiniLm),
            ("/models/mine", LocalModel::Folder(PathBuf::from("/models/mine"))),
        ] {
            let Ok(EmbedderChoice::Local(local)) = read(&[("EMBEDDINGS_LOCAL_MODEL", model)]) else {
                panic!("{model}")
            };
            assert_eq!(local, expected);
        }
        assert!(read(&[("EMBEDDINGS_LOCAL_MODEL", "somebody/else")]).is_err());
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let own =
            [("EMBEDDINGS_PROVIDER", "openai"), ("EMBEDDINGS_OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")];
        assert!(matches!(read(&own), Ok(EmbedderChoice::OpenAi(options)) if options.key.is_none()));
    }

    #[test]
    fn what_was_chosen_and_is_not_usable_is_refused() {
        for (variables, name) in [
            (&[("EMBEDDINGS_PROVIDER", "sorcery")][..], "EMBEDDINGS_PROVIDER"),
            (&[("EMBEDDINGS_PROVIDER", "tei")], "EMBEDDINGS_TEI_URL"),
            (&[("EMBEDDINGS_PROVIDER", "openai")], "EMBEDDINGS_OPENAI_API_KEY"),
            (&[("EMBEDDINGS_PROVIDER", "cohere")], "EMBEDDINGS_COHERE_API_KEY"),
            (&[("EMBEDDINGS_PROVIDER", "google")], "EMBEDDINGS_GEMINI_API_KEY"),
            (&[("EMBEDDINGS_OPENAI_BASE_URL", "nowhere")], "EMBEDDINGS_OPENAI_BASE_URL"),
            (&[("EMBEDDINGS_OPENAI_DIMENSIONS", "0")], "EMBEDDINGS_OPENAI_DIMENSIONS"),
        ] {
            let error = read(variables).expect_err(name);
            assert_eq!(error.name, format!("HINDSIGHT_API_{name}"));
        }
    }
}
