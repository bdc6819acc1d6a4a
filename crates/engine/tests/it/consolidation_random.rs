//! Whatever is retained, edited, deleted and moved, in whatever order, and wherever work breaks off: no
//! observation rests on a fact that is gone or belongs elsewhere, none goes without one of its
//! facts, and no fact waits for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::decode::from_json;
use hindsight_types::memories::UpdateMemoryRequest;
use proptest::prelude::*;
use proptest::test_runner::Config;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::consolidation::{facts_of, observations_of, settings};
use crate::jobs::{Working, quick};
use crate::random::{Turns, runner};
use crate::support::{Held, PATIENCE, TestEngine};

#[derive(Clone, Debug)]
enum Step {
    /// A document with these tags and scopes.
    Retain {
        document: usize,
        text: usize,
        tags: Vec<usize>,
        scopes: usize,
    },
    Delete {
        document: usize,
    },
    Retag {
        document: usize,
        tags: Vec<usize>,
    },
    /// The fact of a document says something else, or in other words.
    Edit {
        document: usize,
        text: usize,
    },
    /// It is not valid, or it is again.
    Turn {
        document: usize,
    },
    /// A worker works to the end.
    Settle,
    /// A worker begins and is stopped in the middle.
    BreakOff {
        after: u64,
    },
}

const TAGS: [&str; 3] = ["ann", "bob", "team"];

fn scopes(number: usize) -> Value {
    [json!(null), json!("per_tag"), json!("shared"), json!([["ann"], ["*"]]), json!("all_combinations")]
        [number]
        .clone()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tags = || proptest::sample::subsequence(vec![0, 1, 2], 0..=3);
    let step = prop_oneof![
        5 => (0..5_usize, 0..4_usize, tags(), 0..5_usize)
            .prop_map(|(document, text, tags, scopes)| Step::Retain { document, text, tags, scopes }),
        1 => (0..5_usize).prop_map(|document| Step::Delete { document }),
        1 => (0..5_usize, tags()).prop_map(|(document, tags)| Step::Retag { document, tags }),
        2 => (0..5_usize, 0..4_usize).prop_map(|(document, text)| Step::Edit { document, text }),
        1 => (0..5_usize).prop_map(|document| Step::Turn { document }),
        2 => Just(Step::Settle),
        2 => (0..20_u64).prop_map(|after| Step::BreakOff { after }),
    ];
    proptest::collection::vec(step, 4..12)
}

/// A model that does something else every time: much of it right, some of it not.
fn whim(request: &LlmRequest, turn: u64) -> Reply {
    if request.system().contains("Two observations are nearly the same") {
        return Reply::json(&json!({"action": "merge", "text": "both say so", "reason": ""}));
    }
    let (facts, shown) = (facts_of(request), observations_of(request));
    let ids: Vec<&String> = facts.iter().map(|fact| &fact.id).collect();
    let text = facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join(" and ");
    let all = json!({"creates": [{"text": text, "source_fact_ids": ids}]});
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
        return match turn % 5 {
            0 => Reply::text("not JSON"),
            // Seldom enough for facts of seven scopes to be done, or given up, in between.
            1 if turn % 8 == 1 => Reply::error(StatusCode::SERVICE_UNAVAILABLE, "down"),
            _ => Reply::json(&all),
        };
    };
    match turn % 7 {
        0 => Reply::json(&json!({"updates": [
            {"observation_id": first.id, "text": format!("{}, {text}", first.text), "source_fact_ids": ids}]})),
        1 => Reply::json(&json!({"updates": [
            {"observation_id": first.id[..20], "text": first.text, "source_fact_ids": [ids[0], ids[0]]}]})),
        2 => Reply::json(&json!({"deletes": [
            {"observation_id": last.id, "merged_into": first.id},
            {"observation_id": first.id, "merged_into": last.id}]})),
        3 => Reply::json(&json!({
            "deletes": [{"observation_id": last.id, "merged_into": first.id, "source_fact_ids": ids}]})),
        4 => Reply::json(&json!({"creates": [], "updates": [], "deletes": []})),
        5 => Reply::json(&all).finish("length"),
        _ => Reply::json(&all),
    }
}

