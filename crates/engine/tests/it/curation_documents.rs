//! What becomes of facts that were changed when their documents are written and deleted.

use chrono::TimeDelta;
use hindsight_engine::EngineError;
use hindsight_engine::store::{ChunkWrite, DocumentWrite, FactWrite, PartWrite};
use hindsight_engine::text::terms::{analyze, text_hash};
use hindsight_types::documents::UpdateDocumentRequest;
use hindsight_types::recall::FactType;
use serde_json::json;
use uuid::Uuid;

use crate::changes::{append, parts};
use crate::links::fact;
use crate::support::{NOW, TestEngine, time};

#[tokio::test]
async fn what_was_changed_stays_when_its_document_is_sent_again() {
    let test = TestEngine::start().await;
    let texts = ["one apple", "two pears", "three plums"];
    test.retain("b", parts(&texts)).await.unwrap();
    let ids = test.ids("d").await;
    test.change(ids[0], json!({"state": "invalidated"})).await.unwrap();
    test.change(ids[1], json!({"text": "two ripe pears"})).await.unwrap();
    test.read_nothing_more();
    test.retain("b", parts(&texts)).await.unwrap();
    assert_eq!(
        (test.texts("d").await, test.archived("b").await),
        (vec!["two ripe pears".into(), texts[2].into()], vec![ids[0]])
    );
    test.read_again();
    // Chunks move, and theirs with them; what is said again is not written again.
    test.retain("b", parts(&["no apple", "one apple", "two pears", "three plums", "one apple"]))
        .await
        .unwrap();
    assert_eq!(test.texts("d").await, ["no apple", "two ripe pears", "three plums"]);
    assert_eq!(test.archived("b").await, [ids[0]]);
    test.audit().await;
    test.retain("b", parts(&["no apple", "two pears", "three plums", "two pears"])).await.unwrap();
    assert_eq!(test.texts("d").await, ["no apple", "two ripe pears", "three plums"]);
    assert_eq!(test.archived("b").await, Vec::<Uuid>::new(), "its chunk is gone");
    test.audit().await;

    let ids = test.ids("d").await;
    for id in &ids[..2] {
        test.change(*id, json!({"state": "invalidated"})).await.unwrap();
    }
    test.retain("b", append("no apple")).await.unwrap();
    test.retain("b", append("a new fig")).await.unwrap();
    assert_eq!(test.texts("d").await, ["three plums", "a new fig"], "it was said before");
    test.audit().await;
    let labels = UpdateDocumentRequest { tags: Some(vec!["x".into()]), observation_scopes: None };
    test.engine.update_document("b", "d", &labels).await.unwrap();
    for id in &ids[..2] {
        assert_eq!(test.change(*id, json!({"state": "valid"})).await.unwrap().tags, ["x"]);
    }
    assert_eq!(test.texts("d").await, ["no apple", "two ripe pears", "three plums", "a new fig"]);
    let places: Vec<Option<i32>> = test.rows("d").await.into_iter().map(|row| row.4).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    test.audit().await;
}

#[tokio::test]
async fn the_last_facts_of_a_document_keep_their_places() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["one apple", "two pears"])).await.unwrap();
    let ids = test.ids("d").await;
    for id in &ids {
        test.change(*id, json!({"state": "invalidated"})).await.unwrap();
    }
    test.retain("b", append("three plums")).await.unwrap();
    test.retain("b", parts(&["nothing", "one apple", "two pears"])).await.unwrap();
    test.audit().await;
    for id in &ids {
        test.change(*id, json!({"state": "valid"})).await.unwrap();
    }
    assert_eq!(test.texts("d").await, ["nothing", "one apple", "two pears"]);
    assert_eq!(test.rows("d").await.iter().map(|row| row.2).collect::<Vec<_>>(), [0, 1, 2]);
    test.audit().await;
}

