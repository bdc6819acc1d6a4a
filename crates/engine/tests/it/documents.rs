//! Documents that change: what stays, what goes, what is added.

use std::sync::atomic::Ordering;

use hindsight_engine::EngineError;
use hindsight_engine::config::Settings;
use hindsight_engine::store::{ChunkKey, ChunkWrite, DocumentWrite, PartWrite, StoreError};
use hindsight_types::documents::UpdateDocumentRequest;
use hindsight_types::recall::FactType;
use hindsight_types::retain::{ObservationScopes, ScopeRule};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{NOW, TestEngine, time};

impl TestEngine {
    /// Id, text, chunk and place in the conversation of a document's memories, in order.
    async fn rows(&self, document: &str) -> Vec<(Uuid, String, i32, Option<Uuid>, Option<i32>)> {
        sqlx::query_as(
            "select m.memory_id, m.body, m.chunk_index, v.stream_id, v.stream_pos from memories m
             join memory_vectors v using (bank_key, memory_id) where m.document_id = $1 order by m.ordinal",
        )
        .bind(document)
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    async fn texts(&self, document: &str) -> Vec<String> {
        self.rows(document).await.into_iter().map(|row| row.1).collect()
    }

    async fn ids(&self, document: &str) -> Vec<Uuid> {
        self.rows(document).await.into_iter().map(|row| row.0).collect()
    }

    async fn body(&self, document: &str) -> String {
        self.engine.document("b", document).await.unwrap().original_text.unwrap()
    }

    /// Nothing can be read from here on that was not read before.
    fn read_nothing_more(&self) {
        self.embedder.fails.store(true, Ordering::Relaxed);
    }

    fn read_again(&self) {
        self.embedder.fails.store(false, Ordering::Relaxed);
    }
}

/// Items of document `d`.
fn parts(texts: &[&str]) -> Value {
    texts.iter().map(|text| json!({"content": text, "document_id": "d"})).collect()
}

fn append(text: &str) -> Value {
    json!([{"content": text, "document_id": "d", "update_mode": "append"}])
}

#[tokio::test]
async fn what_has_not_changed_is_not_read_again() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["Ann likes tea", "Bob likes coffee"])).await.unwrap();
    let before = test.rows("d").await;
    test.read_nothing_more();
    test.retain("b", parts(&["Ann likes tea", "Bob likes coffee"])).await.unwrap();
    assert_eq!(test.rows("d").await, before);
    // Nor when a part of it goes.
    test.retain("b", parts(&["Bob likes coffee"])).await.unwrap();
    assert_eq!(test.ids("d").await, [before[1].0]);
    assert_eq!(test.body("d").await, "Bob likes coffee");
    test.read_again();
    assert_eq!(test.found("b", json!({"query": "tea"})).await, ["Bob likes coffee"; 0]);
    test.audit().await;
}

#[tokio::test]
async fn a_change_in_the_middle_leaves_both_ends_alone() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["one apple", "two pears", "three plums"])).await.unwrap();
    let before = test.rows("d").await;
    test.retain("b", parts(&["one apple", "a new grape", "two figs", "three plums"])).await.unwrap();
    let after = test.rows("d").await;
    let texts: Vec<&str> = after.iter().map(|row| row.1.as_str()).collect();
    assert_eq!(texts, ["one apple", "a new grape", "two figs", "three plums"]);
    assert_eq!((after[0].0, after[3].0), (before[0].0, before[2].0));
    assert_eq!(after.iter().map(|row| row.2).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(after.iter().map(|row| row.4).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(3)]);
    assert!(after.iter().all(|row| row.3 == before[0].3), "an undated document is one conversation");
    let chunk = test.engine.chunk("b_d_3").await.unwrap();
    assert_eq!(chunk.chunk_text, "three plums");
    test.audit().await;
}

#[tokio::test]
async fn chunks_change_places() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["one apple", "two pears", "three plums"])).await.unwrap();
    test.retain("b", parts(&["three plums", "one apple", "two pears"])).await.unwrap();
    assert_eq!(test.texts("d").await, ["three plums", "one apple", "two pears"]);
    test.retain("b", parts(&["two pears", "two pears", "one apple"])).await.unwrap();
    assert_eq!(test.texts("d").await, ["two pears", "one apple"], "said twice, written once");
    assert_eq!(test.body("d").await, "two pears\ntwo pears\none apple");
    test.audit().await;
}

