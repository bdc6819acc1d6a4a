//! What is kept of the calls of language models.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use hindsight_testkit::{Gate, LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use crate::consolidation::{answer, bank, ended};
use crate::support::TestApp;

const RECORDS: &str = "/v1/default/banks/b/llm-requests";
const STATS: &str = "/v1/default/banks/b/llm-requests/stats";
const REFLECT: &str = "/v1/default/banks/b/reflect";
/// Three sentences that are chunks of their own where those have at most 60 characters.
const THREE: &str = "alice lives in rome and has a red bicycle. bob works at the old harbour each night. \
    carol plays the violin in a small orchestra.";

/// A fact that says what the text says.
fn echo(request: &LlmRequest) -> Reply {
    let user = request.user();
    let text =
        user.split_once("<text>\n").and_then(|(_, rest)| rest.split_once("\n</text>")).unwrap().0.to_owned();
    Reply::json(&json!({"facts": [
        {"what": text, "fact_type": "world", "fact_kind": "conversation", "entities": []}
    ]}))
    .usage(90, 30)
}

/// A server in whose bank `b` only what a test does is recorded.
async fn app(more: &[(&str, &str)]) -> (TestApp, ScriptedLlm) {
    let mut variables = vec![
        ("HINDSIGHT_API_RETAIN_CHUNK_SIZE", "60"),
        ("HINDSIGHT_API_RETAIN_LLM_MAX_RETRIES", "1"),
        ("HINDSIGHT_API_LLM_INITIAL_BACKOFF", "0"),
    ];
    variables.extend_from_slice(more);
    let (app, llm) = TestApp::with_llm(&variables).await;
    llm.answer_with(echo);
    (app, llm)
}

