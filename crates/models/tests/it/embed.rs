//! Embedding services over HTTP.

use std::time::Duration;

use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder};
use hindsight_engine::text::tokens;
use hindsight_models::embed::{RemoteEmbedderOptions, cohere, gemini, openai, tei};
use hindsight_models::{ApiKey, CallLimits};
use serde_json::{Value, json};

use crate::service::{Asked, Reply, Service};

/// Plenty: no test waits for it.
const HOUR: Duration = Duration::from_hours(1);

fn options(service: &Service) -> RemoteEmbedderOptions {
    RemoteEmbedderOptions {
        url: service.url.parse().unwrap(),
        model: "model".to_owned(),
        key: Some(ApiKey::new("very-secret")),
        dimensions: None,
        batch_size: 2,
        max_input_tokens: 0,
        query_prefix: String::new(),
        passage_prefix: String::new(),
        limits: CallLimits {
            timeout: HOUR,
            max_concurrent: 8,
            retries: 4,
            initial_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(2),
            retry_budget: HOUR,
        },
    }
}

/// A vector that tells the length of its text by the direction it has.
fn vector(text: &Value) -> Value {
    json!([text.as_str().unwrap().len(), 1])
}

fn openai_answer(call: &Asked) -> Value {
    let texts = call.body["input"].as_array().unwrap();
    let mut data: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
        .collect();
    // Services may answer in any order.
    data.reverse();
    json!({"object": "list", "data": data})
}

fn well(_number: usize, call: &Asked) -> Reply {
    Reply::Json(openai_answer(call))
}

async fn lengths(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<f32>, EmbedError> {
    let texts = texts.iter().map(|&text| text.to_owned()).collect();
    let vectors = embedder.embed(EmbedPurpose::Query, texts).await?;
    for vector in &vectors {
        let length = vector.iter().map(|value| value * value).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-5, "{vector:?}");
    }
    Ok(vectors.iter().map(|vector| (vector[0] / vector[1]).round()).collect())
}

#[tokio::test]
async fn vectors_are_in_the_order_of_the_texts_over_all_batches() {
    let service = Service::start(well).await;
    let embedder = openai(options(&service)).await.unwrap();
    assert_eq!((embedder.model().dimension, embedder.model().normalized), (2, true));
    assert_eq!(embedder.model().to_string(), "openai/model (2 dimensions)");
    assert_eq!(lengths(&embedder, &["333", "1", "4444", "22", "55555"]).await.unwrap(), [3., 1., 4., 2., 5.]);
    let asked = service.asked();
    assert_eq!(asked.len(), 1 + 3, "a try-out, then batches of two");
    assert_eq!(asked[1].path, "/embeddings");
    assert_eq!(asked[1].headers["authorization"], "Bearer very-secret");
    assert!(!format!("{embedder:?} {:?}", options(&service)).contains("secret"));
}

#[tokio::test]
async fn prefixes_and_cuts_make_the_text_that_is_sent() {
    let service = Service::start(well).await;
    let options = RemoteEmbedderOptions {
        query_prefix: "query: ".to_owned(),
        passage_prefix: "passage: ".to_owned(),
        max_input_tokens: tokens::count("passage: one two"),
        dimensions: Some(2),
        ..options(&service)
    };
    let embedder = openai(options).await.unwrap();
    let passage = vec!["one two three four five".to_owned()];
    embedder.embed(EmbedPurpose::Passage, passage).await.unwrap();
    embedder.embed(EmbedPurpose::Query, vec!["one".to_owned()]).await.unwrap();
    let asked = service.asked();
    assert_eq!(asked[1].body["input"], json!(["passage: one two"]));
    assert_eq!(asked[1].body["dimensions"], 2);
    assert_eq!(asked[2].body["input"], json!(["query: one"]));
    assert_eq!(embedder.model().query_prefix, "query: ");
}

