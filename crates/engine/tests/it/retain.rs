//! What a retain stores.

use std::sync::atomic::Ordering;

use hindsight_engine::EngineError;
use hindsight_engine::config::{ExtractionMode, Settings};
use hindsight_types::banks::CreateBankRequest;
use serde_json::json;

use crate::support::TestEngine;

#[tokio::test]
async fn a_dialogue_becomes_one_dated_fact_for_each_turn() {
    let test = TestEngine::start().await;
    let content = "Caroline: I went to the support group yesterday.\nMelanie: How was it?";
    let item = json!([{
        "content": content, "timestamp": "2023-05-08T13:56:00Z", "context": "chat", "document_id": "d",
        "metadata": {"source": "slack"}, "tags": ["friends"],
    }]);
    test.retain("b", item).await.unwrap();
    let mut memories = test.memories("b").await;
    memories.sort_by(|a, b| a.text.cmp(&b.text));
    let texts: Vec<&str> = memories.iter().map(|memory| memory.text.as_str()).collect();
    assert_eq!(texts, ["Caroline: I went to the support group yesterday.", "Melanie: How was it?"]);
    let first = &memories[0];
    assert_eq!(first.occurred_start.as_deref(), Some("2023-05-07T00:00:00+00:00"));
    assert_eq!(first.occurred_end.as_deref(), Some("2023-05-07T23:59:59.999999+00:00"));
    assert_eq!(first.mentioned_at.as_deref(), Some("2023-05-08T13:56:00+00:00"));
    assert_eq!((first.context.as_str(), first.entities.as_str()), ("chat", "Caroline"));
    assert_eq!(first.tags, ["friends"]);
    assert_eq!(first.metadata["source"], "slack");
    assert_eq!(first.chunk_id.as_deref(), Some("b_d_0"));
    assert_eq!(memories[1].occurred_start, None);
}

#[tokio::test]
async fn an_undated_item_has_no_dates() {
    let test = TestEngine::start().await;
    let items = json!([{"content": "I saw it yesterday", "timestamp": "unset"}]);
    test.retain("b", items).await.unwrap();
    let memory = &test.memories("b").await[0];
    assert_eq!((memory.mentioned_at.as_deref(), memory.occurred_start.as_deref()), (None, None));
    assert_eq!(memory.date, "");
}

#[tokio::test]
async fn a_missing_timestamp_is_the_time_of_the_retain() {
    let test = TestEngine::start().await;
    test.retain("b", json!([{"content": "Alice works at Google"}])).await.unwrap();
    assert_eq!(test.memories("b").await[0].mentioned_at.as_deref(), Some("2024-05-10T12:00:00+00:00"));
}

#[tokio::test]
async fn the_same_document_is_replaced_as_a_whole() {
    let test = TestEngine::start().await;
    let old = json!([{"content": "Alice works at Google. Bob likes opera.", "document_id": "d/1"}]);
    test.retain("b", old).await.unwrap();
    let before = test.engine.document("b", "d/1").await.unwrap();
    test.retain("b", json!([{"content": "Alice works at Acme.", "document_id": "d/1"}])).await.unwrap();
    let texts: Vec<String> = test.memories("b").await.into_iter().map(|memory| memory.text).collect();
    assert_eq!(texts, ["Alice works at Acme."]);
    assert_eq!(test.found("b", json!({"query": "opera Bob"})).await.len(), 0);
    assert_eq!(test.found("b", json!({"query": "Acme"})).await, ["Alice works at Acme."]);
    let after = test.engine.document("b", "d/1").await.unwrap();
    assert_eq!(after.original_text.as_deref(), Some("Alice works at Acme."));
    assert_eq!(after.created_at, before.created_at);
    assert_ne!(after.content_hash, before.content_hash);
}

#[tokio::test]
async fn items_without_any_document_id_are_one_new_document() {
    let test = TestEngine::start().await;
    test.retain("b", json!([{"content": "One fact"}, {"content": "Another fact"}])).await.unwrap();
    let memories = test.memories("b").await;
    assert_eq!(memories.len(), 2);
    assert_eq!(memories[0].document_id, memories[1].document_id);
    assert_ne!(memories[0].chunk_id, memories[1].chunk_id);
}

#[tokio::test]
async fn items_beside_named_ones_are_documents_of_their_own() {
    let test = TestEngine::start().await;
    let items = json!([{"content": "One"}, {"content": "Two", "document_id": "d"}, {"content": "Three"}]);
    test.retain("b", items).await.unwrap();
    let mut documents: Vec<_> =
        test.memories("b").await.into_iter().filter_map(|memory| memory.document_id).collect();
    documents.sort_unstable();
    documents.dedup();
    assert_eq!(documents.len(), 3);
}

#[tokio::test]
async fn items_of_one_document_keep_their_own_provenance() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "First part", "document_id": "d", "context": "morning", "tags": ["a"]},
        {"content": "Second part", "document_id": "d", "context": "evening", "tags": ["b"]},
    ]);
    test.retain("b", items).await.unwrap();
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.original_text.as_deref(), Some("First part\nSecond part"));
    assert_eq!(document.tags, ["a", "b"]);
    for memory in test.memories("b").await {
        let (context, tag) = if memory.text == "First part" { ("morning", "a") } else { ("evening", "b") };
        assert_eq!((memory.context.as_str(), memory.tags.as_slice()), (context, &[tag.to_owned()][..]));
    }
}

