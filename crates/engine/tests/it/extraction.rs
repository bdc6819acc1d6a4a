//! Facts that a language model reads.

use std::sync::atomic::Ordering;

use hindsight_engine::EngineError;
use hindsight_engine::config::{ExtractionMode, ExtractionSettings, Settings};
use hindsight_engine::error::Remedy;
use hindsight_testkit::{LlmRequest, Reply};
use hindsight_types::decode::from_json;
use hindsight_types::operations::OperationStatus;
use hindsight_types::recall::FactType;
use hindsight_types::retain::{DroppedFacts, ExtractionReport};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::support::TestEngine;

/// A fact in the form that is asked for.
fn fact(what: &str) -> Value {
    json!({
        "what": what, "when": "N/A", "where": "N/A", "who": "N/A", "why": "N/A", "fact_kind": "conversation",
        "occurred_start": null, "occurred_end": null, "fact_type": "world", "entities": [],
        "causal_relations": null,
    })
}

fn facts(facts: &[Value]) -> Value {
    json!({ "facts": facts })
}

/// What stands between the marks of the question.
fn text_of(request: &LlmRequest) -> String {
    let user = request.user();
    let text = user.split_once("<text>\n").and_then(|(_, rest)| rest.split_once("\n</text>"));
    text.expect("a question with a text").0.to_owned()
}

/// The text of a chunk, said again as one fact.
fn echo(request: &LlmRequest) -> Reply {
    Reply::json(&facts(&[fact(&text_of(request))]))
}

/// Chunks of one sentence each, one after the other.
fn small_chunks() -> Settings {
    let extraction = ExtractionSettings { concurrency: 1, ..ExtractionSettings::default() };
    Settings { chunk_size: 40, extraction, ..Settings::default() }
}

const FIVE: &str = "the first sentence stands here alone. the second sentence stands here alone. \
    the third sentence stands here alone. the fourth sentence stands here alone. the fifth sentence stands here alone.";

async fn texts(test: &TestEngine, bank: &str) -> Vec<String> {
    let mut texts: Vec<String> = test.memories(bank).await.into_iter().map(|memory| memory.text).collect();
    texts.sort_unstable();
    texts
}

async fn kept(test: &TestEngine) -> i64 {
    sqlx::query_scalar("select count(*) from extractions").fetch_one(&test.pool).await.unwrap()
}

#[tokio::test]
async fn what_a_model_reads_is_stored_with_all_it_says() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    let mut went = fact("Caroline went to the support group.");
    for (key, value) in [
        ("when", json!("Sunday, May 7, 2023")),
        ("where", json!("the community centre")),
        ("who", json!("Caroline")),
        ("fact_kind", json!("event")),
        ("occurred_start", json!("2023-05-07")),
        ("entities", json!(["Caroline", "support group"])),
    ] {
        went[key] = value;
    }
    let mut told = fact("The agent recommended the book \"Becoming Nicole\".");
    told["fact_type"] = json!("assistant");
    told["causal_relations"] = json!([{"target_index": 0, "relation_type": "caused_by"}]);
    llm.push(Reply::json(&facts(&[went, told])).usage(100, 40));
    let content = "Caroline: I went to the support group at the community centre yesterday.\nAgent: Read Becoming Nicole, the book!";
    let item = json!([{
        "content": content, "timestamp": "2023-05-08T13:56:00Z", "context": "chat", "document_id": "d",
        "metadata": {"source": "slack"}, "tags": ["friends"],
    }]);
    let response = test.retained("b", item).await.unwrap();
    let usage = response.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (100, 40, 140));
    let report = ExtractionReport { chunks_done: 1, facts: 2, ..ExtractionReport::default() };
    assert_eq!(response.extraction, Some(report));
    let mut memories = test.memories("b").await;
    memories.sort_by(|a, b| a.text.cmp(&b.text));
    let [went, told] = [&memories[0], &memories[1]];
    assert_eq!(
        went.text,
        "Caroline went to the support group. | When: Sunday, May 7, 2023 | Where: the community centre"
    );
    assert_eq!(went.occurred_start.as_deref(), Some("2023-05-07T00:00:00+00:00"));
    assert_eq!(went.mentioned_at.as_deref(), Some("2023-05-08T13:56:00+00:00"));
    assert_eq!((went.fact_type, told.fact_type), (Some(FactType::World), Some(FactType::Experience)));
    assert_eq!((went.context.as_str(), went.metadata["source"].as_str()), ("chat", "slack"));
    assert_eq!(went.tags, ["friends"]);
    let mut entities: Vec<&str> = went.entities.split(", ").collect();
    entities.sort_unstable();
    assert_eq!(entities, ["Caroline", "support group"]);
    assert_eq!(told.occurred_start, None);
    let found = test.found("b", json!({"query": "community centre"})).await;
    assert_eq!(found[0], went.text, "the place can be searched for");
    let asked = llm.last_request();
    assert!(asked.user().contains(
        "Said: Monday, May 08, 2023 (2023-05-08T13:56:00+00:00)\nContext: chat\nMetadata:\n- source: slack"
    ));
    assert!(asked.schema().is_some());
    assert!(!asked.system().contains("slack"), "nothing of the request is in the system's part");
    assert_eq!(kept(&test).await, 0, "what is written is not kept twice");
}

