//! Writing a mental model as a whole, and what keeps it from being written.

use axum::http::StatusCode;
use hindsight_testkit::{Gate, LlmRequest, Reply};
use serde_json::{Value, json};

use super::{
    MODELS, app, based_on, create, document, ended, hands_in, name_of, patch, read, refresh, refreshed,
    remember, writes, written,
};

/// The content of [`writes`] with these words.
fn content(words: &str) -> String {
    format!("It is said: {words}.\n\n## More\n\n- one\n- two\n\nThe end.")
}

#[tokio::test]
async fn the_answer_is_stored_with_what_it_rests_on() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &[]).await;
    remember(&app, "Bob sings", &[]).await;
    writes(&llm, "Ann drinks tea");
    let made = create(&app, json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?"})).await;
    let operation = ended(&app, &made).await;
    assert_eq!(
        (&operation["status"], &operation["details"]),
        (
            &json!("completed"),
            &json!({"operation_type": "refresh_mental_model", "outcome": "content_written", "failure_reason": null})
        )
    );
    assert_eq!(operation["result_metadata"]["usage"]["total_tokens"], 15);
    assert_eq!(llm.asked(), 1, "one call is enough");
    let model = read(&app, "m").await;
    assert_eq!(model["content"], content("Ann drinks tea"));
    assert_eq!(based_on(&model), ["Ann drinks tea"], "exactly what is cited");
    assert_eq!((&model["is_stale"], &model["last_refresh_failed_at"]), (&json!(false), &Value::Null));
    assert!(
        ["last_refreshed_at", "last_full_refreshed_at", "last_memory_seen_at"]
            .iter()
            .all(|at| model[*at].is_string())
    );
    let response = &model["reflect_response"];
    assert_eq!((&response["text"], &response["outcome"]), (&model["content"], &json!("content_written")));
    assert_eq!(response.get("trace"), None);
    let asked = llm.last_request();
    assert!(asked.system().contains("Document: Ann") && asked.user().contains("What does Ann drink?"));
    assert_eq!(asked.tools(), ["search_observations", "recall", "expand", "done"], "it is not shown itself");
    assert_eq!(asked.body["temperature"], json!(0.0));
    app.audit().await;
}

#[tokio::test]
async fn a_fresh_one_is_stale_when_memories_come_or_go() {
    let (app, _llm) = written(json!({})).await;
    let list = async || app.get(MODELS).await.body["items"][0]["is_stale"].clone();
    assert_eq!((read(&app, "m").await["is_stale"].clone(), list().await), (json!(false), json!(false)));
    remember(&app, "Ann drinks milk", &[]).await;
    assert_eq!((read(&app, "m").await["is_stale"].clone(), list().await), (json!(true), json!(true)));
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "content_unchanged", "the model has written the same");
    assert_eq!((read(&app, "m").await["is_stale"].clone(), list().await), (json!(false), json!(false)));
    let history = app.get(&format!("{MODELS}/m/history")).await.body;
    assert_eq!(history, json!([]), "what did not change left nothing behind");
    let gone = app.delete("/v1/default/banks/b/documents/Ann%20drinks%20tea").await;
    assert_eq!(gone.status, StatusCode::OK);
    assert_eq!(read(&app, "m").await["is_stale"], true, "it rests on what is gone");
}

#[tokio::test]
async fn only_memories_of_its_scope_are_read_and_make_it_stale() {
    let (app, llm) = app(&[]).await;
    remember(&app, "Ann drinks tea", &["ann"]).await;
    remember(&app, "Bob drinks milk", &["bob"]).await;
    remember(&app, "Cid drinks water", &[]).await;
    writes(&llm, "Ann drinks tea");
    let request = json!({"id": "m", "name": "Ann", "source_query": "Who drinks what?", "tags": ["ann"]});
    let made = create(&app, request).await;
    assert_eq!(ended(&app, &made).await["status"], "completed");
    let user = llm.last_request().user();
    assert!(user.contains("Ann drinks tea") && !user.contains("milk") && !user.contains("water"), "{user}");
    remember(&app, "Bob drinks beer", &["bob"]).await;
    remember(&app, "Cid drinks beer", &[]).await;
    assert_eq!(read(&app, "m").await["is_stale"], false);
    remember(&app, "Ann drinks beer", &["ann", "bob"]).await;
    assert_eq!(read(&app, "m").await["is_stale"], true);
    patch(&app, "m", json!({"trigger": {"fact_types": ["observation"]}})).await;
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "content_preserved_no_new_facts");
}

