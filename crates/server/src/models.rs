//! Fetching and loading the models that were chosen.

use std::path::PathBuf;
use std::sync::Arc;

use hindsight_assets::{Asset, AssetError, AssetStore};
use hindsight_engine::ports::{Embedder, Reranker};
use hindsight_pg::Layout;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Dispatch;
use tracing::dispatcher::{get_default, with_default};

use crate::config::{Config, MODEL_INIT_TIMEOUT};
use crate::load::StartError;
use crate::{embedders, rerankers};

/// The models that the engine works with; the reranker only where there is one.
pub(crate) type Models = (Arc<dyn Embedder>, Option<Arc<dyn Reranker>>);

/// Whether nothing has to be fetched for the chosen models.
pub(crate) fn are_there(config: &Config) -> bool {
    let store = assets(config);
    needed(config).iter().all(|asset| store.find(*asset).is_some())
}

/// The chosen models, tried out; fetched if need be.
pub(crate) async fn load(config: Config) -> Result<Models, StartError> {
    fetched(config, |config, store| Ok((embedders::load(config, store)?, rerankers::load(config, store)?)))
        .await
}

/// The chosen embedding model alone, tried out; fetched if need be.
pub(crate) async fn load_embedder(config: Config) -> Result<Arc<dyn Embedder>, StartError> {
    fetched(config, embedders::load).await
}

/// The ONNX Runtime library: one's own, or the one that is fetched.
pub(crate) fn runtime(config: &Config, store: &AssetStore) -> Result<PathBuf, AssetError> {
    match &config.ort_dylib_path {
        Some(path) => Ok(path.clone()),
        None => store.ensure(Asset::OnnxRuntime, &*config.progress),
    }
}

/// What is fetched for the chosen models.
fn needed(config: &Config) -> Vec<Asset> {
    let mut needed = embedders::needed(config).to_vec();
    if rerankers::need_runtime(config) && !needed.contains(&Asset::OnnxRuntime) {
        needed.push(Asset::OnnxRuntime);
    }
    needed.retain(|asset| *asset != Asset::OnnxRuntime || config.ort_dylib_path.is_none());
    needed
}

fn assets(config: &Config) -> AssetStore {
    AssetStore::new(&config.assets_dir, Layout::new(&config.home).installation())
}

/// What `load` makes of the settings once everything is there. Fetching takes as long as it
/// takes, loading has a limit.
async fn fetched<T: Send + 'static>(
    config: Config,
    load: impl FnOnce(&Config, &AssetStore) -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let limit = config.model_timeout;
    let (config, store) = tokio::task::spawn_blocking(move || {
        let store = assets(&config);
        for asset in needed(&config) {
            store.ensure(asset, &*config.progress)?;
        }
        Ok::<_, AssetError>((config, store))
    })
    .await??;
    // A thread of its own: a runtime waits for its blocking ones at its end, and a library that
    // hangs would keep a process that has given up.
    let (done, loaded) = oneshot::channel();
    let (handle, lines) = (Handle::current(), get_default(Dispatch::clone));
    std::thread::Builder::new()
        .name("models".to_owned())
        .spawn(move || {
            let _entered = handle.enter();
            // Nobody may wait for it any more.
            let _ = done.send(with_default(&lines, || load(&config, &store)));
        })
        .map_err(|error| StartError::Load(format!("no thread to load the models: {error}")))?;
    let loaded = if limit.is_zero() {
        loaded.await
    } else {
        tokio::time::timeout(limit, loaded).await.map_err(|_| {
            StartError::Load(format!(
                "the models were not loaded within {} s; give them more time with {}",
                limit.as_secs_f64(),
                MODEL_INIT_TIMEOUT.name
            ))
        })?
    };
    loaded.map_err(|_| StartError::Load("loading the models was interrupted".to_owned()))?
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

    #[test]
    fn a_runtime_of_ones_own_is_not_fetched() {
        assert_eq!(needed(&config(&[])), [Asset::OnnxRuntime, Asset::MiniLm]);
        let own = config(&[("ORT_DYLIB_PATH", "/opt/libonnxruntime.so")]);
        assert_eq!(needed(&own), [Asset::MiniLm]);
        let path = runtime(&own, &assets(&own)).expect("nothing to fetch");
        assert_eq!(path.to_str(), Some("/opt/libonnxruntime.so"));
    }

    #[test]
    fn a_local_reranker_needs_the_runtime_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_string_lossy().into_owned();
        let variables = [
            ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "tei"),
            ("HINDSIGHT_API_EMBEDDINGS_TEI_URL", "http://127.0.0.1:1"),
            ("HINDSIGHT_API_RERANKER_LOCAL_MODEL", path.as_str()),
        ];
        assert_eq!(needed(&config(&variables)), [], "there is no model");
        for file in ["model.onnx", "tokenizer.json"] {
            fs::write(folder.path().join(file), "").expect("a file");
        }
        assert_eq!(needed(&config(&variables)), [Asset::OnnxRuntime]);
    }

    #[tokio::test]
    async fn loading_that_never_ends_is_given_up_and_says_what_helps() {
        let (_hangs, waits) = std::sync::mpsc::channel::<()>();
        let config = config(&[
            ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "tei"),
            ("HINDSIGHT_API_EMBEDDINGS_TEI_URL", "http://127.0.0.1:1"),
            ("HINDSIGHT_API_RERANKER_PROVIDER", "none"),
            ("HINDSIGHT_API_MODEL_INIT_TIMEOUT", "0.01"),
        ]);
        let given_up = fetched(config, move |_, _| {
            let _ = waits.recv();
            Ok(())
        });
        let error = given_up.await.expect_err("nothing is loaded").to_string();
        assert!(
            error.contains("not loaded within 0.01 s") && error.contains("MODEL_INIT_TIMEOUT"),
            "{error}"
        );
    }
}
