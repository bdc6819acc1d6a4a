//! What the model is shown: what may be seen, and all of it however much it is.

use axum::http::StatusCode;
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use super::{
    QUESTION, answered, app, asking, based_on, dialogue, done, hands_in, name_of, patch_config, scopes,
    shown, tools,
};
use crate::support::TestApp;

/// Everything that a model was told, in one text.
fn told(requests: &[LlmRequest]) -> String {
    requests.iter().map(|request| request.body.to_string()).collect()
}

#[tokio::test]
async fn memories_outside_of_the_tags_are_never_shown() {
    let (app, llm) = dialogue(&[]).await;
    let secret = json!([
        {"content": "Alice hides in Oslo.", "document_id": "s", "tags": ["secret"]},
        {"content": "Alice lives in Bergen.", "document_id": "h", "tags": ["home"]},
    ]);
    assert_eq!(app.retain(secret).await.status, StatusCode::OK);
    let list = app.get("/v1/default/banks/b/memories/list?q=Oslo").await;
    let hidden = list.body["items"][0]["id"].as_str().unwrap().to_owned();
    let asked_for = hidden.clone();
    llm.answer_with(move |request: &LlmRequest| {
        if request.body["messages"].as_array().unwrap().len() == 2 {
            let ids = json!([asked_for, name_of(request, "Bergen")]);
            return Reply::calls([("expand", json!({"memory_ids": ids, "depth": "document"}))]);
        }
        hands_in(&done("Bergen.", &[&asked_for, &name_of(request, "Bergen")]))
    });
    for scope in [
        json!({"tags": ["home"], "tags_match": "any_strict"}),
        json!({"tag_groups": [{"not": {"tags": ["secret"]}}]}),
    ] {
        let before = llm.asked();
        let mut request = asking(QUESTION);
        request.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        let response = answered(&app, request).await;
        assert_eq!(based_on(&response), ["Alice lives in Bergen."], "{scope}");
        assert!(!told(&llm.requests()[before..]).contains("Oslo"));
        let results =
            &response["trace"]["tool_calls"].as_array().unwrap().last().unwrap()["output"]["results"];
        assert_eq!(results[0], json!({"memory_id": hidden, "error": "not found"}));
        assert_eq!(results[1]["document"]["full_text"], "Alice lives in Bergen.");
    }
}

