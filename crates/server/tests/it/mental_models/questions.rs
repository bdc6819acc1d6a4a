//! Questions that are answered from mental models.

use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use super::{app, create, document, ended, hands_in, name_of, patch, remember, writes, written};
use crate::support::TestApp;

/// The response to a question, with all there is to see.
async fn answered(app: &TestApp, more: Value) -> Value {
    let mut request = json!({"query": "What does Ann drink?", "include": {"facts": {}, "tool_calls": {}}});
    request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    let answer = app.post("/v1/default/banks/b/reflect", request).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

fn done(answer: &str, models: &[&str]) -> Reply {
    Reply::calls([("done", json!({"answer": answer, "answer_found": true, "mental_model_ids": models}))])
}

fn cited(response: &Value) -> Vec<&str> {
    let models = response["based_on"]["mental_models"].as_array().unwrap();
    models.iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_fresh_one_is_enough_for_an_answer_and_is_cited() {
    let (app, llm) = written(json!({})).await;
    let asked = llm.asked();
    llm.answer_with(|request: &LlmRequest| done("Tea.", &[&name_of(request, "Ann"), "p9"]));
    let response = answered(&app, json!({})).await;
    assert_eq!(llm.asked() - asked, 1, "one call is enough");
    assert_eq!(response["text"], "Tea.");
    let model = &response["based_on"]["mental_models"][0];
    assert_eq!(
        (&model["id"], &model["text"]),
        (&json!("m"), &json!("Ann: It is said: Ann drinks tea.\n\n## More\n\n- one\n- two\n\nThe end."))
    );
    assert_eq!(cited(&response), ["m"], "and nothing that was not found");
    let searched = &response["trace"]["tool_calls"][0];
    assert_eq!(searched["tool"], "search_mental_models");
    let found = &searched["output"]["mental_models"][0];
    assert_eq!(
        (&found["id"], &found["is_stale"], &found["staleness_reason"]),
        (&json!("m"), &json!(false), &json!(null))
    );
    assert!(found["relevance"].is_f64() && found["content"].is_string());
    let user = llm.last_request().user();
    assert!(user.contains(r#""id":"p1""#) && user.contains("All of these are up to date"), "{user}");
    assert_eq!(
        llm.last_request().tools(),
        ["search_mental_models", "read_mental_models", "search_observations", "recall", "expand", "done"]
    );
    remember(&app, "Ann drinks milk", &[]).await;
    let response = answered(&app, json!({})).await;
    let found = &response["trace"]["tool_calls"][0]["output"];
    assert_eq!(found["mental_models"][0]["is_stale"], true);
    assert_eq!(found.get("note"), None, "a stale one is not enough");
}

#[tokio::test]
async fn those_that_are_excluded_or_of_other_tags_are_as_if_they_were_not_there() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &["ann"]).await;
    remember(&app, "Ann drinks tea", &["bob"]).await;
    writes(&llm, "Ann drinks tea");
    for id in ["ann", "bob"] {
        let request = json!({"id": id, "name": id, "source_query": "What does Ann drink?", "tags": [id]});
        let made = create(&app, request).await;
        // The fact of this text has the tags of the retain that came last.
        let trigger = json!({"trigger": {"tag_groups": [{"tags": ["bob"]}]}});
        patch(&app, id, trigger).await;
        assert_eq!(ended(&app, &made).await["details"]["outcome"], "content_written");
    }
    let seen = async |more: Value| {
        llm.answer_with(|_: &LlmRequest| done("Tea.", &["p1", "p2"]));
        let response = answered(&app, more).await;
        let mut ids: Vec<String> = cited(&response).into_iter().map(str::to_owned).collect();
        ids.sort_unstable();
        (ids.join(" "), llm.last_request().tools().contains(&"search_mental_models".to_owned()))
    };
    assert_eq!(seen(json!({})).await, ("ann bob".to_owned(), true));
    assert_eq!(seen(json!({"tags": ["bob"], "tags_match": "all_strict"})).await, ("bob".to_owned(), true));
    assert_eq!(seen(json!({"exclude_mental_model_ids": ["ann"]})).await, ("bob".to_owned(), true));
    assert_eq!(seen(json!({"exclude_mental_models": true})).await, (String::new(), false));
    // Nor are they read by who knows their ids.
    llm.answer_with(|request: &LlmRequest| match request.body["messages"].as_array().unwrap().len() {
        2 => Reply::calls([(
            "read_mental_models",
            json!({"mental_model_ids": ["ann", "bob", "x"], "reason": "r"}),
        )]),
        _ => done("Tea.", &["p1"]),
    });
    let response = answered(&app, json!({"tags": ["bob"], "tags_match": "all_strict"})).await;
    let calls = response["trace"]["tool_calls"].as_array().unwrap();
    let output = &calls.last().unwrap()["output"];
    assert_eq!(output["not_read"], json!(["ann", "x"]));
    assert_eq!(output["mental_models"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn others_come_with_their_beginning_and_are_read_whole() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &[]).await;
    for id in ["one", "two"] {
        let long = format!("{id} {}", "tea ".repeat(200));
        llm.answer_with(move |_: &LlmRequest| {
            hands_in(&document(json!([{"heading": "", "level": 1, "blocks": [long]}]), &[]))
        });
        let request = json!({
            "id": id, "name": id, "source_query": "What does Ann drink?", "trigger": {"exclude_mental_models": true},
        });
        let made = create(&app, request).await;
        assert_eq!(ended(&app, &made).await["status"], "completed");
    }
    llm.answer_with(|request: &LlmRequest| match request.body["messages"].as_array().unwrap().len() {
        2 => Reply::calls([("read_mental_models", json!({"mental_model_ids": ["p2"], "reason": "whole"}))]),
        _ => done("Tea.", &["p2"]),
    });
    let response = answered(&app, json!({})).await;
    let found = response["trace"]["tool_calls"][0]["output"]["mental_models"].as_array().unwrap().clone();
    assert!(found[0]["content"].is_string() && found[0].get("snippet").is_none());
    assert_eq!(found[1]["snippet"].as_str().unwrap().chars().count(), 280);
    assert!(found[1]["content_chars"].as_u64().unwrap() > 280);
    let calls = response["trace"]["tool_calls"].as_array().unwrap();
    let read = &calls.last().unwrap()["output"]["mental_models"][0];
    assert_eq!((&read["id"], read["content"].is_string()), (&found[1]["id"], true));
    assert_eq!(cited(&response), [found[1]["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn one_is_written_from_others_only_where_there_are_no_memories() {
    let (app, llm) = written(json!({})).await;
    let gone = app.delete("/v1/default/banks/b/memories").await;
    assert_eq!(gone.status, 200);
    writes(&llm, "Ann");
    let made =
        create(&app, json!({"id": "n", "name": "Other", "source_query": "What does Ann drink?"})).await;
    assert_eq!(ended(&app, &made).await["details"]["outcome"], "content_written");
    let model = super::read(&app, "n").await;
    assert_eq!(cited(&model["reflect_response"]), ["m"]);
    let alone = json!({
        "id": "o", "name": "Alone", "source_query": "q", "trigger": {"exclude_mental_models": true},
    });
    let made = create(&app, alone).await;
    assert_eq!(ended(&app, &made).await["details"]["outcome"], "content_preserved_no_new_facts");
}
