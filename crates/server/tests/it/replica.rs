//! A replica that lags behind: here one that never hears of anything.

use axum::http::StatusCode;
use hindsight_engine::store::StoreOptions;
use hindsight_testkit::{LlmRequest, Reply, TestDatabase};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_bank_that_was_just_made_is_known_to_whoever_asks() {
    let (database, replica) = (TestDatabase::create().await, TestDatabase::create().await);
    let options = StoreOptions { read_url: Some(replica.url.clone()), ..StoreOptions::new(&database.url) };
    let settings = [("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "chunks")];
    let (app, llm) = TestApp::over_with_llm(database, options, &settings).await;
    llm.answer_with(|_: &LlmRequest| {
        let done = json!({"answer": "Nobody has said.", "answer_found": false, "memory_ids": [], "observation_ids": []});
        Reply::calls([("done", done)])
    });
    let recall = json!({"query": "Where does Alice live?"});
    assert_eq!(app.recall(recall.clone()).await.status, StatusCode::NOT_FOUND, "there is no such bank");
    let answer = app.post("/v1/default/banks/b/reflect", recall.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.body["text"], "Nobody has said.");

    app.retain(json!([{"content": "Alice lives in Rome"}])).await;
    let found = app.recall(recall).await.body;
    assert_eq!(found["results"][0]["text"], "Alice lives in Rome", "{found}");
}