#[tokio::test]
async fn without_memories_the_model_is_not_asked_and_nothing_is_written() {
    let (app, llm) = app(&[]).await;
    let made = create(&app, json!({"id": "m", "name": "Ann", "source_query": "q"})).await;
    let operation = ended(&app, &made).await;
    assert_eq!(
        (&operation["status"], &operation["details"]["outcome"]),
        (&json!("completed"), &json!("content_preserved_no_new_facts"))
    );
    assert_eq!(operation["result_metadata"]["reflect_skipped"], "no_sources_in_scope");
    assert_eq!(llm.asked(), 0);
    let model = read(&app, "m").await;
    assert_eq!((&model["content"], &model["last_refreshed_at"]), (&json!(""), &Value::Null));
}

#[tokio::test]
async fn what_finds_nothing_keeps_the_content() {
    let (app, llm) = written(json!({})).await;
    let before = read(&app, "m").await;
    for candidate in [
        document(json!([]), &[]),
        document(json!([{"heading": "Ann", "level": 1, "blocks": [" "]}]), &[]),
        json!({
            "document": {"sections": [{"heading": "", "level": 1, "blocks": ["There are no records."]}]},
            "answer_found": false, "memory_ids": [],
        }),
    ] {
        // One that says that nothing is there is sent back once, to search in other words.
        llm.answer_with(move |_: &LlmRequest| hands_in(&candidate));
        let operation = refreshed(&app, "m", json!({})).await;
        assert_eq!(
            (&operation["status"], &operation["details"]["outcome"], &operation["details"]["failure_reason"]),
            (&json!("failed"), &json!("refresh_failed_empty_candidate"), &json!("empty_candidate"))
        );
        let after = read(&app, "m").await;
        for field in ["content", "reflect_response", "last_refreshed_at", "last_memory_seen_at"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        assert!(after["last_refresh_failed_at"].is_string());
    }
    let history = app.get(&format!("{MODELS}/m/history")).await.body;
    let entry = &history[0];
    assert_eq!(
        (&entry["kind"], &entry["outcome"], &entry["failure_reason"], &entry["previous_content"]),
        (
            &json!("refresh_failed"),
            &json!("refresh_failed_empty_candidate"),
            &json!("empty_candidate"),
            &Value::Null
        )
    );
    assert!(entry["error_message"].as_str().unwrap().contains("the former content stays"));
    writes(&llm, "Ann drinks tea");
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    assert_eq!(read(&app, "m").await["last_refresh_failed_at"], Value::Null);
}

#[tokio::test]
async fn a_provider_that_fails_keeps_the_content_and_one_that_denies_pauses() {
    let (app, llm) = written(json!({})).await;
    let before = read(&app, "m").await;
    for (status, pauses) in [(StatusCode::TOO_MANY_REQUESTS, false), (StatusCode::UNAUTHORIZED, true)] {
        llm.answer_with(move |_: &LlmRequest| Reply::error(status, "no"));
        let operation = refreshed(&app, "m", json!({})).await;
        assert_eq!(
            (&operation["status"], &operation["details"]["outcome"]),
            (&json!("failed"), &json!("refresh_failed_error"))
        );
        assert!(operation["error_message"].as_str().unwrap().starts_with("no answer: "), "{operation}");
        let after = read(&app, "m").await;
        assert_eq!(after["content"], before["content"]);
        assert_eq!(after["last_refresh_failed_at"].is_string(), pauses, "{status}");
    }
}

#[tokio::test]
async fn values_for_programs_come_with_the_content_or_it_is_not_written() {
    let schema =
        json!({"type": "object", "properties": {"drink": {"type": "string"}}, "required": ["drink"]});
    let (app, llm) = written(json!({})).await;
    patch(&app, "m", json!({"trigger": {"response_schema": schema, "keep_trace": true}})).await;
    llm.answer_with(|request: &LlmRequest| {
        let sections = json!([{"heading": "", "level": 1, "blocks": ["Tea."]}]);
        let mut document = document(sections, &[name_of(request, "tea")]);
        document["structured_output"] = json!({"drink": "tea"});
        hands_in(&document)
    });
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    let model = read(&app, "m").await;
    assert_eq!(model["reflect_response"]["structured_output"], json!({"drink": "tea"}));
    let trace = &model["reflect_response"]["trace"];
    assert_eq!((&trace["outcome"], &trace["effective_mode"]), (&json!("content_written"), &json!("full")));
    assert_eq!(trace["llm_calls"][0]["scope"], "agent_1");
    assert!(trace["tool_calls"].as_array().unwrap().iter().any(|call| call["tool"] == "recall"));
    llm.answer_with(|request: &LlmRequest| match request.schema() {
        Some(_) => Reply::json(&json!({"drink": 7})),
        None => {
            let sections = json!([{"heading": "", "level": 1, "blocks": ["Milk."]}]);
            hands_in(&document(sections, &[]))
        }
    });
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "refresh_failed_structured_output");
    assert_eq!(read(&app, "m").await["content"], "Tea.");
}

