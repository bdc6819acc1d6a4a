//! Writing a mental model by changes, and trying that out.

use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use super::{MODELS, based_on, name_of, patch, read, refreshed, remember, written};
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
