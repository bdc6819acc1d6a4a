//! Statistics are exact after any sequence of writes.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::TestEngine;

#[derive(Clone, Debug)]
enum Step {
    Retain(Vec<(u8, Vec<u8>)>),
    Delete(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let words = prop::collection::vec(0_u8..6, 1..8);
    let retain = prop::collection::vec((0_u8..4, words), 1..4).prop_map(Step::Retain);
    prop::collection::vec(prop_oneof![4 => retain, 1 => (0_u8..4).prop_map(Step::Delete)], 1..8)
}

fn items(documents: &[(u8, Vec<u8>)]) -> Value {
    const WORDS: [&str; 6] = ["garden", "Alice", "Berlin", "piano", "runs", "Bob"];
    documents
        .iter()
        .map(|(id, words)| {
            let text: Vec<&str> = words.iter().map(|word| WORDS[usize::from(*word)]).collect();
            json!({"content": text.join(" "), "document_id": format!("d{id}"), "entities": [{"text": text[0]}]})
        })
        .collect()
}

/// Compares every statistic with a recount; also that nothing dangles.
const DRIFT: &str = "
  select
    (select count(*) from (
       select coalesce(s.bank_key, p.bank_key), coalesce(s.term, p.term) from
         (select bank_key, term, df from term_stats where df <> 0) s
       full join (select bank_key, term, count(*) as df from memory_terms group by 1, 2) p
         on s.bank_key = p.bank_key and s.term = p.term
       where s.df is distinct from p.df) x)
  + (select count(*) from (select entity_id, mentions from entity_stats where mentions <> 0) s
       full join (select entity_id, count(*) as mentions from memory_entities group by 1) p using (entity_id)
       where s.mentions is distinct from p.mentions)
  + (select count(*) from bank_state s where s.memories <> (select count(*) from memories m where m.bank_key = s.bank_key)
       or s.term_length <> (select coalesce(sum(l), 0) from (
            select max(length)::int as l from memory_terms t where t.bank_key = s.bank_key group by memory_id) y))
  + (select count(*) from memory_terms t left join memories m using (bank_key, memory_id) where m.memory_id is null)
  + (select count(*) from memory_entities t left join memories m using (bank_key, memory_id) where m.memory_id is null)
  + (select count(*) from memories m left join memory_vectors v using (bank_key, memory_id) where v.memory_id is null)";

#[test]
fn any_sequence_of_retains_and_deletes_leaves_exact_statistics() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(TestEngine::start());
    let bank = Cell::new(0);
    TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() })
        .run(&steps(), |steps| {
            bank.set(bank.get() + 1);
            let name = format!("bank {}", bank.get());
            runtime.block_on(async {
                let mut documents = BTreeSet::new();
                for step in &steps {
                    match step {
                        Step::Retain(written) => {
                            test.retain(&name, items(written)).await.unwrap();
                            documents.extend(written.iter().map(|(id, _)| *id));
                        }
                        Step::Delete(id) => {
                            let deleted = test.engine.delete_document(&name, &format!("d{id}")).await;
                            assert_eq!(deleted.is_ok(), documents.remove(id));
                        }
                    }
                }
                let drift: i64 = sqlx::query_scalar(DRIFT).fetch_one(&test.pool).await.unwrap();
                prop_assert_eq!(drift, 0);
                Ok(())
            })
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_retains_of_the_same_documents_neither_block_nor_drift() {
    let test = TestEngine::start().await;
    let writes = (0..24_u8).map(|i| {
        let test = &test;
        async move {
            let documents = [(i % 4, vec![i % 6, 1, 2]), ((i + 1) % 4, vec![(i + 3) % 6, 4])];
            test.retain("b", items(&documents)).await
        }
    });
    for outcome in futures::future::join_all(writes).await {
        outcome.expect("every retain is stored");
    }
    let drift: i64 = sqlx::query_scalar(DRIFT).fetch_one(&test.pool).await.unwrap();
    assert_eq!(drift, 0);
    assert_eq!(test.memories("b").await.len(), 4, "one fact for each of four documents");
}
