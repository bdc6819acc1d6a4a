//! A server whose facts a language model reads.

use axum::http::{Method, StatusCode, header};
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use crate::support::TestApp;

const MEMORIES: &str = "/v1/default/banks/b/memories";
const DRY_RUN: &str = "/v1/default/banks/b/memories/dry-run-extract";
const CONFIG: &str = "/v1/default/banks/b/config";

fn facts(texts: &[&str]) -> Value {
    let fact = |what: &&str| json!({"what": what, "fact_type": "world", "fact_kind": "conversation", "entities": []});
    json!({"facts": texts.iter().map(fact).collect::<Vec<_>>()})
}

async fn texts(app: &TestApp) -> Vec<String> {
    let list = app.get("/v1/default/banks/b/memories/list").await;
    let items = list.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_retain_says_what_it_cost_and_what_was_left_out() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    llm.push(Reply::json(&facts(&["The user likes tea.", "The user works at Quillon Ltd."])).usage(90, 30));
    let answer = app.retain(json!([{"content": "i like tea, and that is all there is"}])).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.body["usage"]["input_tokens"], 90);
    assert_eq!(answer.body["usage"]["output_tokens"], 30);
    assert_eq!(
        answer.body["extraction"],
        json!({
            "chunks_done": 1, "chunks_empty": 0, "chunks_failed": 0, "facts": 1,
            "facts_dropped": {"malformed": 0, "empty": 0, "no_evidence": 1},
        })
    );
    assert_eq!(texts(&app).await, ["The user likes tea."]);
    let request = llm.last_request();
    assert!(request.user().contains("<text>\ni like tea, and that is all there is\n</text>"));
    assert_eq!(request.body["temperature"], 0.1);
    app.audit().await;
}

#[tokio::test]
async fn statuses_say_what_can_be_done() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    for (reply, status, words) in [
        (Reply::rate_limited(90), StatusCode::SERVICE_UNAVAILABLE, "quota resets"),
        (Reply::refusal("not that"), StatusCode::UNPROCESSABLE_ENTITY, "the model refused"),
        (
            Reply::error(StatusCode::UNAUTHORIZED, "bad key"),
            StatusCode::INTERNAL_SERVER_ERROR,
            "denied access",
        ),
        (Reply::server_error(), StatusCode::INTERNAL_SERVER_ERROR, "could not be asked"),
    ] {
        llm.push(reply);
        let answer = app.retain(json!([{"content": "i like tea", "document_id": "d"}])).await;
        assert_eq!(answer.status, status, "{:?}", answer.body);
        let detail = answer.detail();
        assert!(detail.contains("document 'd', chunk 1 of 1") && detail.contains(words), "{detail}");
        let retry = answer.headers.get(header::RETRY_AFTER);
        assert_eq!(retry.is_some(), status == StatusCode::SERVICE_UNAVAILABLE);
        assert!(!detail.contains("hush"));
    }
    assert_eq!(texts(&app).await, Vec::<String>::new());
    llm.push(facts(&["i like tea"]));
    assert_eq!(app.retain(json!([{"content": "i like tea"}])).await.status, StatusCode::OK);
    app.audit().await;
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_makes_no_bank() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    llm.answer_with(|_: &LlmRequest| {
        let mut answer = facts(&["The user went to Rome."]);
        answer["facts"][0]["fact_kind"] = json!("event");
        answer["facts"][0]["occurred_start"] = json!("2024-05-09");
        answer["facts"][0]["entities"] = json!(["user", "Rome"]);
        answer["facts"][0]["labels"] = json!({"topic": "travel"});
        Reply::json(&answer)
    });
    let request = json!({
        "content": "i went to rome yesterday", "context": "chat", "timestamp": "2024-05-10T09:00:00Z",
        "retain_mission": "Where the user goes.", "llm_output_language": "English",
        "entity_labels": [{"key": "topic", "values": [{"value": "travel"}]}], "agent_name": "x",
    });
    let answer = app.post(DRY_RUN, request).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(
        answer.body["facts"],
        json!([{
            "text": "The user went to Rome.", "fact_type": "world",
            "occurred_start": "2024-05-09T00:00:00+00:00", "occurred_end": "2024-05-09T23:59:59.999999+00:00",
            "entities": ["user", "Rome", "topic:travel"], "chunk_index": 0, "attachments": [],
        }])
    );
    assert_eq!(answer.body["chunks"], json!([{"text": "i went to rome yesterday", "fact_count": 1}]));
    assert_eq!(answer.body["usage"]["total_tokens"], 15);
    let asked = llm.last_request();
    assert!(asked.user().contains("Where the user goes.") && asked.user().contains("- topic (one of)"));
    assert!(asked.system().contains("write everything in English"));
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
    for (request, status) in [
        (json!({"content": " "}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"content": "x", "retain_chunk_size": 0}), StatusCode::BAD_REQUEST),
        (json!({"content": "x", "retain_extraction_mode": "huge"}), StatusCode::BAD_REQUEST),
        (json!({"content": "x", "strategy": "none"}), StatusCode::BAD_REQUEST),
        (json!({"content": "x", "entity_labels": "topic"}), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = app.post(DRY_RUN, request.clone()).await;
        assert_eq!(answer.status, status, "{request}: {:?}", answer.body);
    }
    let answer = app.post(DRY_RUN, json!({"content": "x", "entity_labels": [{"key": ""}]})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{:?}", answer.body);
    assert_eq!(
        answer.body["detail"],
        json!([{
            "type": "value_error", "loc": ["body", "entity_labels"],
            "msg": "Value error, entity_labels[0].key must be a name", "input": [{"key": ""}], "ctx": {"error": {}},
        }])
    );
    assert_eq!(llm.asked(), 1);
    app.audit().await;
}

