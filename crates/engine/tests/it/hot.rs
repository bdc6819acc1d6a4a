//! Banks that are asked often are searched in this process.

use std::collections::BTreeMap;

use hindsight_engine::config::Settings;
use serde_json::{Value, json};

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
async fn the_nearest_are_those_that_the_database_finds() {
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
        // To the precision of the vectors.
        let found = found.map(|(score, text)| ((score * 1e6).round(), text));
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

/// Makes every memory's vector one of its own: which of two equal ones comes first does not matter.
pub(crate) async fn let_none_be_as_near_as_another(test: &TestEngine) {
    let change = "update memory_vectors v set embedding = (
           select array_agg(number + sin(nth * m.document_id::int) / 50 order by nth)
           from unnest(v.embedding::vector::real[]) with ordinality u(number, nth))::real[]::vector::halfvec
         from memories m where m.memory_id = v.memory_id";
    sqlx::query(change).execute(&test.pool).await.unwrap();
}

/// What a recall with a trace tells of each memory: which arms found it, its scores and their parts.
pub(crate) type Told = BTreeMap<String, (Value, Vec<Option<f64>>)>;

pub(crate) async fn told(test: &TestEngine, request: &Value) -> Told {
    let trace = test.recall("b", request.clone()).await.unwrap().trace.unwrap();
    let lines = trace["final_results"].as_array().unwrap().iter();
    let told = lines.map(|line| {
        assert!(line["score"].is_number(), "{line}");
        let numbers = ["score", "similarity", "keyword"].map(|name| &line[name]).into_iter();
        let numbers = numbers.chain(line["components"].as_object().unwrap().values());
        (line["text"].to_string(), (line["found_by"].clone(), numbers.map(Value::as_f64).collect()))
    });
    told.collect()
}

/// Fails when two recalls do not tell the same, to the precision of the vectors.
pub(crate) fn same(one: &Told, other: &Told, request: &Value) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{request}");
    for (text, (found_by, numbers)) in one {
        let (others_by, others) = &other[text];
        assert_eq!(found_by, others_by, "{request}: {text}");
        let is_near = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-5,
            (a, b) => a == b,
        };
        assert!(numbers.iter().zip(others).all(is_near), "{request}: {text}: {numbers:?} {others:?}");
    }
}

/// Some people talk on several days, some in the same minute, and some note what nobody answers.
pub(crate) fn talk(number: usize) -> Value {
    const WORDS: [&str; 11] =
        ["violin", "garden", "rye", "chess", "train", "tulip", "sonata", "bread", "lamp", "river", "coat"];
    const PEOPLE: [&str; 3] = ["Ann", "Bob", "Cleo"];
    let words: Vec<&str> =
        (0..3 + number % 5).map(|nth| WORDS[(number * (nth + 2) + nth * nth + number / 7) % 11]).collect();
    let (day, minute) = (1 + number / 40, number % 40 / 2);
    json!({
        "content": format!("{}: {} {}", PEOPLE[number % 3], words.join(" "), if number.is_multiple_of(4) { "yesterday?" } else { "" }),
        "document_id": number.to_string(),
        "context": format!("talk {}", number / 40),
        "timestamp": (!number.is_multiple_of(9)).then(|| format!("2024-04-{day:02}T10:{minute:02}:00Z")),
        "entities": [{"text": (["Vienna", "Kiel", "Oslo", "Rome"][number % 4])}],
        "tags": [format!("tag {}", number / 3 % 8)],
    })
}

#[tokio::test]
async fn a_held_bank_is_ranked_as_the_database_ranks_it() {
    let settings = Settings {
        budgets: [200; 3],
        context: [5; 3],
        mentions: [30; 3],
        min_similarity: 0.45,
        vector_cache: 1 << 22,
        ..Settings::default()
    };
    let test = TestEngine::with(settings).await;
    for from in (0..160).step_by(40) {
        test.retain("b", (from..from + 40).map(talk).collect()).await.unwrap();
    }
    let_none_be_as_near_as_another(&test).await;
    // Some facts are observations, and some led to others.
    for change in [
        // One has no direction.
        "update memory_vectors v set embedding = array_fill(0, array[vector_dims(v.embedding)])::real[]::vector::halfvec
         from memories m where m.memory_id = v.memory_id and m.document_id = '1'",
        "update memories set fact_type = 3 where ordinal = 0 and document_id like '%5'",
        "update memory_vectors v set fact_type = m.fact_type from memories m where m.memory_id = v.memory_id",
        "update memory_terms t set fact_type = m.fact_type from memories m where m.memory_id = t.memory_id",
        "update memory_entities e set fact_type = m.fact_type from memories m where m.memory_id = e.memory_id",
        "update memory_state s set proof_count = 4 from memories m where m.memory_id = s.memory_id and fact_type = 3",
        "insert into memory_links (bank_key, memory_id, kind, other_id, weight)
         select a.bank_key, a.memory_id, 2, b.memory_id, 0.9 from memories a, memories b
         where a.document_id in ('7', '30') and b.document_id in ('81', '99', '120') on conflict do nothing",
    ] {
        sqlx::query(change).execute(&test.pool).await.unwrap();
    }
    let requests: Vec<Value> = [
        json!({"query": "who bought rye bread?"}),
        json!({"query": "Ann and the violin sonata in Vienna"}),
        json!({"query": "river train", "types": ["world"]}),
        json!({"query": "lamp coat garden", "types": ["observation"]}),
        json!({"query": "what was said about chess in early April 2024?"}),
        json!({"query": "tulip", "temporal_window": {"start": "2024-04-02T00:00:00Z", "end": "2024-04-03T12:00:00Z"}}),
    ]
    .into_iter()
    .map(|mut request| {
        request["trace"] = json!(true);
        request["max_tokens"] = json!(100_000);
        request
    })
    .collect();
    let mut before = Vec::new();
    for request in &requests {
        before.push(told(&test, request).await);
    }
    let found_by: String =
        before.iter().flat_map(|told| told.values()).map(|(by, _)| by.to_string()).collect();
    for arm in ["semantic", "bm25", "graph", "temporal", "neighbour"] {
        assert!(found_by.contains(arm), "{arm}: {found_by}");
    }
    for _ in 0..2 {
        told(&test, &requests[0]).await;
    }
    // Gone from what is held, not from the database: what still answers is held.
    sqlx::query("update memory_vectors set stream_id = null, tokens = 0, author = null")
        .execute(&test.pool)
        .await
        .unwrap();
    for (request, before) in requests.iter().zip(before) {
        assert!(before.len() > 5, "{request}: {before:?}");
        same(&told(&test, request).await, &before, request);
    }
}
