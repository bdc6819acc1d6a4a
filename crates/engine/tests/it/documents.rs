//! Documents that are replaced: what stays, what goes.

use hindsight_engine::config::Settings;
use hindsight_types::recall::FactType;
use serde_json::json;

use crate::changes::parts;
use crate::support::TestEngine;

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
