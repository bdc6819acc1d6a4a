//! Writing a mental model by changes, and trying that out.

use hindsight_testkit::{Gate, LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use super::{
    MODELS, based_on, document, ended, hands_in, name_of, patch, read, refresh, refreshed, remember, written,
};
use crate::support::TestApp;

/// The document that a model was shown.
fn shown(request: &LlmRequest) -> Value {
    let user = request.user();
    let mut documents = user.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    documents.find(|line| line.get("sections").is_some()).expect("a document")
}

/// The section and the id of the block that begins so.
fn block(request: &LlmRequest, begin: &str) -> (String, String) {
    for section in shown(request)["sections"].as_array().unwrap() {
        for block in section["blocks"].as_array().unwrap() {
            if block["text"].as_str().unwrap().starts_with(begin) {
                return (
                    section["id"].as_str().unwrap().to_owned(),
                    block["id"].as_str().unwrap().to_owned(),
                );
            }
        }
    }
    panic!("no block '{begin}'")
}

/// A model that replaces the first block by what it is shown with these words.
fn replaces(llm: &ScriptedLlm, words: &'static str) {
    llm.answer_with(move |request: &LlmRequest| {
        let (section_id, block_id) = block(request, "It is said");
        Reply::json(&json!({"operations": [{
            "op": "replace_block", "facts": [name_of(request, words)], "section_id": section_id,
            "block_id": block_id, "text": format!("Now it is said: {words}."), "level": 0, "heading": "", "blocks": [],
        }]}))
    });
}

async fn delta() -> (TestApp, ScriptedLlm) {
    written(json!({"mode": "delta"})).await
}

#[tokio::test]
async fn new_memories_change_the_blocks_that_are_named_and_no_others() {
    let (app, llm) = delta().await;
    let before = read(&app, "m").await;
    assert_eq!(
        before["reflect_response"]["effective_mode"], "full",
        "the first time it is written as a whole"
    );
    remember(&app, "Ann drinks milk", &[]).await;
    let asked = llm.asked();
    replaces(&llm, "Ann drinks milk");
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "content_written", "{operation}");
    assert_eq!(llm.asked() - asked, 1, "memory is not searched for it");
    let user = llm.last_request().user();
    assert!(user.contains("Ann drinks milk") && !user.contains(r#""text":"Ann drinks tea""#), "{user}");
    let after = read(&app, "m").await;
    let expected = before["content"]
        .as_str()
        .unwrap()
        .replace("It is said: Ann drinks tea.", "Now it is said: Ann drinks milk.");
    assert_eq!(after["content"], expected);
    assert_eq!(based_on(&after), ["Ann drinks tea", "Ann drinks milk"], "what it rests on grows");
    assert_eq!(after["is_stale"], false);
    assert_eq!(after["last_full_refreshed_at"], before["last_full_refreshed_at"]);
    let applied = &after["reflect_response"]["delta_operations"]["applied"];
    assert_eq!((&applied[0]["op"], applied.as_array().unwrap().len()), (&json!("replace_block"), 1));
    let history = app.get(&format!("{MODELS}/m/history")).await.body;
    assert_eq!(history[0]["previous_content"], before["content"]);
    // Nothing new: nothing is asked.
    let asked = llm.asked();
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "content_preserved_no_new_facts");
    assert_eq!(llm.asked(), asked);
    // Nothing to change: seen, and not looked at again.
    remember(&app, "Bob sings", &[]).await;
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"operations": []})));
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_unchanged");
    let seen = read(&app, "m").await;
    assert_eq!((&seen["content"], &seen["is_stale"]), (&after["content"], &json!(false)));
    app.audit().await;
}

