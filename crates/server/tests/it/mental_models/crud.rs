//! Making, listing, changing, deleting.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{MODELS, app, create, ended, patch, read, refresh, remember, writes, written};
use crate::support::TestApp;

#[tokio::test]
async fn a_mental_model_is_made_empty_with_the_work_that_writes_it() {
    let (app, llm) = app(&[]).await;
    let made = create(&app, json!({"name": "Ann", "source_query": "Who is Ann?", "tags": ["x", "x"]})).await;
    let id = made["mental_model_id"].as_str().unwrap();
    assert!(id.starts_with("mm-") && id.len() == 35, "{id}");
    let model = read(&app, id).await;
    assert_eq!(
        (&model["name"], &model["source_query"], &model["content"], &model["tags"], &model["max_tokens"]),
        (&json!("Ann"), &json!("Who is Ann?"), &json!(""), &json!(["x"]), &json!(2048))
    );
    assert_eq!(model["bank_id"], "b", "the bank was made with it");
    assert_eq!((&model["is_stale"], &model["is_knowledge_page"]), (&json!(true), &json!(false)));
    assert_eq!(model["trigger"]["mode"], "full");
    assert_eq!(model["trigger"]["refresh_cron"], Value::Null);
    let operation =
        app.get(&format!("/v1/default/banks/b/operations/{}", made["operation_id"].as_str().unwrap())).await;
    assert_eq!(
        (&operation.body["operation_type"], &operation.body["status"], &operation.body["mental_model_id"]),
        (&json!("refresh_mental_model"), &json!("pending"), &json!(id))
    );
    assert_eq!(llm.asked(), 0);
    let again = app.post(MODELS, json!({"id": id, "name": "n", "source_query": "q"})).await;
    assert_eq!(
        (again.status, again.detail()),
        (StatusCode::CONFLICT, format!("Mental model '{id}' already exists").as_str())
    );
    let operations = app.get("/v1/default/banks/b/operations").await.body;
    assert_eq!(operations["total"], 1, "nothing is requested for one that is refused");
}

