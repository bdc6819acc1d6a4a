//! Rerankers over HTTP, against services that answer well, badly and not at all.

use std::sync::Arc;
use std::time::Duration;

use hindsight_engine::ports::{RerankError, Reranker};
use hindsight_models::rerank::{
    ChainedRerankers, Member, RemoteReranker, RemoteRerankerOptions, cohere, tei,
};
use hindsight_models::{ApiKey, CallLimits};
use serde_json::{Value, json};

use crate::service::{Asked, Reply, Service};

/// Plenty: no test waits for it.
const HOUR: Duration = Duration::from_hours(1);

/// As long as a test waits for what never comes.
const MOMENT: Duration = Duration::from_millis(20);

const LIMITS: CallLimits = CallLimits {
    timeout: HOUR,
    max_concurrent: 8,
    retries: 3,
    initial_backoff: Duration::from_millis(1),
    max_backoff: Duration::from_millis(2),
    retry_budget: HOUR,
};

fn options(service: &Service) -> RemoteRerankerOptions {
    RemoteRerankerOptions {
        name: "test/model".to_owned(),
        endpoint: format!("{}/rerank", service.url).parse().unwrap(),
        model: Some("model".to_owned()),
        key: Some(ApiKey::new("very-secret")),
        batch_size: 2,
        limits: LIMITS,
    }
}

fn reranker(service: &Service) -> RemoteReranker {
    tei(options(service)).unwrap()
}

async fn ask(reranker: &dyn Reranker, documents: &[&str]) -> Result<Vec<Option<f64>>, RerankError> {
    ask_within(reranker, documents, HOUR).await
}

async fn ask_within(
    reranker: &dyn Reranker,
    documents: &[&str],
    budget: Duration,
) -> Result<Vec<Option<f64>>, RerankError> {
    let documents: Vec<_> = documents.iter().map(|&document| document.to_owned()).collect();
    reranker.rerank("query", &documents, budget).await
}

/// Scores by length, the best first, as real services do.
fn ranks(documents: &Value, score: &str) -> Value {
    let documents = documents.as_array().unwrap();
    let mut ranks: Vec<_> = documents.iter().map(|text| text.as_str().unwrap().len()).enumerate().collect();
    ranks.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    ranks.into_iter().map(|(index, length)| json!({"index": index, score: length as f64 / 10.0})).collect()
}

fn well(_number: usize, call: &Asked) -> Reply {
    Reply::Json(ranks(&call.body["texts"], "score"))
}

#[tokio::test]
async fn scores_are_in_the_order_of_the_documents_over_all_batches() {
    let service = Service::start(well).await;
    let scores = ask(&reranker(&service), &["333", "1", "", "88888888", "22"]).await.unwrap();
    assert_eq!(scores, [0.3, 0.1, 0.0, 0.8, 0.2].map(Some));
    let asked = service.asked();
    assert_eq!(asked.len(), 3);
    let first = asked.iter().find(|call| call.body["texts"] == json!(["333", "1"])).unwrap();
    assert_eq!(first.path, "/rerank");
    assert_eq!(
        first.body,
        json!({"query": "query", "texts": ["333", "1"], "raw_scores": false, "truncate": true})
    );
}

#[tokio::test]
async fn the_call_of_cohere_brings_key_and_model() {
    let service = Service::start(|_, call| {
        Reply::Json(json!({"id": "x", "results": ranks(&call.body["documents"], "relevance_score")}))
    })
    .await;
    let reranker = cohere(options(&service)).unwrap();
    assert_eq!(ask(&reranker, &["1", "22"]).await.unwrap(), [Some(0.1), Some(0.2)]);
    let call = service.asked().remove(0);
    assert_eq!(call.headers["authorization"], "Bearer very-secret");
    assert_eq!(call.body, json!({"query": "query", "documents": ["1", "22"], "top_n": 2, "model": "model"}));
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for trouble in [Reply::Text(500, "oops"), Reply::Later("0"), Reply::Text(503, "")] {
        let service =
            Service::start(move |number, call| if number < 2 { trouble.clone() } else { well(number, call) })
                .await;
        assert_eq!(ask(&reranker(&service), &["1"]).await.unwrap(), [Some(0.1)]);
        assert_eq!(service.asked().len(), 3);
    }
}

#[tokio::test]
async fn after_the_last_attempt_it_says_why() {
    let service = Service::start(|_, _| Reply::Text(500, "out of memory")).await;
    let error = ask(&reranker(&service), &["1"]).await.unwrap_err().to_string();
    assert!(error.contains("500") && error.contains("out of memory"), "{error}");
    assert_eq!(service.asked().len(), 4);
}