#[tokio::test]
async fn other_services_are_told_in_their_own_words() {
    let service = Service::start(|_, call| {
        let answer = match call.path.as_str() {
            "/info" => json!({"model_id": "BAAI/bge-small-en-v1.5", "max_client_batch_size": 32}),
            "/embed" => call.body["inputs"].as_array().unwrap().iter().map(vector).collect(),
            "/v2/embed" => {
                let vectors: Value = call.body["texts"].as_array().unwrap().iter().map(vector).collect();
                json!({"embeddings": {"float": vectors}})
            }
            "/models/model:batchEmbedContents" => {
                let requests = call.body["requests"].as_array().unwrap();
                let values = requests
                    .iter()
                    .map(|request| json!({"values": vector(&request["content"]["parts"][0]["text"])}));
                json!({"embeddings": values.collect::<Value>()})
            }
            other => panic!("{other}"),
        };
        Reply::Json(answer)
    })
    .await;
    let tei = tei(options(&service)).await.unwrap();
    assert_eq!(tei.model().to_string(), "tei/BAAI/bge-small-en-v1.5 (2 dimensions)");
    assert_eq!(lengths(&tei, &["1", "22"]).await.unwrap(), [1.0, 2.0]);
    let cohere = cohere(options(&service)).await.unwrap();
    assert_eq!(lengths(&cohere, &["1", "22"]).await.unwrap(), [1.0, 2.0]);
    let gemini = gemini(options(&service)).await.unwrap();
    assert_eq!(lengths(&gemini, &["1", "22"]).await.unwrap(), [1.0, 2.0]);
    let asked = service.asked();
    let last = |path: &str| asked.iter().rfind(|call| call.path == path).unwrap();
    assert_eq!(last("/v2/embed").body["input_type"], "search_query");
    let gemini = last("/models/model:batchEmbedContents");
    assert_eq!(gemini.headers["x-goog-api-key"], "very-secret");
    assert_eq!(gemini.body["requests"][0]["taskType"], "RETRIEVAL_QUERY");
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_told() {
    let service = Service::start(|number, call| match number {
        0 | 1 => Reply::Later("0"),
        2 => well(number, call),
        _ => Reply::Text(400, "no such model, very-secret"),
    })
    .await;
    let embedder = openai(options(&service)).await.unwrap();
    assert_eq!(service.asked().len(), 3);
    let error = lengths(&embedder, &["1"]).await.unwrap_err().to_string();
    assert!(error.contains("400") && error.contains("no such model"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert_eq!(service.asked().len(), 4);
}

#[tokio::test]
async fn a_service_that_is_too_busy_for_long_is_busy() {
    let service = Service::start(|_, _| Reply::Later("0")).await;
    assert!(matches!(openai(options(&service)).await, Err(EmbedError::Busy)));
    assert_eq!(service.asked().len(), 5);
}

#[tokio::test]
async fn vectors_that_cannot_be_used_are_refused() {
    let of = |embedding: Value| json!({"data": [{"index": 0, "embedding": embedding}]});
    for answer in [
        of(json!([0.0, 0.0])),
        of(json!([])),
        of(json!([1.0, null])),
        of(json!([1e300, 1.0])),
        of(json!([1.0, 2.0, 3.0])),
        json!({"data": []}),
        json!({"data": [{"index": 1, "embedding": [1.0, 2.0]}]}),
        json!([]),
    ] {
        let bad = answer.clone();
        let service = Service::start(move |number, call| match number {
            0 => well(number, call),
            _ => Reply::Json(bad.clone()),
        })
        .await;
        let embedder = openai(options(&service)).await.unwrap();
        let outcome = lengths(&embedder, &["1"]).await;
        assert!(matches!(outcome, Err(EmbedError::Failed(_))), "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_model_that_keeps_its_own_length_is_told_at_the_start() {
    let service = Service::start(well).await;
    let wanted = RemoteEmbedderOptions { dimensions: Some(3), ..options(&service) };
    let error = openai(wanted).await.unwrap_err().to_string();
    assert!(error.contains("vectors of 2 numbers"), "{error}");
}
