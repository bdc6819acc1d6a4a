//! Everything that a model is told that writes a mental model, to the letter. Whoever changes a word
//! here gives the words another number.

use hindsight_testkit::{LlmRequest, Reply};
use serde_json::json;

use super::{MODELS, app, create, document, ended, hands_in, patch, refreshed, remember};
use crate::reflect::wording::told;

#[tokio::test]
async fn words_for_a_document_its_changes_and_what_is_taken_back() {
    let (app, llm) = app(&[]).await;
    let rule = json!({"name": "tone", "content": "Be brief."});
    assert_eq!(app.post("/v1/default/banks/b/memories", json!({"items": []})).await.status, 200);
    remember(&app, "Ann drinks tea", &[]).await;
    assert_eq!(app.post("/v1/default/banks/b/directives", rule).await.status, 200);
    let blocks = json!([{"heading": "Ann", "level": 2, "blocks": ["Ann drinks tea."]}]);
    llm.answer_with(move |_: &LlmRequest| hands_in(&document(blocks.clone(), &["f1".to_owned()])));
    let request = json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?", "trigger": {"mode": "delta"}});
    let made = create(&app, request).await;
    assert_eq!(ended(&app, &made).await["status"], "completed");
    insta::assert_json_snapshot!("document", told(&llm.last_request()));

    remember(&app, "Ann drinks milk", &[]).await;
    let add = json!({"op": "append_block", "facts": ["f1"], "section_id": "ann", "text": "Ann drinks milk."});
    llm.answer_with(move |_: &LlmRequest| Reply::json(&json!({"operations": [add]})));
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    insta::assert_json_snapshot!("changes", told(&llm.last_request()));

    assert_eq!(app.delete("/v1/default/banks/b/documents/Ann%20drinks%20milk").await.status, 200);
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"operations": []})));
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    insta::assert_json_snapshot!("taken_back", told(&llm.last_request()));

    // One that is nearly full, and one that is too long.
    patch(&app, "m", json!({"max_tokens": 256})).await;
    let long = "tea ".repeat(240);
    let blocks = json!([{"heading": "", "level": 1, "blocks": [long]}]);
    llm.answer_with(move |_: &LlmRequest| hands_in(&document(blocks.clone(), &[])));
    assert_eq!(refreshed(&app, "m", json!({"mode": "full"})).await["status"], "completed");
    remember(&app, "Ann drinks water", &[]).await;
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"operations": []})));
    assert_eq!(refreshed(&app, "m", json!({})).await["status"], "completed");
    let user = llm.last_request().user();
    assert!(user.contains("tokens and may have 256: make room"), "{user}");
    let longer = json!([{"heading": "", "level": 1, "blocks": ["tea ".repeat(300)]}]);
    llm.answer_with(move |request: &LlmRequest| match request.schema() {
        None => hands_in(&document(longer.clone(), &[])),
        Some(_) => Reply::text("no JSON"),
    });
    assert_eq!(refreshed(&app, "m", json!({"mode": "full"})).await["status"], "completed");
    let shorter = llm.last_request();
    assert!(shorter.user().contains("Write it anew in at most 256 tokens"), "{}", shorter.user());
    let content = app.get(&format!("{MODELS}/m")).await.body["content"].as_str().unwrap().to_owned();
    assert_eq!(content.split(' ').count(), 300, "what cannot be had shorter stays");
}