async fn do_step(test: &TestEngine, step: &Step) {
    let tags = |tags: &[usize]| tags.iter().map(|tag| TAGS[*tag].to_owned()).collect::<Vec<_>>();
    match step {
        Step::Retain { document, text, tags: own, scopes: number } => {
            let text =
                format!("{} drinks {}", ["Ann", "Bob", "Eve", "Zoe"][*text], ["tea", "milk"][document % 2]);
            let item = json!([{
                "content": text, "document_id": document.to_string(), "tags": tags(own),
                "observation_scopes": scopes(*number),
            }]);
            test.retain("b", item).await.unwrap();
        }
        Step::Delete { document } => {
            // There may be none.
            let _ = test.engine.delete_document("b", &document.to_string()).await;
        }
        Step::Retag { document, tags: own } => {
            let request = hindsight_types::documents::UpdateDocumentRequest {
                tags: Some(tags(own)),
                observation_scopes: None,
            };
            let _ = test.engine.update_document("b", &document.to_string(), &request).await;
        }
        Step::Edit { document, text } => {
            if let Some((id, false)) = fact_of(test, *document).await {
                let text = format!("{} is at home", ["Ann", "Bob", "Eve", "Zoe"][*text]);
                change(test, id, json!({"text": text})).await;
            }
        }
        Step::Turn { document } => {
            if let Some((id, is_archived)) = fact_of(test, *document).await {
                change(test, id, json!({"state": if is_archived { "valid" } else { "invalidated" }})).await;
            }
        }
        Step::Settle => settle(test).await,
        Step::BreakOff { after } => {
            let working = Working::start(&test.engine, quick());
            for _ in 0..*after {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            working.stop().await;
        }
    }
}

/// The fact of a document, and whether it was declared invalid.
async fn fact_of(test: &TestEngine, document: usize) -> Option<(Uuid, bool)> {
    sqlx::query_as(
        "select memory_id, false from hindsight.memories where document_id = $1
         union all select memory_id, true from hindsight.archived_memories where document_id = $1",
    )
    .bind(document.to_string())
    .fetch_optional(&test.pool)
    .await
    .unwrap()
}

async fn change(test: &TestEngine, id: Uuid, request: Value) {
    let request: UpdateMemoryRequest = from_json(&request).unwrap();
    test.engine.update_memory("b", id, &request).await.unwrap();
}

/// Works until nothing waits. Attempts that are put off are let begin at once.
async fn settle(test: &TestEngine) {
    if test.store.bank("b").await.unwrap().is_none() {
        return;
    }
    let working = Working::start(&test.engine, quick());
    let begin = Instant::now();
    loop {
        sqlx::query("update hindsight.async_operations set run_after = null where run_after is not null")
            .execute(&test.pool)
            .await
            .unwrap();
        let runs = test.runs("b").await;
        if runs.iter().all(|run| run.status.is_terminal()) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "facts wait for ever: {runs:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.stop().await;
}

#[test]
fn observations_rest_on_facts_that_are_there_and_no_fact_waits_for_ever() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = runner(&Config { cases: 8, max_shrink_iters: 0, ..Config::default() });
    let (test, llm) = runtime.block_on(TestEngine::with_llm(settings()));
    let done = runner.run(&(steps(), any::<u64>()), |(steps, seed)| {
        let turns = Turns::new(seed);
        llm.answer_with(move |request: &LlmRequest| {
            // Ids are others every time.
            let mut texts: Vec<String> = facts_of(request).into_iter().map(|fact| fact.text).collect();
            texts.sort_unstable();
            whim(request, turns.next(texts.join("\n")))
        });
        runtime.block_on(async {
            test.engine.delete_bank("b").await.unwrap();
            let mut held = Held::default();
            for step in &steps {
                do_step(&test, step).await;
                check(&test, &mut held).await;
            }
            settle(&test).await;
            check(&test, &mut held).await;
            test.audit().await;
            if test.store.bank("b").await.unwrap().is_some() {
                prop_assert_eq!(test.waiting("b").await, 0);
            }
            Ok(())
        })
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

/// Every observation has facts, all of them there, and all of them go to its scope.
async fn check(test: &TestEngine, held: &mut Held) {
    if test.store.bank("b").await.unwrap().is_none() {
        return;
    }
    let now = test.held("b").await;
    now.check_count(held);
    *held = now;
    let facts: Vec<(Uuid, Vec<String>, Option<Value>)> = sqlx::query_as(
        "select memory_id, tags, observation_scopes from hindsight.memories where fact_type < 3",
    )
    .fetch_all(&test.pool)
    .await
    .unwrap();
    let facts: BTreeMap<Uuid, (Vec<String>, Option<Value>)> =
        facts.into_iter().map(|(id, tags, scopes)| (id, (tags, scopes))).collect();
    for observation in test.observations("b").await {
        assert!(!observation.source_ids.is_empty(), "{observation:?}");
        for source in &observation.source_ids {
            let (tags, scopes) =
                facts.get(source).unwrap_or_else(|| panic!("a fact is gone: {observation:?}"));
            assert!(
                goes_to(tags, scopes.as_ref(), &observation.tags),
                "{tags:?} {scopes:?}: {observation:?}"
            );
        }
    }
}

/// Whether a fact with these tags and scopes goes to a scope, said in another way than the engine does.
fn goes_to(tags: &[String], scopes: Option<&Value>, scope: &[String]) -> bool {
    let same = |a: &[String], b: &[String]| {
        a.iter().all(|tag| b.contains(tag)) && b.iter().all(|tag| a.contains(tag))
    };
    match scopes {
        Some(Value::String(rule)) => match rule.as_str() {
            "per_tag" => {
                scope.len() <= 1
                    && scope.iter().all(|tag| tags.contains(tag))
                    && scope.is_empty() == tags.is_empty()
            }
            "shared" => scope.is_empty(),
            _ => scope.iter().all(|tag| tags.contains(tag)) && scope.is_empty() == tags.is_empty(),
        },
        Some(Value::Array(_)) => same(scope, &["ann".to_owned()]) || !tags.is_empty() && same(scope, tags),
        _ => same(scope, tags),
    }
}
