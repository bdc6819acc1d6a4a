//! Texts that are added to a document.

use hindsight_engine::EngineError;
use hindsight_engine::config::Settings;
use hindsight_engine::store::{ChunkKey, ChunkWrite, DocumentWrite, PartWrite, StoreError};
use hindsight_testkit::Reply;
use serde_json::{Value, json};

use crate::changes::{append, parts};
use crate::support::{NOW, TestEngine, time};

#[tokio::test]
async fn an_append_goes_behind_what_is_there_with_a_provenance_of_its_own() {
    let test = TestEngine::start().await;
    let first = json!([{"content": "Ann: I moved yesterday", "document_id": "d", "tags": ["a"], "context": "chat",
        "timestamp": "2024-01-02T10:00:00Z", "metadata": {"n": "1"}, "entities": [{"text": "Moving"}]}]);
    test.retain("b", first).await.unwrap();
    let before = test.rows("d").await;
    let second = json!([{"content": "Bob: I moved yesterday too", "document_id": "d", "tags": ["b"],
        "context": "chat", "timestamp": "2024-01-02T10:05:00Z", "metadata": {"n": "2"}, "update_mode": "append"}]);
    test.retain("b", second).await.unwrap();
    let after = test.rows("d").await;
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].2, 1);
    assert_eq!((after[1].3, after[1].4), (before[0].3, Some(1)), "the same conversation goes on");
    assert_eq!(test.body("d").await, "Ann: I moved yesterday\nBob: I moved yesterday too");
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.tags, ["a", "b"]);
    assert_eq!(document.document_metadata.unwrap()["n"], "1", "that of the first item");
    let memory = test.engine.memory("b", after[1].0).await.unwrap();
    assert_eq!((memory.tags.as_slice(), &*memory.metadata["n"]), (&["b".to_owned()][..], "2"));
    assert_eq!(memory.mentioned_at.as_deref(), Some("2024-01-02T10:05:00+00:00"));
    assert!(!memory.entities.contains(&"Moving".to_owned()));
    let hash: String = sqlx::query_scalar(
        "select encode(sha256(convert_to(body, 'UTF8')), 'hex') from documents where document_id = 'd'",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(document.content_hash, Some(hash));
    test.audit().await;
}

