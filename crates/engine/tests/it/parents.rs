//! The state of an operation with parts: what follows from theirs, in whatever order they end.

use std::time::Duration;

use hindsight_engine::config::Settings;
use hindsight_engine::store::OperationEnd;
use hindsight_types::decode::from_json;
use hindsight_types::operations::OperationStatus;
use hindsight_types::retain::RetainRequest;
use serde_json::json;
use uuid::Uuid;

use crate::support::TestEngine;

const PARTS: usize = 3;
const ORDERS: [[usize; PARTS]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
const ENDS: [OperationStatus; 3] =
    [OperationStatus::Completed, OperationStatus::Failed, OperationStatus::Cancelled];

/// What the whole is when its parts have ended like this.
fn expected(ends: [OperationStatus; PARTS]) -> OperationStatus {
    let any = |status| ends.contains(&status);
    if any(OperationStatus::Failed) {
        OperationStatus::Failed
    } else if any(OperationStatus::Cancelled) {
        OperationStatus::Cancelled
    } else {
        OperationStatus::Completed
    }
}

/// Three parts, one for each text.
async fn submitted(test: &TestEngine, bank: &str) -> Uuid {
    let items =
        (0..PARTS).map(|n| json!({"content": format!("Text number {n}."), "document_id": n.to_string()}));
    let request = json!({"items": items.collect::<Vec<_>>(), "async": true});
    let request: RetainRequest = from_json(&request).expect("a sound request");
    let answer = test.engine.retain(bank, request).await.expect("submitted");
    Uuid::parse_str(&answer.operation_id.expect("an operation")).unwrap()
}

#[tokio::test]
async fn a_whole_follows_its_parts_in_every_order_of_their_ends() {
    let test = TestEngine::with(Settings { batch_tokens: 1, ..Settings::default() }).await;
    let types = ["retain".to_owned()];
    for first in ENDS {
        for second in ENDS {
            for third in ENDS {
                let ends = [first, second, third];
                for order in ORDERS {
                    let parent = submitted(&test, "bank").await;
                    let mut claimed = test
                        .store
                        .claim_operations("test", &types, Duration::from_mins(1), 10)
                        .await
                        .unwrap();
                    claimed.sort_by_key(|part| part.payload["items"][0]["document_id"].to_string());
                    assert_eq!(claimed.len(), PARTS);
                    for (done, part) in order.into_iter().enumerate() {
                        let status = test.status("bank", parent).await.status;
                        assert_eq!(status, OperationStatus::Processing, "{ends:?} {order:?} {done}");
                        let lease = claimed[part].lease;
                        match ends[part] {
                            OperationStatus::Completed => {
                                test.store.hand_on(lease, &json!({}), &[], false).await.unwrap();
                            }
                            OperationStatus::Failed => {
                                let error = format!("part {part} has failed");
                                let end = OperationEnd::Failed { error };
                                test.store.end_attempt(lease, &end, &json!({})).await.unwrap();
                            }
                            _ => {
                                test.engine.cancel_operation("bank", lease.operation_id).await.unwrap();
                            }
                        }
                    }
                    let whole = test.status("bank", parent).await;
                    assert_eq!(whole.status, expected(ends), "{ends:?} {order:?}");
                    assert!(whole.completed_at.is_some());
                    let failed = ends.iter().filter(|end| **end == OperationStatus::Failed).count();
                    let told = whole.error_message.unwrap_or_default();
                    let words = format!("{failed} of {PARTS} parts failed");
                    assert_eq!(told.contains(&words), failed > 0, "{told}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_whole_that_was_retried_begins_anew_with_those_of_its_parts_that_were_not_done() {
    let test = TestEngine::with(Settings { batch_tokens: 1, ..Settings::default() }).await;
    let types = ["retain".to_owned()];
    let parent = submitted(&test, "bank").await;
    assert_eq!(test.status("bank", parent).await.status, OperationStatus::Pending);
    let claimed = test.store.claim_operations("test", &types, Duration::from_mins(1), 10).await.unwrap();
    test.store.hand_on(claimed[0].lease, &json!({}), &[], false).await.unwrap();
    let failed = OperationEnd::Failed { error: "no".to_owned() };
    test.store.end_attempt(claimed[1].lease, &failed, &json!({})).await.unwrap();
    test.engine.cancel_operation("bank", claimed[2].lease.operation_id).await.unwrap();
    test.engine.retry_operation("bank", parent).await.unwrap();
    let again = test.store.claim_operations("test", &types, Duration::from_mins(1), 10).await.unwrap();
    let mut ids: Vec<Uuid> = again.iter().map(|part| part.lease.operation_id).collect();
    let mut wanted = vec![claimed[1].lease.operation_id, claimed[2].lease.operation_id];
    ids.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(ids, wanted);
    for part in &again {
        test.store.hand_on(part.lease, &json!({}), &[], false).await.unwrap();
    }
    let whole = test.status("bank", parent).await;
    assert_eq!((whole.status, whole.error_message), (OperationStatus::Completed, None));
}
