//! An embedding model in a folder, laid out as its export left it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::LoadError;
use super::model::Pooling;
use crate::files::ModelFiles;

/// Tokens of a text that are read unless the folder says less.
const MAX_TOKENS: u64 = 512;
/// Fewest that make sense.
const FEWEST_TOKENS: u64 = 16;

/// An embedding model in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// What it is called, also in the database.
    pub name: String,
    /// Its files.
    pub files: ModelFiles,
    /// How the vectors of its tokens become one.
    pub pooling: Pooling,
    /// Tokens of a text that it reads, marks included.
    pub max_tokens: usize,
}

impl ModelFolder {
    /// The model in `folder` under this name; how it pools and how far it reads is taken from
    /// the files beside it, where there are any, else it pools as `pooling` says.
    pub fn open(folder: &Path, name: &str, pooling: Pooling) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::Folder { path: folder.to_owned(), reason };
        let files = ModelFiles::find(folder).ok_or_else(|| failed("its files are not there".to_owned()))?;
        let beside = files.tokenizer.parent().unwrap_or(folder);
        let read = |file: &str| match fs::read(beside.join(file)) {
            Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
                .map(Some)
                .map_err(|error| failed(format!("{file} is no JSON: {error}"))),
            Err(_) => Ok(None),
        };
        let pooling = match read("1_Pooling/config.json")? {
            None => pooling,
            Some(config) => pooling_of(&config)
                .ok_or_else(|| failed("it pools otherwise than by the mean or the first token".to_owned()))?,
        };
        let limit = read("sentence_bert_config.json")?;
        let limit = limit.as_ref().and_then(|config| config.get("max_seq_length")?.as_u64());
        let max_tokens = limit.unwrap_or(MAX_TOKENS).clamp(FEWEST_TOKENS, MAX_TOKENS);
        Ok(Self {
            name: name.to_owned(),
            files,
            pooling,
            max_tokens: usize::try_from(max_tokens).unwrap_or(512),
        })
    }
}

fn pooling_of(config: &Value) -> Option<Pooling> {
    let is_on = |name: &str| config.get(name).and_then(Value::as_bool) == Some(true);
    match (is_on("pooling_mode_cls_token"), is_on("pooling_mode_mean_tokens")) {
        (true, false) => Some(Pooling::First),
        (false, true) => Some(Pooling::Mean),
        _ => None,
    }
}
