//! Which rerankers a server asks: one, or several in a row.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hindsight_engine::config::Settings;
use hindsight_models::rerank::RemoteRerankerOptions;
use hindsight_models::{ApiKey, CallLimits};
use hindsight_types::settings::{Reader, Setting, SettingError};
use url::Url;

use super::{seconds, table};

/// What a name of a setting has in front of what belongs to one reranker.
const PREFIX: &str = "HINDSIGHT_API_RERANKER_";

/// A reranker that was chosen.
#[derive(Clone, Debug)]
pub enum RerankerChoice {
    /// A cross-encoder on this machine.
    Local(LocalReranker),
    /// A server with the call of Text Embeddings Inference.
    Tei(RemoteRerankerOptions),
    /// A service with the call of Cohere.
    Cohere(RemoteRerankerOptions),
    /// None: what was found keeps its order.
    Off,
}

/// A cross-encoder on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReranker {
    /// Where it lies, when somebody has said so.
    pub path: Option<PathBuf>,
    /// What it is called.
    pub name: String,
    /// Tokens of a query and a document that it reads.
    pub max_tokens: usize,
    /// Threads that compute; one for each core when not set.
    pub threads: Option<usize>,
}

/// The chosen rerankers in the order they are asked.
#[derive(Clone, Debug)]
pub struct Rerankers {
    /// Who is asked.
    pub members: Vec<RerankerChoice>,
    /// How long one on this machine may take.
    pub local_budget: Duration,
    /// How long one elsewhere may take.
    pub remote_budget: Duration,
}

impl Rerankers {
    /// How long this one may take.
    pub fn budget_of(&self, member: &RerankerChoice) -> Duration {
        match member {
            RerankerChoice::Local(_) => self.local_budget,
            RerankerChoice::Tei(_) | RerankerChoice::Cohere(_) => self.remote_budget,
            RerankerChoice::Off => Duration::ZERO,
        }
    }

    pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let reader = Reader::new(lookup);
        let mut members = vec![member(&reader)?];
        loop {
            let number = members.len();
            let indexed = |number: usize| {
                move |name: &str| {
                    let own = name.strip_prefix(PREFIX).map(|rest| format!("{PREFIX}{number}_{rest}"));
                    lookup(own.as_deref().unwrap_or(name))
                }
            };
            let (this, next) = (indexed(number), indexed(number + 1));
            let this = Reader::new(&this);
            if this.given(&table::RERANKER_PROVIDER).is_some() {
                members.push(member(&this).map_err(|error| SettingError {
                    problem: format!("{} (of RERANKER_{number}_…)", error.problem),
                    ..error
                })?);
                continue;
            }
            if Reader::new(&next).given(&table::RERANKER_PROVIDER).is_some() {
                return Err(table::RERANKER_PROVIDER.refuse(format!(
                    "there is a RERANKER_{}_PROVIDER, but no RERANKER_{number}_PROVIDER; number them from 1 without a gap",
                    number + 1
                )));
            }
            break;
        }
        Ok(Self {
            members,
            local_budget: Duration::from_millis(reader.value(&table::RERANKER_TIME_BUDGET_MS)?),
            remote_budget: Duration::from_millis(reader.value(&table::RERANKER_REMOTE_TIME_BUDGET_MS)?),
        })
    }

    /// The engine's settings with those of reranking.
    pub(super) fn apply(&self, reader: &Reader, settings: &Settings) -> Result<Settings, SettingError> {
        let max_tokens = match reader.given(&table::RERANKER_MAX_TOKENS) {
            Some(_) => Some(reader.positive(&table::RERANKER_MAX_TOKENS)?),
            None => None,
        };
        let is_on = |member: &&RerankerChoice| !matches!(member, RerankerChoice::Off);
        let asked = self.members.iter().take_while(is_on);
        Ok(Settings {
            enable_reranking: reader.flag(&table::ENABLE_RERANKING)?,
            rerank_max_candidates: reader.positive(&table::RERANKER_MAX_CANDIDATES)?,
            rerank_max_candidates_of_budget: [
                reader.value(&table::RERANKER_MAX_CANDIDATES_LOW)?,
                reader.value(&table::RERANKER_MAX_CANDIDATES_MID)?,
                reader.value(&table::RERANKER_MAX_CANDIDATES_HIGH)?,
            ],
            rerank_max_tokens: max_tokens,
            // Where the first fails late, the next still has its time.
            rerank_budget: asked.map(|member| self.budget_of(member)).sum(),
            ..settings.clone()
        })
    }
}