/// A wait that the service asks for is not begun when it would end too late.
#[tokio::test]
async fn a_wait_beyond_the_budget_is_not_begun() {
    let service = Service::start(|_, _| Reply::Later("7200")).await;
    let error = ask(&reranker(&service), &["1"]).await.unwrap_err();
    assert!(matches!(error, RerankError::Busy), "{error}");
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_told_at_once_and_without_the_key() {
    let service = Service::start(|_, _| Reply::Text(401, "wrong key very-secret")).await;
    let reranker = reranker(&service);
    let error = ask(&reranker, &["1"]).await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("wrong key"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert_eq!(service.asked().len(), 1);
    assert!(!format!("{reranker:?} {:?}", options(&service)).contains("secret"));
}

#[tokio::test]
async fn answers_that_cannot_be_used_are_errors() {
    for answer in [
        Reply::Text(200, "<html>"),
        Reply::Text(200, ""),
        Reply::Text(200, r#"[{"index": 0, "score": NaN}]"#),
        Reply::Json(json!({"error": "no"})),
        Reply::Json(json!([])),
        Reply::Json(json!([{"index": 0, "score": null}])),
        Reply::Json(json!([{"index": 1, "score": 0.5}])),
        Reply::Json(json!([{"index": 0, "score": 0.5}, {"index": 0, "score": 0.5}])),
        Reply::Json(json!([{"index": 0, "score": 3.5}])),
        Reply::Text(302, "elsewhere"),
    ] {
        let script = answer.clone();
        let service = Service::start(move |_, _| script.clone()).await;
        let outcome = ask(&reranker(&service), &["1"]).await;
        assert!(matches!(outcome, Err(RerankError::Failed(_))), "{answer:?}: {outcome:?}");
        assert_eq!(service.asked().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn without_time_or_documents_nothing_is_asked() {
    let service = Service::start(well).await;
    let reranker = reranker(&service);
    assert_eq!(ask_within(&reranker, &["1", "2"], Duration::ZERO).await.unwrap(), [None, None]);
    assert!(ask(&reranker, &[]).await.unwrap().is_empty());
    assert!(service.asked().is_empty());
}

/// The second call would have to wait longer than there is time.
#[tokio::test]
async fn what_came_in_time_counts() {
    let service = Service::start(|number, call| match number {
        0 => well(number, call),
        _ => Reply::Later("7200"),
    })
    .await;
    let limits = CallLimits { max_concurrent: 1, ..LIMITS };
    let reranker = tei(RemoteRerankerOptions { limits, ..options(&service) }).unwrap();
    let scores = ask(&reranker, &["1", "22", "333", "4444", "55555"]).await.unwrap();
    assert_eq!(scores, [Some(0.1), Some(0.2), None, None, None]);
    assert_eq!(service.asked().len(), 2, "what comes after the end is not asked");
}

#[tokio::test]
async fn silence_is_an_error_when_the_time_is_up() {
    let service = Service::start(|_, _| Reply::Silence).await;
    let error = ask_within(&reranker(&service), &["1"], MOMENT).await.unwrap_err().to_string();
    assert!(error.contains("did not answer within 20 ms"), "{error}");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_made_anew() {
    let service = Service::start(|number, call| match number {
        0 => Reply::Silence,
        _ => well(number, call),
    })
    .await;
    let limits = CallLimits { timeout: MOMENT * 100, ..LIMITS };
    let reranker = tei(RemoteRerankerOptions { limits, ..options(&service) }).unwrap();
    assert_eq!(ask(&reranker, &["1"]).await.unwrap(), [Some(0.1)]);
}

fn chain(services: &[&Service], may_go_without: bool) -> ChainedRerankers {
    let member = |service: &&Service| Member { reranker: Arc::new(reranker(service)), budget: HOUR / 2 };
    ChainedRerankers::new(services.iter().map(member).collect(), may_go_without)
}

#[tokio::test]
async fn the_next_of_a_row_serves_when_one_fails() {
    let bad = Service::start(|_, _| Reply::Text(400, "no")).await;
    let good = Service::start(well).await;
    let unused = Service::start(well).await;
    let chain = chain(&[&bad, &good, &unused], false);
    assert_eq!(ask(&chain, &["1", "22"]).await.unwrap(), [Some(0.1), Some(0.2)]);
    let asked = [&bad, &good, &unused].map(|service| service.asked().len());
    assert_eq!(asked, [1, 1, 0]);
}

#[tokio::test]
async fn a_row_without_an_answer_is_an_error_unless_it_may_go_without() {
    let bad = Service::start(|_, _| Reply::Text(400, "no")).await;
    let error = ask(&chain(&[&bad], false), &["1"]).await.unwrap_err();
    assert!(matches!(error, RerankError::Failed(_)), "{error}");
    assert_eq!(ask(&chain(&[&bad], true), &["1"]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_silent_member_leaves_time_for_the_next() {
    let silent = Service::start(|_, _| Reply::Silence).await;
    let good = Service::start(well).await;
    let first = Member { reranker: Arc::new(reranker(&silent)), budget: MOMENT };
    let second = Member { reranker: Arc::new(reranker(&good)), budget: HOUR };
    let chain = ChainedRerankers::new(vec![first, second], false);
    assert_eq!(ask(&chain, &["1"]).await.unwrap(), [Some(0.1)]);
    assert_eq!(chain.name(), "test/model, test/model");
}
