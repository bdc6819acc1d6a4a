//! What to tell about variables that begin like settings and are none.

use hindsight_types::settings::{Setting, nearest};

use super::llm::is_of_scope;
use super::original::{MEANINGLESS, NOT_YET, names, numbered};
use super::rerank::is_of_chain;

/// What all settings begin with, but for the one that ONNX Runtime shares.
pub(super) const PREFIX: &str = "HINDSIGHT_";
/// What belongs to extensions: theirs alone, whatever comes behind.
const EXTENSIONS: [&str; 7] =
    ["TENANT_", "OPERATION_VALIDATOR_", "HTTP_", "MCP_", "MEMORIES_", "LLM_REQUEST_", "FILE_STORAGE_"];

/// A variable that is no setting of any program here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Name of the variable.
    pub name: String,
    /// What it is instead.
    pub kind: RemarkKind,
}

/// What a variable is that is no setting here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// A setting of the original that has no effect in this version.
    NotYet,
    /// A setting of the original that means nothing here.
    Meaningless,
    /// Nothing that anybody knows; perhaps this is meant.
    Unknown(Option<String>),
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match &self.kind {
            RemarkKind::NotYet => write!(f, "{name} has no effect in this version"),
            RemarkKind::Meaningless => write!(f, "{name} means nothing here and is ignored"),
            RemarkKind::Unknown(Some(meant)) => {
                write!(f, "{name} is not a setting: did you mean {meant}?")
            }
            RemarkKind::Unknown(None) => write!(f, "{name} is not a setting"),
        }
    }
}

/// What to tell about variables of these names: one remark for each that begins like a setting
/// and is in none of the tables `known`.
pub fn remarks<'n>(variables: impl IntoIterator<Item = &'n str>, known: &[&[Setting]]) -> Vec<Remark> {
    let known: Vec<_> = known.iter().flat_map(|table| table.iter()).map(|setting| setting.name).collect();
    let is_known = |name: &str| known.contains(&name) || is_of_chain(name, &known) || is_of_scope(name);
    let mut unknown: Vec<_> =
        variables.into_iter().filter(|name| name.starts_with(PREFIX) && !is_known(name)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Vec::new();
    }
    let (not_yet, meaningless) = (names(NOT_YET), names(MEANINGLESS));
    let is_of_extension = |name: &str| {
        let short = name.strip_prefix("HINDSIGHT_API_").unwrap_or_default();
        EXTENSIONS.iter().any(|extension| short.starts_with(extension))
    };
    let kind = |name: &str| {
        // The exact name first: a real one is no slip, however much it is like another.
        let number = numbered(name);
        if not_yet.contains(&number) {
            return RemarkKind::NotYet;
        }
        if meaningless.contains(&number) {
            return RemarkKind::Meaningless;
        }
        let all = not_yet.iter().chain(&meaningless).map(String::as_str);
        match nearest(name, known.iter().copied().chain(all)) {
            None if is_of_extension(name) => RemarkKind::NotYet,
            meant => RemarkKind::Unknown(meant.map(str::to_owned)),
        }
    };
    unknown.into_iter().map(|name| Remark { name: name.to_owned(), kind: kind(name) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SETTINGS;

    fn told(names: &[&str]) -> Vec<String> {
        remarks(names.iter().copied(), &[SETTINGS]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_name_that_does_nothing_is_told_once_and_why() {
        let names = [
            "HINDSIGHT_API_PORT",
            "HINDSIGHT_API_PROT",
            "HINDSIGHT_API_RERANKER_LOCAL_BUCKET_BATCHING",
            "HINDSIGHT_API_RERANKER_1_PROVIDER",
            "HINDSIGHT_API_RERANKER_2_LOCAL_FP16",
            "HINDSIGHT_API_RERANKER_2_MAX_CANDIDATES",
            "HINDSIGHT_API_RERANKER_PROVIDR",
            "HINDSIGHT_API_LOOP_LAG_METRIC",
            "HINDSIGHT_API_WORKERS",
            "HINDSIGHT_API_NONSENSE_AND_MORE",
            "HINDSIGHT_API_DAEMON_LOG",
            "HINDSIGHT_API_TENANT_SUPABASE_URL",
            "HINDSIGHT_API_WORKERS",
            "PATH",
        ];
        assert_eq!(
            told(&names),
            [
                "HINDSIGHT_API_LOOP_LAG_METRIC means nothing here and is ignored",
                "HINDSIGHT_API_NONSENSE_AND_MORE is not a setting",
                "HINDSIGHT_API_PROT is not a setting: did you mean HINDSIGHT_API_PORT?",
                "HINDSIGHT_API_RERANKER_2_LOCAL_FP16 has no effect in this version",
                "HINDSIGHT_API_RERANKER_2_MAX_CANDIDATES is not a setting: did you mean HINDSIGHT_API_RERANKER_MAX_CANDIDATES?",
                "HINDSIGHT_API_RERANKER_LOCAL_BUCKET_BATCHING has no effect in this version",
                "HINDSIGHT_API_RERANKER_PROVIDR is not a setting: did you mean HINDSIGHT_API_RERANKER_PROVIDER?",
                "HINDSIGHT_API_TENANT_SUPABASE_URL has no effect in this version",
                "HINDSIGHT_API_WORKERS means nothing here and is ignored",
            ]
        );
    }

    #[test]
    fn a_real_name_is_never_taken_for_a_slip() {
        for patterns in [NOT_YET, MEANINGLESS] {
            for name in names(patterns) {
                for name in [name.clone(), name.replace("_n_", "_3_")] {
                    let found = remarks([name.as_str()], &[SETTINGS]);
                    let kinds: Vec<_> = found.iter().map(|remark| &remark.kind).collect();
                    assert!(
                        matches!(kinds[..], [RemarkKind::NotYet | RemarkKind::Meaningless]),
                        "{name}: {kinds:?}"
                    );
                }
            }
        }
    }
}
