//! What a recall answers.

use std::sync::atomic::Ordering;

use hindsight_engine::EngineError;
use hindsight_engine::config::{BudgetFunction, Settings};
use hindsight_engine::text::tokens;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::random::runner;
use crate::support::TestEngine;

#[tokio::test]
async fn rare_words_win_and_scores_explain_the_order() {
    let test = TestEngine::start().await;
    test.remember("b", &["Alice works at Google", "Alice likes hiking", "Bob works at a bakery"]).await;
    let response = test.recall("b", json!({"query": "Where does Alice work? Google?"})).await.unwrap();
    assert_eq!(response.results[0].text, "Alice works at Google");
    let scores: Vec<f64> = response.results.iter().map(|result| result.scores.unwrap().r#final).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let best = response.results[0].scores.unwrap();
    assert!(best.keyword > Some(0.0) && best.semantic > Some(0.3) && best.reranker.is_none());
    assert_eq!((response.trace, response.chunks, response.source_facts), (None, None, None));
}

#[tokio::test]
async fn words_of_every_script_are_found() {
    let test = TestEngine::start().await;
    let texts = ["我昨天去了北京大学", "Она работает в библиотеке", "Ich wohne in München", "ฉันชอบกาแฟ"];
    test.remember("b", &texts).await;
    for (query, text) in
        [("北京", texts[0]), ("библиотеке", texts[1]), ("münchen", texts[2]), ("กาแฟ", texts[3])]
    {
        let response = test.recall("b", json!({"query": query})).await.unwrap();
        let best = &response.results[0];
        assert_eq!(best.text, text);
        assert!(best.scores.unwrap().keyword > Some(0.0), "{query}");
    }
}

#[tokio::test]
async fn types_select_and_the_retired_one_finds_nothing() {
    let test = TestEngine::start().await;
    let text = "user: I like jazz\nassistant: I will look for jazz concerts";
    test.retain("b", json!([{"content": text}])).await.unwrap();
    let found = |types: Value| test.found("b", json!({"query": "jazz", "types": types}));
    assert_eq!(found(json!(["world"])).await, ["user: I like jazz"]);
    assert_eq!(found(json!(["experience"])).await, ["assistant: I will look for jazz concerts"]);
    assert_eq!(found(json!(["world", "experience", "opinion"])).await.len(), 2);
    assert_eq!(found(json!([])).await.len(), 2);
    assert_eq!(found(json!(["opinion"])).await.len(), 0);
    assert_eq!(found(json!(["observation"])).await.len(), 0);
}

#[tokio::test]
async fn the_budget_passes_over_what_does_not_fit() {
    let test = TestEngine::start().await;
    let long = format!("piano {}", "practice every single morning ".repeat(12).trim_end());
    test.remember("b", &["piano lesson", &long, "piano"]).await;
    let long_tokens = tokens::count(&long);
    let found = |max: usize| test.found("b", json!({"query": "piano practice", "max_tokens": max}));
    assert_eq!(found(4096).await.len(), 3);
    let short = found(long_tokens - 1).await;
    assert_eq!(short.len(), 2, "{short:?}");
    assert!(!short.contains(&long));
    assert_eq!(found(0).await.len(), 0);

    test.remember("big", &[&long]).await;
    assert_eq!(
        test.found("big", json!({"query": "piano", "max_tokens": 3})).await,
        [long],
        "the best one whole"
    );
}

#[tokio::test]
async fn chunks_come_in_rank_order_and_the_last_is_cut() {
    let test = TestEngine::start().await;
    let first = "The violin concert was on Friday. Everybody liked the soloist very much.";
    let second = "Dinner was late. The violin stayed at home.";
    let items = json!([{"content": first, "document_id": "a_1"}, {"content": second, "document_id": "b"}]);
    test.retain("bank", items).await.unwrap();
    let request = json!({"query": "violin concert Friday", "include": {"chunks": {}}});
    let response = test.recall("bank", request).await.unwrap();
    let chunks = response.chunks.unwrap();
    assert_eq!(chunks.keys().collect::<Vec<_>>(), ["bank_a~5F1_0", "bank_b_0"]);
    assert_eq!(chunks[0].text, first);
    assert_eq!(response.results[0].chunk_id.as_deref(), Some("bank_a~5F1_0"));

    let max = tokens::count(first) + 3;
    let request = json!({"query": "violin concert Friday", "max_tokens": 0, "include": {"chunks": {"max_tokens": max}}});
    let response = test.recall("bank", request).await.unwrap();
    assert_eq!(response.results.len(), 0);
    let chunks = response.chunks.unwrap();
    assert_eq!(chunks.values().map(|chunk| chunk.truncated).collect::<Vec<_>>(), [false, true]);
    assert!(second.starts_with(&chunks[1].text) && tokens::count(&chunks[1].text) <= 3);
}

#[tokio::test]
async fn chunks_follow_the_tags_of_their_document() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "jazz on Monday", "document_id": "d", "tags": ["a"]},
        {"content": "jazz on Sunday", "document_id": "d", "tags": ["a", "b"]},
    ]);
    test.retain("b", items).await.unwrap();
    let recall = |tags_match: &str| {
        test.recall(
            "b",
            json!({"query": "jazz", "tags": ["a"], "tags_match": tags_match, "include": {"chunks": {}}}),
        )
    };
    let exact = recall("exact").await.unwrap();
    assert_eq!((exact.results.len(), exact.chunks.unwrap().len()), (1, 0));
    let strict = recall("any_strict").await.unwrap();
    assert_eq!((strict.results.len(), strict.chunks.unwrap().len()), (2, 2));
}

