//! What neighbours in a conversation lend to one another, and what they do not.

use hindsight_testkit::HashEmbedder;
use serde_json::{Value, json};

use crate::support::TestEngine;

/// A conversation of three turns; the second may have a tag.
fn turns(tag: &str) -> Value {
    json!([
        {"content": "Ann: the violin lesson is on Tuesday", "document_id": "1", "timestamp": "2024-05-01T10:00:00Z"},
        {"content": "Bob: with the famous teacher from Vienna", "document_id": "2", "timestamp": "2024-05-01T10:01:00Z", "tags": [tag]},
        {"content": "Ann: yes indeed", "document_id": "3", "timestamp": "2024-05-01T10:02:00Z"},
    ])
}

/// The trace's line of a result: its parts and how it was found.
async fn line(test: &TestEngine, bank: &str, extra: Value, text: &str) -> Option<Value> {
    let mut request = json!({"query": "violin teacher", "trace": true, "max_tokens": 100_000});
    request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let trace = test.recall(bank, request).await.unwrap().trace.unwrap();
    let lines = trace["final_results"].as_array().unwrap();
    lines.iter().find(|line| line["text"] == text).cloned()
}

#[tokio::test]
async fn a_reply_is_found_by_what_it_replies_to() {
    let test = TestEngine::start().await;
    test.retain("b", turns("open")).await.unwrap();
    let reply = line(&test, "b", json!({}), "Ann: yes indeed").await.expect("a neighbour is a candidate");
    assert_eq!(reply["found_by"], json!(["neighbour"]));
    assert!(reply["keyword"].is_null() && reply["components"]["words"].as_f64() > Some(0.0), "{reply}");

    // The same turns an hour and more apart are no conversation.
    let apart: Value = turns("open")
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(i, turn)| {
            let mut turn = turn.clone();
            turn["timestamp"] = json!(format!("2024-05-0{}T10:00:00Z", i + 1));
            turn
        })
        .collect();
    test.retain("apart", apart).await.unwrap();
    assert_eq!(line(&test, "apart", json!({}), "Ann: yes indeed").await, None);
}

#[tokio::test]
async fn meaning_is_that_of_the_blended_vector() {
    let test = TestEngine::start().await;
    test.retain("b", turns("open")).await.unwrap();
    let texts = [
        "Ann: the violin lesson is on Tuesday",
        "Bob: with the famous teacher from Vienna",
        "Ann: yes indeed",
    ];
    let vectors = texts.map(HashEmbedder::vector);
    let query = HashEmbedder::vector("violin teacher");
    let expected = |weights: &[(usize, f32)]| {
        let blend: Vec<f32> =
            (0..384).map(|i| weights.iter().map(|(of, weight)| weight * vectors[*of][i]).sum()).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        f64::from(dot(&blend, &query) / dot(&blend, &blend).sqrt())
    };
    for (text, weights) in [
        (texts[0], &[(0, 1.0)][..]),
        (texts[1], &[(1, 1.0), (0, 0.5)]),
        (texts[2], &[(2, 1.0), (1, 0.5), (0, 0.25)]),
    ] {
        let found = line(&test, "b", json!({}), text).await.unwrap();
        let meaning = found["components"]["meaning"].as_f64().unwrap();
        // Vectors are stored in 16 bits.
        assert!((meaning - expected(weights)).abs() < 2e-3, "{text}: {meaning}, {}", expected(weights));
    }
}

#[tokio::test]
async fn a_neighbour_that_may_not_be_seen_lends_nothing() {
    let test = TestEngine::start().await;
    test.retain("walled", turns("secret")).await.unwrap();
    let mut without = turns("secret");
    without.as_array_mut().unwrap().remove(1);
    test.retain("without", without).await.unwrap();
    let seen = json!({"tag_groups": [{"not": {"tags": ["secret"]}}]});
    for text in ["Ann: yes indeed", "Ann: the violin lesson is on Tuesday"] {
        let walled = line(&test, "walled", seen.clone(), text).await.unwrap();
        let open = line(&test, "walled", json!({}), text).await.unwrap();
        assert_ne!(walled["score"], open["score"], "the neighbour counts for who may see it");
        // One place is empty where the hidden turn stands, so only the words' weights differ.
        let meaning = |line: &Value| line["components"]["meaning"].as_f64().unwrap();
        let hidden = HashEmbedder::vector("Bob: with the famous teacher from Vienna");
        assert!(hidden.len() == 384 && meaning(&walled) <= meaning(&open) + 1e-6);
    }
    let found =
        test.found("walled", json!({"query": "violin teacher", "tag_groups": seen["tag_groups"]})).await;
    assert!(!found.iter().any(|text| text.starts_with("Bob")), "{found:?}");
}

#[tokio::test]
async fn what_is_deleted_or_replaced_lends_nothing_any_more() {
    let test = TestEngine::start().await;
    test.retain("b", turns("open")).await.unwrap();
    let before = line(&test, "b", json!({}), "Ann: yes indeed").await.unwrap();
    test.engine.delete_document("b", "1").await.unwrap();
    let after = line(&test, "b", json!({}), "Ann: yes indeed").await.unwrap();
    assert!(after["score"].as_f64() < before["score"].as_f64(), "{before} {after}");
    test.engine.delete_document("b", "2").await.unwrap();
    assert_eq!(line(&test, "b", json!({}), "Ann: yes indeed").await, None, "nothing leads there");
}

#[tokio::test]
async fn a_neighbour_of_another_type_lends_but_is_no_result() {
    let test = TestEngine::start().await;
    let items = json!([{"content": "assistant: the violin teacher lives in Vienna\nuser: good to know"}]);
    test.retain("b", items).await.unwrap();
    // The hit itself is of the other type: nothing of the asked type is near a hit.
    let request = json!({"query": "good violin", "types": ["world"]});
    let response = test.recall("b", request).await.unwrap();
    let texts: Vec<&str> = response.results.iter().map(|result| result.text.as_str()).collect();
    assert_eq!(texts, ["user: good to know"]);
    let own = response.results[0].scores.unwrap();
    let all = test.recall("b", json!({"query": "good violin"})).await.unwrap();
    let same = all.results.iter().find(|result| result.text == "user: good to know").unwrap();
    let difference = own.r#final - same.scores.unwrap().r#final;
    assert!(difference.abs() < 1e-9, "types choose what is shown, not what it is worth: {difference}");
}
