//! Statistics are exact after any sequence of writes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use hindsight_types::documents::UpdateDocumentRequest;
use hindsight_types::recall::FactType;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::random::runner;
use crate::support::TestEngine;

#[derive(Clone, Debug)]
enum Step {
    /// Documents with the words of their items; `true` adds them to what is there.
    Retain(Vec<(u8, bool, Vec<Vec<u8>>)>),
    Relabel(u8, u8),
    Delete(u8),
    /// The memories of a bank, all of them or those of the world.
    Forget(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let items = prop::collection::vec(prop::collection::vec(0_u8..6, 1..5), 1..4);
    let retain = prop::collection::vec((0_u8..4, any::<bool>(), items), 1..4).prop_map(Step::Retain);
    let step = prop_oneof![
        8 => retain,
        1 => (0_u8..4).prop_map(Step::Delete),
        1 => (0_u8..4, 0_u8..6).prop_map(|(document, tag)| Step::Relabel(document, tag)),
        1 => any::<bool>().prop_map(Step::Forget),
    ];
    prop::collection::vec(step, 1..8)
}

fn items(documents: &[(u8, bool, Vec<Vec<u8>>)]) -> Value {
    const WORDS: [&str; 6] = ["garden", "Alice", "Berlin", "piano", "runs", "Bob"];
    let mut modes = BTreeMap::new();
    documents
        .iter()
        .flat_map(|(id, appends, texts)| {
            // Of several mentions of a document in one request the first says what happens.
            let appends = *modes.entry(*id).or_insert(*appends);
            texts.iter().map(move |words| {
                let text: Vec<&str> = words.iter().map(|word| WORDS[usize::from(*word)]).collect();
                json!({
                    "content": text.join(" "), "document_id": format!("d{id}"),
                    "entities": [{"text": text[0]}], "tags": [text[0]],
                    "update_mode": if appends { "append" } else { "replace" },
                })
            })
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
    runner(&Config { cases: 24, ..Config::default() })
        .run(&steps(), |steps| {
            bank.set(bank.get() + 1);
            let name = format!("bank {}", bank.get());
            runtime.block_on(async {
                let mut documents = BTreeSet::new();
                for step in &steps {
                    match step {
                        Step::Retain(written) => {
                            test.retain(&name, items(written)).await.unwrap();
                            documents.extend(written.iter().map(|(id, ..)| *id));
                        }
                        Step::Relabel(id, tag) => {
                            let tags = vec![format!("t{tag}"), "t".to_owned()];
                            let request =
                                UpdateDocumentRequest { tags: Some(tags), observation_scopes: None };
                            let updated =
                                test.engine.update_document(&name, &format!("d{id}"), &request).await;
                            assert_eq!(updated.is_ok(), documents.contains(id));
                        }
                        Step::Forget(all) => {
                            let fact_type = (!all).then_some(FactType::World);
                            test.engine.delete_memories(&name, fact_type).await.unwrap();
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
    runtime.block_on(test.audit());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_retains_of_the_same_documents_neither_block_nor_drift() {
    let test = TestEngine::start().await;
    let writes = (0..24_u8).map(|i| {
        let test = &test;
        async move {
            let documents =
                [(i % 4, false, vec![vec![i % 6, 1, 2]]), ((i + 1) % 4, false, vec![vec![(i + 3) % 6, 4]])];
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