#[tokio::test]
async fn changes_that_cannot_be_made_are_asked_for_once_more_and_keep_the_content() {
    let (app, llm) = delta().await;
    let before = read(&app, "m").await;
    remember(&app, "Ann drinks milk", &[]).await;
    for (operation, reason) in [
        (json!({"op": "rewrite", "facts": ["f1"]}), "delta_ops_failed"),
        (
            json!({"op": "remove_section", "facts": ["f1"], "section_id": "more", "text": "why"}),
            "delta_ops_failed",
        ),
        (json!({"op": "remove_section", "facts": [], "section_id": "more"}), "delta_ops_failed"),
        (json!({"op": "remove_section", "facts": ["f1"], "section_id": "nowhere"}), "delta_ops_all_skipped"),
    ] {
        let asked = llm.asked();
        llm.answer_with(move |_: &LlmRequest| Reply::json(&json!({"operations": [operation]})));
        let operation = refreshed(&app, "m", json!({})).await;
        assert_eq!(
            (&operation["status"], &operation["details"]["outcome"], &operation["details"]["failure_reason"]),
            (&json!("failed"), &json!("refresh_failed_delta_not_applied"), &json!(reason))
        );
        assert_eq!(llm.asked() - asked, 2);
        let again = llm.last_request().user();
        assert!(again.contains("This cannot be used:\n- operations[0]: "), "{again}");
        let after = read(&app, "m").await;
        for field in ["content", "last_memory_seen_at", "reflect_response"] {
            assert_eq!(after[field], before[field], "{field}");
        }
    }
    llm.answer_with(|_: &LlmRequest| Reply::text("no JSON"));
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["failure_reason"], "delta_ops_failed");
    // What a second answer says right is made.
    let asked = llm.asked();
    llm.answer_with(move |request: &LlmRequest| {
        let section = if request.user().contains("there are: preamble, more") { "more" } else { "nowhere" };
        Reply::json(
            &json!({"operations": [{"op": "remove_section", "facts": ["f1"], "section_id": section}]}),
        )
    });
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_written");
    assert_eq!(llm.asked() - asked, 2);
    assert_eq!(read(&app, "m").await["content"], "It is said: Ann drinks tea.");
}

#[tokio::test]
async fn another_question_or_a_request_writes_it_as_a_whole() {
    let (app, llm) = delta().await;
    patch(&app, "m", json!({"source_query": "What do people drink?"})).await;
    super::writes(&llm, "Ann drinks tea");
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    let after = read(&app, "m").await;
    assert_eq!(after["reflect_response"]["mode_fallback_reason"], "source_query_changed");
    assert_eq!(
        refreshed(&app, "m", json!({"mode": "full"})).await["details"]["outcome"],
        "content_unchanged"
    );
    assert!(llm.last_request().tools().contains(&"done".to_owned()), "it was reflected");
}

/// A model that writes a document of these words, from nothing.
fn says(llm: &ScriptedLlm, words: &'static str) {
    llm.answer_with(move |_: &LlmRequest| {
        hands_in(&document(json!([{"heading": "", "level": 1, "blocks": [words]}]), &[]))
    });
}

#[tokio::test]
async fn more_memories_than_can_be_shown_are_not_taken_for_seen() {
    let (app, llm) = delta().await;
    // Two tokens for each number: more than all questions of one refresh have room for.
    let numbers: Vec<String> = (0..80_000).map(|number| number.to_string()).collect();
    assert_eq!(app.retain(json!([{"content": numbers.join(" ")}])).await.status, 200);
    says(&llm, "Numbers.");
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_written");
    assert!(llm.last_request().tools().contains(&"done".to_owned()), "it was reflected");
    let after = read(&app, "m").await;
    let response = &after["reflect_response"];
    assert_eq!(
        (&after["content"], &response["effective_mode"], &response["mode_fallback_reason"]),
        (&json!("Numbers."), &json!("full"), &json!("too_many_new_memories"))
    );
    assert_eq!(after["last_full_refreshed_at"], after["last_refreshed_at"]);
}

#[tokio::test]
async fn values_for_programs_are_written_with_the_whole() {
    let (app, llm) = delta().await;
    let schema = json!({"type": "object", "properties": {"drink": {"type": "string"}}});
    patch(&app, "m", json!({"trigger": {"response_schema": schema}})).await;
    remember(&app, "Ann drinks milk", &[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let sections = json!([{"heading": "", "level": 1, "blocks": ["Milk."]}]);
        let mut document = document(sections, &[name_of(request, "milk")]);
        document["structured_output"] = json!({"drink": "milk"});
        hands_in(&document)
    });
    let tried = app.post(&format!("{MODELS}/m/dry-run-refresh"), json!({})).await.body;
    assert_eq!(
        (&tried["requested_mode"], &tried["effective_mode"], &tried["mode_fallback_reason"]),
        (&json!("delta"), &json!("full"), &Value::Null),
        "the wire has no word for it"
    );
    assert!(tried["warnings"][0].as_str().unwrap().contains("response_schema"), "{tried}");
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_written");
    let response = read(&app, "m").await["reflect_response"].clone();
    assert_eq!(
        (&response["mode_fallback_reason"], &response["structured_output"]),
        (&json!("response_schema"), &json!({"drink": "milk"}))
    );
}