#[tokio::test]
async fn chunks_are_read_with_what_stands_before_them() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    llm.answer_with(echo);
    let response = test.retained("b", json!([{"content": FIVE, "document_id": "d"}])).await.unwrap();
    assert_eq!(llm.asked(), 5);
    assert_eq!(response.usage.unwrap().total_tokens, 75);
    let requests = llm.requests();
    let users: Vec<String> = requests.iter().map(LlmRequest::user).collect();
    assert!(!users[0].contains("<earlier>") && users[0].contains("Chunk: 1 of 5"));
    assert!(users[2].contains("Chunk: 3 of 5"));
    let (_, earlier) = users[2].split_once("<earlier>\n").unwrap();
    assert!(earlier.starts_with("the first sentence stands here alone"), "{earlier}");
    assert_eq!(texts(&test, "b").await.len(), 5);
    let memories = test.memories("b").await;
    let mut chunks: Vec<_> = memories.iter().filter_map(|memory| memory.chunk_id.as_deref()).collect();
    chunks.sort_unstable();
    assert_eq!(chunks, ["b_d_0", "b_d_1", "b_d_2", "b_d_3", "b_d_4"]);
}

#[tokio::test]
async fn a_retain_that_failed_pays_only_for_what_is_missing() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    test.retain("b", json!([{"content": "x", "document_id": "other"}])).await.unwrap_err();
    llm.answer_with(
        |request| {
            if text_of(request).contains("third") { Reply::server_error() } else { echo(request) }
        },
    );
    let items = json!([{"content": FIVE, "document_id": "d"}]);
    let before = llm.asked();
    let error = test.retain("b", items.clone()).await.unwrap_err();
    let EngineError::Extraction { message, remedy } = &error else { panic!("{error}") };
    assert!(message.contains("document 'd', chunk 3 of 5: "), "{message}");
    assert_eq!(*remedy, Remedy::Retry);
    assert_eq!(llm.asked() - before, 5, "the others are read all the same");
    assert_eq!(test.memories("b").await.len(), 0, "all or nothing");
    assert_eq!(kept(&test).await, 4);

    llm.answer_with(echo);
    let response = test.retained("b", items.clone()).await.unwrap();
    assert_eq!(llm.asked() - before, 6);
    assert!(text_of(&llm.last_request()).contains("third"));
    assert_eq!(response.usage.unwrap().total_tokens, 15, "only what this request has cost");
    assert_eq!(response.extraction.unwrap().chunks_done, 5);
    assert_eq!(texts(&test, "b").await.len(), 5);
    assert_eq!(kept(&test).await, 0);

    // What is stored need not be read again; what is forgotten is asked anew.
    test.retain("b", items).await.unwrap();
    assert_eq!(llm.asked() - before, 6);
    test.retain("b", json!([{"content": FIVE, "document_id": "e"}])).await.unwrap();
    assert_eq!(llm.asked() - before, 11);
}

#[tokio::test]
async fn what_nobody_comes_back_for_is_swept() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    llm.answer_with(
        |request| {
            if text_of(request).contains("third") { Reply::server_error() } else { echo(request) }
        },
    );
    test.retain("b", json!([{"content": FIVE}])).await.unwrap_err();
    assert_eq!(test.engine.sweep_extractions().await.unwrap(), 0);
    sqlx::query("update extractions set created_at = created_at - interval '8 days' where key in (select key from extractions limit 3)")
        .execute(&test.pool)
        .await
        .unwrap();
    assert_eq!(test.engine.sweep_extractions().await.unwrap(), 3);
    assert_eq!(kept(&test).await, 1);
    test.engine.delete_bank("b").await.unwrap();
    assert_eq!(kept(&test).await, 0, "they go with their bank");
}

#[tokio::test]
async fn an_answer_of_the_wrong_form_is_asked_for_again() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.push(json!({"result": []}));
    llm.push(json!({"facts": [{"fact": "i like tea"}, fact("i like tea")]}));
    llm.push(facts(&[fact("i like tea")]));
    let response = test.retained("b", json!([{"content": "i like tea"}])).await.unwrap();
    assert_eq!(llm.asked(), 3);
    assert_eq!(response.usage.unwrap().total_tokens, 45, "every attempt counts");
    assert_eq!(texts(&test, "b").await, ["i like tea"]);
    let requests = llm.requests();
    assert!(requests[1].user().contains("no top-level list \"facts\""), "{}", requests[1].user());
    let roles: Vec<String> = requests[2].messages().into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"], "only the last bad answer is shown");
    assert!(requests[2].user().contains("with the keys fact;"), "{}", requests[2].user());
}