#[tokio::test]
async fn mode_chunks_keeps_each_chunk_as_one_fact() {
    let settings = Settings { extraction_mode: ExtractionMode::Chunks, ..Settings::default() };
    let test = TestEngine::with(settings).await;
    let text = "Alice works at Google. Bob likes opera.\nNothing is cut here.";
    test.retain("b", json!([{"content": text, "entities": [{"text": "Alice"}]}])).await.unwrap();
    let memories = test.memories("b").await;
    assert_eq!(memories.len(), 1);
    assert_eq!((memories[0].text.as_str(), memories[0].entities.as_str()), (text, "Alice"));
}

#[tokio::test]
async fn a_bank_chooses_its_own_mode_and_chunk_size() {
    let test = TestEngine::start().await;
    let request = CreateBankRequest {
        retain_extraction_mode: Some("chunks".into()),
        retain_chunk_size: Some(30),
        ..CreateBankRequest::default()
    };
    test.engine.put_bank("b", &request).await.unwrap();
    test.retain("b", json!([{"content": "Alice works at Google. Bob likes opera."}])).await.unwrap();
    assert_eq!(test.memories("b").await.len(), 2);
}

#[tokio::test]
async fn texts_are_not_kept_when_that_is_off() {
    let test = TestEngine::with(Settings { store_document_text: false, ..Settings::default() }).await;
    test.retain("b", json!([{"content": "A secret plan", "document_id": "d"}])).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().original_text, None);
    let chunk: String = sqlx::query_scalar("select body from chunks").fetch_one(&test.pool).await.unwrap();
    assert_eq!(chunk, "");
}

#[tokio::test]
async fn names_in_any_case_are_one_entity() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "x one", "document_id": "1", "entities": [{"text": "New  York"}, {"text": "new york"}, {"text": " "}]},
        {"content": "x two", "document_id": "2", "entities": [{"text": "NEW YORK"}]},
    ]);
    test.retain("b", items).await.unwrap();
    let entities: Vec<String> = test.memories("b").await.into_iter().map(|memory| memory.entities).collect();
    assert_eq!(entities[0], entities[1]);
    assert_eq!(entities[0].to_lowercase(), "new york");
}

#[tokio::test]
async fn an_empty_request_makes_no_bank() {
    let test = TestEngine::start().await;
    test.retain("b", json!([])).await.unwrap();
    assert_eq!(test.engine.list_banks(None, 10, 0).await.unwrap().total, 0);
}

#[tokio::test]
async fn nothing_is_written_when_the_model_fails() {
    let test = TestEngine::start().await;
    test.remember("b", &["Alice works at Google"]).await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let items = json!([{"content": "Alice left", "document_id": "Alice works at Google"}]);
    let error = test.retain("b", items).await.expect_err("no vectors, no memories");
    assert!(matches!(error, EngineError::Embedding(_)), "{error}");
    let texts: Vec<String> = test.memories("b").await.into_iter().map(|memory| memory.text).collect();
    assert_eq!(texts, ["Alice works at Google"], "the old version is untouched");
}

#[tokio::test]
async fn what_is_not_available_is_refused_and_nothing_is_written() {
    let test = TestEngine::start().await;
    for (item, word) in [
        (json!({"content": "x", "strategy": "fast"}), "strategy"),
        (
            json!({"content": [{"type": "image", "source": {"media_type": "image/png", "data": ""}}]}),
            "items[1].content[0]",
        ),
    ] {
        let error = test.retain("b", json!([{"content": "sound"}, item])).await.expect_err("refused");
        assert!(matches!(&error, EngineError::Invalid(message) if message.contains(word)), "{error}");
    }
    assert_eq!(test.engine.list_banks(None, 10, 0).await.unwrap().total, 0);
}

#[tokio::test]
async fn document_ids_that_cannot_be_addressed_are_not_stored() {
    let test = TestEngine::start().await;
    test.retain("b", json!([{"content": "x", "document_id": "\u{0}"}])).await.unwrap();
    assert_eq!(test.memories("b").await[0].document_id.as_ref().unwrap().len(), 36, "one of our own");
    let long = json!([{"content": "x", "document_id": "d".repeat(1025)}]);
    let error = test.retain("b", long).await.unwrap_err();
    assert!(matches!(error, EngineError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn names_of_new_banks_follow_the_rules() {
    let test = TestEngine::start().await;
    for bank in ["", " ", "_hidden", "a\u{7}b", &"é".repeat(97)] {
        let error = test.retain(bank, json!([{"content": "x"}])).await.expect_err(bank);
        assert!(matches!(error, EngineError::Invalid(_)), "{bank}: {error}");
    }
    for bank in ["a/b", "Ünïcode bank", &"x".repeat(192)] {
        test.retain(bank, json!([{"content": "x"}])).await.expect(bank);
    }
}

#[tokio::test]
async fn control_characters_and_every_script_survive_storage() {
    let test = TestEngine::start().await;
    let text = "naïve \u{0}café\u{7f} 日本語 🙂 \"quotes\" \\ back\\slash\ttab";
    let items = json!([{"content": text, "document_id": "d\u{0}", "metadata": {"k\u{0}": "v\u{1}"},
        "tags": ["t\u{0}", "a,\"b{}"], "observation_scopes": [["s\u{0}"]], "entities": [{"text": "E", "type": "T\u{0}"}]}]);
    test.retain("b", items).await.unwrap();
    let memory = &test.memories("b").await[0];
    assert_eq!(memory.text, "naïve café 日本語 🙂 \"quotes\" \\ back\\slash\ttab");
    assert_eq!(memory.document_id.as_deref(), Some("d"));
    assert_eq!(memory.metadata["k"], "v");
    assert_eq!(memory.tags, ["t", "a,\"b{}"]);
}
