//! Building the reranker that was chosen.

use std::path::Path;
use std::sync::Arc;

use hindsight_assets::AssetStore;
use hindsight_engine::ports::{RerankError, Reranker};
use hindsight_models::ModelFiles;
use hindsight_models::rerank::{
    ChainedRerankers, CrossEncoder, CrossEncoderOptions, Member, RerankLoadError, cohere, tei,
};

use crate::config::{Config, LocalReranker, RerankerChoice};
use crate::models;

/// Folder in the assets folder for a cross-encoder of whatever name.
const FOLDER: &str = "reranker";

/// Whether one of the chosen rerankers computes on this machine, and can.
pub(crate) fn need_runtime(config: &Config) -> bool {
    config.rerankers.members.iter().any(|choice| match choice {
        RerankerChoice::Local(local) => matches!(files(local, &config.assets_dir), Ok(Some(_))),
        RerankerChoice::Tei(_) | RerankerChoice::Cohere(_) | RerankerChoice::Off => false,
    })
}

/// The reranker of these settings; none when what was found is to keep its order.
///
/// A local one without a model on this machine is left out and told of. Blocks.
pub(crate) fn load(config: &Config, assets: &AssetStore) -> Result<Option<Arc<dyn Reranker>>, LoadError> {
    let mut members = Vec::new();
    let mut may_go_without = false;
    for choice in &config.rerankers.members {
        let reranker: Arc<dyn Reranker> = match choice {
            RerankerChoice::Off => {
                may_go_without = true;
                break;
            }
            RerankerChoice::Tei(options) => Arc::new(tei(options.clone())?),
            RerankerChoice::Cohere(options) => Arc::new(cohere(options.clone())?),
            RerankerChoice::Local(local) => match files(local, &config.assets_dir)? {
                Some(files) => {
                    let runtime = models::runtime(config, assets)?;
                    let defaults = CrossEncoderOptions::default();
                    let options = CrossEncoderOptions {
                        threads: local.threads.unwrap_or(defaults.threads),
                        max_tokens: local.max_tokens,
                    };
                    Arc::new(CrossEncoder::load(&runtime, &files, &local.name, options)?)
                }
                None => {
                    may_go_without = true;
                    tracing::info!(
                        "no reranker: the model {} is not on this machine, so what is found keeps its order; put its model.onnx and tokenizer.json into {}",
                        local.name,
                        config.assets_dir.join(FOLDER).display()
                    );
                    continue;
                }
            },
        };
        tracing::info!(reranker = reranker.name(), "reranker");
        may_go_without = false;
        members.push(Member { reranker, budget: config.rerankers.budget_of(choice) });
    }
    Ok(match members.as_slice() {
        [] => None,
        [only] if !may_go_without => Some(Arc::clone(&only.reranker)),
        _ => Some(Arc::new(ChainedRerankers::new(members, may_go_without))),
    })
}

/// Why a reranker that was chosen does not start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder that was named holds no model.
    #[error(
        "there is no reranker in {0}: a cross-encoder is model.onnx with its tokenizer.json; name its folder with HINDSIGHT_API_RERANKER_LOCAL_MODEL, or set HINDSIGHT_API_RERANKER_PROVIDER=rrf to go on without one"
    )]
    NoModel(String),
    /// The model is not usable.
    #[error(transparent)]
    Model(#[from] RerankLoadError),
    /// The service cannot be called.
    #[error(transparent)]
    Service(#[from] RerankError),
    /// The runtime is not there.
    #[error(transparent)]
    Assets(#[from] hindsight_assets::AssetError),
}

/// Where the model lies. A folder that somebody has named has to hold one.
fn files(local: &LocalReranker, assets: &Path) -> Result<Option<ModelFiles>, LoadError> {
    if let Some(path) = &local.path {
        let files = ModelFiles::find(path);
        return files.map(Some).ok_or_else(|| LoadError::NoModel(path.display().to_string()));
    }
    // The owner of a name on a hub makes no difference here.
    let name = local.name.rsplit('/').next().unwrap_or(&local.name);
    Ok([name, FOLDER].iter().find_map(|folder| ModelFiles::find(&assets.join(folder))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        let config = Config::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        config.expect("usable")
    }

    fn built(variables: &[(&str, &str)]) -> Result<Option<String>, LoadError> {
        let folder = tempfile::tempdir().expect("a folder");
        let assets_dir = folder.path().to_string_lossy().into_owned();
        let mut all = vec![("HINDSIGHT_ASSETS_DIR", assets_dir.as_str())];
        all.extend_from_slice(variables);
        let store = AssetStore::new(folder.path(), folder.path());
        load(&config(&all), &store).map(|reranker| reranker.map(|reranker| reranker.name().to_owned()))
    }

    #[test]
    fn without_a_model_on_this_machine_there_is_no_reranker_and_no_error() {
        assert_eq!(built(&[]).expect("no error"), None);
        assert_eq!(built(&[("HINDSIGHT_API_RERANKER_PROVIDER", "rrf")]).expect("no error"), None);
    }

    #[test]
    fn a_folder_that_was_named_has_to_hold_a_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_string_lossy().into_owned();
        let error = built(&[("HINDSIGHT_API_RERANKER_LOCAL_MODEL", path.as_str())]).expect_err("no model");
        assert!(error.to_string().contains(&path), "{error}");
    }

    #[test]
    fn services_are_asked_in_order() {
        let name = built(&[
            ("HINDSIGHT_API_RERANKER_PROVIDER", "cohere"),
            ("HINDSIGHT_API_RERANKER_COHERE_API_KEY", "k"),
            ("HINDSIGHT_API_RERANKER_1_PROVIDER", "tei"),
            ("HINDSIGHT_API_RERANKER_1_TEI_URL", "http://127.0.0.1:1"),
            ("HINDSIGHT_API_RERANKER_2_PROVIDER", "rrf"),
        ]);
        assert_eq!(name.expect("usable").as_deref(), Some("cohere/rerank-english-v3.0, tei"));
    }

    #[test]
    fn a_model_is_found_by_its_name_or_in_the_folder_for_any() {
        let assets = tempfile::tempdir().expect("a folder");
        let RerankerChoice::Local(local) = config(&[]).rerankers.members.remove(0) else {
            panic!("the default is local")
        };
        for folder in [FOLDER, "ms-marco-MiniLM-L-6-v2"] {
            let folder = assets.path().join(folder);
            fs::create_dir(&folder).expect("a folder");
            for file in ["model.onnx", "tokenizer.json"] {
                fs::write(folder.join(file), "").expect("a file");
            }
            let found = files(&local, assets.path()).expect("no error").expect("found");
            assert_eq!(found.model, folder.join("model.onnx"));
        }
    }
}