#[tokio::test]
async fn dry_runs_need_no_model_and_can_be_switched_off() {
    let app = TestApp::start().await;
    let request = json!({"content": "I like tea. I moved to Rome in 2021.", "retain_chunk_size": 20});
    let answer = app.post(DRY_RUN, request.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let counts: Vec<i64> = answer.body["chunks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chunk| chunk["fact_count"].as_i64().unwrap())
        .collect();
    assert!(counts.len() > 1 && counts.iter().all(|count| *count == 1), "{:?}", answer.body);
    assert_eq!(answer.body["usage"]["total_tokens"], 0);
    let off = TestApp::with(&[("HINDSIGHT_API_ENABLE_DRY_RUN_EXTRACT", "false")]).await;
    assert_eq!(off.post(DRY_RUN, request).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_bank_changes_its_settings() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    assert_eq!(app.get(CONFIG).await.status, StatusCode::NOT_FOUND);
    let patch = |updates: Value| app.json(Method::PATCH, CONFIG, json!({"updates": updates}));
    let answer = patch(json!({
        "HINDSIGHT_API_RETAIN_MISSION": "What the user drinks.", "retain_chunk_size": 40,
        "entity_labels": [{"key": "topic", "values": ["drinks"], "tag": true}], "entities_allow_free_form": false,
    }))
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let mut overrides: Vec<&String> = answer.body["overrides"].as_object().unwrap().keys().collect();
    overrides.sort_unstable();
    assert_eq!(
        overrides,
        ["entities_allow_free_form", "entity_labels", "retain_chunk_size", "retain_mission"]
    );
    assert_eq!(answer.body["config"]["retain_chunk_size"], 40);
    assert_eq!(answer.body["config"]["retain_extraction_mode"], "concise");
    assert_eq!(answer.body["config"].as_object().unwrap().len(), 57);

    let mut labelled = facts(&["i like tea"]);
    labelled["facts"][0]["labels"] = json!({"topic": "Drinks"});
    labelled["facts"][0]["entities"] = json!(["tea"]);
    llm.push(labelled);
    assert_eq!(app.retain(json!([{"content": "i like tea"}])).await.status, StatusCode::OK);
    assert!(llm.last_request().user().starts_with("# Mission\n"));
    let listed = app.get("/v1/default/banks/b/memories/list").await;
    assert_eq!(listed.body["items"][0]["entities"], "topic:drinks");
    assert_eq!(listed.body["items"][0]["tags"], json!(["topic:drinks"]));

    for (updates, words) in [
        (json!({"retain_chunk_size": true}), "retain_chunk_size must be a positive whole number"),
        (
            json!({"retain_chunk_size": 70_000}),
            "must be less than HINDSIGHT_API_RETAIN_MAX_COMPLETION_TOKENS",
        ),
        (json!({"llm_api_key": "x"}), "no setting of a bank"),
        (json!({"retain_default_strategy": "fast"}), "there is no retain strategy 'fast'"),
        (
            json!({"retain_strategies": {"fast": {"retain_extraction_mode": "huge"}}}),
            "retain_strategies.fast: ",
        ),
        (json!({"entity_labels": [{"key": "a", "type": "b"}]}), "entity_labels[0].type"),
        (json!({"recall_budget_min": 3000}), "recall_budget_min (3000) must not be more than"),
        (json!({"retain_mission": "changed", "memory_defense": {}}), "memory_defense has no effect"),
    ] {
        let answer = patch(updates).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.detail().contains(words), "{}", answer.detail());
    }
    assert_eq!(app.get(CONFIG).await.body["config"]["retain_mission"], "What the user drinks.");
    let answer = patch(json!({"retain_mission": null})).await;
    assert_eq!(answer.body["config"]["retain_mission"], Value::Null);
    assert!(answer.body["overrides"].get("retain_mission").is_none());
    let answer = app.delete(CONFIG).await;
    assert_eq!((answer.status, &answer.body["overrides"]), (StatusCode::OK, &json!({})));
    app.audit().await;
}

#[tokio::test]
async fn changing_settings_of_banks_can_be_switched_off() {
    let app = TestApp::with(&[("HINDSIGHT_API_ENABLE_BANK_CONFIG_API", "false")]).await;
    app.retain(json!([{"content": "i like tea"}])).await;
    assert_eq!(app.get(CONFIG).await.status, StatusCode::OK);
    let updates = json!({"updates": {"retain_mission": "x"}});
    assert_eq!(app.json(Method::PATCH, CONFIG, updates).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(CONFIG).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn items_are_retained_by_their_strategies() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let is_loud = request.user().contains("Shout.");
        Reply::json(&facts(&[if is_loud { "THE USER LIKES TEA" } else { "the user likes tea" }]))
    });
    let updates = json!({
        "retain_strategies": {
            "raw": {"retain_extraction_mode": "chunks"},
            "loud": {"retain_mission": "Shout."},
            "secret": {"store_document_text": false, "retain_extraction_mode": "chunks"},
        },
        "retain_default_strategy": "loud",
    });
    let answer = app.json(Method::PATCH, CONFIG, json!({ "updates": updates })).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let answer = app
        .retain(json!([
            {"content": "raw: i like tea", "document_id": "1", "strategy": "raw"},
            {"content": "i like tea", "document_id": "2"},
            {"content": "secret: i like tea", "document_id": "3", "strategy": "secret"},
        ]))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(llm.asked(), 1);
    assert_eq!(answer.body["usage"]["total_tokens"], 15);
    let mut found = texts(&app).await;
    found.sort_unstable();
    assert_eq!(found, ["THE USER LIKES TEA", "raw: i like tea", "secret: i like tea"]);
    let text_of = async |id: &str| {
        app.get(&format!("/v1/default/banks/b/documents/{id}")).await.body["original_text"].clone()
    };
    assert_eq!((text_of("1").await, text_of("3").await), (json!("raw: i like tea"), Value::Null));

    let answer =
        app.post(MEMORIES, json!({"items": [{"content": "x"}, {"content": "x", "strategy": "fast"}]})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.detail(),
        "items[1].strategy: the bank has no retain strategy 'fast'; it has raw, loud, secret"
    );
    assert_eq!(texts(&app).await.len(), 3);
    app.audit().await;
}
