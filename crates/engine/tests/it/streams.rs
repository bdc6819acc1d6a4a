//! Places in conversations.

use hindsight_engine::store::{DocumentWrite, PartWrite, WriteOutcome};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{NOW, TestEngine, time};

impl TestEngine {
    /// Place of every fact by its text.
    async fn places(&self) -> Vec<(String, Option<Uuid>, Option<i32>)> {
        sqlx::query_as(
            "select m.body, v.stream_id, v.stream_pos from memory_vectors v
             join memories m using (bank_key, memory_id) order by m.body",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }
}

fn turn(name: &str, at: &str, context: &str) -> Value {
    json!({"content": format!("A: {name}"), "document_id": name, "timestamp": at, "context": context})
}

#[tokio::test]
async fn dated_items_of_one_context_are_one_conversation_over_requests() {
    let test = TestEngine::start().await;
    let at = "2024-01-01T10:00:00Z";
    test.retain("b", json!([turn("1", at, "chat"), turn("2", at, "chat")])).await.unwrap();
    test.retain("b", json!([turn("3", "2024-01-01T10:59:00Z", "chat")])).await.unwrap();
    test.retain("b", json!([turn("4", "2024-01-01T12:00:01Z", "chat")])).await.unwrap();
    test.retain("b", json!([turn("5", at, "other")])).await.unwrap();
    let places = test.places().await;
    let positions: Vec<Option<i32>> = places.iter().map(|place| place.2).collect();
    assert_eq!(positions, [Some(0), Some(1), Some(2), Some(0), Some(0)]);
    assert_eq!(places[0].1, places[1].1);
    assert_eq!(places[1].1, places[2].1);
    assert_ne!(places[2].1, places[3].1, "more than an hour later");
    assert_ne!(places[0].1, places[4].1, "another context");
}

#[tokio::test]
async fn items_that_interleave_two_contexts_keep_both_conversations() {
    let test = TestEngine::start().await;
    let at = "2024-01-01T10:00:00Z";
    let items = json!([turn("1", at, "x"), turn("2", at, "y"), turn("3", at, "x"), turn("4", at, "y")]);
    test.retain("b", items).await.unwrap();
    let places = test.places().await;
    assert_eq!(places.iter().map(|place| place.2).collect::<Vec<_>>(), [Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!((places[0].1, places[1].1), (places[2].1, places[3].1));
}

#[tokio::test]
async fn undated_items_have_no_neighbours_but_inside_their_document() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "A: 1\nA: 2", "document_id": "d"},
        {"content": "A: 3", "document_id": "e"},
        {"content": "A: 4", "document_id": "f"},
    ]);
    test.retain("b", items).await.unwrap();
    let places = test.places().await;
    assert_eq!(places[0].1, places[1].1);
    assert_eq!((places[0].2, places[1].2), (Some(0), Some(1)));
    assert_eq!((places[2].1, places[3].1), (None, None));
}

#[tokio::test]
async fn a_replace_accepted_earlier_never_overwrites_a_later_one() {
    let test = TestEngine::start().await;
    test.remember("b", &["anything"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let older = test.store.next_retain().await.unwrap();
    let newer = test.store.next_retain().await.unwrap();
    let version = |body: &str| DocumentWrite {
        document_id: "d".into(),
        appends: false,
        is_reprocessed: false,
        keeps_text: true,
        parts: vec![PartWrite {
            text: body.into(),
            said_at: None,
            is_dated: false,
            metadata: None,
            tags: vec![],
            observation_scopes: None,
            params: serde_json::Map::new(),
        }],
        chunks: vec![],
        facts: vec![],
        attachments: Vec::new(),
    };
    let written = test.store.write_documents(bank, newer, &[&version("new")], time(NOW), None).await.unwrap();
    assert_eq!(written, [WriteOutcome::Written { kept: 0, repeated: 0 }]);
    let written = test.store.write_documents(bank, older, &[&version("old")], time(NOW), None).await.unwrap();
    assert_eq!(written, [WriteOutcome::Superseded]);
    assert_eq!(test.engine.document("b", "d").await.unwrap().original_text.as_deref(), Some("new"));
}