#[tokio::test]
async fn a_memory_that_goes_while_it_is_written_from_it_makes_it_stale() {
    let (app, llm) = delta().await;
    remember(&app, "Ann drinks milk", &[]).await;
    let gate = Gate::closed();
    let (asked, held) = (llm.asked(), gate.clone());
    llm.answer_with(move |request: &LlmRequest| {
        Reply::json(&json!({"operations": [{
            "op": "append_block", "facts": [name_of(request, "milk")], "section_id": "more", "text": "Milk too.",
        }]}))
        .behind(&held)
    });
    let requested = refresh(&app, "m", json!({})).await;
    let (operation, ()) = tokio::join!(ended(&app, &requested), async {
        llm.wait_until_asked(asked + 1).await;
        assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20milk").await.status, 200);
        gate.open();
    });
    assert_eq!(operation["details"]["outcome"], "content_written", "{operation}");
    let between = read(&app, "m").await;
    assert_eq!((based_on(&between), &between["is_stale"]), (vec!["Ann drinks tea", ""], &json!(true)));
    // What its words were is not known any more: they go with the whole.
    says(&llm, "Tea.");
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_written");
    let after = read(&app, "m").await;
    assert_eq!((&after["content"], &after["is_stale"]), (&json!("Tea."), &json!(false)));
    assert_eq!(after["reflect_response"]["mode_fallback_reason"], "gone_memories_unknown");
    // The same while the whole is written.
    let gate = Gate::closed();
    let (asked, held) = (llm.asked(), gate.clone());
    llm.answer_with(move |request: &LlmRequest| {
        let sections = json!([{"heading": "", "level": 1, "blocks": ["Late tea."]}]);
        hands_in(&document(sections, &[name_of(request, "Ann drinks tea")])).behind(&held)
    });
    let requested = refresh(&app, "m", json!({"mode": "full"})).await;
    tokio::join!(ended(&app, &requested), async {
        llm.wait_until_asked(asked + 1).await;
        assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20tea").await.status, 200);
        gate.open();
    });
    let last = read(&app, "m").await;
    assert_eq!(
        (&last["content"], based_on(&last), &last["is_stale"]),
        (&json!("Late tea."), vec![""], &json!(true))
    );
}

#[tokio::test]
async fn what_cannot_be_taken_out_is_a_failure() {
    let (app, llm) = delta().await;
    remember(&app, "Ann drinks milk", &[]).await;
    replaces(&llm, "Ann drinks milk");
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    let before = read(&app, "m").await;
    assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20milk").await.status, 200);
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"operations": [{"op": "x"}]})));
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(
        (&operation["status"], &operation["details"]["outcome"], &operation["details"]["failure_reason"]),
        (&json!("failed"), &json!("refresh_failed_delta_not_applied"), &json!("delta_ops_failed"))
    );
    let after = read(&app, "m").await;
    assert_eq!((&after["content"], &after["is_stale"]), (&before["content"], &json!(true)));
    assert!(after["last_refresh_failed_at"].is_string());
}

#[tokio::test]
async fn what_rested_on_memories_that_are_gone_is_taken_out() {
    let (app, llm) = delta().await;
    remember(&app, "Ann drinks milk", &[]).await;
    llm.answer_with(|request: &LlmRequest| {
        Reply::json(&json!({"operations": [{
            "op": "append_block", "facts": [name_of(request, "milk")], "section_id": "more", "text": "Milk too.",
        }]}))
    });
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20milk").await.status, 200);
    assert_eq!(read(&app, "m").await["is_stale"], true);
    // Nothing may be added on the way.
    llm.answer_with(|request: &LlmRequest| {
        assert!(request.user().contains("# Taken back\n- Ann drinks milk\n\n# Still true\n- Ann drinks tea"));
        let (section_id, block_id) = block(request, "Milk too.");
        Reply::json(&json!({"operations": [
            {"op": "remove_block", "facts": [], "section_id": section_id, "block_id": block_id},
        ]}))
    });
    let operation = refreshed(&app, "m", json!({})).await;
    assert_eq!(operation["details"]["outcome"], "content_written", "{operation}");
    let after = read(&app, "m").await;
    assert!(!after["content"].as_str().unwrap().contains("Milk"));
    assert_eq!((based_on(&after), &after["is_stale"]), (vec!["Ann drinks tea"], &json!(false)));
    assert_eq!(after["reflect_response"]["retraction"]["fact_texts"], json!(["Ann drinks milk"]));
    // Where nothing is left that it rests on, nobody knows what to take out: the words stay.
    let asked = llm.asked();
    assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20tea").await.status, 200);
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_unchanged");
    let last = read(&app, "m").await;
    assert_eq!((&last["content"], based_on(&last).len(), llm.asked()), (&after["content"], 0, asked));
}