#[tokio::test]
async fn entities_come_by_name_unless_turned_off() {
    let test = TestEngine::start().await;
    test.retain("b", json!([{"content": "they met", "entities": [{"text": "Zoe"}, {"text": "Adam"}]}]))
        .await
        .unwrap();
    let response = test.recall("b", json!({"query": "met"})).await.unwrap();
    assert_eq!(response.results[0].entities.as_deref(), Some(&["Adam".to_owned(), "Zoe".to_owned()][..]));
    let entities = response.entities.unwrap();
    assert_eq!(entities["Zoe"].canonical_name, "Zoe");
    assert!(entities["Zoe"].observations.is_empty());
    let response = test.recall("b", json!({"query": "met", "include": {"entities": null}})).await.unwrap();
    assert_eq!((response.results[0].entities.as_ref(), response.entities), (None, None));
}

#[tokio::test]
async fn floors_prune_their_arm_or_every_result() {
    let test = TestEngine::start().await;
    test.remember("b", &["Alice plays the cello", "Bob plays chess"]).await;
    let found = |floors: Value| test.found("b", json!({"query": "cello", "min_scores": floors}));
    assert_eq!(found(json!({"keyword": 0.01, "semantic": 1.0})).await, ["Alice plays the cello"]);
    assert_eq!(found(json!({"keyword": 100.0, "semantic": 1.0})).await.len(), 0);
    assert_eq!(found(json!({"final": 100.0})).await.len(), 0);
    let error = test.recall("b", json!({"query": "x", "min_scores": {"reranker": 0.5}})).await.unwrap_err();
    assert!(matches!(error, EngineError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn words_have_a_floor_of_the_server_that_a_request_replaces() {
    let settings =
        Settings { keyword_min_score: 100.0, min_similarity: 1.0, graph: false, ..Settings::default() };
    let test = TestEngine::with(settings).await;
    test.remember("b", &["Alice plays the cello", "Bob plays chess"]).await;
    let found = |request: Value| test.found("b", request);
    assert_eq!(found(json!({"query": "cello"})).await.len(), 0);
    let lower = json!({"query": "cello", "min_scores": {"keyword": 0.01}});
    assert_eq!(found(lower).await, ["Alice plays the cello"]);
}

#[tokio::test]
async fn what_no_arm_has_among_its_best_goes() {
    let texts = ["tulips", "tulips and roses", "tulips, roses and many other flowers"];
    let of = |limit| async move {
        let settings = Settings { max_candidates_per_source: limit, ..Settings::default() };
        let test = TestEngine::with(settings).await;
        test.remember("b", &texts).await;
        // A type of its own does not make a list of its own.
        test.retain("b", json!([{"content": "assistant: tulips, roses and lilies", "document_id": "a"}]))
            .await
            .unwrap();
        test
    };
    let query = json!({"query": "tulips", "trace": true});
    assert_eq!(of(0).await.found("b", query.clone()).await.len(), 4);
    let test = of(1).await;
    assert_eq!(test.found("b", query.clone()).await, ["tulips"], "the best by meaning and by words");
    let trace = test.recall("b", query).await.unwrap().trace.unwrap();
    let lists = trace["retrieval_results"].as_array().unwrap();
    assert!(lists.iter().all(|list| list["results"].as_array().unwrap().len() == 1), "{lists:?}");
}

#[tokio::test]
async fn neighbours_go_with_their_hit() {
    let talk = "user: tulips\nassistant: I see\nuser: then\nassistant: well\nuser: what else\nassistant: fine\nuser: tulips and roses for the garden\nassistant: so be it";
    let of = |limit| async move {
        let settings = Settings {
            max_candidates_per_source: limit,
            graph: false,
            temporal: false,
            ..Settings::default()
        };
        let test = TestEngine::with(settings).await;
        test.retain("b", json!([{"content": talk}])).await.unwrap();
        test.found("b", json!({"query": "tulips"})).await
    };
    let (all, cut) = (of(0).await, of(1).await);
    assert!(all.contains(&"assistant: so be it".to_owned()), "{all:?}");
    assert_eq!(cut[0], "user: tulips");
    assert!(cut.contains(&"assistant: I see".to_owned()), "{cut:?}");
    assert!(!cut.iter().any(|text| text.contains("roses") || text.contains("so be it")), "{cut:?}");
}

#[tokio::test]
async fn an_adaptive_budget_grows_with_the_tokens_asked_for() {
    let settings = Settings {
        budget_function: BudgetFunction::Adaptive,
        budget_shares: [0.01; 3],
        budget_min: 1,
        ..Settings::default()
    };
    let test = TestEngine::with(settings).await;
    let texts: Vec<String> = (0..60).map(|i| format!("note {i} about gardening")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    test.remember("b", &texts).await;
    let count = |tokens: usize| test.found("b", json!({"query": "gardening", "max_tokens": tokens}));
    // Ten of each arm, and at most twice as many in an answer.
    assert!((10..=20).contains(&count(1000).await.len()));
    assert_eq!(count(10_000).await.len(), 60);
}

#[tokio::test]
async fn a_window_lifts_what_lies_inside_and_drops_nothing() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "ran the first race", "document_id": "1", "timestamp": "2023-03-01"},
        {"content": "ran the next race", "document_id": "2", "timestamp": "2023-06-15"},
        {"content": "ran the other race", "document_id": "3", "timestamp": "2023-09-01"},
    ]);
    test.retain("b", items).await.unwrap();
    for request in [
        json!({"query": "race", "temporal_window": {"start": "2023-06-01", "end": "2023-06-30"}}),
        json!({"query": "race in June 2023"}),
        json!({"query": "race in June", "query_timestamp": "2023-12-01"}),
    ] {
        let response = test.recall("b", request.clone()).await.unwrap();
        assert_eq!(response.results.len(), 3);
        assert_eq!(response.results[0].document_id.as_deref(), Some("2"), "{request}");
    }
    let error = test.recall("b", json!({"query": "x", "query_timestamp": "soon"})).await.unwrap_err();
    assert!(error.to_string().contains("query_timestamp"), "{error}");
}