async fn retain(app: &TestApp, text: &str, document: &str) {
    let answer = app.retain(json!([{"content": text, "document_id": document}])).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

/// The number of all records that match, and those of the page.
async fn list(app: &TestApp, query: &str) -> (i64, Vec<Value>) {
    let answer = app.get(&format!("{RECORDS}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    (answer.body["total"].as_i64().unwrap(), answer.body["items"].as_array().unwrap().clone())
}

fn texts<'v>(items: &'v [Value], key: &str) -> Vec<&'v str> {
    items.iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_chunk_of_a_retain_has_a_record() {
    let (app, llm) = app(&[]).await;
    retain(&app, THREE, "d").await;
    assert_eq!(llm.asked(), 3);
    let (total, items) = list(&app, "").await;
    assert_eq!((total, items.len()), (3, 3));
    for item in &items {
        assert_eq!(item["bank_id"], "b");
        assert_eq!((&item["operation"], &item["scope"]), (&json!("retain"), &json!("retain_extract_facts")));
        assert_eq!((&item["provider"], &item["model"]), (&json!("openai"), &json!("scripted")));
        assert_eq!((&item["status"], &item["error"]), (&json!("success"), &Value::Null));
        assert_eq!((&item["input_tokens"], &item["output_tokens"]), (&json!(90), &json!(30)));
        assert_eq!(item["total_tokens"], 120);
        assert_eq!(item["ended_at"], "2024-05-10T12:00:00+00:00");
        assert!(item["duration_ms"].as_i64().unwrap() >= 0);
        assert_eq!(item["llm_info"]["finish_reason"], "stop");
        assert_eq!(item["llm_info"]["request"]["temperature"], 0.1);
        assert_eq!(item["input"][0]["role"], "system");
        assert!(item["input"][1]["content"].as_str().unwrap().contains("<text>\n"));
        assert!(item["output"].as_str().unwrap().contains("\"facts\""));
        assert_eq!(item["metadata"]["document_id"], "d");
        assert_eq!(
            (item["trace_id"].as_str().unwrap().len(), item["span_id"].as_str().unwrap().len()),
            (32, 16)
        );
    }
    let (traces, parents) = (texts(&items, "trace_id"), texts(&items, "parent_span_id"));
    assert!(traces.iter().all(|id| *id == traces[0]) && parents.iter().all(|id| *id == parents[0]));
    let mut spans = texts(&items, "span_id");
    spans.sort_unstable();
    spans.dedup();
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn records_know_the_memories_that_came_of_them() {
    let (app, _llm) = app(&[]).await;
    retain(&app, THREE, "d").await;
    retain(&app, "dave sails around the world alone.", "e").await;
    let memories =
        app.get("/v1/default/banks/b/memories/list").await.body["items"].as_array().unwrap().clone();
    assert_eq!(memories.len(), 4);
    for memory in &memories {
        let document = memory["document_id"].as_str().unwrap();
        let (total, items) = list(&app, &format!("memory_id={}", memory["id"].as_str().unwrap())).await;
        assert_eq!(total, if document == "d" { 3 } else { 1 });
        for item in items {
            assert_eq!(item["metadata"]["document_id"], document);
            assert!(item["metadata"]["memory_ids"].as_array().unwrap().contains(&memory["id"]));
        }
    }
}

#[tokio::test]
async fn an_attempt_that_fails_has_a_record_of_its_own() {
    let (app, llm) = app(&[]).await;
    llm.push(Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "no luck with the key hush"));
    retain(&app, "alice likes tea.", "d").await;
    let (_, items) = list(&app, "").await;
    assert_eq!(texts(&items, "status"), ["success", "error"], "the newest first");
    let error = items[1]["error"].as_str().unwrap();
    assert!(error.contains("status 500: no luck") && !error.contains("hush"), "{error}");
    for absent in ["output", "input_tokens", "output_tokens", "cached_tokens", "total_tokens"] {
        assert_eq!(items[1][absent], Value::Null, "{absent}");
    }
    assert_eq!(items[0]["trace_id"], items[1]["trace_id"]);
    assert_eq!(list(&app, "status=error").await.0, 1);
    assert_eq!(list(&app, "status=success").await.0, 1);
}

#[tokio::test]
async fn an_answer_that_is_no_use_is_an_error_with_what_it_cost() {
    let (app, llm) = app(&[]).await;
    llm.push(Reply::text("no json at all").usage(7, 3));
    retain(&app, "alice likes tea.", "d").await;
    let (_, items) = list(&app, "").await;
    assert_eq!(texts(&items, "status"), ["success", "error"]);
    assert_eq!((&items[1]["output"], &items[1]["total_tokens"]), (&json!("no json at all"), &json!(10)));
    assert!(items[1]["error"].as_str().unwrap().contains("no JSON"));
    assert_eq!(
        items[0]["input"].as_array().unwrap().len(),
        4,
        "the repair shows the answer and says what is wrong"
    );
}

#[tokio::test]
async fn the_calls_of_a_question_are_one_trace() {
    let (app, llm) = app(&[]).await;
    retain(&app, "alice lives in rome.", "d").await;
    llm.push_all([
        Reply::calls([("recall", json!({"query": "alice", "reason": "to know"}))]),
        Reply::calls([(
            "done",
            json!({"answer": "In Rome.", "answer_found": true, "memory_ids": [], "observation_ids": []}),
        )]),
    ]);
    let answer = app.post(REFLECT, json!({"query": "Where does alice live?"})).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let (total, items) = list(&app, "operation=reflect").await;
    assert_eq!(total, 2);
    assert_eq!(texts(&items, "scope"), ["reflect_agent"; 2]);
    let steps: Vec<_> = items.iter().map(|item| item["metadata"]["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["agent_2", "agent_1"]);
    let trace = items[0]["trace_id"].as_str().unwrap();
    assert_eq!(items[1]["trace_id"], trace);
    assert_eq!(items[1]["output"]["tool_calls"][0]["name"], "recall");
    assert_eq!(items[1]["llm_info"]["finish_reason"], "tool_calls");
    assert_eq!(list(&app, &format!("trace_id={trace}")).await.0, 2);
    assert_eq!(list(&app, "trace_id=unknown").await, (0, Vec::new()));
}

#[tokio::test]
async fn pages_are_of_records_or_of_traces() {
    let (app, _llm) = app(&[]).await;
    retain(&app, THREE, "d").await;
    retain(&app, "dave sails around the world alone.", "e").await;
    let (total, first) = list(&app, "limit=1").await;
    assert_eq!((total, first.len()), (4, 1));
    assert_eq!(first[0]["metadata"]["document_id"], "e");
    let (total, rest) = list(&app, "limit=500&offset=1").await;
    assert_eq!((total, rest.len()), (4, 3));
    let (total, newest) = list(&app, "group=true&limit=1").await;
    assert_eq!((total, newest.len()), (2, 1));
    let (total, older) = list(&app, "group=true&limit=1&offset=1").await;
    assert_eq!((total, older.len()), (2, 3));
    assert!(older.iter().chain(&newest).all(|item| item["input"].is_array()));
    assert_ne!(newest[0]["trace_id"], older[0]["trace_id"]);
    let (total, found) = list(&app, "group=true&document_id=d").await;
    assert_eq!((total, found.len()), (1, 3));
}

#[tokio::test]
async fn filters_let_through_what_they_name() {
    let (app, _llm) = app(&[]).await;
    retain(&app, "alice likes tea.", "d").await;
    for (query, total) in [
        ("operation=retain&scope=retain_extract_facts&provider=openai&document_id=d&call_type=llm", 1),
        ("operation=reflect", 0),
        ("scope=retain", 0),
        ("provider=other", 0),
        ("document_id=e", 0),
        ("memory_id=00000000-0000-7000-8000-000000000000", 0),
        ("call_type=embedding", 0),
        ("call_type=rerank", 0),
        ("call_type=decision", 0),
        ("start_date=2024-05-10T11:00:00Z&end_date=2024-05-10T12:00:01Z", 1),
        ("start_date=2024-05-10T12:00:01Z", 0),
        ("end_date=2024-05-10T11:00:00Z", 0),
        ("offset=1", 1),
    ] {
        assert_eq!(list(&app, query).await.0, total, "{query}");
    }
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let (app, _llm) = app(&[]).await;
    retain(&app, "alice likes tea.", "d").await;
    for query in
        ["status=done", "memory_id=x", "start_date=soon", "start_date=2024-05-10&end_date=2024-05-09"]
    {
        assert_eq!(app.get(&format!("{RECORDS}?{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
    for (query, name) in [
        ("call_type=x", "call_type"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("group=x", "group"),
    ] {
        let answer = app.get(&format!("{RECORDS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.problems()[0].1, json!(["query", name]), "{query}");
    }
    assert_eq!(app.get(&format!("{STATS}?period=1h")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get(&format!("{STATS}?call_type=x")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for path in ["/v1/default/banks/none/llm-requests", "/v1/default/banks/none/llm-requests/stats"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.post(RECORDS, json!({})).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn days_are_counted_with_what_they_cost() {
    let (app, llm) = app(&[]).await;
    llm.push(Reply::server_error());
    retain(&app, "alice likes tea.", "d").await;
    let stats = app.get(STATS).await.body;
    assert_eq!(
        (&stats["bank_id"], &stats["period"], &stats["trunc"]),
        (&json!("b"), &json!("7d"), &json!("day"))
    );
    assert_eq!(stats["start"], "2024-05-03T12:00:00+00:00");
    assert_eq!(
        stats["buckets"],
        json!([{
            "time": "2024-05-10T00:00:00+00:00", "statuses": {"success": 1, "error": 1}, "total": 2,
            "tokens": {"input": 90, "output": 30, "cached": 0, "thoughts": 0, "total": 120},
        }])
    );
    assert_eq!(
        app.get(&format!("{STATS}?period=30d&operation=retain&call_type=llm")).await.body["buckets"][0]["total"],
        2
    );
    for query in ["operation=reflect", "call_type=embedding"] {
        assert_eq!(
            app.get(&format!("{STATS}?period=1d&{query}")).await.body["buckets"],
            json!([]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn long_texts_are_cut() {
    let (app, _llm) = app(&[("HINDSIGHT_API_LLM_TRACE_MAX_CHARS", "60")]).await;
    retain(&app, "alice likes tea.", "d").await;
    let (_, items) = list(&app, "").await;
    for part in ["input", "output"] {
        let part = &items[0][part];
        assert_eq!(part["_truncated"], true);
        assert_eq!(part["preview"].as_str().unwrap().chars().count(), 60);
        assert!(part["_original_chars"].as_i64().unwrap() > 60);
    }
    assert_eq!(items[0]["total_tokens"], 120);
}

#[tokio::test]
async fn nothing_is_kept_that_is_not_wanted() {
    for variables in [
        ("HINDSIGHT_API_LLM_TRACE_ENABLED", "false"),
        ("HINDSIGHT_API_LLM_TRACE_SCOPES", "reflect, consolidation"),
        ("HINDSIGHT_API_LLM_TRACE_EXCLUDE_SCOPES", "retain_extract_facts"),
    ] {
        let (app, llm) = app(&[variables]).await;
        retain(&app, "alice likes tea.", "d").await;
        assert_eq!((llm.asked(), list(&app, "").await.0), (1, 0), "{variables:?}");
        let is_on = variables.0 != "HINDSIGHT_API_LLM_TRACE_ENABLED";
        assert_eq!(app.get("/version").await.body["features"]["llm_trace"], is_on);
    }
}

#[tokio::test]
async fn records_are_their_bank_s_and_go_with_it() {
    let (app, _llm) = app(&[]).await;
    retain(&app, "alice likes tea.", "d").await;
    let other =
        app.post("/v1/default/banks/c/memories", json!({"items": [{"content": "bob likes tea."}]})).await;
    assert_eq!(other.status, StatusCode::OK);
    let trace = list(&app, "").await.1[0]["trace_id"].as_str().unwrap().to_owned();
    let others = app.get(&format!("/v1/default/banks/c/llm-requests?trace_id={trace}")).await;
    assert_eq!((&others.body["total"], &others.body["items"]), (&json!(0), &json!([])));
    assert_eq!(app.get("/v1/default/banks/c/llm-requests").await.body["total"], 1);
    assert_eq!(app.delete("/v1/default/banks/b").await.status, StatusCode::OK);
    assert_eq!(app.get(RECORDS).await.status, StatusCode::NOT_FOUND);
    app.json(Method::PUT, "/v1/default/banks/b", json!({})).await;
    assert_eq!(list(&app, "").await.0, 0, "a new bank of the name has none");
    assert_eq!(app.get("/v1/default/banks/c/llm-requests").await.body["total"], 1);
}

#[tokio::test]
async fn a_try_has_records_where_there_is_a_bank() {
    let (app, llm) = app(&[]).await;
    let path = "/v1/default/banks/b/memories/dry-run-extract";
    assert_eq!(app.post(path, json!({"content": "alice likes tea."})).await.status, StatusCode::OK);
    app.json(Method::PUT, "/v1/default/banks/b", json!({})).await;
    assert_eq!((llm.asked(), list(&app, "").await.0), (1, 0));
    assert_eq!(app.post(path, json!({"content": "alice likes tea."})).await.status, StatusCode::OK);
    let (_, items) = list(&app, "").await;
    assert_eq!(texts(&items, "operation"), ["dry_run_extract"]);
}

#[tokio::test]
async fn a_request_that_was_given_up_is_recorded() {
    let (app, llm) = app(&[("HINDSIGHT_API_LLM_TRACE_SCOPES", "retain")]).await;
    let gate = Gate::closed();
    llm.push(Reply::text("late").behind(&gate));
    let asked = tokio::time::timeout(Duration::from_secs(60), async {
        tokio::select! {
            _ = app.retain(json!([{"content": "alice likes tea."}])) => panic!("nothing was answered"),
            () = llm.wait_until_asked(1) => {}
        }
    });
    asked.await.unwrap();
    let (_, items) = list(&app, "").await;
    assert_eq!(texts(&items, "status"), ["error"]);
    assert!(items[0]["error"].as_str().unwrap().contains("given up"));
}

#[tokio::test]
async fn work_in_the_background_is_recorded_with_its_operation() {
    let (app, _llm) = app(&[("HINDSIGHT_API_ENABLE_AUTO_CONSOLIDATION", "false")]).await;
    let request = json!({"items": [{"content": "alice likes tea.", "document_id": "d"}], "async": true});
    let requested = app.post("/v1/default/banks/b/memories", request).await.body;
    assert_eq!(ended(&app, &requested).await["status"], "completed");
    let (_, items) = list(&app, "").await;
    assert_eq!(texts(&items, "operation"), ["retain"]);
    assert_eq!(items[0]["metadata"]["document_id"], "d");
    assert!(items[0]["metadata"]["operation_id"].is_string());
}

#[tokio::test]
async fn observations_are_recorded_with_the_facts_they_are_made_of() {
    let (app, llm) = app(&[]).await;
    bank(&app).await;
    retain(&app, "Ann drinks tea", "d").await;
    llm.answer_with(answer);
    let requested = app.post("/v1/default/banks/b/consolidate", json!({})).await.body;
    assert_eq!(ended(&app, &requested).await["status"], "completed");
    let memories = app.get("/v1/default/banks/b/memories/list?type=world").await.body["items"].clone();
    let (_, items) = list(&app, &format!("memory_id={}", memories[0]["id"].as_str().unwrap())).await;
    assert_eq!(texts(&items, "operation"), ["consolidation"]);
    assert_eq!(items[0]["scope"], "consolidation");
    assert_eq!(items[0]["metadata"]["source_memory_ids"], json!([memories[0]["id"]]));
    assert_eq!(items[0]["metadata"]["operation_id"], requested["operation_id"]);
}