#[tokio::test]
async fn what_was_changed_stays_where_everything_was_read_anew() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["one apple", "two pears", "three plums"])).await.unwrap();
    let ids = test.ids("d").await;
    test.change(ids[1], json!({"text": "two ripe pears"})).await.unwrap();
    test.change(ids[2], json!({"state": "invalidated"})).await.unwrap();
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let keys = test.store.chunk_keys(bank, &["d".to_owned()]).await.unwrap().remove("d").unwrap();
    // As a retain does that others were in the way of.
    let texts = ["one apple", "two pears", "three plums"];
    let chunks = std::iter::zip(keys, texts).enumerate().map(|(part, (key, text))| ChunkWrite {
        part,
        body: text.to_owned(),
        key,
        is_read: true,
        is_complete: true,
    });
    let part = |text: &str| PartWrite {
        text: text.to_owned(),
        said_at: None,
        is_dated: false,
        metadata: None,
        tags: Vec::new(),
        observation_scopes: None,
        params: serde_json::Map::new(),
    };
    let read = |(chunk_index, text): (i32, &str)| FactWrite {
        chunk_index,
        // Of what was read before from the same chunk the time makes no difference.
        mentioned_at: Some(time(NOW) + TimeDelta::days(1)),
        terms: analyze(text, test.store.language()),
        text_hash: text_hash(text),
        ..fact(text, Vec::new())
    };
    let facts = (0..).zip(texts).map(read);
    let document = DocumentWrite {
        document_id: "d".to_owned(),
        appends: false,
        is_reprocessed: false,
        keeps_text: true,
        parts: texts.map(part).to_vec(),
        chunks: chunks.collect(),
        facts: facts.collect(),
        attachments: Vec::new(),
    };
    let accepted = test.store.next_retain().await.unwrap();
    test.store.write_documents(bank, accepted, &[&document], time(NOW), None).await.unwrap();
    assert_eq!(test.texts("d").await, ["one apple", "two ripe pears"]);
    let after = test.ids("d").await;
    assert!(after[0] != ids[0] && after[1] == ids[1], "{after:?}");
    assert_eq!(test.archived("b").await, ids[2..]);
    test.audit().await;
}

