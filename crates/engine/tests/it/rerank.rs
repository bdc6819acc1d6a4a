//! What a reranker changes, and what it cannot.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engine::config::Settings;
use hindsight_engine::ports::{RerankError, Reranker};
use hindsight_types::recall::{RecallRequest, RecallResponse};
use serde_json::{Value, json};

use crate::support::TestEngine;

/// What the reranker of a test answers.
#[derive(Clone, Copy)]
enum Answer {
    /// The share of the letter "e" for the first so many documents.
    Scores(usize),
    Fails,
    TooFew,
    Never,
}

struct Scripted {
    answer: Answer,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Reranker for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn rerank(
        &self,
        _query: &str,
        documents: &[String],
        _budget: Duration,
    ) -> Result<Vec<Option<f64>>, RerankError> {
        *self.asked.lock().unwrap() = documents.to_vec();
        let share = |text: &String| text.matches('e').count() as f64 / text.len() as f64;
        match self.answer {
            Answer::Scores(most) => {
                Ok(documents.iter().enumerate().map(|(i, text)| (i < most).then(|| share(text))).collect())
            }
            Answer::Fails => Err(RerankError::Failed("switched off".to_owned())),
            Answer::TooFew => Ok(vec![Some(1.0)]),
            Answer::Never => std::future::pending().await,
        }
    }
}

const TEXTS: [&str; 3] =
    ["music for all", "music everywhere we were", "music, the best there ever was, forever"];

async fn ask(answer: Answer, settings: Settings, request: Value) -> (RecallResponse, Vec<String>) {
    let test = TestEngine::with(settings).await;
    test.remember("b", &TEXTS).await;
    let reranker = Arc::new(Scripted { answer, asked: Mutex::new(Vec::new()) });
    let engine = test.engine.clone().with_reranker(Arc::clone(&reranker) as Arc<dyn Reranker>);
    let request: RecallRequest = hindsight_types::decode::from_json(&request).unwrap();
    let response = engine.recall("b", &request).await.unwrap();
    let asked = reranker.asked.lock().unwrap().clone();
    (response, asked)
}

fn texts(response: &RecallResponse) -> Vec<&str> {
    response.results.iter().map(|result| result.text.as_str()).collect()
}

#[tokio::test]
async fn the_order_is_the_rerankers_and_the_trace_says_so() {
    let (response, asked) =
        ask(Answer::Scores(9), Settings::default(), json!({"query": "music", "trace": true})).await;
    assert_eq!(texts(&response), [TEXTS[1], TEXTS[2], TEXTS[0]]);
    assert_eq!(asked.len(), 3);
    let first = response.results[0].scores.unwrap();
    assert!(first.reranker.is_some_and(|score| (score - 7.0 / 24.0).abs() < 1e-9), "{first:?}");
    let trace = response.trace.unwrap();
    assert_eq!(trace["summary"]["reranking"]["summary"], "reranked 3 of 3");
    assert_eq!(trace["reranked"][0]["rerank_rank"], 1);
}

#[tokio::test]
async fn what_was_not_scored_in_time_comes_behind_in_its_order() {
    let (response, _) = ask(Answer::Scores(1), Settings::default(), json!({"query": "music"})).await;
    let (plain, _) = ask(Answer::Fails, Settings::default(), json!({"query": "music"})).await;
    assert_eq!(texts(&response), texts(&plain), "one score changes no order");
    let scores: Vec<_> = response.results.iter().map(|result| result.scores.unwrap()).collect();
    assert!(scores[0].reranker.is_some() && scores[1].reranker.is_none() && scores[2].reranker.is_none());
    assert!(scores.is_sorted_by(|a, b| a.r#final >= b.r#final), "{scores:?}");
}

#[tokio::test]
async fn a_reranker_that_fails_changes_nothing() {
    let settings = Settings { rerank_budget: Duration::from_millis(20), ..Settings::default() };
    for answer in [Answer::Fails, Answer::TooFew, Answer::Never] {
        let (response, _) = ask(answer, settings.clone(), json!({"query": "music", "trace": true})).await;
        assert_eq!(response.results.len(), 3);
        assert!(response.results.iter().all(|result| result.scores.unwrap().reranker.is_none()));
        assert!(response.trace.unwrap()["summary"]["reranking"]["failure"].is_string());
    }
}

#[tokio::test]
async fn it_reads_as_many_candidates_as_it_may_with_their_dates() {
    let settings = Settings { rerank_max_candidates: 2, ..Settings::default() };
    let (response, asked) = ask(Answer::Scores(9), settings, json!({"query": "music"})).await;
    assert_eq!((asked.len(), response.results.len()), (2, 3));

    let test = TestEngine::start().await;
    let items = json!([{"content": "We met on 5 June 2022", "context": "a diary"}]);
    test.retain("b", items).await.unwrap();
    let reranker = Arc::new(Scripted { answer: Answer::Scores(9), asked: Mutex::new(Vec::new()) });
    let engine = test.engine.clone().with_reranker(Arc::clone(&reranker) as Arc<dyn Reranker>);
    engine.recall("b", &RecallRequest::new("met")).await.unwrap();
    assert_eq!(
        *reranker.asked.lock().unwrap(),
        ["[Date: June 05, 2022 (2022-06-05)] a diary: We met on 5 June 2022"]
    );
}

#[tokio::test]
async fn floors_on_its_score_prune_every_result() {
    let request = json!({"query": "music", "min_scores": {"reranker": 0.25}});
    let (response, _) = ask(Answer::Scores(9), Settings::default(), request).await;
    assert_eq!(texts(&response), [TEXTS[1]]);
}

#[tokio::test]
async fn a_bank_may_go_without_it() {
    let test = TestEngine::start().await;
    test.remember("b", &TEXTS).await;
    let off = json!({"enable_reranking": false});
    test.engine.put_bank("b", &hindsight_types::decode::from_json(&off).unwrap()).await.unwrap();
    let reranker = Arc::new(Scripted { answer: Answer::Scores(9), asked: Mutex::new(Vec::new()) });
    let engine = test.engine.clone().with_reranker(Arc::clone(&reranker) as Arc<dyn Reranker>);
    engine.recall("b", &RecallRequest::new("music")).await.unwrap();
    assert!(reranker.asked.lock().unwrap().is_empty());
}