#[tokio::test]
async fn bad_requests_are_told_and_change_nothing() {
    let (app, _llm) = app(&[]).await;
    for (body, place) in [
        (json!({"source_query": "q"}), "name"),
        (json!({"name": "n", "source_query": " "}), "source_query"),
        (json!({"name": "n", "source_query": "q", "max_tokens": 100}), "max_tokens"),
        (json!({"name": "n", "source_query": "q", "trigger": {"refresh_cron": "x"}}), "trigger"),
    ] {
        let answer = app.post(MODELS, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.problems()[0].1[1], place);
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
    for answer in [
        app.get(MODELS).await,
        app.get(&format!("{MODELS}/x")).await,
        app.delete(&format!("{MODELS}/x")).await,
        app.post(&format!("{MODELS}/x/refresh"), json!({})).await,
    ] {
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"));
    }
    assert_eq!(app.json(Method::PUT, "/v1/default/banks/b", json!({})).await.status, StatusCode::OK);
    for answer in [
        app.get(&format!("{MODELS}/x")).await,
        app.get(&format!("{MODELS}/x/history")).await,
        app.json(Method::PATCH, &format!("{MODELS}/x"), json!({"name": "n"})).await,
        app.delete(&format!("{MODELS}/x")).await,
        app.post(&format!("{MODELS}/x/refresh"), json!({})).await,
        app.post(&format!("{MODELS}/x/clear"), json!({})).await,
        app.post(&format!("{MODELS}/x/dry-run-refresh"), json!({})).await,
    ] {
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Mental model 'x' not found"));
    }
    assert_eq!(app.get(&format!("{MODELS}?detail=all")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.get(&format!("{MODELS}?limit=1001")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn without_a_language_model_nothing_is_made_that_nobody_would_write() {
    let app = TestApp::start().await;
    let answer = app.post(MODELS, json!({"name": "n", "source_query": "q"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.detail().contains("HINDSIGHT_API_LLM_PROVIDER"), "{}", answer.detail());
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}

#[tokio::test]
async fn listings_show_as_much_as_is_asked_for_and_select_by_tags() {
    let (app, _llm) = app(&[]).await;
    for (id, tags) in [("none", json!([])), ("a", json!(["a"])), ("ab", json!(["a", "b"]))] {
        create(&app, json!({"id": id, "name": id, "source_query": "q", "tags": tags})).await;
    }
    let ids = async |query: &str| {
        let list = app.get(&format!("{MODELS}{query}")).await.body;
        let mut ids: Vec<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        (ids.join(" "), list["total"].as_i64().unwrap())
    };
    for (query, expected, total) in [
        ("", "a ab none", 3),
        ("?tags=a", "a ab", 2),
        ("?tags=a&tags=b&tags_match=all", "ab", 1),
        ("?tags=a&tags_match=exact", "a", 1),
        ("?tags_match=exact", "none", 1),
        ("?tags=c", "", 0),
        ("?exclude_knowledge_pages=true", "a ab none", 3),
    ] {
        assert_eq!(ids(query).await, (expected.to_owned(), total), "{query}");
    }
    let page = app.get(&format!("{MODELS}?limit=2&offset=2")).await.body;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["total"]), (1, &json!(3)));
    let of = async |query: &str| app.get(&format!("{MODELS}{query}")).await.body["items"][0].clone();
    let metadata = of("").await;
    assert_eq!(
        (
            &metadata["content"],
            &metadata["trigger"],
            &metadata["reflect_response"],
            &metadata["source_query"]
        ),
        (&Value::Null, &Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(metadata["is_stale"], true);
    let content = of("?detail=content").await;
    assert_eq!((&content["content"], &content["max_tokens"]), (&json!(""), &json!(2048)));
    let one = app.get(&format!("{MODELS}/a?detail=metadata")).await.body;
    assert_eq!(one["content"], Value::Null);
    let tags = app.get("/v1/default/banks/b/tags?source=mental_models").await.body;
    assert_eq!(tags["items"], json!([{"tag": "a", "count": 2}, {"tag": "b", "count": 1}]));
}

#[tokio::test]
async fn a_change_takes_what_it_states_and_writes_nothing_anew() {
    let (app, llm) = written(json!({"refresh_cron": "0 3 * * *", "keep_trace": true})).await;
    let asked = llm.asked();
    let before = read(&app, "m").await;
    let after = patch(&app, "m", json!({"name": "Annie", "trigger": {"mode": "delta"}, "tags": null})).await;
    assert_eq!((&after["name"], &after["content"]), (&json!("Annie"), &before["content"]));
    assert_eq!(
        (&after["trigger"]["mode"], &after["trigger"]["refresh_cron"], &after["trigger"]["keep_trace"]),
        (&json!("delta"), &json!("0 3 * * *"), &json!(true))
    );
    let after = patch(&app, "m", json!({"trigger": {"refresh_after_consolidation": true}})).await;
    assert_eq!(after["trigger"]["refresh_cron"], Value::Null, "the two exclude one another");
    assert_eq!(after["is_stale"], false);
    let after = patch(&app, "m", json!({"tags": ["x"]})).await;
    assert_eq!((&after["tags"], &after["is_stale"]), (&json!(["x"]), &json!(true)), "it is made of others");
    let both = json!({"trigger": {"refresh_after_consolidation": true, "refresh_cron": "0 3 * * *"}});
    let refused = app.json(Method::PATCH, &format!("{MODELS}/m"), both).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(read(&app, "m").await["trigger"], after["trigger"]);
    assert_eq!(llm.asked(), asked);
    let pending = app.get("/v1/default/banks/b/operations?status=pending").await.body;
    assert_eq!(pending["total"], 0);
}

#[tokio::test]
async fn what_is_cleared_is_kept_in_the_history_and_written_as_a_whole() {
    let (app, _llm) = written(json!({"mode": "delta"})).await;
    let before = read(&app, "m").await;
    let cleared = app.post(&format!("{MODELS}/m/clear"), json!({})).await.body;
    assert_eq!((&cleared["content"], &cleared["reflect_response"]), (&json!(""), &Value::Null));
    let history = app.get(&format!("{MODELS}/m/history")).await.body;
    assert_eq!(history[0]["previous_content"], before["content"]);
    assert_eq!(history[0]["previous_reflect_response"]["based_on"], before["reflect_response"]["based_on"]);
    let operation = super::refreshed(&app, "m", json!(null)).await;
    assert_eq!(operation["details"]["outcome"], "content_written");
    let after = read(&app, "m").await;
    assert_eq!(after["content"], before["content"]);
    assert_eq!(after["reflect_response"]["mode_fallback_reason"], "no_baseline_content");
}

#[tokio::test]
async fn what_is_deleted_takes_its_work_along_and_banks_are_walls() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &[]).await;
    writes(&llm, "Ann drinks tea");
    let made = create(&app, json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?"})).await;
    assert_eq!(app.json(Method::PUT, "/v1/default/banks/c", json!({})).await.status, StatusCode::OK);
    let elsewhere = "/v1/default/banks/c/mental-models/m";
    assert_eq!(app.get(elsewhere).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(elsewhere).await.status, StatusCode::NOT_FOUND);
    let deleted = app.delete(&format!("{MODELS}/m")).await;
    assert_eq!((deleted.status, deleted.body), (StatusCode::OK, json!({"status": "deleted"})));
    assert_eq!(ended(&app, &made).await["status"], "cancelled");
    assert_eq!(llm.asked(), 0);
    create(&app, json!({"id": "m", "name": "again", "source_query": "q"})).await;
    assert_eq!(app.delete("/v1/default/banks/b").await.status, StatusCode::OK);
    assert_eq!(app.get(MODELS).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refresh_that_waits_does_for_the_next_one() {
    let (app, llm) = written(json!({})).await;
    let first = refresh(&app, "m", json!({})).await;
    let second = refresh(&app, "m", json!({"mode": "full"})).await;
    assert_eq!(first, second);
    let path = format!(
        "/v1/default/banks/b/operations/{}?include_payload=true",
        first["operation_id"].as_str().unwrap()
    );
    assert_eq!(app.get(&path).await.body["task_payload"]["mode"], "full", "one of both is as a whole");
    let asked = llm.asked();
    assert_eq!(ended(&app, &first).await["status"], "completed");
    assert_eq!(llm.asked(), asked + 1);
    let third = refresh(&app, "m", json!(null)).await;
    assert_ne!(third, first);
    let refused = app.post(&format!("{MODELS}/m/refresh"), json!({"mode": "delta"})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}