#[tokio::test]
async fn words_alone_answer_when_the_model_fails() {
    let test = TestEngine::start().await;
    test.remember("b", &["Alice plays the cello", "Bob plays chess"]).await;
    test.embedder.fails.store(true, Ordering::Relaxed);
    let response = test.recall("b", json!({"query": "cello", "trace": true})).await.unwrap();
    assert_eq!(response.results.len(), 1);
    assert_eq!(response.results[0].scores.unwrap().semantic, None);
    let arm = response.trace.unwrap()["summary"]["semantic_arm"].to_string();
    assert!(arm.contains("skipped"), "{arm}");
    for query in ["who is it", "zebra"] {
        let error = test.recall("b", json!({"query": query})).await.expect_err("no known word, no vector");
        assert!(matches!(error, EngineError::Embedding(_)), "{error}");
    }
}

#[tokio::test]
async fn more_facts_than_an_arm_may_bring_still_fill_it() {
    let test = TestEngine::start().await;
    let texts: Vec<String> = (0..250).map(|i| format!("note {i} about gardening")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    test.remember("b", &texts).await;
    let count = |budget: &str| {
        test.found("b", json!({"query": "gardening", "budget": budget, "max_tokens": 100_000}))
    };
    assert!((100..=200).contains(&count("low").await.len()));
    assert_eq!(count("mid").await.len(), 250);
}

#[tokio::test]
async fn words_beyond_the_limit_find_what_holds_another_one_too() {
    let settings =
        Settings { postings: [10, 10, 10], min_similarity: 1.0, graph: false, ..Settings::default() };
    let test = TestEngine::with(settings).await;
    // The oldest posting of the word is the only one with the tag, and of its type.
    test.retain("b", json!([{"content": "assistant: tulips", "document_id": "first", "tags": ["x"]}]))
        .await
        .unwrap();
    let texts: Vec<String> = (0..40).map(|i| format!("tulips number {i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    test.remember("b", &texts).await;
    let found = |extra: Value| {
        let mut request = json!({"query": "tulips", "max_tokens": 100_000});
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        test.found("b", request)
    };
    assert_eq!(found(json!({})).await.len(), 41, "the rarest word has no limit");
    assert_eq!(found(json!({"types": ["experience"]})).await, ["assistant: tulips"]);
    assert_eq!(found(json!({"tags": ["x"], "tags_match": "all_strict"})).await, ["assistant: tulips"]);
    // Beyond the limit a word alone finds nothing, but scores what a rarer one found.
    assert_eq!(found(json!({"query": "tulips 7"})).await, ["tulips number 7"]);
    let response = test.recall("b", json!({"query": "tulips number 7"})).await.unwrap();
    assert_eq!(response.results[0].text, "tulips number 7");
    let alone = test.recall("b", json!({"query": "7"})).await.unwrap().results[0].scores.unwrap().keyword;
    assert!(response.results[0].scores.unwrap().keyword > alone);
}

#[test]
fn every_filter_agrees_with_its_meaning() {
    filters_agree(Settings::default());
}

#[test]
fn every_filter_agrees_with_its_meaning_in_cells() {
    filters_agree(Settings { exact_limit: 1, scanned: [1; 3], ..Settings::default() });
}

fn filters_agree(settings: Settings) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let is_in_cells = settings.exact_limit == 1;
    let test = runtime.block_on(TestEngine::with(settings));
    let sets: Vec<Vec<&str>> = (0..8)
        .map(|bits| {
            ["a", "b", "c"]
                .into_iter()
                .enumerate()
                .filter(|(i, _)| bits >> i & 1 == 1)
                .map(|(_, tag)| tag)
                .collect()
        })
        .collect();
    let items: Value = sets
        .iter()
        .enumerate()
        .map(|(i, tags)| {
            let speaker = if i % 2 == 0 { "assistant" } else { "user" };
            json!({"content": format!("{speaker}: fact {i}"), "document_id": format!("{i}"), "tags": tags})
        })
        .collect();
    runtime.block_on(test.retain("b", items)).unwrap();
    if is_in_cells {
        assert_eq!(runtime.block_on(test.engine.tend_cells()).unwrap(), 1);
    }
    let check = |request: Value, passes: &dyn Fn(&[&str]) -> bool| {
        for (types, wanted) in
            [(json!(null), [0, 1]), (json!(["experience"]), [0, 0]), (json!(["world"]), [1, 1])]
        {
            let mut request = request.clone();
            request["types"] = types;
            let mut found: Vec<String> = runtime.block_on(test.found("b", request.clone()));
            found.sort_unstable();
            let mut expected: Vec<String> = sets
                .iter()
                .enumerate()
                .filter(|(i, tags)| passes(tags) && wanted.contains(&(i % 2)))
                .map(|(i, _)| format!("{}: fact {i}", if i % 2 == 0 { "assistant" } else { "user" }))
                .collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{request}");
        }
    };
    let leaf = |tags: &[&str], matching: &str, row: &[&str]| -> bool {
        let any = tags.iter().any(|tag| row.contains(tag));
        let all = tags.iter().all(|tag| row.contains(tag));
        match matching {
            "any" => any || row.is_empty(),
            "all" => all || row.is_empty(),
            "any_strict" => any,
            "all_strict" => all && !row.is_empty(),
            _ => all && row.iter().all(|tag| tags.contains(tag)),
        }
    };
    let modes = ["any", "all", "any_strict", "all_strict", "exact"];
    for matching in modes {
        for tags in &sets {
            let request = json!({"query": "fact", "tags": tags, "tags_match": matching});
            let unfiltered = tags.is_empty() && matching != "exact";
            check(request, &|row| unfiltered || leaf(tags, matching, row));
        }
    }
    // Trees: (leaf and not leaf) or leaf.
    let strategy =
        prop::collection::vec((prop::sample::subsequence(vec!["a", "b", "c"], 1..3), 0..5_usize), 3);
    runner(&Config { cases: 40, ..Config::default() })
        .run(&strategy, |leaves| {
            let node = |i: usize| json!({"tags": leaves[i].0, "match": modes[leaves[i].1]});
            let request = json!({"query": "fact", "tag_groups": [{"or": [{"and": [node(0), {"not": node(1)}]}, node(2)]}]});
            let holds = |i: usize, row: &[&str]| leaf(&leaves[i].0, modes[leaves[i].1], row);
            check(request, &|row| (holds(0, row) && !holds(1, row)) || holds(2, row));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn words_of_a_tag_filter_may_be_like_the_tags_only() {
    let test = TestEngine::start().await;
    let items = json!([
        {"content": "about Alice", "document_id": "1", "tags": ["user:alice"]},
        {"content": "about Bob", "document_id": "2", "tags": ["user:bob"]},
    ]);
    test.retain("b", items).await.unwrap();
    let found = |resolve: &str, word: &str| {
        test.found(
            "b",
            json!({"query": "about", "tag_groups": [{"not": {"not": {"tags": [word], "resolve": resolve}}}]}),
        )
    };
    assert_eq!(found("fuzzy", "user:alicee").await, ["about Alice"]);
    assert_eq!(found("exact", "user:alicee").await.len(), 0);
    assert_eq!(found("fuzzy", "user:zoe").await.len(), 0);
    let many: Value = (0..40)
        .map(|number| json!({"content": format!("note {number}"), "tags": [format!("user:alice{number}")]}))
        .collect();
    test.retain("b", many).await.unwrap();
    let request = json!({"query": "about", "tag_groups": [{"tags": ["user:alicex"], "match": "exact", "resolve": "fuzzy"}]});
    let error = test.recall("b", request).await.unwrap_err();
    assert!(matches!(error, EngineError::Unprocessable(_)), "{error}");
}
