//! Documents made anew from their stored texts.

use hindsight_engine::config::{ConsolidationSettings, ExtractionSettings, Settings};
use hindsight_engine::jobs::WorkerSettings;
use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::operations::OperationStatus;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::support::TestEngine;

fn fact(what: &str) -> Value {
    json!({
        "what": what, "when": "N/A", "where": "N/A", "who": "N/A", "why": "N/A", "fact_kind": "conversation",
        "occurred_start": null, "occurred_end": null, "fact_type": "world", "entities": [],
        "causal_relations": null,
    })
}

const THREE: &str = "the first sentence stands here alone. the second sentence stands here alone. \
    the third sentence stands here alone.";

/// What stands between the marks of the question.
fn text_of(request: &LlmRequest) -> String {
    let user = request.user();
    let text = user.split_once("<text>\n").and_then(|(_, rest)| rest.split_once("\n</text>"));
    text.expect("a question with a text").0.to_owned()
}

fn says(words: &str, request: &LlmRequest) -> Reply {
    Reply::json(&json!({"facts": [fact(&format!("{words} {}", text_of(request)))]}))
}

async fn texts(test: &TestEngine) -> Vec<String> {
    let mut texts: Vec<String> = test.memories("b").await.into_iter().map(|memory| memory.text).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn all_of_a_document_is_read_anew_and_the_old_version_stays_until_then() {
    let extraction =
        ExtractionSettings { concurrency: 1, content_retries: 0, ..ExtractionSettings::default() };
    let consolidation = ConsolidationSettings { observations: false, ..ConsolidationSettings::default() };
    let settings = Settings { chunk_size: 40, extraction, consolidation, ..Settings::default() };
    let (test, llm) = TestEngine::with_llm(settings).await;
    llm.answer_with(|request: &LlmRequest| says("it was read that", request));
    let item = json!([{"content": THREE, "document_id": "d", "tags": ["t"], "context": "a book"}]);
    test.retain("b", item.clone()).await.unwrap();
    assert_eq!(llm.asked(), 3);
    test.retain("b", item).await.unwrap();
    assert_eq!(llm.asked(), 3, "what is stored already is not read again by a retain");
    let old = texts(&test).await;

    // The second chunk is not read at first.
    llm.answer_with(|request: &LlmRequest| {
        if text_of(request).contains("second") {
            Reply::server_error()
        } else {
            says("it is known that", request)
        }
    });
    let again = test.engine.reprocess_document("b", "d").await.unwrap();
    let id = Uuid::parse_str(&again.operation_id).unwrap();
    let worker = Working::start(&test.engine, WorkerSettings { retries: 0, ..quick() });
    test.reaches("b", id, OperationStatus::Failed).await;
    assert_eq!(texts(&test).await, old, "the old version is whole");
    let paid = llm.asked();

    llm.answer_with(|request: &LlmRequest| says("it is known that", request));
    test.engine.retry_operation("b", id).await.unwrap();
    test.reaches("b", id, OperationStatus::Completed).await;
    worker.stop().await;
    assert_eq!(llm.asked(), paid + 1, "only the chunk that was not read is asked for");
    let new: Vec<String> =
        old.iter().map(|text| text.replace("it was read that", "it is known that")).collect();
    assert_eq!(texts(&test).await, new);
    let history = test.engine.document_history("b", "d", 10, 0).await.unwrap().items;
    assert_eq!(
        history.iter().map(|event| &*event.kind).collect::<Vec<_>>(),
        ["reprocess", "retain", "retain"]
    );
    let memories = test.memories("b").await;
    assert!(memories.iter().all(|memory| memory.tags == ["t"] && memory.context == "a book"));
    test.audit().await;
}

#[tokio::test]
async fn every_item_of_a_document_keeps_what_it_was_retained_with() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "Anna sings in Oslo.", "document_id": "d", "tags": ["first"], "context": "a letter"},
        {"content": "Ben paints in Rome.", "document_id": "d", "tags": ["second"],
         "timestamp": "2020-05-06T07:08:09Z", "metadata": {"page": "2"}},
        {"content": "Cleo dances in Wien.", "document_id": "d", "timestamp": "unset"},
    ]);
    test.retain("b", items).await.unwrap();
    let facts = async || {
        let memories = test.memories("b").await.into_iter();
        let told = memories.map(|memory| {
            json!([memory.text, memory.tags, memory.context, memory.metadata, memory.mentioned_at])
        });
        let mut told: Vec<String> = told.map(|told| told.to_string()).collect();
        told.sort_unstable();
        told
    };
    let before = facts().await;
    assert_eq!(before.len(), 3);
    // As after a change of its labels.
    sqlx::query("update hindsight.documents set updated_at = updated_at + interval '1 day'")
        .execute(&test.pool)
        .await
        .unwrap();
    for _ in 0..2 {
        let again = test.engine.reprocess_document("b", "d").await.unwrap();
        assert_eq!(again.items_count, 3);
        let worker = Working::start(&test.engine, quick());
        let id = Uuid::parse_str(&again.operation_id).unwrap();
        test.reaches("b", id, OperationStatus::Completed).await;
        worker.stop().await;
        assert_eq!(facts().await, before);
    }
    test.audit().await;
}
