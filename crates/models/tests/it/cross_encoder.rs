//! The local reranker on ONNX Runtime, with models of a few words.

use std::path::Path;
use std::time::Duration;

use hindsight_engine::ports::Reranker;
use hindsight_models::ModelFiles;
use hindsight_models::rerank::{CrossEncoder, CrossEncoderOptions, RerankLoadError};

use crate::onnx::write_sum_of_words;

const HOUR: Duration = Duration::from_hours(1);

/// Weights of `good`, `bad` and `small`; the marks and other words weigh nothing.
const WEIGHTS: [f32; 7] = [0.0, 0.0, 0.0, 0.0, 2.0, -2.0, 0.001];

fn load(folder: &Path) -> Result<CrossEncoder, RerankLoadError> {
    let files = ModelFiles::find(folder).unwrap();
    CrossEncoder::load(&crate::assets().0, &files, "tiny", CrossEncoderOptions::default())
}

async fn scores(reranker: &CrossEncoder, query: &str, documents: &[&str]) -> Vec<f64> {
    let documents: Vec<_> = documents.iter().map(|&document| document.to_owned()).collect();
    let scores = reranker.rerank(query, &documents, HOUR).await.unwrap();
    scores.into_iter().map(Option::unwrap).collect()
}

fn assert_logit(score: f64, logit: f64) {
    let expected = 1.0 / (1.0 + (-logit).exp());
    assert!((score - expected).abs() < 1e-5, "{score} {expected}");
}

#[tokio::test]
async fn one_logit_goes_through_a_sigmoid_whatever_the_others_are() {
    let folder = tempfile::tempdir().unwrap();
    write_sum_of_words(folder.path(), 1, &WEIGHTS);
    let reranker = load(folder.path()).unwrap();
    assert_eq!(reranker.name(), "local/tiny");
    let documents = ["good", "something else that is longer", "bad bad", "", "small good"];
    let found = scores(&reranker, "query", &documents).await;
    for (score, logit) in found.into_iter().zip([2.0, 0.0, -4.0, 0.0, 2.001]) {
        assert_logit(score, logit);
    }
    // A logit that looks like a score is none.
    assert_logit(scores(&reranker, "query", &["small"]).await[0], 0.001);
}

#[tokio::test]
async fn of_two_logits_the_difference_counts() {
    let folder = tempfile::tempdir().unwrap();
    let weights: Vec<f32> = WEIGHTS.iter().flat_map(|weight| [-weight / 2.0, weight / 2.0]).collect();
    write_sum_of_words(folder.path(), 2, &weights);
    let found = scores(&load(folder.path()).unwrap(), "query", &["good", "bad"]).await;
    assert_logit(found[0], 2.0);
    assert_logit(found[1], -2.0);
}

/// 512 tokens, three of them marks.
#[tokio::test]
async fn a_long_document_is_cut_and_the_query_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    write_sum_of_words(folder.path(), 1, &WEIGHTS);
    let reranker = load(folder.path()).unwrap();
    let long = "small ".repeat(3000);
    let score = scores(&reranker, "good", &[&long]).await[0];
    assert_logit(score, 2.0 + 508.0 * 0.001);
    // A query without end leaves a quarter for the document.
    let score = scores(&reranker, &long, &[&"bad ".repeat(3000)]).await[0];
    assert_logit(score, 384.0 * 0.001 - 125.0 * 2.0);
}

#[tokio::test]
async fn many_documents_are_all_scored_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    write_sum_of_words(folder.path(), 1, &WEIGHTS);
    let reranker = load(folder.path()).unwrap();
    let documents: Vec<String> = (0..300).map(|number| "small ".repeat(number % 90)).collect();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let found = scores(&reranker, "query", &documents).await;
    for (number, score) in found.into_iter().enumerate() {
        assert_logit(score, (number % 90) as f64 * 0.001);
    }
}

#[test]
fn a_model_that_gives_no_numbers_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut weights = WEIGHTS;
    weights[1] = f32::NAN;
    write_sum_of_words(folder.path(), 1, &weights);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not a finite number") && error.contains("model.onnx"), "{error}");

    write_sum_of_words(folder.path(), 3, &[0.0; 21]);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("neither one nor two"), "{error}");

    std::fs::write(folder.path().join("model.onnx"), "no model").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(&error, RerankLoadError::Model { .. }), "{error}");
}