#[tokio::test]
async fn a_text_of_another_date_or_context_is_another_one() {
    let test = TestEngine::start().await;
    let item = |date: &str, context: &str| json!([{"content": "I saw it yesterday", "document_id": "d", "timestamp": date, "context": context}]);
    test.retain("b", item("2024-01-02", "x")).await.unwrap();
    let first = test.ids("d").await;
    test.retain("b", item("2024-01-02", "x")).await.unwrap();
    assert_eq!(test.ids("d").await, first);
    test.retain("b", item("2024-01-09", "x")).await.unwrap();
    let second = test.ids("d").await;
    assert_ne!(second, first);
    let memory = &test.memories("b").await[0];
    assert_eq!(memory.occurred_start.as_deref(), Some("2024-01-08T00:00:00+00:00"));
    test.retain("b", item("2024-01-09", "y")).await.unwrap();
    assert_ne!(test.ids("d").await, second);
    assert_eq!(test.memories("b").await[0].context, "y");
    test.audit().await;
}

#[tokio::test]
async fn memories_that_stay_take_new_labels() {
    let test = TestEngine::start().await;
    let item = |tags: &[&str], metadata: &str, scopes: &str| {
        json!([{"content": "Ann likes tea", "document_id": "d", "tags": tags, "metadata": {"k": metadata},
            "observation_scopes": scopes}])
    };
    test.retain("b", item(&["a", "b"], "1", "combined")).await.unwrap();
    let id = test.ids("d").await[0];
    // As a label of the bank's vocabulary has made it.
    sqlx::query("update memories set label_tags = '{topic:tea}', tags = '{a,b,topic:tea}'")
        .execute(&test.pool)
        .await
        .unwrap();
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    test.read_nothing_more();
    test.retain("b", item(&["b", "c"], "2", "combined")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert_eq!(memory.tags, ["b", "c", "topic:tea"]);
    assert_eq!(memory.metadata["k"], "2");
    assert_eq!(memory.consolidated_at, None, "other observations may be made of it");
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.tags, ["b", "c"]);
    assert_eq!(document.document_metadata.unwrap()["k"], "2");

    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    test.retain("b", item(&["b", "c"], "3", "combined")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert!(memory.metadata["k"] == "3" && memory.consolidated_at.is_some(), "metadata scopes nothing");
    test.retain("b", item(&["b", "c"], "3", "shared")).await.unwrap();
    let memory = test.engine.memory("b", id).await.unwrap();
    assert_eq!((memory.observation_scopes, memory.consolidated_at), (Some(json!("shared")), None));
    test.read_again();
    test.audit().await;
}

#[tokio::test]
async fn what_is_put_in_at_the_start_costs_little() {
    let settings = Settings { chunk_size: 400, ..Settings::default() };
    let test = TestEngine::with(settings).await;
    let sentence = |i| format!("On day {i} Ann went to the town number {} and came back.", i * 37 % 101);
    let prose = (0..350).map(sentence).collect::<Vec<_>>().join(" ");
    let turn = |i| format!(r#"{{"role": "user", "content": "{}"}}"#, sentence(i));
    let dialogue = format!("[{}]", (0..200).map(turn).collect::<Vec<_>>().join(", "));
    for (document, text, longer) in [
        ("prose", prose.clone(), format!("Nobody knew this before. {prose}")),
        ("dialogue", dialogue.clone(), dialogue.replacen('[', &format!("[{}, ", turn(999)), 1)),
    ] {
        let item = |text: &str| json!([{"content": text, "document_id": document}]);
        test.retain("b", item(&text)).await.unwrap();
        let before = test.ids(document).await;
        let chunks = test.rows(document).await.last().unwrap().2 + 1;
        assert!(chunks >= 49, "{chunks}");
        test.retain("b", item(&longer)).await.unwrap();
        let after = test.ids(document).await;
        let kept = after.iter().filter(|id| before.contains(id)).count();
        println!("{document}: {kept} of {} memories of {chunks} chunks stay", before.len());
        assert!(kept >= before.len() - before.len() / 25, "{kept} of {}", before.len());
        assert_eq!(after.len(), before.len() + 1);
        // What grows at its end is cut as a new text would be.
        let chunks = test.rows(document).await.last().unwrap().2 + 1;
        test.retain("b", item(&longer)).await.unwrap();
        assert_eq!(
            (test.ids(document).await, test.rows(document).await.last().unwrap().2 + 1),
            (after, chunks)
        );
    }
    test.audit().await;
}

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
    }
}

