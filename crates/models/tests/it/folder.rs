//! Embedding models in folders that somebody brings, of a few words.

use std::fs;
use std::path::Path;

use hindsight_engine::ports::{EmbedPurpose, Embedder};
use hindsight_models::{LoadError, LocalEmbedder, LocalOptions, ModelFolder, Pooling};

use crate::onnx::write_word_vectors;

/// `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `good`, `bad`, `small`.
const VECTORS: [f32; 14] = [9.0, 9.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 3.0, -4.0, -9.0, 4.0, 0.0, 0.0];

fn load(folder: &Path, pooling: Pooling) -> Result<LocalEmbedder, LoadError> {
    let folder = ModelFolder::open(folder, "tiny", pooling)?;
    LocalEmbedder::load_folder(&crate::assets().0, &folder, LocalOptions::default())
}

async fn vectors(embedder: &LocalEmbedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts = texts.iter().map(|&text| text.to_owned()).collect();
    embedder.embed(EmbedPurpose::Passage, texts).await.unwrap()
}

fn assert_near(vector: &[f32], expected: [f32; 2]) {
    assert!(vector.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{vector:?} {expected:?}");
}

#[tokio::test]
async fn the_mean_of_all_tokens_or_the_first_is_the_vector() {
    let folder = tempfile::tempdir().unwrap();
    write_word_vectors(folder.path(), 2, &VECTORS);
    let mean = load(folder.path(), Pooling::Mean).unwrap();
    assert_eq!(mean.model().to_string(), "local/tiny (2 dimensions)");
    // (3, 4) and (3, -4); padding of the shorter does not count.
    let found = vectors(&mean, &["good", "bad bad", "small small small"]).await;
    assert_near(&found[0], [1.0, 0.0]);
    assert_near(&found[2], [0.6, 0.8]);
    let first = load(folder.path(), Pooling::First).unwrap();
    assert_near(&vectors(&first, &["good"]).await[0], [0.6, 0.8]);
}

#[tokio::test]
async fn what_lies_beside_the_model_says_how_it_pools() {
    let folder = tempfile::tempdir().unwrap();
    write_word_vectors(folder.path(), 2, &VECTORS);
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let config = folder.path().join("1_Pooling/config.json");
    fs::write(&config, r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#).unwrap();
    let embedder = load(folder.path(), Pooling::Mean).unwrap();
    assert_near(&vectors(&embedder, &["good"]).await[0], [0.6, 0.8]);
    for other in [r#"{"pooling_mode_max_tokens": true}"#, "no JSON"] {
        fs::write(&config, other).unwrap();
        assert!(matches!(load(folder.path(), Pooling::Mean), Err(LoadError::Folder { .. })), "{other}");
    }
}

#[tokio::test]
async fn fewer_tokens_may_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    write_word_vectors(folder.path(), 2, &VECTORS);
    let model = ModelFolder::open(folder.path(), "tiny", Pooling::Mean).unwrap();
    // (3, 4), (3, -4) and (-9, 4); then one word and both marks, and never fewer.
    for (max_tokens, expected) in [(usize::MAX, [-0.6, 0.8]), (3, [1.0, 0.0]), (1, [1.0, 0.0])] {
        let options = LocalOptions { max_tokens, ..LocalOptions::default() };
        let embedder = LocalEmbedder::load_folder(&crate::assets().0, &model, options).unwrap();
        assert_near(&vectors(&embedder, &["good bad"]).await[0], expected);
    }
}

#[test]
fn a_model_that_gives_no_vectors_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path(), Pooling::Mean).unwrap_err().to_string();
    assert!(error.contains("its files are not there"), "{error}");
    write_word_vectors(folder.path(), 2, &[f32::NAN; 14]);
    let error = load(folder.path(), Pooling::Mean).unwrap_err().to_string();
    assert!(error.contains("finite"), "{error}");
}
