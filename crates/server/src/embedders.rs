//! Building the embedding model that was chosen.

use std::sync::Arc;

use hindsight_assets::{Asset, AssetStore};
use hindsight_engine::ports::Embedder;
use hindsight_models::{LocalEmbedder, LocalOptions, ModelFiles, ModelFolder, Pooling, embed};

use crate::config::{Config, EmbedderChoice, LocalModel};
use crate::load::StartError;
use crate::models;

/// Folder in the assets folder for the files of bge-small.
const BGE_SMALL: &str = "bge-small";

/// What is fetched for the chosen model.
pub(crate) fn needed(config: &Config) -> &'static [Asset] {
    match settled(config) {
        EmbedderChoice::Local(LocalModel::Auto | LocalModel::MiniLm) => &[Asset::OnnxRuntime, Asset::MiniLm],
        EmbedderChoice::Local(LocalModel::BgeSmall | LocalModel::Folder(_)) => &[Asset::OnnxRuntime],
        _ => &[],
    }
}

/// What to take for a database that began with another model than this machine would choose by
/// itself: the one that every machine has.
pub(crate) fn second_choice(config: &Config) -> Option<Config> {
    let is_ours = matches!(config.embedder, EmbedderChoice::Local(LocalModel::Auto)) && has_bge_small(config);
    is_ours.then(|| Config { embedder: EmbedderChoice::Local(LocalModel::MiniLm), ..config.clone() })
}

/// The chosen model, tried out. Blocks, on a thread that knows the runtime.
pub(crate) fn load(config: &Config, assets: &AssetStore) -> Result<Arc<dyn Embedder>, StartError> {
    let embedder: Arc<dyn Embedder> = match settled(config) {
        EmbedderChoice::Local(LocalModel::Auto | LocalModel::MiniLm) => {
            let runtime = models::runtime(config, assets)?;
            let model = assets.ensure(Asset::MiniLm, &*config.progress)?;
            Arc::new(LocalEmbedder::load(&runtime, &model, options(config))?)
        }
        EmbedderChoice::Local(LocalModel::BgeSmall) => {
            let folder = config.assets_dir.join(BGE_SMALL);
            let model = ModelFolder::open(&folder, "BAAI/bge-small-en-v1.5", Pooling::First)?;
            in_folder(config, assets, &model)?
        }
        EmbedderChoice::Local(LocalModel::Folder(path)) => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("model");
            in_folder(config, assets, &ModelFolder::open(&path, name, Pooling::Mean)?)?
        }
        EmbedderChoice::Tei(options) => Arc::new(wait_for(embed::tei(options))?),
        EmbedderChoice::OpenAi(options) => Arc::new(wait_for(embed::openai(options))?),
        EmbedderChoice::Cohere(options) => Arc::new(wait_for(embed::cohere(options))?),
        EmbedderChoice::Google(options) => Arc::new(wait_for(embed::gemini(options))?),
    };
    tracing::info!(model = %embedder.model(), "embedding model");
    Ok(embedder)
}

/// The choice with what this machine chooses by itself.
fn settled(config: &Config) -> EmbedderChoice {
    match &config.embedder {
        EmbedderChoice::Local(LocalModel::Auto) if has_bge_small(config) => {
            EmbedderChoice::Local(LocalModel::BgeSmall)
        }
        choice => choice.clone(),
    }
}

fn has_bge_small(config: &Config) -> bool {
    ModelFiles::find(&config.assets_dir.join(BGE_SMALL)).is_some()
}

fn in_folder(
    config: &Config,
    assets: &AssetStore,
    model: &ModelFolder,
) -> Result<Arc<dyn Embedder>, StartError> {
    let runtime = models::runtime(config, assets)?;
    Ok(Arc::new(LocalEmbedder::load_folder(&runtime, model, options(config))?))
}

fn options(config: &Config) -> LocalOptions {
    LocalOptions { max_tokens: config.embedding_max_tokens, ..LocalOptions::default() }
}

/// What a service answers to a thread that may block.
fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(answer)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn bge_small_is_chosen_where_its_files_are_and_given_up_for_an_older_database() {
        let folder = tempfile::tempdir().expect("a folder");
        let assets = folder.path().to_string_lossy().into_owned();
        let config = Config::read(&|name| (name == "HINDSIGHT_ASSETS_DIR").then(|| assets.clone()));
        let config = config.expect("usable");
        assert_eq!(needed(&config), [Asset::OnnxRuntime, Asset::MiniLm]);
        assert!(second_choice(&config).is_none());

        fs::create_dir(folder.path().join(BGE_SMALL)).expect("a folder");
        for file in ["model.onnx", "tokenizer.json"] {
            fs::write(folder.path().join(BGE_SMALL).join(file), "").expect("a file");
        }
        assert_eq!(needed(&config), [Asset::OnnxRuntime]);
        let second = second_choice(&config).expect("there is one");
        assert_eq!(needed(&second), [Asset::OnnxRuntime, Asset::MiniLm]);
        assert!(second_choice(&second).is_none());
    }

    #[test]
    fn a_folder_without_a_model_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_string_lossy().into_owned();
        let config =
            Config::read(&|name| (name == "HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL").then(|| path.clone()));
        let store = AssetStore::new(folder.path(), folder.path());
        let error = load(&config.expect("usable"), &store).err().expect("no model").to_string();
        assert!(error.contains(&path) && error.contains("model.onnx"), "{error}");
    }
}
