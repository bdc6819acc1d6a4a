//! Banks that are asked often are searched in this process.

use hindsight_engine::config::Settings;
use serde_json::json;

use crate::support::TestEngine;

/// Only meaning finds.
fn settings(vector_cache: u64) -> Settings {
    Settings { text_search: false, graph: false, vector_cache, ..Settings::default() }
}

/// Gives the memory of this text another vector, past the engine.
async fn turn_away(test: &TestEngine, text: &str) {
    let turned = sqlx::query(
        "update memory_vectors v set embedding = (select o.embedding from memory_vectors o join memories m
             using (bank_key, memory_id) where m.body = 'rye bread')
         from memories m where m.bank_key = v.bank_key and m.memory_id = v.memory_id and m.body = $1",
    )
    .bind(text)
    .execute(&test.pool)
    .await
    .unwrap();
    assert_eq!(turned.rows_affected(), 1);
}

async fn found(test: &TestEngine, types: &[&str]) -> Vec<String> {
    test.found("b", json!({"query": "a violin sonata", "types": types})).await
}

#[tokio::test]
async fn vectors_are_held_until_the_bank_changes() {
    let test = TestEngine::with(settings(1 << 20)).await;
    test.remember("b", &["violin sonata", "garden tulips", "rye bread"]).await;
    for _ in 0..8 {
        assert_eq!(found(&test, &[]).await, ["violin sonata"]);
    }
    turn_away(&test, "violin sonata").await;
    assert_eq!(found(&test, &[]).await, ["violin sonata"], "found by the vector that is held");
    assert_eq!(found(&test, &["world"]).await, ["violin sonata"]);
    assert!(found(&test, &["experience"]).await.is_empty());
    let tagged = json!({"query": "a violin sonata", "tags": ["t"], "tags_match": "any"});
    assert!(test.found("b", tagged).await.is_empty(), "what a filter lets pass is asked of the database");
    test.remember("b", &["chess opening"]).await;
    assert!(found(&test, &[]).await.is_empty());
}

#[tokio::test]
async fn nothing_is_held_without_room() {
    for room in [0, 100] {
        let test = TestEngine::with(settings(room)).await;
        test.remember("b", &["violin sonata", "garden tulips", "rye bread"]).await;
        for _ in 0..9 {
            assert_eq!(found(&test, &[]).await, ["violin sonata"]);
        }
        turn_away(&test, "violin sonata").await;
        assert!(found(&test, &[]).await.is_empty(), "{room}");
    }
}

#[tokio::test]
async fn the_process_finds_what_the_database_finds() {
    const WORDS: [&str; 7] = ["violin", "garden", "rye", "chess", "train", "tulip", "sonata"];
    let test = TestEngine::with(Settings { budgets: [7; 3], ..settings(1 << 20) }).await;
    let texts: Vec<String> = (0..60_usize)
        .map(|i| [i % 7, i / 7 % 5, i / 3 % 6].map(|word| WORDS[word]).join(" ") + &format!(" {i}"))
        .collect();
    let items = texts.iter().map(|text| json!({"content": text, "document_id": text})).collect();
    test.retain("b", items).await.unwrap();
    // Of those that are as near as the last, which are there does not matter.
    let ask = async |query: &str| {
        let response = test.recall("b", json!({"query": query, "budget": "low"})).await.unwrap();
        let found = response.results.into_iter().map(|result| (result.scores.unwrap().r#final, result.text));
        let mut found: Vec<(f64, String)> = found.collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let last = found.last().map_or(0.0, |(score, _)| *score);
        found.into_iter().map(|(score, text)| (score, (score > last).then_some(text))).collect::<Vec<_>>()
    };
    let queries: Vec<String> = WORDS.windows(2).map(|pair| pair.join(" ")).collect();
    let mut before = Vec::new();
    for query in &queries {
        before.push(ask(query).await);
    }
    for _ in 0..2 {
        ask("violin").await;
    }
    for (query, before) in queries.iter().zip(before) {
        assert!(!before.is_empty());
        assert_eq!(ask(query).await, before, "{query}");
    }
}
