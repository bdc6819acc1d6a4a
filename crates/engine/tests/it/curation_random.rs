//! Any sequence of changes leaves what somebody would expect who has kept a list.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use hindsight_types::decode::from_json;
use hindsight_types::documents::UpdateDocumentRequest;
use hindsight_types::memories::{MemoryResponse, UpdateMemoryRequest};
use hindsight_types::recall::FactType;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::random::runner;
use crate::support::{Held, TestEngine};

const WORDS: [&str; 6] = ["garden", "Alice", "Berlin", "piano", "runs", "Bob"];

#[derive(Clone, Debug)]
enum Step {
    /// A document of these texts; `true` adds them.
    Retain(u8, bool, Vec<Vec<u8>>),
    /// The same once more.
    Again(u8),
    Relabel(u8, u8),
    Delete(u8),
    /// The memories of a bank, all of them or those of the world.
    Forget(bool),
    /// A fact, by its place among all: words of another text, and what else is changed.
    Edit(u8, Vec<u8>, u8),
    Invalidate(u8),
    Revert(u8),
    /// Two facts are effect and cause.
    Link(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let words = || prop::collection::vec(0_u8..6, 1..4);
    let texts = prop::collection::vec(words(), 1..4);
    let step = prop_oneof![
        5 => (0_u8..2, any::<bool>(), texts).prop_map(|(id, appends, texts)| Step::Retain(id, appends, texts)),
        2 => (0_u8..2).prop_map(Step::Again),
        1 => (0_u8..2, 0_u8..6).prop_map(|(id, tag)| Step::Relabel(id, tag)),
        1 => (0_u8..2).prop_map(Step::Delete),
        1 => any::<bool>().prop_map(Step::Forget),
        5 => (any::<u8>(), words(), 0_u8..8).prop_map(|(fact, words, what)| Step::Edit(fact, words, what)),
        6 => any::<u8>().prop_map(Step::Invalidate),
        5 => any::<u8>().prop_map(Step::Revert),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(one, other)| Step::Link(one, other)),
    ];
    // Something to change comes first.
    let first = prop::collection::vec(prop::collection::vec(0_u8..6, 1..4), 2..4);
    (first, prop::collection::vec(step, 1..12)).prop_map(|(texts, mut steps)| {
        steps.insert(0, Step::Retain(0, false, texts));
        steps
    })
}

fn text(words: &[u8]) -> String {
    words.iter().map(|word| WORDS[usize::from(*word)]).collect::<Vec<_>>().join(" ")
}

fn items(id: u8, appends: bool, texts: &[Vec<u8>]) -> Value {
    let mode = if appends { "append" } else { "replace" };
    let item = |words: &Vec<u8>| {
        let entity = WORDS[usize::from(words[0])];
        json!({"content": text(words), "document_id": format!("d{id}"), "entities": [{"text": entity}],
            "tags": [entity], "metadata": {"k": entity}, "update_mode": mode})
    };
    texts.iter().map(item).collect()
}

/// What is in a bank, as clients see it.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    live: BTreeMap<Uuid, MemoryResponse>,
    archived: BTreeMap<Uuid, MemoryResponse>,
}

struct Run<'t> {
    test: &'t TestEngine,
    bank: String,
    /// Texts of documents that were last replaced, not added to.
    documents: BTreeMap<u8, Vec<Vec<u8>>>,
    causes: BTreeSet<(Uuid, Uuid)>,
    seen: Seen,
    held: Held,
}