#[tokio::test]
async fn appends_make_a_missing_document_and_go_on_in_its_conversation() {
    let test = TestEngine::start().await;
    for text in ["one apple", "two pears", "three plums"] {
        test.retain("b", append(text)).await.unwrap();
    }
    let rows = test.rows("d").await;
    assert_eq!(rows.iter().map(|row| row.2).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(rows.iter().map(|row| row.4).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    assert!(rows[0].3.is_some() && rows.iter().all(|row| row.3 == rows[0].3));
    test.retain("b", parts(&["one apple", "two pears"])).await.unwrap();
    assert_eq!(test.ids("d").await, [rows[0].0, rows[1].0], "a replace keeps what appends have brought");
    test.audit().await;
}

#[tokio::test]
async fn arrays_of_objects_are_merged_and_never_torn() {
    let test = TestEngine::start().await;
    let turn = |text: &str| format!(r#"[{{"role":"user","content":"{text}"}}]"#);
    test.retain("b", append(&turn("Ann likes tea"))).await.unwrap();
    test.retain("b", append(&turn("Bob likes caf\\u00e9s"))).await.unwrap();
    let merged =
        r#"[{"role": "user", "content": "Ann likes tea"}, {"role": "user", "content": "Bob likes cafés"}]"#;
    assert_eq!(test.body("d").await, merged);
    assert_eq!(test.texts("d").await.len(), 2);
    let twice = append(r#"[{"role":"user","content":"x","role":"assistant"}]"#);
    let error = test.retain("b", twice).await.unwrap_err();
    assert!(matches!(&error, EngineError::Invalid(message) if message.contains("'role' twice")), "{error}");
    assert_eq!(test.body("d").await, merged);
    test.audit().await;
}

#[tokio::test]
async fn an_append_that_cannot_be_done_is_refused_and_nothing_is_written() {
    let test = TestEngine::start().await;
    let refused = |error: EngineError, word: &str| {
        let is_right = match &error {
            EngineError::Invalid(message) => message.contains(word),
            EngineError::Store(StoreError::NoText(_)) => word == "no text",
            _ => false,
        };
        assert!(is_right, "{error}");
    };
    let nameless = json!([{"content": "sound"}, {"content": "x", "update_mode": "append"}]);
    refused(test.retain("b", nameless).await.unwrap_err(), "document_id");
    let torn = json!([
        {"content": "x", "document_id": "d", "update_mode": "append"},
        {"content": "y", "document_id": "d"},
    ]);
    refused(test.retain("b", torn).await.unwrap_err(), "two requests");
    assert_eq!(test.engine.list_banks(None, 10, 0).await.unwrap().total, 0);

    test.retain("b", parts(&["Ann likes tea"])).await.unwrap();
    sqlx::query("update banks set config = '{\"store_document_text\": false}'")
        .execute(&test.pool)
        .await
        .unwrap();
    refused(test.retain("b", append("x")).await.unwrap_err(), "store_document_text");
    test.retain("b", parts(&["Ann likes tea"])).await.unwrap();
    sqlx::query("update banks set config = '{}'").execute(&test.pool).await.unwrap();
    refused(test.retain("b", append("x")).await.unwrap_err(), "no text");
    assert_eq!(test.texts("d").await, ["Ann likes tea"]);
    test.audit().await;
}

#[tokio::test]
async fn a_replace_and_then_appends_in_one_request_are_one_new_document() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["old"])).await.unwrap();
    let items = json!([
        {"content": "one apple", "document_id": "d", "update_mode": "replace"},
        {"content": "two pears", "document_id": "d", "update_mode": "append"},
        {"content": "elsewhere", "document_id": "e", "update_mode": "append"},
    ]);
    test.retain("b", items).await.unwrap();
    assert_eq!(test.body("d").await, "one apple\ntwo pears");
    assert_eq!(test.texts("d").await, ["one apple", "two pears"]);
    assert_eq!(test.body("e").await, "elsewhere");
    test.audit().await;
}

fn part(text: &str) -> PartWrite {
    PartWrite {
        text: text.into(),
        said_at: None,
        is_dated: false,
        metadata: None,
        tags: vec![text.into()],
        observation_scopes: None,
        params: serde_json::Map::new(),
    }
}

/// A write of one item, whose chunk is read or not.
fn write(text: &str, appends: bool, is_read: bool) -> DocumentWrite {
    DocumentWrite {
        document_id: "d".into(),
        appends,
        is_reprocessed: false,
        keeps_text: true,
        parts: vec![part(text)],
        chunks: vec![ChunkWrite {
            part: 0,
            body: text.into(),
            key: ChunkKey { content_hash: text.into(), provenance: vec![1] },
            is_read,
            is_complete: true,
        }],
        facts: vec![],
        attachments: Vec::new(),
    }
}

#[tokio::test]
async fn a_slow_replace_takes_nothing_away_that_was_added_later() {
    let test = TestEngine::start().await;
    test.remember("b", &["anything"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let (older, newer) = (test.store.next_retain().await.unwrap(), test.store.next_retain().await.unwrap());
    let added = write("added", true, true);
    test.store.write_documents(bank, newer, &[&added], time(NOW), None).await.unwrap();
    test.store.write_documents(bank, newer, &[&write("more", true, true)], time(NOW), None).await.unwrap();
    test.store.write_documents(bank, older, &[&write("whole", false, true)], time(NOW), None).await.unwrap();
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.original_text.as_deref(), Some("whole\nadded\nmore"));
    assert_eq!(document.tags, ["added", "more", "whole"]);
    let (chunks, _) = test.store.document_chunks(bank, "d", 10, 0).await.unwrap().unwrap();
    assert_eq!(chunks.iter().map(|chunk| &*chunk.body).collect::<Vec<_>>(), ["whole", "added", "more"]);
    // One that was accepted after them replaces them too.
    let newest = test.store.next_retain().await.unwrap();
    test.store.write_documents(bank, newest, &[&write("new", false, true)], time(NOW), None).await.unwrap();
    assert_eq!(test.body("d").await, "new");
    test.audit().await;
}

#[tokio::test]
async fn a_chunk_that_is_to_stay_has_to_be_there_still() {
    let test = TestEngine::start().await;
    test.remember("b", &["anything"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let number = || test.store.next_retain();
    let first = write("first", false, true);
    test.store.write_documents(bank, number().await.unwrap(), &[&first], time(NOW), None).await.unwrap();
    let kept = write("first", false, false);
    test.store.write_documents(bank, number().await.unwrap(), &[&kept], time(NOW), None).await.unwrap();
    let other = write("other", false, true);
    test.store.write_documents(bank, number().await.unwrap(), &[&other], time(NOW), None).await.unwrap();
    let error = test
        .store
        .write_documents(bank, number().await.unwrap(), &[&kept], time(NOW), None)
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::DocumentChanged(document) if document == "d"), "{error}");
    assert_eq!(test.body("d").await, "other", "nothing was written");
    test.audit().await;
}

#[tokio::test]
async fn a_model_is_asked_about_what_is_new_only_and_told_what_stands_before() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(|request| {
        let user = request.user();
        let text = user.split_once("<text>\n").and_then(|(_, rest)| rest.split_once("\n</text>"));
        let what = text.expect("a question with a text").0;
        Reply::json(&json!({"facts": [{
            "what": what, "when": "N/A", "where": "N/A", "who": "N/A", "why": "N/A",
            "fact_kind": "conversation", "occurred_start": null, "occurred_end": null, "fact_type": "world",
            "entities": [], "causal_relations": null,
        }]}))
    });
    let item = |text: &str, more: Value| {
        let mut item = json!({"content": text, "document_id": "d", "context": "chat"});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([item])
    };
    let first = || item("the dog is called Rex", json!({}));
    test.retain("b", first()).await.unwrap();
    assert_eq!(llm.asked(), 1);
    let usage = test.retained("b", first()).await.unwrap().usage.unwrap();
    assert_eq!((llm.asked(), usage.total_tokens), (1, 0), "nothing new, nothing to pay");
    let appended = item("he likes bones", json!({"update_mode": "append"}));
    test.retain("b", appended).await.unwrap();
    assert_eq!(llm.asked(), 2);
    assert!(llm.last_request().user().contains("the dog is called Rex"), "{}", llm.last_request().user());
    assert_eq!(test.texts("d").await, ["the dog is called Rex", "he likes bones"]);
    // From elsewhere: what stands before was not meant to be read before.
    let elsewhere = item("it rains", json!({"update_mode": "append", "context": "weather"}));
    test.retain("b", elsewhere).await.unwrap();
    assert!(!llm.last_request().user().contains("bones"));
    // The metadata is shown to a model, so another one may make another fact.
    test.retain("b", item("the dog is called Rex", json!({"metadata": {"k": "v"}}))).await.unwrap();
    assert_eq!(llm.asked(), 4);
    test.audit().await;
}