#[tokio::test]
async fn a_slow_replace_takes_nothing_away_that_was_added_later() {
    let test = TestEngine::start().await;
    test.remember("b", &["anything"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let (older, newer) = (test.store.next_retain().await.unwrap(), test.store.next_retain().await.unwrap());
    let added = write("added", true, true);
    test.store.write_documents(bank, newer, &[&added], time(NOW)).await.unwrap();
    test.store.write_documents(bank, newer, &[&write("more", true, true)], time(NOW)).await.unwrap();
    test.store.write_documents(bank, older, &[&write("whole", false, true)], time(NOW)).await.unwrap();
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(document.original_text.as_deref(), Some("whole\nadded\nmore"));
    assert_eq!(document.tags, ["added", "more", "whole"]);
    let (chunks, _) = test.store.document_chunks(bank, "d", 10, 0).await.unwrap().unwrap();
    assert_eq!(chunks.iter().map(|chunk| &*chunk.body).collect::<Vec<_>>(), ["whole", "added", "more"]);
    // One that was accepted after them replaces them too.
    let newest = test.store.next_retain().await.unwrap();
    test.store.write_documents(bank, newest, &[&write("new", false, true)], time(NOW)).await.unwrap();
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
    test.store.write_documents(bank, number().await.unwrap(), &[&first], time(NOW)).await.unwrap();
    let kept = write("first", false, false);
    test.store.write_documents(bank, number().await.unwrap(), &[&kept], time(NOW)).await.unwrap();
    let other = write("other", false, true);
    test.store.write_documents(bank, number().await.unwrap(), &[&other], time(NOW)).await.unwrap();
    let error =
        test.store.write_documents(bank, number().await.unwrap(), &[&kept], time(NOW)).await.unwrap_err();
    assert!(matches!(&error, StoreError::DocumentChanged(document) if document == "d"), "{error}");
    assert_eq!(test.body("d").await, "other", "nothing was written");
    test.audit().await;
}

#[tokio::test]
async fn the_same_is_written_once_in_a_document() {
    let test = TestEngine::start().await;
    let said = |text: &str, date: &str| json!({"content": text, "document_id": "d", "timestamp": date});
    let (one, two) = ("2024-01-01T10:00:00Z", "2024-02-01T10:00:00Z");
    let items =
        json!([said("Ann likes tea.", one), said("ann likes  tea", one), said("Ann likes tea.", two)]);
    test.retain("b", items).await.unwrap();
    assert_eq!(test.texts("d").await, ["Ann likes tea.", "Ann likes tea."], "two dates");
    test.retain("b", json!([{"content": "Ann likes tea.", "document_id": "e", "timestamp": one}]))
        .await
        .unwrap();
    assert_eq!(test.texts("e").await.len(), 1, "another document");
    // An append that was sent twice.
    let mut again = said("Ann likes tea.", one);
    again["update_mode"] = json!("append");
    test.retain("b", json!([again])).await.unwrap();
    assert_eq!(test.texts("d").await.len(), 2);
    assert_eq!(test.engine.document_chunks("b", "d", 10, 0).await.unwrap().total, 4);
    // What remains says it still when the first that said it goes.
    test.retain("b", json!([said("ann likes  tea", one)])).await.unwrap();
    assert_eq!(test.texts("d").await, ["ann likes  tea"]);
    test.audit().await;
}

#[tokio::test]
async fn a_bank_that_keeps_no_texts_has_none_in_any_table() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["a secret plan", "a public plan"])).await.unwrap();
    let before = test.ids("d").await;
    let config = |config: &'static str| {
        sqlx::query("update banks set config = $1::jsonb").bind(config).execute(&test.pool)
    };
    config(r#"{"store_document_text": false}"#).await.unwrap();
    test.retain("b", parts(&["a new plan", "a secret plan", "a public plan"])).await.unwrap();
    assert_eq!(test.ids("d").await[1..], before, "by their hashes alone");
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from documents where body is not null)
           + (select count(*) from chunks where body <> '')",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(kept, 0);
    config("{}").await.unwrap();
    test.read_nothing_more();
    test.retain("b", parts(&["a new plan", "a secret plan", "a public plan"])).await.unwrap();
    assert_eq!(test.engine.chunk("b_d_1").await.unwrap().chunk_text, "a secret plan");
    test.read_again();
    test.audit().await;
}