#[tokio::test]
async fn an_answer_that_stays_bad_fails_and_a_partly_good_one_is_taken() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(|_| json!({"nothing": true}));
    let error = test.retain("b", json!([{"content": "i like tea", "document_id": "d"}])).await.unwrap_err();
    assert!(
        error.to_string().contains("document 'd', chunk 1 of 1: no usable answer after 3 attempts"),
        "{error}"
    );
    assert_eq!(llm.asked(), 3);
    llm.answer_with(|_| json!({"facts": [fact("i like tea"), {"fact": "x"}, 7]}));
    let response = test.retained("b", json!([{"content": "i like tea"}])).await.unwrap();
    assert_eq!(llm.asked(), 6);
    let dropped = DroppedFacts { malformed: 2, ..DroppedFacts::default() };
    assert_eq!(response.extraction.unwrap().facts_dropped, dropped);
}

#[tokio::test]
async fn a_chunk_whose_answer_is_too_long_is_read_in_pieces() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    let sentences: Vec<String> =
        (0..40).map(|n| format!("the user has seen {n} birds on this one day.")).collect();
    let text = sentences.join(" ");
    llm.answer_with(|request| {
        let text = text_of(request);
        if text.len() > 700 {
            return Reply::json(&json!({"facts": []})).finish("length");
        }
        let mut facts: Vec<Value> = text.split_inclusive(". ").map(|text| fact(text.trim())).collect();
        let last = facts.len() - 1;
        facts[last]["causal_relations"] = json!([{"target_index": 0, "relation_type": "caused_by"}]);
        Reply::json(&json!({ "facts": facts }))
    });
    let response = test.retained("b", json!([{"content": text, "document_id": "d"}])).await.unwrap();
    assert_eq!(llm.asked(), 7, "one, its two halves, and theirs");
    assert_eq!(response.usage.unwrap().total_tokens, 7 * 15, "what was cut is paid for as well");
    let mut expected = sentences;
    expected.sort_unstable();
    assert_eq!(texts(&test, "b").await, expected, "nothing is lost and nothing doubled");
    assert_eq!(response.extraction.unwrap().chunks_done, 1);
    assert_eq!(kept(&test).await, 0);
}

#[tokio::test]
async fn a_piece_that_cannot_be_cut_any_more_fails_with_its_reason() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(|request| {
        let reply = echo(request);
        if text_of(request).contains("endless") { reply.finish("length") } else { reply }
    });
    let text = format!("{} endless {}", "the one word ".repeat(40), "the other word ".repeat(40));
    let error = test.retain("b", json!([{"content": text, "document_id": "d"}])).await.unwrap_err();
    assert!(error.to_string().contains("chunk 1 of 1: the answer for a piece of "), "{error}");
    assert_eq!(test.memories("b").await.len(), 0);
    assert!(kept(&test).await >= 1, "the other piece is kept");
}

#[tokio::test]
async fn inventions_and_empty_answers_are_counted() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    llm.push(facts(&[fact("the user works at Quillon Ltd"), fact("..."), fact("the first sentence")]));
    llm.push(facts(&[]));
    let text = "the first sentence stands here alone. the second one says nothing at all.";
    let response = test.retained("b", json!([{"content": text}])).await.unwrap();
    let report = ExtractionReport {
        chunks_done: 1,
        chunks_empty: 1,
        chunks_failed: 0,
        facts: 1,
        facts_dropped: DroppedFacts { malformed: 0, empty: 1, no_evidence: 1 },
    };
    assert_eq!(response.extraction, Some(report));
    assert_eq!(texts(&test, "b").await, ["the first sentence"]);
}

#[tokio::test]
async fn a_document_without_a_single_fact_is_stored() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(|_| json!({"facts": []}));
    test.retain("b", json!([{"content": "hello!", "document_id": "d"}])).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().original_text.as_deref(), Some("hello!"));
    assert_eq!(test.memories("b").await.len(), 0);
}