#[tokio::test]
async fn a_document_tells_what_has_happened_to_it() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["one apple", "two pears"])).await.unwrap();
    test.remember("b", &["another document"]).await;
    let ids = test.ids("d").await;
    test.change(ids[0], json!({"text": "one ripe apple", "state": "invalidated"})).await.unwrap();
    test.change(ids[0], json!({"state": "invalidated", "reason": "nothing new"})).await.unwrap();
    test.change(ids[0], json!({"state": "valid"})).await.unwrap();
    test.change(ids[0], json!({"text": "one ripe apple"})).await.unwrap();
    test.retain("b", append("three plums")).await.unwrap();
    test.retain("b", parts(&["one apple", "four figs"])).await.unwrap();
    let labels = UpdateDocumentRequest { tags: Some(vec!["x".into()]), observation_scopes: None };
    test.engine.update_document("b", "d", &labels).await.unwrap();
    test.engine.delete_observations_of("b", ids[0]).await.unwrap();
    test.engine.delete_memories("b", None).await.unwrap();
    let history = test.engine.document_history("b", "d", 100, 0).await.unwrap();
    let told: Vec<(&str, i64, i64, Option<String>)> = history
        .items
        .iter()
        .rev()
        .map(|event| (event.kind.as_str(), event.facts_added, event.facts_removed, event.fact_id.clone()))
        .collect();
    let fact = Some(ids[0].to_string());
    let expected = [
        ("retain", 2, 0, None),
        ("fact_edited", 0, 0, fact.clone()),
        ("fact_invalidated", 0, 1, fact.clone()),
        ("fact_restored", 1, 0, fact.clone()),
        ("append", 1, 0, None),
        ("retain", 1, 2, None),
        ("retag", 0, 0, None),
        ("observations_cleared", 0, 0, fact),
        ("fact_deleted", 0, 2, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(history.items[0].created_at, NOW);
    let page = test.engine.document_history("b", "d", 2, 1).await.unwrap();
    assert_eq!((page.total, page.items.len(), page.items[0].kind.as_str()), (9, 2, "observations_cleared"));
    for id in ["none", "D"] {
        let error = test.engine.document_history("b", id, 2, 0).await.unwrap_err();
        assert!(matches!(error, EngineError::NotFound { kind: "Document", .. }), "{error}");
    }
    test.engine.delete_document("b", "d").await.unwrap();
    assert_eq!(test.count("select count(*) from document_events").await, 2, "of the other document");
}

#[tokio::test]
async fn what_is_deleted_takes_its_invalid_facts_along() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "one apple", "document_id": "d"}, {"content": "two pears", "document_id": "e"},
        {"content": "assistant: three plums", "document_id": "f"},
    ]);
    test.retain("b", items.clone()).await.unwrap();
    let ids = [test.ids("d").await[0], test.ids("e").await[0], test.ids("f").await[0]];
    for id in ids {
        test.change(id, json!({"state": "invalidated"})).await.unwrap();
    }
    test.engine.delete_document("b", "d").await.unwrap();
    let error = test.change(ids[0], json!({"state": "valid"})).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error}");
    assert_eq!(test.archived("b").await.len(), 2);
    test.engine.delete_memories("b", Some(FactType::World)).await.unwrap();
    assert_eq!(test.archived("b").await, [ids[2]], "of another type");
    // What was cleared is read anew, and only that.
    test.retain("b", items.clone()).await.unwrap();
    assert_eq!((test.ids("e").await.len(), test.ids("f").await.len()), (1, 0));
    test.engine.delete_memories("b", None).await.unwrap();
    assert_eq!(test.archived("b").await, Vec::<Uuid>::new());
    test.retain("b", items).await.unwrap();
    assert_eq!(test.memories("b").await.len(), 3);
    let id = test.ids("e").await[0];
    test.change(id, json!({"state": "invalidated"})).await.unwrap();
    test.audit().await;
    test.engine.delete_bank("b").await.unwrap();
    assert_eq!(test.count("select count(*) from archived_memories").await, 0);
}

#[tokio::test]
async fn what_was_changed_stays_in_a_chunk_that_is_read_anew() {
    let test = TestEngine::start().await;
    let texts = ["Ann: one apple\nBob: two pears", "Bob: two pears\nAnn: three plums\nBob: four figs"];
    test.retain("b", parts(&texts)).await.unwrap();
    let ids = test.ids("d").await;
    assert_eq!(ids.len(), 4, "what is said twice is written once");
    test.change(ids[2], json!({"text": "Ann: three ripe plums"})).await.unwrap();
    test.change(ids[3], json!({"state": "invalidated"})).await.unwrap();
    test.retain("b", parts(&texts)).await.unwrap();
    assert_eq!(test.texts("d").await, ["Ann: one apple", "Bob: two pears", "Ann: three ripe plums"]);
    test.audit().await;
    // The one that says the same goes, so it is read from the other one.
    test.retain("b", parts(&["Ann: one apple", texts[1]])).await.unwrap();
    let mut now = test.texts("d").await;
    now.sort_unstable();
    assert_eq!(now, ["Ann: one apple", "Ann: three ripe plums", "Bob: two pears"]);
    assert_eq!(test.archived("b").await, ids[3..]);
    test.audit().await;
    let before = test.ids("d").await;
    test.retain("b", parts(&["Ann: one apple", texts[1]])).await.unwrap();
    assert!(test.ids("d").await.contains(&ids[2]) && test.ids("d").await.len() == before.len());
    // Of a chunk that has lost memories to a delete as well.
    test.engine.delete_memories("b", Some(FactType::World)).await.unwrap();
    test.retain("b", parts(&[texts[1]])).await.unwrap();
    assert_eq!(
        test.texts("d").await,
        ["Bob: two pears", "Ann: three plums", "Bob: four figs"],
        "all were deleted"
    );
    test.audit().await;
}
