//! Pictures and files inside of texts, over HTTP and through the language model of the settings.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hindsight_testkit::{LLM_MODEL, LlmRequest, Reply, ScriptedLlm};
use serde_json::{Value, json};

use crate::support::TestApp;

const ATTACHMENT: &str = "/v1/default/banks/b/attachments/ae4b3280e56e";

fn image(data: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
}

fn answers(llm: &ScriptedLlm) {
    llm.answer_with(|_: &LlmRequest| {
        let fact = json!({"what": "The receipt says 48.20.", "fact_type": "world", "fact_kind": "conversation",
            "entities": [], "from_attachments": [1]});
        Reply::json(&json!({"facts": [fact]}))
    });
}

#[tokio::test]
async fn what_is_attached_is_read_kept_and_served() {
    let (app, llm) = TestApp::with_llm(&[("HINDSIGHT_API_VLM_MODEL", "eyes")]).await;
    answers(&llm);
    let content = json!([{"type": "text", "text": "The receipt:"}, image("AAEC")]);
    let answer = app.retain(json!([{"content": content, "document_id": "d"}])).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let asked = llm.last_request();
    assert_eq!(asked.model(), "eyes", "who can see is asked where there is something to see");
    let shown = &asked.body["messages"][1]["content"][1];
    assert_eq!(*shown, json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}}));
    assert_eq!(app.retain(json!([{"content": "words only"}])).await.status, StatusCode::OK);
    assert_eq!(llm.last_request().model(), LLM_MODEL);

    let found = app.recall(json!({"query": "receipt"})).await;
    assert_eq!(found.body["results"][0]["attachments"][0]["url"], ATTACHMENT);
    let request = Request::get(ATTACHMENT).body(Body::empty()).unwrap();
    let (status, headers, bytes) = app.bytes(request).await;
    assert_eq!((status, bytes.as_slice()), (StatusCode::OK, &[0, 1, 2][..]));
    for (name, value) in [
        (header::CONTENT_TYPE, "image/png"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ] {
        assert_eq!(headers[&name], value);
    }
    for path in
        ["/v1/default/banks/b/attachments/0123456789ab", "/v1/default/banks/none/attachments/ae4b3280e56e"]
    {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND);
    }
    app.audit().await;
}

#[tokio::test]
async fn what_is_not_as_it_should_be_is_named() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    let large = "A".repeat((20 << 20) / 3 * 4 + 8);
    let many: Value = (0..51).map(|_| image("AAEC")).collect();
    let mut elsewhere = image("AAEC");
    elsewhere["source"]["type"] = json!("url");
    for (content, status, words) in [
        (many, StatusCode::BAD_REQUEST, "items[0].content[50]: an item may have 50 attachments"),
        (
            json!([{"type": "text", "text": "x"}, image(&large)]),
            StatusCode::BAD_REQUEST,
            "items[0].content[1]: an attachment may have 20 MB",
        ),
        (
            json!([image("this is no base64!")]),
            StatusCode::BAD_REQUEST,
            "items[0].content[0]: its data is no base64",
        ),
        (json!([image("")]), StatusCode::BAD_REQUEST, "items[0].content[0]: it is empty"),
        (json!([elsewhere]), StatusCode::UNPROCESSABLE_ENTITY, "base64"),
        (json!([{"type": "film"}]), StatusCode::UNPROCESSABLE_ENTITY, "film"),
        (json!([{"type": "image"}]), StatusCode::UNPROCESSABLE_ENTITY, "source"),
    ] {
        for run_async in [false, true] {
            let body = json!({"items": [{"content": content}], "async": run_async});
            let answer = app.post("/v1/default/banks/b/memories", body).await;
            assert_eq!(answer.status, status, "{words}: {:?}", answer.body);
            assert!(answer.body.to_string().contains(words), "{}", answer.body);
        }
    }
    assert_eq!(llm.asked(), 0);
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0, "nothing was made");
}

#[tokio::test]
async fn a_model_for_texts_is_not_shown_pictures_unless_somebody_says_it_sees() {
    let content = json!([{"type": "text", "text": "The receipt:"}, image("AAEC")]);
    let retain = json!([{"content": content}]);
    let (blind, llm) = TestApp::with_llm(&[("HINDSIGHT_API_VLM_MODEL", "openai/gpt-oss-120b")]).await;
    let answer = blind.retain(retain.clone()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{:?}", answer.body);
    assert!(answer.detail().contains("openai/openai/gpt-oss-120b takes texts only"), "{}", answer.detail());
    assert_eq!(llm.asked(), 0);
    let (told, llm) = TestApp::with_llm(&[
        ("HINDSIGHT_API_VLM_MODEL", "openai/gpt-oss-120b"),
        ("HINDSIGHT_API_LLM_VISION", "true"),
    ])
    .await;
    answers(&llm);
    assert_eq!(told.retain(retain).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dry_run_tells_from_which_blocks_a_fact_was_read() {
    let (app, llm) = TestApp::with_llm(&[]).await;
    answers(&llm);
    let content = json!([{"type": "text", "text": "The receipt:"}, image("AAEC")]);
    let answer =
        app.post("/v1/default/banks/b/memories/dry-run-extract", json!({ "content": content })).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(
        answer.body["facts"][0]["attachments"],
        json!([{"block_index": 1, "type": "image", "media_type": "image/png"}])
    );
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0);
}