/// Whether a variable is a known one of a reranker further down the row.
pub(super) fn is_of_chain(name: &str, known: &[&str]) -> bool {
    let Some((number, rest)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && !OF_THE_ROW.contains(&rest) && known.contains(&format!("{PREFIX}{rest}").as_str())
}

/// What holds for the row as a whole, not for one reranker in it.
const OF_THE_ROW: [&str; 7] = [
    "MAX_CANDIDATES",
    "MAX_CANDIDATES_LOW",
    "MAX_CANDIDATES_MID",
    "MAX_CANDIDATES_HIGH",
    "MAX_TOKENS_PER_CANDIDATE",
    "TIME_BUDGET_MS",
    "REMOTE_TIME_BUDGET_MS",
];

/// The settings of one service with Cohere's call.
struct CohereLike {
    provider: &'static str,
    key: &'static Setting,
    model: &'static Setting,
    url: &'static Setting,
    timeout: &'static Setting,
    /// Path of the call where the URL has none.
    path: &'static str,
}

const COHERE_LIKE: [CohereLike; 4] = [
    CohereLike {
        provider: "cohere",
        key: &table::RERANKER_COHERE_API_KEY,
        model: &table::RERANKER_COHERE_MODEL,
        url: &table::RERANKER_COHERE_BASE_URL,
        timeout: &table::RERANKER_COHERE_TIMEOUT,
        path: "/v2/rerank",
    },
    CohereLike {
        provider: "openrouter",
        key: &table::RERANKER_OPENROUTER_API_KEY,
        model: &table::RERANKER_OPENROUTER_MODEL,
        url: &table::RERANKER_OPENROUTER_BASE_URL,
        timeout: &table::RERANKER_OPENROUTER_TIMEOUT,
        path: "/api/v1/rerank",
    },
    CohereLike {
        provider: "siliconflow",
        key: &table::RERANKER_SILICONFLOW_API_KEY,
        model: &table::RERANKER_SILICONFLOW_MODEL,
        url: &table::RERANKER_SILICONFLOW_BASE_URL,
        timeout: &table::RERANKER_SILICONFLOW_TIMEOUT,
        path: "/v1/rerank",
    },
    CohereLike {
        provider: "zeroentropy",
        key: &table::RERANKER_ZEROENTROPY_API_KEY,
        model: &table::RERANKER_ZEROENTROPY_MODEL,
        url: &table::RERANKER_ZEROENTROPY_BASE_URL,
        timeout: &table::RERANKER_ZEROENTROPY_TIMEOUT,
        path: "/v1/models/rerank",
    },
];

/// Documents in one call of Cohere and its like, which take a thousand.
const COHERE_BATCH: usize = 1000;

/// One reranker. Every setting is looked at, also those of what was not chosen, so that what is
/// not usable is told before somebody chooses it.
fn member(reader: &Reader) -> Result<RerankerChoice, SettingError> {
    let limits = CallLimits {
        timeout: seconds(reader, &table::RERANKER_TEI_HTTP_TIMEOUT)?,
        max_concurrent: reader.value(&table::RERANKER_TEI_MAX_CONCURRENT)?,
        retries: reader.value(&table::RERANKER_MAX_RETRIES)?,
        initial_backoff: seconds(reader, &table::RERANKER_INITIAL_BACKOFF)?,
        max_backoff: seconds(reader, &table::RERANKER_MAX_BACKOFF)?,
        retry_budget: seconds(reader, &table::RERANKER_RETRY_BUDGET)?,
    };
    let local = local(reader)?;
    let tei = tei(reader, limits)?;
    let cohere_concurrent = reader.value(&table::RERANKER_COHERE_MAX_CONCURRENT)?;
    let provider: String = reader.value(&table::RERANKER_PROVIDER)?;
    let mut chosen = None;
    for service in &COHERE_LIKE {
        let limits = CallLimits {
            timeout: seconds(reader, service.timeout)?,
            max_concurrent: cohere_concurrent,
            ..limits
        };
        let options = service.read(reader, limits)?;
        if provider == service.provider {
            if options.key.is_none() {
                return Err(service.key.refuse(format!("the reranker {provider} needs a key; set one")));
            }
            chosen = Some(RerankerChoice::Cohere(options));
        }
    }
    match (provider.as_str(), chosen) {
        (_, Some(chosen)) => Ok(chosen),
        ("local" | "onnx", _) => Ok(RerankerChoice::Local(local)),
        ("rrf" | "none", _) => Ok(RerankerChoice::Off),
        ("tei", _) => tei.map(RerankerChoice::Tei).ok_or_else(|| {
            table::RERANKER_TEI_URL.refuse("the reranker tei needs the URL of its server; set it")
        }),
        (other, _) => Err(table::RERANKER_PROVIDER.unusable(other)),
    }
}

fn local(reader: &Reader) -> Result<LocalReranker, SettingError> {
    let model: String = reader.value(&table::RERANKER_LOCAL_MODEL)?;
    let path = reader.given(&table::RERANKER_ONNX_MODEL_PATH).map(PathBuf::from);
    let path = path.or_else(|| is_path(&model).then(|| PathBuf::from(&model)));
    let threads: usize = reader.value(&table::RERANKER_ONNX_THREADS)?;
    let name = path.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    Ok(LocalReranker {
        name: name.unwrap_or(&model).to_owned(),
        path,
        max_tokens: reader.positive(&table::RERANKER_ONNX_MAX_TOKENS)?,
        threads: (threads > 0).then_some(threads),
    })
}

/// Whether a model is named by its place, not by its name on a hub, which has one `/` inside.
pub(super) fn is_path(model: &str) -> bool {
    let path = Path::new(model);
    path.is_absolute() || model.starts_with('.') || path.components().count() > 2 || path.is_dir()
}

fn tei(reader: &Reader, limits: CallLimits) -> Result<Option<RemoteRerankerOptions>, SettingError> {
    let batch_size = reader.positive(&table::RERANKER_TEI_BATCH_SIZE)?;
    let Some(url) = url(reader, &table::RERANKER_TEI_URL)? else { return Ok(None) };
    Ok(Some(RemoteRerankerOptions {
        name: "tei".to_owned(),
        endpoint: endpoint(url, "/rerank"),
        model: None,
        key: None,
        batch_size,
        limits,
    }))
}

impl CohereLike {
    fn read(&self, reader: &Reader, limits: CallLimits) -> Result<RemoteRerankerOptions, SettingError> {
        let model: String = reader.value(self.model)?;
        let url = url(reader, self.url)?.ok_or_else(|| self.url.refuse("give the URL of the service"))?;
        Ok(RemoteRerankerOptions {
            name: format!("{}/{model}", self.provider),
            endpoint: endpoint(url, self.path),
            model: Some(model),
            key: reader.given(self.key).map(ApiKey::new),
            batch_size: COHERE_BATCH,
            limits,
        })
    }
}

/// Where documents are sent to: the URL itself when it names the call, else the call behind it.
fn endpoint(mut url: Url, path: &str) -> Url {
    let given = url.path().trim_end_matches('/').to_owned();
    match given.as_str() {
        "" => url.set_path(path),
        given if given.ends_with("/rerank") => url.set_path(given),
        given => url.set_path(&format!("{given}/rerank")),
    }
    url
}

/// An `http` or `https` URL. What is wrong with one is told without it: it may hold a password.
pub(super) fn url(reader: &Reader, setting: &Setting) -> Result<Option<Url>, SettingError> {
    let Some(text) = reader.text(setting) else { return Ok(None) };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(Url::has_host);
    url.map(Some)
        .ok_or_else(|| setting.refuse(format!("this is no URL of a service; give {}", setting.values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Rerankers, SettingError> {
        Rerankers::read(&|name| {
            let short = name.strip_prefix("HINDSIGHT_API_RERANKER_")?;
            variables.iter().find(|(known, _)| *known == short).map(|(_, value)| (*value).to_owned())
        })
    }

    fn endpoint_of(variables: &[(&str, &str)]) -> String {
        match read(variables).expect("usable").members.remove(0) {
            RerankerChoice::Tei(options) | RerankerChoice::Cohere(options) => options.endpoint.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_settings_there_is_a_local_one_under_the_name_of_the_original() {
        let rerankers = read(&[]).expect("usable");
        let [RerankerChoice::Local(local)] = rerankers.members.as_slice() else { panic!("{rerankers:?}") };
        assert_eq!((local.path.as_deref(), local.max_tokens), (None, 512));
        assert_eq!(local.name, "cross-encoder/ms-marco-MiniLM-L-6-v2");
    }

    #[test]
    fn a_path_names_its_folder() {
        for variables in [
            &[("LOCAL_MODEL", "/models/mine")][..],
            &[("PROVIDER", "onnx"), ("ONNX_MODEL_PATH", "/models/mine")],
        ] {
            let rerankers = read(variables).expect("usable");
            let [RerankerChoice::Local(local)] = rerankers.members.as_slice() else {
                panic!("{rerankers:?}")
            };
            assert_eq!(local.path.as_deref(), Some(Path::new("/models/mine")));
            assert_eq!(local.name, "mine");
        }
    }

    #[test]
    fn services_are_called_where_they_listen() {
        let tei = [("PROVIDER", "tei"), ("TEI_URL", "http://127.0.0.1:8080/")];
        assert_eq!(endpoint_of(&tei), "http://127.0.0.1:8080/rerank");
        let of = |provider, key| endpoint_of(&[("PROVIDER", provider), (key, "k")]);
        assert_eq!(of("cohere", "COHERE_API_KEY"), "https://api.cohere.com/v2/rerank");
        assert_eq!(of("openrouter", "OPENROUTER_API_KEY"), "https://openrouter.ai/api/v1/rerank");
        assert_eq!(of("siliconflow", "SILICONFLOW_API_KEY"), "https://api.siliconflow.cn/v1/rerank");
        assert_eq!(of("zeroentropy", "ZEROENTROPY_API_KEY"), "https://api.zeroentropy.dev/v1/models/rerank");
    }

    #[test]
    fn what_was_chosen_and_is_not_usable_is_refused_without_the_secret() {
        for (variables, name) in [
            (&[("PROVIDER", "typesafe")][..], "PROVIDER"),
            (&[("PROVIDER", "tei")], "TEI_URL"),
            (&[("PROVIDER", "tei"), ("TEI_URL", "ftp://user:secret@host")], "TEI_URL"),
            (&[("PROVIDER", "cohere")], "COHERE_API_KEY"),
            (&[("MAX_BACKOFF", "-1")], "MAX_BACKOFF"),
            (&[("2_PROVIDER", "rrf")], "PROVIDER"),
            (&[("1_PROVIDER", "cohere")], "COHERE_API_KEY"),
        ] {
            let error = read(variables).expect_err(name);
            assert_eq!(error.name, format!("HINDSIGHT_API_RERANKER_{name}"));
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn several_are_asked_in_order_and_each_has_its_time() {
        let rerankers = read(&[
            ("PROVIDER", "cohere"),
            ("COHERE_API_KEY", "secret"),
            ("1_PROVIDER", "local"),
            ("2_PROVIDER", "none"),
        ])
        .expect("usable");
        assert!(!format!("{rerankers:?}").contains("secret"));
        let [RerankerChoice::Cohere(_), RerankerChoice::Local(_), RerankerChoice::Off] =
            rerankers.members.as_slice()
        else {
            panic!("{rerankers:?}")
        };
        let nothing = |_: &str| None;
        let settings = rerankers.apply(&Reader::new(&nothing), &Settings::default()).expect("usable");
        assert_eq!(settings.rerank_budget, Duration::from_millis(2150));
    }

    #[test]
    fn names_of_the_row_are_known() {
        let known = ["HINDSIGHT_API_RERANKER_PROVIDER"];
        assert!(is_of_chain("HINDSIGHT_API_RERANKER_12_PROVIDER", &known));
        assert!(!is_of_chain("HINDSIGHT_API_RERANKER_1_NONSENSE", &known));
        assert!(!is_of_chain("HINDSIGHT_API_RERANKER_X_PROVIDER", &known));
    }
}