impl Run<'_> {
    async fn look(&self) -> Seen {
        let mut seen = Seen::default();
        let live: Vec<Uuid> =
            self.test.memories(&self.bank).await.iter().map(|item| item.id.parse().unwrap()).collect();
        for id in live {
            seen.live.insert(id, self.test.engine.memory(&self.bank, id).await.unwrap());
        }
        for id in self.test.archived(&self.bank).await {
            seen.archived.insert(id, self.test.engine.memory(&self.bank, id).await.unwrap());
        }
        seen
    }

    fn pick(ids: &BTreeMap<Uuid, MemoryResponse>, place: u8) -> Option<Uuid> {
        ids.keys().nth(usize::from(place) % ids.len().max(1)).copied()
    }

    async fn change(&self, id: Uuid, request: Value) -> MemoryResponse {
        let request: UpdateMemoryRequest = from_json(&request).unwrap();
        self.test.engine.update_memory(&self.bank, id, &request).await.unwrap()
    }

    async fn take(&mut self, step: &Step) {
        let (test, bank) = (self.test, self.bank.clone());
        match step {
            Step::Retain(id, appends, texts) => {
                test.retain(&bank, items(*id, *appends, texts)).await.unwrap();
                if *appends {
                    self.documents.remove(id);
                } else {
                    self.documents.insert(*id, texts.clone());
                }
            }
            Step::Again(id) => {
                let Some(texts) = self.documents.get(id) else { return };
                test.retain(&bank, items(*id, false, texts)).await.unwrap();
            }
            Step::Relabel(id, tag) => {
                let tags = Some(vec![format!("t{tag}")]);
                let request = UpdateDocumentRequest { tags, observation_scopes: None };
                let _ = test.engine.update_document(&bank, &format!("d{id}"), &request).await;
                self.documents.remove(id);
            }
            Step::Delete(id) => {
                let _ = test.engine.delete_document(&bank, &format!("d{id}")).await;
                self.documents.remove(id);
            }
            Step::Forget(all) => {
                let fact_type = (!all).then_some(FactType::World);
                test.engine.delete_memories(&bank, fact_type).await.unwrap();
                self.documents.clear();
            }
            Step::Edit(place, words, what) => {
                let Some(id) = Self::pick(&self.seen.live, *place) else { return };
                let mut request = json!({"text": text(words)});
                let fields = request.as_object_mut().unwrap();
                if what & 1 > 0 {
                    fields.insert("entities".into(), json!([WORDS[usize::from(words[0])], "Zoe"]));
                }
                if what & 2 > 0 {
                    fields.insert("fact_type".into(), json!("experience"));
                }
                if what & 4 > 0 {
                    fields.insert("mentioned_at".into(), json!("2024-01-01"));
                }
                let changed = self.change(id, request).await;
                assert_eq!(changed.text, text(words));
            }
            Step::Invalidate(place) => {
                let Some(id) = Self::pick(&self.seen.live, *place) else { return };
                self.change(id, json!({"state": "invalidated", "reason": "r"})).await;
            }
            Step::Revert(place) => {
                let Some(id) = Self::pick(&self.seen.archived, *place) else { return };
                self.change(id, json!({"state": "valid"})).await;
            }
            Step::Link(one, other) => self.link(*one, *other).await,
        }
    }

    async fn link(&mut self, one: u8, other: u8) {
        let ends = Self::pick(&self.seen.live, one).zip(Self::pick(&self.seen.live, other));
        let Some((effect, cause)) = ends.filter(|(one, other)| one != other) else { return };
        sqlx::query("insert into memory_links select bank_key, $2, 2, $3, 1 from banks where bank_id = $1 on conflict do nothing")
            .bind(&self.bank)
            .bind(effect)
            .bind(cause)
            .execute(&self.test.pool)
            .await
            .unwrap();
        self.causes.insert((effect, cause));
    }

    /// Compares what is there after a step with what was there before it.
    async fn check(&mut self, step: &Step) {
        let now = self.look().await;
        let before = &self.seen;
        assert!(now.live.keys().all(|id| !now.archived.contains_key(id)));
        match step {
            Step::Invalidate(_) | Step::Revert(_) | Step::Again(_) | Step::Link(..) => {
                // Nobody is lost, nobody new: some have another state, and nothing else is other.
                let valid = |memory: &MemoryResponse| MemoryResponse {
                    state: String::new(),
                    invalidation_reason: None,
                    invalidated_at: None,
                    ..memory.clone()
                };
                let all = |seen: &Seen| -> BTreeMap<Uuid, MemoryResponse> {
                    seen.live.iter().chain(&seen.archived).map(|(id, memory)| (*id, valid(memory))).collect()
                };
                assert_eq!(all(&now), all(before), "{step:?}");
            }
            Step::Edit(..) => {
                let ids = |seen: &Seen| seen.live.keys().copied().collect::<Vec<_>>();
                assert_eq!(ids(&now), ids(before));
                assert_eq!(now.archived, before.archived);
            }
            Step::Retain(..) | Step::Relabel(..) | Step::Delete(_) | Step::Forget(_) => {
                // What was declared invalid stays so or goes.
                assert!(now.archived.keys().all(|id| before.archived.contains_key(id)));
                assert!(now.live.keys().all(|id| !before.archived.contains_key(id)));
            }
        }
        self.seen = now;
        let is_there = |id: &Uuid| self.seen.live.contains_key(id) || self.seen.archived.contains_key(id);
        self.causes.retain(|(effect, cause)| is_there(effect) && is_there(cause));
        let held = self.test.held(&self.bank).await;
        held.check_count(&self.held);
        self.held = held;
        self.check_links().await;
        self.check_recall().await;
    }

    async fn check_links(&self) {
        let links: BTreeSet<(Uuid, Uuid)> = sqlx::query_as(
            "select memory_id, other_id from memory_links join banks using (bank_key) where bank_id = $1 and kind > 1",
        )
        .bind(&self.bank)
        .fetch_all(&self.test.pool)
        .await
        .unwrap()
        .into_iter()
        .collect();
        let is_live = |id: &Uuid| self.seen.live.contains_key(id);
        let expected =
            self.causes.iter().filter(|(effect, cause)| is_live(effect) && is_live(cause)).copied();
        assert_eq!(links, expected.collect());
    }

    /// Recall shows what is there, as it is now, and everything.
    async fn check_recall(&self) {
        let query = json!({"query": WORDS.join(" "), "max_tokens": 100_000, "budget": "high"});
        let found = self.test.recall(&self.bank, query).await.unwrap().results;
        let found: BTreeMap<Uuid, String> =
            found.into_iter().map(|memory| (memory.id.parse().unwrap(), memory.text)).collect();
        for (id, text) in &found {
            assert_eq!(self.seen.live.get(id).map(|memory| &memory.text), Some(text));
        }
        // Of equal texts recall shows one.
        let texts = |texts: Vec<&String>| texts.into_iter().cloned().collect::<BTreeSet<_>>();
        let all = self.seen.live.values().map(|memory| &memory.text).collect();
        assert_eq!(texts(found.values().collect()), texts(all));
    }
}

#[test]
fn any_sequence_of_changes_keeps_what_it_should() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(TestEngine::start());
    let bank = Cell::new(0);
    runner(&Config { cases: 24, max_shrink_iters: 200, ..Config::default() })
        .run(&steps(), |steps| {
            bank.set(bank.get() + 1);
            let bank = format!("bank {}", bank.get());
            let mut run = Run {
                test: &test,
                bank,
                documents: BTreeMap::new(),
                causes: BTreeSet::new(),
                seen: Seen::default(),
                held: Held::default(),
            };
            runtime.block_on(async {
                for step in &steps {
                    run.take(step).await;
                    run.check(step).await;
                }
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(test.audit());
}
