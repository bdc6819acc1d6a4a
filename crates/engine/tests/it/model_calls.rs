//! Records of model calls on their way to the database.

use hindsight_engine::config::{LlmTraceSettings, Settings};
use hindsight_engine::store::ModelCallFilter;
use hindsight_testkit::{LlmRequest, Reply};
use serde_json::{Value, json};

use crate::support::TestEngine;

/// Calls of a test that there is no room for.
const MANY: usize = 10;

fn nothing(_: &LlmRequest) -> Reply {
    Reply::json(&json!({"facts": []}))
}

fn items(count: usize) -> Value {
    (0..count).map(|number| json!({"content": format!("text number {number}")})).collect()
}

async fn rows(test: &TestEngine) -> i64 {
    sqlx::query_scalar("select count(*) from llm_requests").fetch_one(&test.pool).await.unwrap()
}

#[tokio::test]
async fn records_that_there_is_no_room_for_are_lost_and_their_calls_are_not() {
    let llm_trace = LlmTraceSettings { queue: 1, ..LlmTraceSettings::default() };
    let (test, llm) = TestEngine::with_llm(Settings { llm_trace, ..Settings::default() }).await;
    llm.answer_with(nothing);
    let held = test.hold("llm_requests").await;
    test.retain("b", items(MANY)).await.unwrap();
    assert_eq!(llm.asked(), MANY);
    // One is being written, and one has room.
    let lost = test.engine.lost_model_calls();
    assert!(lost >= MANY as u64 - 2, "{lost}");
    held.release().await;
    test.engine.settle_model_calls().await;
    assert_eq!(rows(&test).await, i64::try_from(MANY as u64 - lost).unwrap());
    test.retain("b", items(1)).await.unwrap();
    test.engine.settle_model_calls().await;
    assert_eq!(test.engine.lost_model_calls(), lost, "there is room again");
}

#[tokio::test]
async fn what_is_on_its_way_is_written_before_the_engine_closes() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(nothing);
    test.retain("b", items(MANY)).await.unwrap();
    test.engine.close().await;
    let all = i64::try_from(MANY).unwrap();
    assert_eq!((rows(&test).await, test.engine.lost_model_calls()), (all, 0));
}

#[tokio::test]
async fn a_bank_that_is_gone_takes_only_its_own_records_with_it() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(nothing);
    let held = test.hold("llm_requests").await;
    test.retain("gone", items(1)).await.unwrap();
    test.retain("stays", items(1)).await.unwrap();
    // By the database: a deletion by the engine would wait for the table.
    let deleted = sqlx::query("delete from banks where bank_id = 'gone'").execute(&test.pool);
    let (deleted, ()) = tokio::join!(deleted, held.release());
    assert_eq!(deleted.unwrap().rows_affected(), 1);
    let filter = ModelCallFilter::default();
    assert_eq!(test.engine.list_model_calls("stays", &filter, false, 9, 0).await.unwrap().total, 1);
    assert_eq!((rows(&test).await, test.engine.lost_model_calls()), (1, 0));
}

#[tokio::test]
async fn old_records_are_removed_and_others_stay() {
    for (retention_days, left) in [(Some(1), 1), (None, 3)] {
        let llm_trace = LlmTraceSettings { retention_days, ..LlmTraceSettings::default() };
        let (test, llm) = TestEngine::with_llm(Settings { llm_trace, ..Settings::default() }).await;
        llm.answer_with(nothing);
        test.retain("b", items(3)).await.unwrap();
        test.engine.settle_model_calls().await;
        sqlx::query(
            "update llm_requests set started_at = started_at - interval '25 hours' where request_id <>
               (select request_id from llm_requests order by request_id desc limit 1)",
        )
        .execute(&test.pool)
        .await
        .unwrap();
        assert_eq!(test.engine.sweep_model_calls().await.unwrap(), 3 - left);
        assert_eq!(rows(&test).await, i64::try_from(left).unwrap());
    }
}

#[tokio::test]
async fn what_a_model_says_need_not_fit_the_database() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.push(Reply::json(&json!({"facts": [], "note": "a\u{0}b \u{1f600} \\u0000"})));
    test.retain("b", items(1)).await.unwrap();
    let filter = ModelCallFilter::default();
    let records = test.engine.list_model_calls("b", &filter, false, 9, 0).await.unwrap();
    assert_eq!((records.total, test.engine.lost_model_calls()), (1, 0));
    assert!(test.engine.list_model_calls("b", &filter, true, 9, 0).await.is_ok());
}

#[tokio::test]
async fn a_page_of_traces_has_no_more_rows_than_it_has_room_for() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.answer_with(nothing);
    test.retain("b", items(1)).await.unwrap();
    test.engine.settle_model_calls().await;
    sqlx::query(
        "insert into llm_requests (bank_key, request_id, operation, scope, trace_id, span_id, parent_span_id,
           provider, model, started_at, ended_at, input, llm_info, metadata)
         select bank_key, gen_random_uuid(), operation, scope, trace_id, span_id, parent_span_id, provider, model,
           started_at, ended_at, input, llm_info, metadata from llm_requests, generate_series(1, 2100)",
    )
    .execute(&test.pool)
    .await
    .unwrap();
    let filter = ModelCallFilter::default();
    let records = test.engine.list_model_calls("b", &filter, true, 9, 0).await.unwrap();
    assert_eq!((records.total, records.items.len()), (1, 2000));
}
