//! Models through the public API: the real one, tiny ones, and services over HTTP.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test ends at the first failure")]

mod cross_encoder;
mod embed;
mod folder;
mod llm;
mod onnx;
mod rerank;
mod service;

use std::path::{Path, PathBuf};

use hindsight_assets::{Asset, AssetStore, NoProgress};
use hindsight_engine::ports::{EmbedPurpose, Embedder};
use hindsight_models::{LoadError, LocalEmbedder, LocalOptions};

/// Runtime library and model folder, fetched into the build folder once.
fn assets() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("assets");
    let store = AssetStore::new(&folder, folder.join("postgres"));
    let ensure = |asset| store.ensure(asset, &NoProgress).unwrap();
    (ensure(Asset::OnnxRuntime), ensure(Asset::MiniLm))
}

fn load() -> LocalEmbedder {
    let (runtime, model) = assets();
    LocalEmbedder::load(&runtime, &model, LocalOptions::default()).unwrap()
}

async fn embed(embedder: &LocalEmbedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts = texts.iter().map(|&text| text.to_owned()).collect();
    embedder.embed(EmbedPurpose::Passage, texts).await.unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn paraphrases_are_nearer_than_other_sentences() {
    let embedder = load();
    let pairs = [
        ("When does the train to Berlin leave?", "Departure time of the train going to Berlin"),
        ("Maria adopted a puppy last weekend.", "A young dog now lives with Maria."),
        (
            "The deployment failed because the disk was full.",
            "There was no space left, so the rollout broke.",
        ),
        ("Tom is allergic to peanuts.", "Peanuts make Tom ill."),
    ];
    let (left, right): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (left, right) = (embed(&embedder, &left).await, embed(&embedder, &right).await);
    for (row, vector) in left.iter().enumerate() {
        let same = cosine(vector, &right[row]);
        assert!(same > 0.4, "{}: {same}", pairs[row].0);
        for (column, other) in right.iter().enumerate().filter(|&(column, _)| column != row) {
            let other = cosine(vector, other);
            assert!(same > other + 0.25, "{row} {column}: {same} {other}");
        }
    }
}

/// The first numbers of the vector that the published 32-bit weights give, computed apart.
#[tokio::test]
async fn vectors_are_those_of_the_published_model() {
    const EXPECTED: [f32; 12] =
        [0.034, 0.0184, 0.0214, 0.0, 0.0392, 0.0314, -0.0398, -0.0432, -0.0083, 0.0153, 0.0118, 0.0201];
    let vectors = embed(&load(), &["Alice moved to Zürich in March 2024."]).await;
    for (actual, expected) in vectors[0].iter().zip(EXPECTED) {
        assert!((actual - expected).abs() < 0.006, "{actual} {expected}");
    }
}

#[tokio::test]
async fn vectors_do_not_depend_on_their_neighbours_and_keep_their_order() {
    let embedder = load();
    let long = "a longer text about the weather in the mountains ".repeat(20);
    let texts =
        ["short", long.as_str(), "", "日本語のテキスト", "short", "another sentence of middling length"];
    let together = embed(&embedder, &texts).await;
    for (text, vector) in texts.iter().zip(&together) {
        let alone = embed(&embedder, &[text]).await;
        assert!(cosine(vector, &alone[0]) > 0.9999, "{text}");
        assert_eq!(vector.len(), embedder.model().dimension as usize);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
}

#[tokio::test]
async fn calls_from_many_tasks_are_all_served() {
    let embedder = std::sync::Arc::new(load());
    let calls = (0..16).map(|number| {
        let embedder = std::sync::Arc::clone(&embedder);
        let purpose = if number % 2 == 0 { EmbedPurpose::Query } else { EmbedPurpose::Passage };
        tokio::spawn(async move { embedder.embed(purpose, vec![format!("text {number}"); 5]).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap().len(), 5);
    }
}

#[test]
fn what_cannot_be_loaded_is_named() {
    let (runtime, model) = assets();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let error = LocalEmbedder::load(&runtime, folder, LocalOptions::default()).unwrap_err();
    assert!(matches!(&error, LoadError::Model { path, .. } if path.ends_with("model.onnx")), "{error}");
    drop(LocalEmbedder::load(&runtime, &model, LocalOptions::default()).unwrap());
}
