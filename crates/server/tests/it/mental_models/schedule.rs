//! Refreshes that nobody asks for.

use axum::http::{Method, StatusCode};
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{CONFIG, MODELS, app, create, ended, name_of, patch, read, refreshed, remember, writes, written};
use crate::support::TestApp;

/// Refreshes that wait.
async fn waiting(app: &TestApp) -> Vec<Value> {
    let list = app.get("/v1/default/banks/b/operations?status=pending&type=refresh_mental_model").await.body;
    list["operations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn it_is_written_anew_when_facts_have_gone_into_observations() {
    let (app, llm) = app(&[]).await;
    let updates = json!({"updates": {"enable_observations": true, "enable_auto_consolidation": false}});
    assert_eq!(app.json(Method::PATCH, CONFIG, updates).await.status, StatusCode::OK);
    remember(&app, "Ann drinks tea", &[]).await;
    llm.answer_with(|request: &LlmRequest| {
        if !request.tools().is_empty() {
            let name = name_of(request, "Ann drinks tea");
            let sections = json!([{"heading": "", "level": 1, "blocks": ["It is said: tea."]}]);
            return super::hands_in(&super::document(sections, &[name]));
        }
        let user = request.user();
        let (id, _) = user.lines().find_map(|line| line.strip_prefix('[')?.split_once("] ")).expect("a fact");
        Reply::json(&json!({"creates": [{"text": "Ann drinks tea", "source_fact_ids": [id]}]}))
    });
    let follows = json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?", "trigger": {"refresh_after_consolidation": true}});
    let other = json!({"id": "other", "name": "Other", "source_query": "What does Ann drink?"});
    for request in [follows, other] {
        let made = create(&app, request).await;
        assert_eq!(ended(&app, &made).await["details"]["outcome"], "content_written");
    }
    let run = app.post("/v1/default/banks/b/consolidate", json!({})).await.body;
    let done = ended(&app, &run).await;
    assert_eq!(done["result_metadata"]["mental_models_refreshed"], 1, "{done}");
    let refreshes = app.get("/v1/default/banks/b/operations?type=refresh_mental_model").await.body;
    let newest = &refreshes["operations"][0];
    assert_eq!((&newest["mental_model_id"], &refreshes["total"]), (&json!("m"), &json!(3)));
    assert_eq!(ended(&app, newest).await["status"], "completed");
    let run = app.post("/v1/default/banks/b/consolidate", json!({})).await.body;
    assert_eq!(ended(&app, &run).await["result_metadata"]["mental_models_refreshed"], 0, "it has seen all");
}

#[tokio::test]
async fn a_time_that_has_come_requests_one_refresh_of_what_is_stale() {
    let (app, llm) = written(json!({"refresh_cron": "* * * * *"})).await;
    let tend = async || app.engine.tend_mental_models().await.unwrap();
    assert_eq!(tend().await, 0, "nothing is new");
    remember(&app, "Ann drinks milk", &[]).await;
    assert_eq!(tend().await, 0, "its time has not come since: the clock stands still");
    patch(&app, "m", json!({"trigger": {"refresh_after_consolidation": true, "refresh_cron": null}})).await;
    assert_eq!(tend().await, 1, "it was missed");
    assert_eq!((tend().await, waiting(&app).await.len()), (0, 1), "one that waits does for all");
    writes(&llm, "Ann drinks milk");
    assert_eq!(ended(&app, &waiting(&app).await[0]).await["status"], "completed");
    assert_eq!((tend().await, read(&app, "m").await["is_stale"].clone()), (0, json!(false)));
    assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20milk").await.status, 200);
    assert_eq!(tend().await, 1, "it rests on what is gone");
}

#[tokio::test]
async fn an_empty_bank_is_left_alone() {
    let (app, llm) = app(&[]).await;
    let trigger = json!({"refresh_after_consolidation": true});
    let made = create(
        &app,
        json!({"id": "m", "name": "n", "source_query": "What does Ann drink?", "trigger": trigger}),
    )
    .await;
    assert_eq!(ended(&app, &made).await["status"], "completed");
    assert_eq!(app.engine.tend_mental_models().await.unwrap(), 0);
    assert_eq!(llm.asked(), 0);
}

#[tokio::test]
async fn one_that_failed_is_left_alone_until_somebody_asks() {
    let (app, llm) = written(json!({"refresh_after_consolidation": true})).await;
    remember(&app, "Ann drinks milk", &[]).await;
    llm.answer_with(|_: &LlmRequest| Reply::error(StatusCode::UNAUTHORIZED, "no"));
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "failed");
    assert_eq!(app.engine.tend_mental_models().await.unwrap(), 0);
    writes(&llm, "Ann drinks tea");
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    remember(&app, "Ann drinks beer", &[]).await;
    assert_eq!(app.engine.tend_mental_models().await.unwrap(), 1);
}

#[tokio::test]
async fn the_shortest_time_puts_off_what_nobody_asks_for() {
    let (app, _llm) = written(json!({"refresh_after_consolidation": true})).await;
    let updates = json!({"updates": {"mental_model_min_refresh_interval_seconds": 3600}});
    assert_eq!(app.json(Method::PATCH, CONFIG, updates).await.status, StatusCode::OK);
    remember(&app, "Ann drinks milk", &[]).await;
    assert_eq!(app.engine.tend_mental_models().await.unwrap(), 1);
    let parked = waiting(&app).await;
    assert!(parked[0]["next_retry_at"].is_string(), "{parked:?}");
    let asked = app.post(&format!("{MODELS}/m/refresh"), json!({})).await.body;
    assert_eq!(asked["operation_id"], parked[0]["operation_id"], "the one that waits");
    assert_eq!(waiting(&app).await[0]["next_retry_at"], Value::Null, "goes on at once");
}

#[tokio::test]
async fn as_much_history_is_kept_as_is_wanted() {
    for (settings, kept) in [
        (("HINDSIGHT_API_MENTAL_MODEL_HISTORY_MAX_ENTRIES", "2"), 2),
        (("HINDSIGHT_API_ENABLE_MENTAL_MODEL_HISTORY", "false"), 0),
    ] {
        let (app, llm) = app(&[settings]).await;
        remember(&app, "Ann drinks tea", &[]).await;
        writes(&llm, "Ann drinks tea");
        let made =
            create(&app, json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?"})).await;
        assert_eq!(ended(&app, &made).await["status"], "completed");
        for round in 0..3 {
            llm.answer_with(move |_: &LlmRequest| {
                let sections = json!([{"heading": "", "level": 1, "blocks": [format!("Round {round}.")]}]);
                super::hands_in(&super::document(sections, &[]))
            });
            assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
        }
        let history = app.get(&format!("{MODELS}/m/history")).await.body;
        let before: Vec<&str> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["previous_content"].as_str().unwrap())
            .collect();
        assert_eq!(before, ["Round 1.", "Round 0."][..kept], "the newest first");
    }
}
