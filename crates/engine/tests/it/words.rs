//! Words that stand in thousands of memories.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::TestEngine;

const WORDS: [&str; 3] = ["amber", "kestrel", "harbour"];
/// More than are read of a list whose words are all frequent, at budget low.
const MEMORIES: usize = 12_000;

/// The oldest memory holds all the words, each of the thousands after it only one; "thing" is in
/// all of them. Nothing is found by meaning.
async fn bank() -> TestEngine {
    let test = TestEngine::start().await;
    let oldest = json!([{
        "content": "amber kestrel harbour thing",
        "document_id": "oldest",
        "timestamp": "2020-01-01",
        "tags": ["mine", "all"],
    }]);
    test.retain("b", oldest).await.expect("retained");
    let experience =
        json!([{"content": "assistant: a kestrel of amber", "document_id": "experience", "tags": ["all"]}]);
    test.retain("b", experience).await.expect("retained");
    for from in (0..MEMORIES).step_by(500) {
        let items: Value = (from..from + 500)
            .map(|number| {
                let content = format!("{} thing {number}", WORDS[number % WORDS.len()]);
                json!({"content": content, "tags": ["all"]})
            })
            .collect();
        test.retain("b", items).await.expect("retained");
    }
    test.embedder.fails.store(true, Ordering::Relaxed);
    test
}

#[tokio::test]
async fn a_memory_that_holds_several_frequent_words_is_found() {
    let test = bank().await;
    for budget in ["low", "mid", "high"] {
        for tags in [json!(null), json!(["mine"]), json!(["all"])] {
            let request = json!({"query": "amber kestrel harbour", "budget": budget, "tags": tags, "tags_match": "any_strict"});
            let found = test.found("b", request).await;
            assert_eq!(found[0], "amber kestrel harbour thing", "{budget} {tags}");
            assert_eq!(found.len() == 1, tags == json!(["mine"]), "{budget} {tags}");
        }
        let types = json!({"query": "amber kestrel harbour", "budget": budget, "types": ["experience"]});
        assert_eq!(test.found("b", types).await, ["assistant: a kestrel of amber"], "{budget}");
    }
    // Two of the words, none of them the rarest.
    let two = test.found("b", json!({"query": "kestrel harbour nowhere", "budget": "low"})).await;
    assert_eq!(two[0], "amber kestrel harbour thing");

    // A word in so many memories that its list is cut: what the caller may not see does not count.
    let cut = |tags: Value| {
        test.found("b", json!({"query": "thing", "budget": "low", "max_tokens": 100_000, "tags": tags, "tags_match": "any_strict"}))
    };
    let newest = cut(json!(["all"])).await;
    assert!(newest.len() >= 100, "{}", newest.len());
    assert!(!newest.contains(&"amber kestrel harbour thing".to_owned()), "behind the cut");
    assert_eq!(cut(json!(["mine"])).await, ["amber kestrel harbour thing"]);
}