#[tokio::test]
async fn nothing_is_taken_out_while_facts_wait_to_go_into_observations() {
    let (app, llm) = delta().await;
    remember(&app, "Bob sings", &[]).await;
    llm.answer_with(|request: &LlmRequest| {
        let facts = [name_of(request, "Bob")];
        Reply::json(&json!({"operations": [
            {"op": "append_block", "facts": facts, "section_id": "more", "text": "Bob sings."},
        ]}))
    });
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    let updates = json!({"updates": {"enable_observations": true, "enable_auto_consolidation": false}});
    assert_eq!(app.json(axum::http::Method::PATCH, super::CONFIG, updates).await.status, 200);
    assert_eq!(app.delete("/v1/default/banks/b/documents/Bob%20sings").await.status, 200);
    let asked = llm.asked();
    let tried = app.post(&format!("{MODELS}/m/dry-run-refresh"), json!({})).await.body;
    assert_eq!(
        (&tried["outcome"], &tried["retraction"]["applied"], &tried["retraction"]["fact_texts"]),
        (&json!("content_preserved_no_new_facts"), &json!(false), &json!(["Bob sings"]))
    );
    assert_eq!(tried["retraction"]["deferred_reason"], "facts wait to go into observations");
    assert_eq!(refreshed(&app, "m", json!({})).await["details"]["outcome"], "content_preserved_no_new_facts");
    assert_eq!(llm.asked(), asked);
    let after = read(&app, "m").await;
    assert_eq!((based_on(&after).len(), &after["is_stale"]), (2, &json!(true)), "it is done later");
}

#[tokio::test]
async fn a_try_tells_all_and_stores_nothing() {
    let (app, llm) = delta().await;
    remember(&app, "Ann drinks milk", &[]).await;
    replaces(&llm, "Ann drinks milk");
    let before = read(&app, "m").await;
    let tried = app.post(&format!("{MODELS}/m/dry-run-refresh"), json!({})).await;
    assert_eq!(tried.status, 200, "{:?}", tried.body);
    let tried = tried.body;
    assert_eq!(
        (&tried["requested_mode"], &tried["effective_mode"], &tried["outcome"], &tried["would_persist"]),
        (&json!("delta"), &json!("delta"), &json!("content_written"), &json!(true))
    );
    assert_eq!(tried["current_content"], before["content"]);
    assert!(tried["preview_content"].as_str().unwrap().starts_with("Now it is said: Ann drinks milk."));
    let diff = tried["diff"].as_str().unwrap();
    assert!(diff.contains("-It is said: Ann drinks tea.\n+Now it is said: Ann drinks milk."), "{diff}");
    assert_eq!(tried["facts"], json!({"retrieved": {"world": 1}, "used": {"world": 2}}));
    assert_eq!(tried["delta_operations"]["applied"][0]["op"], "replace_block");
    assert_eq!(tried["trace"]["tool_calls"][0]["tool"], "new_memories");
    assert_eq!(tried["usage"]["total_tokens"], 15);
    assert_eq!(tried["scope"]["tags_match"], "any");
    assert!(tried["window"]["created_after"].is_string());
    assert_eq!(read(&app, "m").await, before);
    let operations = app.get("/v1/default/banks/b/operations?type=refresh_mental_model").await.body;
    assert_eq!(operations["total"], 1, "the one that has written it");
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"operations": [{"op": "x"}]})));
    let tried = app.post(&format!("{MODELS}/m/dry-run-refresh"), json!({})).await.body;
    assert_eq!(
        (&tried["outcome"], &tried["would_persist"], &tried["diff"]),
        (&json!("refresh_failed_delta_not_applied"), &json!(false), &json!(""))
    );
    assert_eq!(tried["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(read(&app, "m").await, before, "nor does a failure leave a mark");
}