#[tokio::test]
async fn a_document_in_any_form_that_models_write_is_read_and_too_long_a_one_is_shortened() {
    let (app, llm) = written(json!({})).await;
    let blocks = json!({"heading": "## Ann ##", "level": 2, "blocks": "She drinks\n\ntea."});
    for given in [
        json!({"sections": [blocks]}),
        json!([blocks]),
        blocks.clone(),
        json!(json!({"sections": [blocks]}).to_string()),
    ] {
        llm.answer_with(move |_: &LlmRequest| hands_in(&json!({"document": given, "answer_found": "true"})));
        assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
        assert_eq!(read(&app, "m").await["content"], "## Ann\n\nShe drinks\n\ntea.");
    }
    // A section whose words stand elsewhere is asked for once more, and does not vanish.
    for (section, problem) in [
        (json!("Ann drinks tea."), "'document.sections[0]' must be an object"),
        (
            json!({"heading": "Ann", "level": 2, "content": "Tea."}),
            "'document.sections[0].blocks' must be a list",
        ),
        (
            json!({"heading": "Ann", "level": 2, "blocks": null}),
            "'document.sections[0].blocks' must be a list",
        ),
    ] {
        let asked = llm.asked();
        let second = json!({"heading": "", "level": 1, "blocks": ["Tea again."]});
        llm.answer_with(move |request: &LlmRequest| {
            let is_again = request.body.to_string().contains(problem);
            let sections = if is_again { json!([second]) } else { json!([section, second]) };
            hands_in(&document(sections, &[]))
        });
        assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed", "{problem}");
        assert_eq!((read(&app, "m").await["content"].as_str(), llm.asked() - asked), (Some("Tea again."), 2));
    }
    patch(&app, "m", json!({"max_tokens": 256})).await;
    let long = "word ".repeat(300);
    llm.answer_with(move |request: &LlmRequest| match request.schema() {
        None => hands_in(&document(json!([{"heading": "", "level": 1, "blocks": [long]}]), &[])),
        Some(_) => Reply::json(&json!({"sections": [{"heading": "", "level": 1, "blocks": ["Short."]}]})),
    });
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    assert_eq!(read(&app, "m").await["content"], "Short.");
}

#[tokio::test]
async fn what_is_deleted_while_it_is_written_stays_deleted() {
    let (app, llm) = written(json!({})).await;
    let gate = Gate::closed();
    let asked = llm.asked();
    let held = gate.clone();
    llm.answer_with(move |_: &LlmRequest| {
        hands_in(&document(json!([{"heading": "", "level": 1, "blocks": ["Late."]}]), &[])).behind(&held)
    });
    let requested = refresh(&app, "m", json!({})).await;
    let (operation, ()) = tokio::join!(ended(&app, &requested), async {
        llm.wait_until_asked(asked + 1).await;
        assert_eq!(app.delete(&format!("{MODELS}/m")).await.status, StatusCode::OK);
        gate.open();
    });
    assert_eq!(operation["status"], "cancelled");
    assert_eq!(app.get(&format!("{MODELS}/m")).await.status, StatusCode::NOT_FOUND);
    app.audit().await;
}

#[tokio::test]
async fn an_answer_to_what_is_not_asked_any_more_is_not_stored() {
    let (app, llm) = written(json!({})).await;
    let gate = Gate::closed();
    let asked = llm.asked();
    let held = gate.clone();
    llm.answer_with(move |request: &LlmRequest| {
        let is_new = request.user().contains("Who sings?");
        let text = if is_new { "Nobody sings." } else { "Late." };
        hands_in(&document(json!([{"heading": "", "level": 1, "blocks": [text]}]), &[])).behind(&held)
    });
    let requested = refresh(&app, "m", json!({})).await;
    let (operation, ()) = tokio::join!(ended(&app, &requested), async {
        llm.wait_until_asked(asked + 1).await;
        patch(&app, "m", json!({"source_query": "Who sings?"})).await;
        gate.open();
    });
    assert_eq!(operation["status"], "completed", "{operation}");
    assert_eq!(read(&app, "m").await["content"], "Nobody sings.");
}
