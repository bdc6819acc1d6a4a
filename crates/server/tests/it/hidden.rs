//! What an observation shows of facts behind it that the caller's tags hide: nothing.

use axum::http::StatusCode;
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::consolidation::{bank, ended};
use crate::support::TestApp;

/// All facts of a question are one observation.
fn one_of_all(request: &LlmRequest) -> Value {
    let user = request.user();
    let ids: Vec<&str> = user
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("] ").map(|(id, _)| id))
        .filter(|id| Uuid::try_parse(id).is_ok())
        .collect();
    json!({"creates": [{"text": "They drink tea", "source_fact_ids": ids}]})
}

/// A fact with a name and a picture, whose observations the tag `a` is enough for.
fn item(name: &str, tag: &str, picture: &str) -> Value {
    let source = json!({"type": "base64", "media_type": "image/png", "data": picture});
    json!({
        "content": [
            {"type": "text", "text": format!("{name} drinks tea")}, {"type": "image", "source": source},
        ],
        "document_id": name, "tags": [tag], "entities": [{"text": name}], "observation_scopes": [["a"]],
    })
}

/// A bank with a fact of Ann under `a`, one of Bob under `b`, and an observation made of both.
async fn app() -> (TestApp, hindsight_testkit::ScriptedLlm) {
    let (app, llm) = TestApp::with_llm(&[]).await;
    bank(&app).await;
    llm.answer_with(one_of_all);
    let retained = app.retain(json!([item("Ann", "a", "AAEC"), item("Bob", "b", "AwQF")])).await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
    let requested = app.post("/v1/default/banks/b/consolidate", json!({})).await;
    let operation = ended(&app, &requested.body).await;
    assert_eq!(operation["result_metadata"]["observations_created"], 1, "{operation}");
    (app, llm)
}

/// Id of the picture of Bob.
async fn picture_of_bob(app: &TestApp) -> String {
    let document = app.get("/v1/default/banks/b/documents/Bob").await.body;
    document["attachments"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn recall_and_lists_show_an_observation_with_what_may_be_seen_of_its_facts() {
    let (app, _llm) = app().await;
    let bob = picture_of_bob(&app).await;
    let recall = |more: Value| {
        let mut request = json!({
            "query": "tea", "types": ["observation"],
            "include": {"entities": {}, "source_facts": {}, "chunks": {}},
        });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.recall(request)
    };
    let whole = recall(json!({})).await.body;
    assert_eq!(whole["results"][0]["entities"], json!(["Ann", "Bob"]));
    assert_eq!(whole["results"][0]["attachments"].as_array().unwrap().len(), 2);
    assert!(whole.to_string().contains(&bob));

    let scopes = [
        json!({"tags": ["a"], "tags_match": "all_strict"}),
        json!({"tag_groups": [{"not": {"tags": ["b"]}}]}),
    ];
    for scope in scopes {
        let part = recall(scope).await;
        assert_eq!(part.status, StatusCode::OK, "{:?}", part.body);
        let result = &part.body["results"][0];
        assert_eq!((&result["text"], &result["entities"]), (&json!("They drink tea"), &json!(["Ann"])));
        assert_eq!(result["attachments"].as_array().unwrap().len(), 1);
        assert_eq!(result["source_fact_ids"].as_array().unwrap().len(), 1);
        let told = part.body.to_string();
        assert!(!told.contains("Bob") && !told.contains(&bob), "{told}");
    }

    let list = "/v1/default/banks/b/memories/list?type=observation";
    let whole = app.get(list).await.body;
    assert_eq!(whole["items"][0]["attachments"].as_array().unwrap().len(), 2);
    let part = app.get(&format!("{list}&tags=a&tags_match=all_strict")).await.body;
    assert_eq!(part["items"][0]["attachments"].as_array().unwrap().len(), 1);
    assert!(!part.to_string().contains(&bob), "{part}");

    let graph = "/v1/default/banks/b/graph?type=observation";
    let whole = app.get(graph).await.body;
    assert_eq!(whole["nodes"][0]["data"]["entities"], "Ann, Bob", "those of its facts");
    let part = app.get(&format!("{graph}&tags=a")).await.body;
    assert_eq!(part["nodes"][0]["data"]["entities"], "Ann");
    assert_eq!(part["table_rows"][0]["entities"], "Ann");
    app.audit().await;
}

#[tokio::test]
async fn what_an_answer_rests_on_is_shown_within_its_scope() {
    let (app, llm) = app().await;
    llm.answer_with(|_: &LlmRequest| {
        let done =
            json!({"answer": "Tea.", "answer_found": true, "memory_ids": [], "observation_ids": ["o1"]});
        Reply::calls([("done", done)])
    });
    for (scope, pictures) in [(json!({}), 2), (json!({"tags": ["a"], "tags_match": "all_strict"}), 1)] {
        let mut request = json!({
            "query": "What do they drink?", "fact_types": ["observation"], "include": {"facts": {}},
        });
        request.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        let answer = app.post("/v1/default/banks/b/reflect", request).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        let memory = &answer.body["based_on"]["memories"][0];
        assert_eq!(memory["attachments"].as_array().unwrap().len(), pictures, "{scope}: {memory}");
    }
}