#[tokio::test]
async fn observations_go_with_the_facts_they_were_made_of() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["Ann drank tea on Monday", "Ann drank tea on Friday"])).await.unwrap();
    let ids = test.ids("d").await;
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    let observe = || {
        sqlx::query(
            "insert into memories (bank_key, memory_id, ordinal, fact_type, body, source_ids, created_at)
             select bank_key, $1, 0, 3, '', $2, now() from banks",
        )
        .bind(Uuid::now_v7())
        .bind(&ids)
        .execute(&test.pool)
    };
    let observations = || {
        sqlx::query_scalar::<_, i64>("select count(*) from memories where fact_type = 3")
            .fetch_one(&test.pool)
    };
    observe().await.unwrap();
    test.retain("b", parts(&["Ann drank tea on Monday"])).await.unwrap();
    assert_eq!(observations().await.unwrap(), 0);
    let memory = test.engine.memory("b", ids[0]).await.unwrap();
    assert_eq!(memory.consolidated_at, None, "it waits for another observation");

    observe().await.unwrap();
    let shared = Some(ObservationScopes::Rule(ScopeRule::Shared));
    let request = UpdateDocumentRequest { tags: None, observation_scopes: shared };
    test.engine.update_document("b", "d", &request).await.unwrap();
    assert_eq!(observations().await.unwrap(), 0, "made for other eyes");
}

#[tokio::test]
async fn labels_of_a_document_are_those_of_its_memories() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "one apple", "document_id": "d", "tags": ["a"], "metadata": {"k": "1"}},
        {"content": "two pears", "document_id": "d", "tags": ["b"]},
    ]);
    test.retain("b", items).await.unwrap();
    let ids = test.ids("d").await;
    let tags = |tags: &[&str]| UpdateDocumentRequest {
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        observation_scopes: None,
    };
    test.engine.update_document("b", "d", &tags(&["y", "x", "y"])).await.unwrap();
    for id in &ids {
        assert_eq!(test.engine.memory("b", *id).await.unwrap().tags, ["y", "x"]);
    }
    assert_eq!(test.engine.document("b", "d").await.unwrap().tags, ["x", "y"]);
    assert_eq!(
        test.found("b", json!({"query": "apple", "tags": ["a"], "tags_match": "all_strict"})).await.len(),
        0
    );
    let found = test.found("b", json!({"query": "apple", "tags": ["x"], "tags_match": "all_strict"})).await;
    assert_eq!(found.first().map(String::as_str), Some("one apple"));

    let scopes = Some(ObservationScopes::Sets(vec![vec!["x".to_owned()]]));
    let request = UpdateDocumentRequest { tags: None, observation_scopes: scopes };
    test.engine.update_document("b", "d", &request).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().observation_scopes, Some(json!([["x"]])));
    let memory = test.engine.memory("b", ids[0]).await.unwrap();
    assert_eq!((memory.observation_scopes, memory.tags.len()), (Some(json!([["x"]])), 2));
    assert_eq!(memory.metadata["k"], "1");
    // They are those of the items too: what is added later does not bring the old ones back.
    test.retain("b", append("three plums")).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().tags, ["x", "y"]);
    test.engine.update_document("b", "d", &tags(&[])).await.unwrap();
    assert_eq!(
        test.engine
            .list_tags("b", None, hindsight_types::tags::TagSource::Memories, 10, 0)
            .await
            .unwrap()
            .total,
        0
    );
    let error = test.engine.update_document("b", "none", &tags(&[])).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error}");
    test.audit().await;
}

#[tokio::test]
async fn forgotten_memories_are_read_again_when_their_document_comes_again() {
    let test = TestEngine::start().await;
    let items = json!([{"content": "user: Ann likes tea\nassistant: I noted it", "document_id": "d"}]);
    test.retain("b", items.clone()).await.unwrap();
    let deleted = test.engine.delete_memories("b", Some(FactType::Experience)).await.unwrap();
    assert_eq!(deleted.deleted_count, Some(1));
    assert_eq!(test.texts("d").await, ["user: Ann likes tea"]);
    test.audit().await;
    assert_eq!(test.engine.delete_memories("b", None).await.unwrap().deleted_count, Some(1));
    assert!(test.body("d").await.contains("tea"), "documents stay");
    test.retain("b", items).await.unwrap();
    assert_eq!(test.texts("d").await.len(), 2);
    assert_eq!(test.engine.delete_memories("none", None).await.unwrap().deleted_count, Some(0));
    test.audit().await;
}
