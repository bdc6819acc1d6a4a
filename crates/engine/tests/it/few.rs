//! Under a filter that lets few memories through these are looked at, and found as in any other way.

use hindsight_engine::config::Settings;
use serde_json::{Value, json};

use crate::hot::{let_none_be_as_near_as_another, same, talk, told};
use crate::support::TestEngine;

/// Memories in the bank, a few hundred of which are more than few.
const MEMORIES: usize = 160;

async fn bank(exact_limit: i64) -> TestEngine {
    let settings = Settings {
        budgets: [200; 3],
        context: [5; 3],
        mentions: [3; 3],
        min_similarity: 0.3,
        exact_limit,
        scanned: [10; 3],
        ..Settings::default()
    };
    let test = TestEngine::with(settings).await;
    for from in (0..MEMORIES).step_by(40) {
        test.retain("b", (from..from + 40).map(talk).collect()).await.unwrap();
    }
    let_none_be_as_near_as_another(&test).await;
    test.engine.tend_cells().await.expect("tended");
    test
}

fn request(query: &str, filter: &Value) -> Value {
    let mut request = json!({"query": query, "trace": true, "max_tokens": 100_000});
    request.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
    request
}

#[tokio::test]
async fn few_are_found_as_others_are() {
    for exact_limit in [20, 1000] {
        let test = bank(exact_limit).await;
        for query in ["who bought rye bread?", "Ann and the violin sonata in Vienna", "chess in April 2024"] {
            for matching in ["any_strict", "all_strict", "exact", "any"] {
                let leaf = json!({"tags": ["tag 3"], "match": matching});
                let few = json!({"tags": ["tag 3"], "tags_match": matching});
                // What is denied twice says nothing of the masks of tags: all memories may pass.
                let many = json!({"tag_groups": [{"not": {"not": leaf}}]});
                let (few, many) = (request(query, &few), request(query, &many));
                let found = told(&test, &few).await;
                assert!(found.len() > 5 && found.len() < MEMORIES / 4, "{few}: {}", found.len());
                same(&found, &told(&test, &many).await, &few);
            }
        }
        assert!(
            told(&test, &request("rye bread", &json!({"tags": ["none"], "tags_match": "any_strict"})))
                .await
                .is_empty()
        );
    }
}
