//! What each arm finds that the others do not, and how finds are put together.

use hindsight_engine::config::{Fusion, Settings};
use serde_json::{Value, json};

use crate::support::TestEngine;

/// For each result its text and the arms that found it.
async fn found_by(test: &TestEngine, request: Value) -> Vec<(String, Vec<String>)> {
    let mut request = request;
    request["trace"] = json!(true);
    let trace = test.recall("b", request).await.unwrap().trace.unwrap();
    let results = trace["final_results"].as_array().unwrap().clone();
    results
        .into_iter()
        .map(|result| {
            let arms =
                result["found_by"].as_array().unwrap().iter().map(|arm| arm.as_str().unwrap().to_owned());
            (result["text"].as_str().unwrap().to_owned(), arms.collect())
        })
        .collect()
}

#[tokio::test]
async fn entities_of_the_best_hits_lead_to_more() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "the regatta was won by the blue boat", "document_id": "1", "entities": [{"text": "Marlin"}]},
        {"content": "she was built in a shed near Kiel", "document_id": "2", "entities": [{"text": "Marlin"}]},
        {"content": "pears are ripe", "document_id": "3"},
    ]);
    test.retain("b", items).await.unwrap();
    let found = found_by(&test, json!({"query": "regatta blue boat won"})).await;
    let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["the regatta was won by the blue boat", "she was built in a shed near Kiel"]);
    assert_eq!(found[1].1, ["graph"]);
}

#[tokio::test]
async fn an_entity_that_the_query_names_leads_to_its_memories() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "built in a shed near Kiel", "document_id": "1", "entities": [{"text": "Blue Marlin"}]},
        {"content": "pears are ripe", "document_id": "2"},
    ]);
    test.retain("b", items).await.unwrap();
    let found = found_by(&test, json!({"query": "Tell me of the blue marlin's origin"})).await;
    assert_eq!(found, [("built in a shed near Kiel".to_owned(), vec!["graph".to_owned()])]);
    // A bank may go without the arm.
    let without = serde_json::from_value::<Value>(json!({"enable_graph_retrieval": false})).unwrap();
    test.engine.put_bank("b", &hindsight_types::decode::from_json(&without).unwrap()).await.unwrap();
    assert_eq!(found_by(&test, json!({"query": "Tell me of the blue marlin's origin"})).await, []);
}

#[tokio::test]
async fn a_time_in_the_query_leads_to_what_happened_then() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "the orchestra played Mahler", "document_id": "1", "timestamp": "2023-06-10"},
        {"content": "the orchestra played Bruckner", "document_id": "2", "timestamp": "2023-09-10"},
    ]);
    test.retain("b", items).await.unwrap();
    let found = found_by(&test, json!({"query": "orchestra in June 2023"})).await;
    assert_eq!(found[0].0, "the orchestra played Mahler");
    assert!(found[0].1.contains(&"temporal".to_owned()), "{found:?}");
    assert!(found.iter().skip(1).all(|(_, arms)| !arms.contains(&"temporal".to_owned())), "{found:?}");
    let explicit =
        json!({"query": "orchestra", "temporal_window": {"start": "2023-09-01", "end": "2023-09-30"}});
    assert_eq!(found_by(&test, explicit).await[0].0, "the orchestra played Bruckner");
}

#[tokio::test]
async fn a_time_leads_over_causal_links_to_what_led_to_it() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "the orchestra played outdoors", "document_id": "effect", "timestamp": "2023-06-10"},
        {"content": "the hall of the orchestra burnt down", "document_id": "cause", "timestamp": "2022-02-10"},
        {"content": "a new hall for the orchestra", "document_id": "result", "timestamp": "2024-02-10"},
        {"content": "the orchestra is alike", "document_id": "alike", "timestamp": "2022-02-11"},
        {"content": "the orchestra is alone", "document_id": "alone", "timestamp": "2022-02-12"},
    ]);
    test.retain("b", items).await.unwrap();
    // Of the kinds "caused by", "caused by" and "semantic".
    for (from, kind, to) in [("effect", 2, "cause"), ("result", 2, "effect"), ("effect", 1, "alike")] {
        sqlx::query(
            "insert into hindsight.memory_links (bank_key, memory_id, kind, other_id, weight)
             select f.bank_key, f.memory_id, $2::int2, t.memory_id, 0.9 from hindsight.memories f, hindsight.memories t
             where f.document_id = $1 and t.document_id = $3",
        )
        .bind(from)
        .bind(kind)
        .bind(to)
        .execute(&test.pool)
        .await
        .unwrap();
    }
    let found = found_by(&test, json!({"query": "orchestra in June 2023"})).await;
    let mut by_time: Vec<&str> = found
        .iter()
        .filter(|(_, arms)| arms.contains(&"temporal".to_owned()))
        .map(|(text, _)| text.as_str())
        .collect();
    by_time.sort_unstable();
    let linked = [
        "a new hall for the orchestra",
        "the hall of the orchestra burnt down",
        "the orchestra played outdoors",
    ];
    assert_eq!(by_time, linked);
    assert_eq!(found.len(), 5);
}

#[tokio::test]
async fn a_text_that_was_told_twice_fills_the_budget_once() {
    let test = TestEngine::start().await;
    test.remember(
        "b",
        &["The ferry leaves at nine", "the  ferry leaves at NINE.", "The ferry leaves at ten"],
    )
    .await;
    let found = test.found("b", json!({"query": "ferry leaves"})).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found.iter().filter(|text| text.to_lowercase().contains("nine")).count(), 1);
}

#[tokio::test]
async fn ranks_can_be_fused_as_the_original_does() {
    let test =
        TestEngine::with(Settings { fusion: Fusion::Ranks, graph: false, ..Settings::default() }).await;
    test.remember("b", &["tulips bloom", "tulips bloom in the garden of the old house", "a garden of roses"])
        .await;
    let response = test.recall("b", json!({"query": "tulips bloom"})).await.unwrap();
    assert_eq!(response.results[0].text, "tulips bloom", "first in both arms");
    let scores: Vec<f64> = response.results.iter().map(|result| result.scores.unwrap().r#final).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    // 1 for the first rank, moved by how recent it is: told today.
    assert!((scores[0] - 1.1).abs() < 1e-6, "{scores:?}");
}
