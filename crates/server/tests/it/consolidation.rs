//! Observations over HTTP: requested, waited for, looked at.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use hindsight_engine::jobs::{Worker, WorkerSettings};
use hindsight_testkit::{LlmRequest, ScriptedLlm};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{PATIENCE, TestApp};

const CONSOLIDATE: &str = "/v1/default/banks/b/consolidate";
const RECOVER: &str = "/v1/default/banks/b/consolidation/recover";

/// Everything that is new is one observation, or goes to the one there is.
pub(crate) fn answer(request: &LlmRequest) -> Value {
    let user = request.user();
    let facts: Vec<(&str, &str)> =
        user.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] ")).collect();
    let ids: Vec<&str> = facts.iter().map(|(id, _)| *id).collect();
    let text = facts.iter().map(|(_, text)| text.split(" (").next().unwrap()).collect::<Vec<_>>().join(", ");
    let shown = user.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
    match shown {
        None => json!({"creates": [{"text": text, "source_fact_ids": ids}]}),
        Some(shown) => {
            json!({"updates": [{"observation_id": shown["id"], "text": text, "source_fact_ids": ids}]})
        }
    }
}

/// A bank whose texts are facts as they are, and whose observations are made when asked for.
pub(crate) async fn bank(app: &TestApp) {
    let updates =
        json!({"updates": {"retain_extraction_mode": "chunks", "enable_auto_consolidation": false}});
    let answer = app.json(Method::PATCH, "/v1/default/banks/b/config", updates).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

/// Waits for the operation that an answer names, with a worker that works on it.
pub(crate) async fn ended(app: &TestApp, requested: &Value) -> Value {
    let (stop, stopped) = watch::channel(false);
    let (busy, _) = watch::channel(false);
    let worker = Worker::new(app.engine.clone(), WorkerSettings::default());
    let worker = tokio::spawn(worker.run(stopped, busy));
    let path = format!("/v1/default/banks/b/operations/{}", requested["operation_id"].as_str().unwrap());
    let begin = Instant::now();
    let operation = loop {
        let operation = app.get(&path).await.body;
        if ["completed", "failed", "cancelled"].contains(&operation["status"].as_str().unwrap()) {
            break operation;
        }
        assert!(begin.elapsed() < PATIENCE, "it never ends: {operation}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    // What comes next is not to meet a worker on its way out.
    stop.send_replace(true);
    worker.await.expect("the worker ends");
    operation
}

#[tokio::test]
async fn observations_are_made_changed_and_remember_how_they_were() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    bank(&app).await;
    llm.answer_with(answer);
    for text in ["Ann drinks tea", "Ann drinks milk"] {
        let retained = app.retain(json!([{"content": text, "tags": ["ann"]}])).await;
        assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
        let requested = app.post(CONSOLIDATE, json!({})).await;
        assert_eq!(requested.status, StatusCode::OK, "{:?}", requested.body);
        assert_eq!(requested.body["deduplicated"], json!(false));
        let operation = ended(&app, &requested.body).await;
        assert_eq!(operation["status"], "completed", "{operation}");
        assert_eq!(operation["operation_type"], "consolidation");
        assert_eq!(operation["result_metadata"]["memories_processed"], 1);
    }
    let list = app.get("/v1/default/banks/b/memories/list?type=observation").await.body;
    let observation = &list["items"][0];
    assert_eq!((&list["total"], &observation["text"]), (&json!(1), &json!("Ann drinks milk")));
    assert_eq!((&observation["proof_count"], &observation["tags"]), (&json!(2), &json!(["ann"])));
    let id = observation["id"].as_str().unwrap();
    let history = app.get(&format!("/v1/default/banks/b/memories/{id}/history")).await;
    assert_eq!(history.status, StatusCode::OK);
    assert_eq!(history.body[0]["previous_text"], "Ann drinks tea");
    assert_eq!(history.body[0]["source_facts"][1]["is_new"], true);
    assert_eq!(history.body[0]["source_facts"][1]["type"], "world");
    for (state, total) in [("done", 2), ("pending", 0), ("failed", 0)] {
        let list =
            app.get(&format!("/v1/default/banks/b/memories/list?consolidation_state={state}")).await.body;
        assert_eq!(list["total"], total, "{state}");
    }
    let scopes = app.get("/v1/default/banks/b/observations/scopes").await.body;
    assert_eq!(scopes["scopes"], json!([{"tags": ["ann"], "count": 1}]));
    let strategies = json!([
        {"scopes": [{"tags": []}]},
        {"scopes": [{"tags": ["a*"]}, {"tags": ["b"]}], "max_observations_per_scope": 5},
        {"scopes": [{"tags": ["ann"], "tags_match": "exact"}]},
    ]);
    let preview = "/v1/default/banks/b/consolidation-strategies/preview";
    let answer = app.post(preview, json!({ "strategies": strategies })).await;
    let ann = json!([{"tags": ["ann"], "count": 1, "handled_by": 1}]);
    assert_eq!(
        answer.body,
        json!({
            "strategies": [
                {"active": false, "claimed_count": 0, "rules": [
                    {"match_count": 0, "taken_count": 0, "observation_count": 0, "samples": []}]},
                {"active": true, "claimed_count": 1, "rules": [
                    {"match_count": 1, "taken_count": 0, "observation_count": 1, "samples": ann},
                    {"match_count": 0, "taken_count": 0, "observation_count": 0, "samples": []}]},
                {"active": true, "claimed_count": 0, "rules": [
                    {"match_count": 1, "taken_count": 1, "observation_count": 1, "samples": ann}]},
            ],
            "default": {"match_count": 0, "observation_count": 0, "samples": []},
            "scopes_scanned": 1,
            "complete": true,
        })
    );
    let wrong = app.post(preview, json!({"strategies": [], "sample_limit": 51})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    app.audit().await;
}

#[tokio::test]
async fn what_is_wrong_gets_a_clear_answer() {
    let (app, _llm) = TestApp::with_llm(&[]).await;
    for path in [CONSOLIDATE, RECOVER] {
        assert_eq!(app.post(path, json!(null)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    bank(&app).await;
    app.retain(json!([{"content": "Ann drinks tea"}])).await;
    let wrong = app.post(CONSOLIDATE, json!({"observation_scopes": "ann"})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for id in ["x", "0190a1b2-c3d4-7abc-8000-000000000001"] {
        let history = app.get(&format!("/v1/default/banks/b/memories/{id}/history")).await;
        let expected = if id == "x" { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
        assert_eq!(history.status, expected, "{id}");
    }
    let recovered = app.post(RECOVER, json!(null)).await;
    assert_eq!((recovered.status, recovered.body), (StatusCode::OK, json!({"retried_count": 0})));
}

#[tokio::test]
async fn without_a_model_a_run_is_over_at_once() {
    let app = TestApp::start().await;
    app.retain(json!([{"content": "Ann drinks tea"}])).await;
    let requested = app.post(CONSOLIDATE, json!(null)).await;
    assert_eq!(requested.status, StatusCode::OK, "{:?}", requested.body);
    let operation = ended(&app, &requested.body).await;
    assert_eq!(operation["result_metadata"]["status"], "disabled");
    let stats = app.get("/v1/default/banks/b/stats").await.body;
    assert_eq!(stats["pending_consolidation"], 0, "nothing waits for ever");
}

/// Texts of an observation, the present one last.
async fn texts(app: &TestApp, id: &str) -> Vec<String> {
    let path = format!("/v1/default/banks/b/memories/{id}");
    let history = app.get(&format!("{path}/history")).await;
    assert_eq!(history.status, StatusCode::OK, "{:?}", history.body);
    let text = |version: &Value| version["previous_text"].as_str().unwrap().to_owned();
    let mut texts: Vec<String> = history.body.as_array().unwrap().iter().map(text).collect();
    texts.push(app.get(&path).await.body["text"].as_str().unwrap().to_owned());
    texts
}

/// Makes observations of everything that waits.
async fn consolidated(app: &TestApp) {
    let requested = app.post(CONSOLIDATE, json!({})).await;
    let operation = ended(app, &requested.body).await;
    assert_eq!(operation["status"], "completed", "{operation}");
}

/// The only observation there is, if there is one.
async fn observation(app: &TestApp) -> Option<String> {
    let list = app.get("/v1/default/banks/b/memories/list?type=observation").await.body;
    assert!(list["total"].as_i64().unwrap() < 2, "{list}");
    list["items"][0]["id"].as_str().map(str::to_owned)
}

/// The id of the fact of a document.
async fn fact(app: &TestApp, document: &str) -> String {
    let list = app.get(&format!("/v1/default/banks/b/memories/list?document_id={document}")).await.body;
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

/// Three facts, one after the other, and the observation made of them, with two former versions.
async fn told_three_times() -> (TestApp, ScriptedLlm, String) {
    let (app, llm) = TestApp::with_llm(&[]).await;
    bank(&app).await;
    llm.answer_with(answer);
    for what in ["tea", "milk", "water"] {
        let item = json!([{"content": format!("Ann drinks {what}"), "document_id": what, "tags": ["ann"]}]);
        assert_eq!(app.retain(item).await.status, StatusCode::OK);
        consolidated(&app).await;
    }
    let id = observation(&app).await.unwrap();
    assert_eq!(texts(&app, &id).await, ["Ann drinks tea", "Ann drinks milk", "Ann drinks water"]);
    (app, llm, id)
}

#[tokio::test]
async fn what_is_made_of_edited_facts_goes_on_where_the_observation_ended() {
    let (app, _llm, id) = told_three_times().await;
    let path = format!("/v1/default/banks/b/memories/{}", fact(&app, "milk").await);
    for (edit, recalled) in [("Ann drinks cream", "cream"), ("Ann drinks cocoa", "cocoa")] {
        let edited = app.json(Method::PATCH, &path, json!({"text": edit})).await;
        assert_eq!(edited.status, StatusCode::OK, "{:?}", edited.body);
        // Until it is made anew nothing shows what may be wrong by now.
        assert_eq!(observation(&app).await, None);
        let gone = app.get(&format!("/v1/default/banks/b/memories/{id}/history")).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
        let found = app.recall(json!({"query": recalled, "types": ["observation"]})).await.body;
        assert_eq!(found["results"], json!([]));
        app.audit().await;
    }
    consolidated(&app).await;
    assert_eq!(observation(&app).await, Some(id.clone()), "it is the same one");
    let all = ["Ann drinks tea", "Ann drinks milk", "Ann drinks water"];
    let now = texts(&app, &id).await;
    assert_eq!(now[..3], all);
    assert!(now[3].contains("cocoa") && !now[3].contains("milk"), "{now:?}");
    let history = app.get(&format!("/v1/default/banks/b/memories/{id}/history")).await.body;
    let last = &history[2]["source_facts"];
    assert!(last.as_array().unwrap().iter().all(|fact| fact["is_new"] == false), "{last}");
    app.audit().await;

    // What rests on a fact goes with it, former versions too.
    app.delete("/v1/default/banks/b/documents/water").await;
    assert_eq!(observation(&app).await, None);
    consolidated(&app).await;
    let after = observation(&app).await.unwrap();
    let texts = texts(&app, &after).await;
    assert!(texts.iter().all(|text| !text.contains("water")), "{texts:?}");
    app.audit().await;
}

#[tokio::test]
async fn nothing_outlives_facts_that_are_taken_back() {
    for request in ["invalidate", "clear one", "clear all", "delete", "retag"] {
        let (app, _llm, id) = told_three_times().await;
        let memories = "/v1/default/banks/b/memories";
        let (tea, milk) = (fact(&app, "tea").await, fact(&app, "milk").await);
        let edit = json!({"context": "at home"});
        app.json(Method::PATCH, &format!("{memories}/{milk}"), edit).await;
        let answer = match request {
            "invalidate" => {
                let invalid = json!({"state": "invalidated"});
                app.json(Method::PATCH, &format!("{memories}/{tea}"), invalid).await
            }
            "clear one" => app.delete(&format!("{memories}/{tea}/observations")).await,
            "clear all" => app.delete("/v1/default/banks/b/observations").await,
            "delete" => app.delete("/v1/default/banks/b/documents/tea").await,
            _ => {
                let tags = json!({"tags": ["bob"]});
                app.json(Method::PATCH, "/v1/default/banks/b/documents/tea", tags).await
            }
        };
        assert_eq!(answer.status, StatusCode::OK, "{request}: {:?}", answer.body);
        app.audit().await;
        consolidated(&app).await;
        let gone = app.get(&format!("{memories}/{id}/history")).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{request}: it is another observation");
        app.audit().await;
    }
}