#[tokio::test]
async fn a_fact_that_may_be_seen_does_not_open_a_document_that_may_not() {
    let (app, llm) = app(&[]).await;
    // The fact has a tag that its document has not.
    let items = json!([{"content": "Alice lives in Bergen.", "document_id": "d", "tags": ["home"]}]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    let labels = json!([{"key": "topic", "values": ["flat"], "tag": true}]);
    patch_config(&app, json!({"entity_labels": labels, "retain_extraction_mode": "concise"})).await;
    let fact = json!({
        "what": "Alice pays 900 euros.", "fact_type": "world", "fact_kind": "conversation", "entities": [],
        "labels": {"topic": "flat"},
    });
    llm.push(Reply::json(&json!({"facts": [fact]})));
    let items = json!([{"content": "Alice pays 900 euros. It is a secret.", "document_id": "e"}]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    for depth in ["chunk", "document"] {
        llm.answer_with(move |request: &LlmRequest| {
            if request.body["messages"].as_array().unwrap().len() == 2 {
                let ids = json!([name_of(request, "900")]);
                return Reply::calls([("expand", json!({"memory_ids": ids, "depth": depth}))]);
            }
            hands_in(&done("900 euros.", &[&name_of(request, "900")]))
        });
        let mut request = asking("What does Alice pay?");
        request["tags"] = json!(["topic:flat"]);
        request["tags_match"] = json!("all_strict");
        let before = llm.asked();
        let response = answered(&app, request).await;
        let expanded = &response["trace"]["tool_calls"][2]["output"]["results"][0];
        assert_eq!(expanded["source_withheld"], true, "{expanded}");
        assert!(!told(&llm.requests()[before..]).contains("It is a secret"), "{depth}");
    }
}

/// A bank with far more facts than a conversation holds.
async fn harbour() -> (TestApp, ScriptedLlm) {
    let (app, llm) = app(&[
        ("HINDSIGHT_API_REFLECT_MAX_CONTEXT_TOKENS", "2000"),
        ("HINDSIGHT_API_RECALL_MAX_TOKENS", "6000"),
        ("HINDSIGHT_API_RECALL_INCLUDE_CHUNKS", "false"),
    ])
    .await;
    let words = "the harbour was grey and the boats came in late that evening ".repeat(6);
    let items: Vec<Value> = (0..30)
        .map(|number| json!({"content": format!("<fact {number:02}> Alice said {words}"), "document_id": number.to_string()}))
        .collect();
    assert_eq!(app.retain(json!(items)).await.status, StatusCode::OK);
    (app, llm)
}

#[tokio::test]
async fn a_part_whose_claims_are_cut_off_is_read_in_smaller_parts() {
    let (app, llm) = harbour().await;
    let is_large = |part: &LlmRequest| part.user().len() > 5800;
    llm.answer_with(move |request: &LlmRequest| {
        if request.schema().is_some() {
            return Reply::json(&done("Late.", &["f1"]));
        }
        if is_large(request) {
            return Reply::text("- half of the claims").finish("length");
        }
        Reply::text("- all claims (f1)")
    });
    let response = answered(&app, asking("When did the boats come, Alice?")).await;
    assert_eq!(response["text"], "Late.");
    let requests = llm.requests();
    let (last, parts) = requests.split_last().unwrap();
    assert!(last.user().contains("- all claims (f1)") && !last.user().contains("half of the claims"));
    assert!(parts.iter().any(is_large), "the first parts are large");
    for number in 0..30 {
        let fact = format!("<fact {number:02}>");
        assert!(parts.iter().any(|part| !is_large(part) && part.user().contains(&fact)), "{fact}");
    }
}

#[tokio::test]
async fn much_evidence_is_read_in_parts_and_none_is_left_out() {
    let (app, llm) = harbour().await;
    llm.answer_with(|request: &LlmRequest| {
        if request.schema().is_some() {
            return Reply::json(&done("Late.", &["f1", "f30", "f31"]));
        }
        let part = request.user();
        let ids: Vec<&str> =
            part.split("\"id\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        if ids.contains(&"f1") {
            return Reply::text("NOTHING RELEVANT");
        }
        let claims: Vec<String> = ids.iter().map(|id| format!("- boats were late ({id})")).collect();
        Reply::text(claims.join("\n"))
    });
    let response = answered(&app, asking("When did the boats come, Alice?")).await;
    let scopes = scopes(&response);
    let maps = scopes.iter().filter(|scope| scope.starts_with("final_map_")).count();
    assert!(maps >= 3 && scopes.last() == Some(&"final"), "{scopes:?}");
    assert_eq!(scopes.len(), maps + 1, "no turn is spent on a conversation that is too long");
    let requests = llm.requests();
    let (last, parts) = requests.split_last().unwrap();
    for number in 0..30 {
        let times = parts.iter().filter(|part| part.user().contains(&format!("<fact {number:02}>"))).count();
        assert_eq!(times, 1, "fact {number}");
    }
    for part in parts {
        assert_eq!(part.body["temperature"], 0.0);
        assert!(part.user().contains("When did the boats come, Alice?"));
    }
    assert!(!last.user().contains("NOTHING RELEVANT") && last.user().contains("- boats were late (f"));
    assert_eq!(based_on(&response).len(), 2, "what is cited from claims is checked too");
}

#[tokio::test]
async fn a_conversation_that_has_grown_too_long_is_answered_from_all_it_has_found() {
    let (app, llm) = dialogue(&[("HINDSIGHT_API_REFLECT_MAX_CONTEXT_TOKENS", "4000")]).await;
    let long = format!("Alice wrote: {}", "the sea is wide and the sky is high ".repeat(500));
    assert_eq!(app.retain(json!([{"content": long, "document_id": "long"}])).await.status, StatusCode::OK);
    llm.answer_with(|request: &LlmRequest| {
        if request.schema().is_some() {
            return Reply::json(&done("Berlin.", &["f1"]));
        }
        if request.tools().is_empty() {
            return Reply::text("- the sea is wide (f1)");
        }
        let id = name_of(request, "Berlin");
        Reply::calls([
            ("recall", json!({"query": "the sea is wide and the sky is high", "max_tokens": 16_000, "reason": "sea"})),
            ("expand", json!({"memory_ids": [id], "depth": "chunk"})),
        ])
    });
    let response = answered(&app, asking(QUESTION)).await;
    let scopes = scopes(&response);
    assert_eq!(scopes.last(), Some(&"final"));
    assert!(!scopes.contains(&"closing_done"), "{scopes:?}");
    assert_eq!(based_on(&response).len(), 1);
}

#[tokio::test]
async fn passages_come_with_facts_unless_they_are_not_wanted() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &["f1"])));
    answered(&app, asking(QUESTION)).await;
    let recall = shown(&llm.last_request()).pop().unwrap();
    let chunk = recall["memories"][0]["chunk"].as_str().unwrap();
    assert!(recall["chunks"][chunk]["chunk_text"].as_str().unwrap().starts_with("Alice: "), "{recall:?}");
    assert!(!llm.last_request().user().contains("\"document_id\""));
    patch_config(&app, json!({"recall_include_chunks": false, "recall_max_tokens": 8})).await;
    let response = answered(&app, asking(QUESTION)).await;
    let recall = shown(&llm.last_request()).pop().unwrap();
    assert!(!recall.contains_key("chunks"), "{recall:?}");
    assert_eq!(recall["memories"].as_array().unwrap().len(), 1, "as much as the bank wants");
    assert!(!llm.last_request().body["tools"].to_string().contains("max_chunk_tokens"));
    assert_eq!(tools(&response).len(), 2);
}

#[tokio::test]
async fn questions_without_a_word_are_asked_all_the_same() {
    let (app, llm) = dialogue(&[]).await;
    llm.answer_with(|request: &LlmRequest| {
        assert!(request.user().contains("must be a text of at least one word"));
        hands_in(&done("What do you mean?", &[]))
    });
    let response = answered(&app, asking("?!")).await;
    assert_eq!(response["text"], "What do you mean?");
}
