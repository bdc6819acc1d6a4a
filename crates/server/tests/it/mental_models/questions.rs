//! Questions that are answered from mental models.

use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use super::{app, create, document, ended, hands_in, name_of, patch, refreshed, remember, writes, written};
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

/// Makes a mental model, which is written from the memory with these words.
async fn write(app: &TestApp, llm: &ScriptedLlm, id: &str, words: &'static str, more: Value) {
    writes(llm, words);
    let mut request = json!({"id": id, "name": id, "source_query": "What does Ann drink?"});
    request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    let made = create(app, request).await;
    assert_eq!(ended(app, &made).await["details"]["outcome"], "content_written");
}

/// Ids of the mental models that a question with these tags finds, and of those that it may read.
async fn shown(app: &TestApp, llm: &ScriptedLlm, tags: Value, matching: &str) -> (Vec<String>, Vec<String>) {
    let all = app.get("/v1/default/banks/b/mental-models").await.body;
    let all: Vec<Value> = all["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    llm.answer_with(move |request: &LlmRequest| match request.body["messages"].as_array().unwrap().len() {
        2 => Reply::calls([("read_mental_models", json!({"mental_model_ids": all, "reason": "r"}))]),
        _ => done("Tea.", &[]),
    });
    let response = answered(app, json!({"tags": tags, "tags_match": matching})).await;
    let calls = response["trace"]["tool_calls"].as_array().unwrap();
    let ids = |call: &Value| {
        let models = call["output"]["mental_models"].as_array().unwrap();
        let mut ids: Vec<String> =
            models.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    (ids(&calls[0]), ids(calls.last().unwrap()))
}

#[tokio::test]
async fn one_that_may_hold_what_a_question_may_not_see_is_as_if_it_were_not_there() {
    let (app, llm) = app(&[]).await;
    let shown = async |tag: &str, matching: &str| {
        let (found, read) = shown(&app, &llm, json!([tag]), matching).await;
        assert_eq!(found, read, "what is found is what may be read");
        found
    };
    let nothing: [&str; 0] = [];
    remember(&app, "Ann drinks tea", &["ann"]).await;
    write(&app, &llm, "all", "Ann drinks tea", json!({})).await;
    assert_eq!(shown("ann", "any").await, ["all"], "there is nothing else that it could hold");
    assert_eq!(shown("ann", "any_strict").await, nothing, "it is for questions that see what has no tags");
    assert_eq!(shown("bob", "any").await, nothing, "what is Ann's is not for Bob");
    assert_eq!(shown("bob", "all").await, nothing);

    remember(&app, "Bob drinks with Ann", &["bob"]).await;
    remember(&app, "Ann drinks water", &[]).await;
    assert_eq!(shown("ann", "any").await, nothing, "it may be written from what is Bob's");
    write(&app, &llm, "shared", "Ann drinks water", json!({"trigger": {"tags_match": "exact"}})).await;
    write(&app, &llm, "ann", "Ann drinks tea", json!({"tags": ["ann"]})).await;
    let wide = json!({"tags": ["bob"], "trigger": {"tag_groups": [{"tags": ["ann", "bob"]}]}});
    write(&app, &llm, "wide", "Ann drinks tea", wide).await;
    assert_eq!(shown("ann", "any").await, ["ann", "shared"], "what belongs to all is for all");
    assert_eq!(shown("ann", "all_strict").await, ["ann"]);
    assert_eq!(shown("ann", "exact").await, ["ann"]);
    assert_eq!(shown("bob", "any").await, ["shared"], "not what is called Bob's and holds what is Ann's");

    patch(&app, "ann", json!({"tags": ["bob"]})).await;
    assert_eq!(shown("bob", "any_strict").await, nothing, "not before it is written anew");
    writes(&llm, "Bob drinks with Ann");
    assert_eq!(refreshed(&app, "ann", json!({})).await["details"]["outcome"], "content_written");
    assert_eq!(shown("bob", "any_strict").await, ["ann"]);

    let gone = app.delete("/v1/default/banks/b/documents/Ann%20drinks%20tea").await;
    assert_eq!(gone.status, 200);
    assert_eq!(shown("bob", "any").await, ["ann", "shared"], "what is gone still stands in the others");
}

#[tokio::test]
async fn none_is_written_from_others_that_its_own_scope_may_not_see() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &["ann"]).await;
    let of_ann = json!({"tags": ["cid"], "trigger": {"tag_groups": [{"tags": ["ann"]}]}});
    write(&app, &llm, "other", "Ann drinks tea", of_ann).await;
    let asked = llm.asked();
    let request = json!({"id": "cid", "name": "Cid", "source_query": "q", "tags": ["cid"]});
    let made = create(&app, request).await;
    assert_eq!(ended(&app, &made).await["details"]["outcome"], "content_preserved_no_new_facts");
    assert_eq!(llm.asked(), asked);
}