#[tokio::test]
async fn a_failure_that_all_share_ends_the_asking() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    let status = reqwest::StatusCode::UNAUTHORIZED;
    llm.answer_with(move |_| Reply::error(status, "wrong key"));
    let error = test.retain("b", json!([{"content": FIVE, "document_id": "d"}])).await.unwrap_err();
    assert_eq!(llm.asked(), 1);
    let EngineError::Extraction { message, remedy } = &error else { panic!("{error}") };
    assert_eq!(*remedy, Remedy::Configure);
    assert!(
        message.contains("chunk 1 of 5: the provider denied access")
            && message.contains("4 more chunks were not tried"),
        "{message}"
    );
    llm.answer_with(|_| Reply::rate_limited(3));
    let error = test.retain("b", json!([{"content": FIVE, "document_id": "d"}])).await.unwrap_err();
    assert!(matches!(error, EngineError::Extraction { remedy: Remedy::Busy, .. }), "{error}");
    llm.answer_with(|_| Reply::refusal("no"));
    let error = test.retain("b", json!([{"content": FIVE, "document_id": "d"}])).await.unwrap_err();
    assert!(matches!(error, EngineError::Extraction { remedy: Remedy::Rewrite, .. }), "{error}");
}

#[tokio::test]
async fn modes_ask_in_their_own_way() {
    let settings = Settings { extraction_mode: ExtractionMode::Verbatim, ..Settings::default() };
    let (test, llm) = TestEngine::with_llm(settings).await;
    let mut described = fact("not kept");
    described["entities"] = json!(["Rome"]);
    llm.push(facts(&[described]));
    test.retain("b", json!([{"content": "I love Rome. And I love tea."}])).await.unwrap();
    let memories = test.memories("b").await;
    assert_eq!(
        (memories[0].text.as_str(), memories[0].entities.as_str()),
        ("I love Rome. And I love tea.", "Rome")
    );

    let settings = Settings { extraction_mode: ExtractionMode::Chunks, ..Settings::default() };
    let (test, llm) = TestEngine::with_llm(settings).await;
    let response = test.retained("b", json!([{"content": "I love Rome. And I love tea."}])).await.unwrap();
    assert_eq!((llm.asked(), response.extraction), (0, None), "chunks need nobody to read them");
    assert_eq!(texts(&test, "b").await, ["I love Rome. And I love tea."]);
}

#[tokio::test]
async fn in_the_background_attempts_that_failed_are_paid_for_too() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    llm.answer_with(echo);
    let request = json!({"items": [{"content": FIVE, "document_id": "d"}], "async": true});
    let response = test.engine.retain("b", from_json(&request).unwrap()).await.unwrap();
    let id = Uuid::parse_str(&response.operation_id.unwrap()).unwrap();
    let result = async || -> Value {
        sqlx::query_scalar("select result from async_operations where operation_type = 'retain'")
            .fetch_one(&test.pool)
            .await
            .unwrap()
    };
    // Everything is read, and then nothing can be made of it, until there is no attempt left.
    test.embedder.fails.store(true, Ordering::Relaxed);
    let working = Working::start(&test.engine, quick());
    test.reaches("b", id, OperationStatus::Failed).await;
    assert_eq!(result().await["usage"]["total_tokens"], 75);
    // The answers are kept, so that only the first attempt has cost something.
    test.embedder.fails.store(false, Ordering::Relaxed);
    test.engine.retry_operation("b", id).await.unwrap();
    test.reaches("b", id, OperationStatus::Completed).await;
    working.stop().await;
    assert_eq!((llm.asked(), &result().await["usage"]["total_tokens"]), (5, &json!(75)));
    assert_eq!(texts(&test, "b").await.len(), 5);
}

#[tokio::test]
async fn in_the_background_what_was_read_is_told_and_an_unknown_strategy_refused() {
    let (test, llm) = TestEngine::with_llm(small_chunks()).await;
    llm.answer_with(echo);
    let submit = async |items: Value| {
        let request = from_json(&json!({"items": items, "async": true})).unwrap();
        test.engine.retain("b", request).await
    };
    let error = submit(json!([{"content": "x", "strategy": "fast"}])).await.unwrap_err();
    assert!(matches!(error, EngineError::Invalid(_)), "{error}");
    assert_eq!(test.engine.list_banks(None, 10, 0).await.unwrap().total, 0);
    let response = submit(json!([{"content": FIVE, "document_id": "d"}])).await.unwrap();
    assert_eq!((response.usage, response.extraction, llm.asked()), (None, None, 0), "nobody has waited");
    let id = Uuid::parse_str(&response.operation_id.unwrap()).unwrap();
    let working = Working::start(&test.engine, quick());
    test.reaches("b", id, OperationStatus::Completed).await;
    working.stop().await;
    assert_eq!(llm.asked(), 5);
    assert_eq!(texts(&test, "b").await.len(), 5);
    let told: Value =
        sqlx::query_scalar("select result from async_operations where operation_type = 'retain'")
            .fetch_one(&test.pool)
            .await
            .unwrap();
    assert_eq!((&told["facts"], &told["usage"]["total_tokens"]), (&json!(5), &json!(75)));
    assert_eq!(told["extraction"]["chunks_done"], 5);
    assert_eq!(kept(&test).await, 0);
}
