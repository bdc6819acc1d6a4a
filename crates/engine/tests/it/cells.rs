//! Banks whose vectors are too many for a look at each: what recall finds stays the same.

use hindsight_engine::config::Settings;
use hindsight_engine::store::{PlacedVector, StoreOptions};
use serde_json::{Value, json};

use crate::support::TestEngine;

/// Banks of more than 50 memories have cells, of which a recall looks into a few.
fn settings() -> Settings {
    Settings {
        exact_limit: 50,
        scanned: [20; 3],
        text_search: false,
        graph: false,
        context: [0; 3],
        ..Settings::default()
    }
}

/// Notes about a few matters; the first ten have a tag.
fn notes(from: usize, to: usize) -> Value {
    const MATTERS: [&str; 6] =
        ["garden tulips", "violin sonata", "train timetable", "chess opening", "rye bread", "tax form"];
    (from..to)
        .map(|number| {
            let matter = MATTERS[number % MATTERS.len()];
            let tags = if number < 10 { json!(["rare"]) } else { json!([]) };
            json!({"content": format!("{matter} {matter} note {number}"), "document_id": number.to_string(), "tags": tags})
        })
        .collect()
}

async fn cells_in_use(test: &TestEngine) -> (i64, i64) {
    sqlx::query_as(
        "select (select count(*) from hindsight.bank_cells), (select count(*) from hindsight.memory_vectors where cell = 0)",
    )
    .fetch_one(&test.pool)
    .await
    .expect("counted")
}

#[tokio::test]
async fn a_bank_that_grows_gets_cells_and_keeps_its_answers() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 300)).await.unwrap();
    let request = json!({"query": "garden tulips", "max_tokens": 100_000, "budget": "low"});
    let before = test.found("b", request.clone()).await;
    assert_eq!(test.engine.tend_cells().await.unwrap(), 1);
    let (cells, unassigned) = cells_in_use(&test).await;
    assert!(cells >= 10 && unassigned == 0, "{cells} cells, {unassigned} in none");
    let after = test.found("b", request).await;
    assert_eq!(after.len(), before.len());
    assert_eq!(after.iter().filter(|text| text.contains("tulips")).count(), 50, "all of the matter");
    // Nothing more to do until the bank has doubled.
    assert_eq!(test.engine.tend_cells().await.unwrap(), 0);
}

#[tokio::test]
async fn cells_are_made_and_filled_on_connections_that_are_lent_for_a_transaction() {
    let lent = |options| StoreOptions { set_up_transactions: true, ..options };
    let test = TestEngine::over(settings(), lent).await;
    test.retain("b", notes(0, 300)).await.unwrap();
    assert_eq!(test.engine.tend_cells().await.unwrap(), 1);
    test.retain("b", notes(300, 360)).await.unwrap();
    assert_eq!(cells_in_use(&test).await.1, 60, "in no cell yet");
    assert_eq!(test.engine.tend_cells().await.unwrap(), 1);
    let (cells, unassigned) = cells_in_use(&test).await;
    assert!(cells >= 10 && unassigned == 0, "{cells} cells, {unassigned} in none");
    let found =
        test.found("b", json!({"query": "garden tulips", "max_tokens": 100_000, "budget": "low"})).await;
    assert_eq!(found.iter().filter(|text| text.contains("tulips")).count(), 60, "all of the matter");
}

#[tokio::test]
async fn what_is_new_is_found_before_it_is_in_a_cell() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 120)).await.unwrap();
    test.engine.tend_cells().await.unwrap();
    test.retain("b", json!([{"content": "the lighthouse keeper's diary"}])).await.unwrap();
    let found = test.found("b", json!({"query": "lighthouse keeper diary"})).await;
    assert_eq!(found[0], "the lighthouse keeper's diary");
}

#[tokio::test]
async fn filters_never_leave_an_arm_short() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 300)).await.unwrap();
    test.engine.tend_cells().await.unwrap();
    // Far from the query and in many cells.
    let request =
        json!({"query": "note", "tags": ["rare"], "tags_match": "any_strict", "max_tokens": 100_000});
    assert_eq!(test.found("b", request).await.len(), 10);
}

#[tokio::test]
async fn a_bank_that_has_doubled_gets_new_cells_and_loses_none_of_its_memories() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 100)).await.unwrap();
    test.engine.tend_cells().await.unwrap();
    let (few, _) = cells_in_use(&test).await;
    test.retain("b", notes(100, 400)).await.unwrap();
    assert_eq!(test.engine.tend_cells().await.unwrap(), 1);
    let (more, unassigned) = cells_in_use(&test).await;
    assert!(more > few && unassigned == 0);
    let lost: i64 = sqlx::query_scalar(
        "select count(*) from hindsight.memory_vectors v where not exists (select 1 from hindsight.bank_cells c where c.bank_key = v.bank_key and c.cell = v.cell)",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(lost, 0);
}

#[tokio::test]
async fn one_process_at_a_time_works_on_a_bank() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 100)).await.unwrap();
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let lease = test.store.lease_cells(bank).await.unwrap().expect("free");
    assert!(test.store.lease_cells(bank).await.unwrap().is_none());
    assert_eq!(test.engine.tend_cells().await.unwrap(), 0, "somebody else is at it");
    // A worker that was away too long has no say any more.
    sqlx::query("update hindsight.bank_state set cells_lease = now() - interval '1 second'")
        .execute(&test.pool)
        .await
        .unwrap();
    assert_eq!(test.engine.tend_cells().await.unwrap(), 1);
    assert!(!test.store.renew_cells(lease).await.unwrap());
    assert!(test.store.add_cells(lease, &[vec![1.0; 384]], &[1]).await.unwrap().is_none());
    assert!(!test.store.assign_cells(lease, &[]).await.unwrap());
    assert!(!test.store.finish_cells(lease, (1, 1), 1).await.unwrap());
}

#[tokio::test]
async fn cells_wait_for_writers_and_are_not_those_of_vectors_that_are_gone() {
    let test = TestEngine::with(settings()).await;
    test.retain("b", notes(0, 2)).await.unwrap();
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let lease = test.store.lease_cells(bank).await.unwrap().expect("free");
    let rows = test.store.vectors_unassigned(bank, 10).await.unwrap();
    let placed: Vec<PlacedVector> = rows
        .iter()
        .map(|row| PlacedVector { memory_id: row.memory_id, version: row.version, cell: 7 })
        .collect();
    // Somebody rewrites one, and takes the bank's state as the last thing.
    let mut writer = test.pool.begin().await.unwrap();
    sqlx::query("update hindsight.memory_vectors set tokens = tokens + 1 where memory_id = $1")
        .bind(rows[0].memory_id)
        .execute(&mut *writer)
        .await
        .unwrap();
    let store = test.store.clone();
    let assigned = tokio::spawn(async move { store.assign_cells(lease, &placed).await });
    let waits = "select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&test.pool).await.unwrap() {}
    sqlx::query("select from hindsight.bank_state for update").execute(&mut *writer).await.unwrap();
    writer.commit().await.unwrap();
    assert!(assigned.await.unwrap().unwrap());
    let cells: Vec<i32> =
        sqlx::query_scalar("select cell from hindsight.memory_vectors order by memory_id = $1")
            .bind(rows[0].memory_id)
            .fetch_all(&test.pool)
            .await
            .unwrap();
    assert_eq!(cells, [7, 0]);
}
