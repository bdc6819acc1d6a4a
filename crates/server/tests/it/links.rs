//! A server whose way to its database is slow, cut, reset or gone, and clients that hang up.

use std::time::Duration;

use axum::http::StatusCode;
use hindsight_engine::store::StoreOptions;
use hindsight_testkit::{Fault, FaultProxy, TestDatabase};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// Wait for a connection: some of these tests wait for it in vain, and where there is one it is to be
/// had in that time on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time for a statement, chosen alike.
const STATEMENT: Duration = Duration::from_secs(4);

/// Moments in the bytes of a retain or a recall, from before its first to after its last.
const MOMENTS: [u64; 12] = [0, 1, 150, 400, 900, 2_000, 4_000, 7_000, 12_000, 20_000, 40_000, 100_000];

async fn app() -> (TestApp, FaultProxy) {
    let database = TestDatabase::create().await;
    let (proxy, url) = database.behind_proxy().await;
    let options = StoreOptions { acquire_timeout: PATIENCE, ..StoreOptions::new(url) };
    (TestApp::over(database, options).await, proxy)
}

/// An app that gives a statement little time, and the way to its database.
async fn hasty_app() -> (TestApp, FaultProxy) {
    let database = TestDatabase::create().await;
    let (proxy, url) = database.behind_proxy().await;
    let options =
        StoreOptions { acquire_timeout: PATIENCE, statement_timeout: STATEMENT, ..StoreOptions::new(url) };
    (TestApp::over(database, options).await, proxy)
}

/// What comes back in the end, where nothing used to.
async fn in_the_end(answer: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(Duration::from_mins(5), answer).await.expect("an answer")
}

/// Whether it is a 504 that promises nothing; else it is a 503 because no connection was got.
fn is_given_up(answer: &Answer) -> bool {
    if answer.status != StatusCode::GATEWAY_TIMEOUT {
        assert_unavailable(answer);
        return false;
    }
    assert!(answer.detail().contains("did not answer in time"), "{}", answer.body);
    true
}

/// Sentences of one version of a document.
const SENTENCES: usize = 12;

fn version(number: u64) -> Value {
    let sentence = |part| format!("Ship {part} of fleet {number} carries {part}{number} tons of barley.");
    let text: Vec<_> = (0..SENTENCES).map(sentence).collect();
    json!([{"content": text.join("\n\n"), "document_id": "fleet", "update_mode": "replace"}])
}

/// Whose version of the document is there, all of it and nothing else.
async fn whole_version(app: &TestApp) -> u64 {
    let listed = app.get("/v1/default/banks/b/memories/list?limit=100").await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.body);
    let texts: Vec<_> =
        listed.body["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), SENTENCES, "{texts:?}");
    let fleet = |text: &str| text.split("fleet ").nth(1)?.split(' ').next()?.parse::<u64>().ok();
    let first = fleet(texts[0]).unwrap_or_else(|| panic!("{texts:?}"));
    assert!(texts.iter().all(|text| fleet(text) == Some(first)), "{texts:?}");
    first
}

#[tokio::test]
async fn where_all_connections_are_in_use_it_is_said() {
    let database = TestDatabase::create().await;
    let options =
        StoreOptions { acquire_timeout: Duration::from_secs(4), ..StoreOptions::new(&database.url) };
    let app = TestApp::over(database, options).await;
    app.retain(json!([{"content": "Alice lives in Rome"}])).await;
    let held = app.hold("directives").await;
    // One more than there are connections.
    let asked = (0..9).map(|_| Box::pin(app.get("/v1/default/banks/b/directives")));
    let (refused, _, waiting) = futures::future::select_all(asked).await;
    held.release().await;
    assert_unavailable(&refused);
    assert!(refused.detail().contains("in use"), "{}", refused.body);
    for answer in futures::future::join_all(waiting).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

/// 503, with a sentence for people and a time to come back.
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    assert!(answer.detail().contains("the database is not available"), "{}", answer.body);
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_slow_link_is_only_slow() {
    let (app, proxy) = app().await;
    proxy.set(Fault::Delay(Duration::from_millis(5))).await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let found = app.recall(json!({"query": "Ship 7 of fleet 1"})).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.body);
    assert_eq!(whole_version(&app).await, 1);
    app.audit().await;
}

#[tokio::test]
async fn a_retain_over_a_breaking_link_changes_all_or_nothing() {
    let (app, proxy) = app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let (mut there, mut number, mut failed, mut kept) = (1, 1, 0, 0);
    for after in MOMENTS {
        for fault in [Fault::Cut { after }, Fault::Reset { after }] {
            number += 1;
            proxy.set(fault).await;
            let answer = app.retain(version(number)).await;
            proxy.heal().await;
            // The next request finds its way.
            let found = whole_version(&app).await;
            if answer.status == StatusCode::OK {
                assert_eq!(found, number, "{fault:?}");
                kept += 1;
            } else {
                assert_unavailable(&answer);
                // Its commit may have got through, and the answer to it not.
                assert!(found == there || found == number, "{fault:?}: {found} after {there}");
                failed += 1;
            }
            there = found;
        }
    }
    assert!(failed > 4 && kept > 0, "{failed} failed, {kept} kept: the moments miss what they are for");
    app.audit().await;
}

#[tokio::test]
async fn a_recall_over_a_breaking_link_is_told_to_come_back() {
    let (app, proxy) = app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let mut failed = 0;
    for after in MOMENTS {
        for fault in [Fault::Cut { after }, Fault::Reset { after }] {
            proxy.set(fault).await;
            let answer = app.recall(json!({"query": format!("Ship 7 of fleet 1, asked {after}")})).await;
            if answer.status != StatusCode::OK {
                assert_unavailable(&answer);
                failed += 1;
            }
            proxy.heal().await;
            let found = app.recall(json!({"query": "Ship 7 of fleet 1"})).await;
            assert_eq!(found.status, StatusCode::OK, "{fault:?}: {}", found.body);
            assert_eq!(found.body["results"][0]["text"], "Ship 7 of fleet 1 carries 71 tons of barley.");
        }
    }
    assert!(failed > 2, "{failed} failed: the moments miss what they are for");
}

#[tokio::test]
async fn a_database_that_refuses_or_is_silent_is_told_in_time() {
    let (app, proxy) = app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    for fault in [Fault::Refuse, Fault::Stall { after: 0 }] {
        proxy.set(fault).await;
        let (retained, recalled, listed) = tokio::join!(
            app.retain(version(2)),
            app.recall(json!({"query": "Ship 7"})),
            app.get("/v1/default/banks")
        );
        for answer in [retained, recalled, listed] {
            assert_unavailable(&answer);
        }
        proxy.heal().await;
        assert_eq!(whole_version(&app).await, 1, "{fault:?}");
    }
    assert_eq!(app.retain(version(2)).await.status, StatusCode::OK);
    assert_eq!(whole_version(&app).await, 2);
    app.audit().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_all_or_nothing() {
    let (app, proxy) = app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let url = format!("http://{}/v1/default/banks/b/memories", app.listen().await);
    let (mut there, mut hung_up) = (1, 0);
    for (number, after) in (2..).zip(MOMENTS) {
        proxy.set(Fault::Stall { after }).await;
        let request = reqwest::Client::new().post(&url).json(&json!({"items": version(number)})).send();
        let answered = tokio::select! {
            answer = request => Some(answer.unwrap().status()),
            // The request and its connection are dropped.
            () = proxy.wait_until_held() => None,
        };
        proxy.heal().await;
        // One that was left alone may still come to its end, and then in its turn.
        let found = whole_version(&app).await;
        match answered {
            Some(status) => assert_eq!((status.as_u16(), found), (200, number)),
            None => {
                assert!((there..=number).contains(&found), "{after}: {found} after {there}");
                hung_up += 1;
            }
        }
        there = found;
    }
    assert!(hung_up > 4, "{hung_up}: the moments miss what they are for");
    let last = there + 100;
    assert_eq!(app.retain(version(last)).await.status, StatusCode::OK);
    assert_eq!(whole_version(&app).await, last);
    app.audit().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_on_a_recall_disturbs_nobody() {
    let (app, proxy) = app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let url = format!("http://{}/v1/default/banks/b/memories/recall", app.listen().await);
    let mut hung_up = 0;
    for after in MOMENTS {
        proxy.set(Fault::Stall { after }).await;
        let question = json!({"query": format!("Ship 3 of fleet 1, asked {after}")});
        let request = reqwest::Client::new().post(&url).json(&question).send();
        tokio::select! {
            answer = request => assert_eq!(answer.unwrap().status(), 200),
            () = proxy.wait_until_held() => hung_up += 1,
        }
        proxy.heal().await;
        // Whoever gets the connection next gets its own answer.
        for part in [7, 8, 9] {
            let found = app.recall(json!({"query": format!("Ship {part} of fleet 1")})).await;
            let expected = format!("Ship {part} of fleet 1 carries {part}1 tons of barley.");
            assert_eq!(found.body["results"][0]["text"], expected, "{after}: {}", found.body);
        }
        assert_eq!(whole_version(&app).await, 1);
    }
    assert!(hung_up > 2, "{hung_up}: the moments miss what they are for");
}

#[tokio::test]
async fn a_database_that_falls_silent_in_a_retain_is_given_up() {
    let (app, proxy) = hasty_app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let (mut there, mut given_up) = (1, 0);
    for (number, after) in (2..).zip([150, 900, 4_000, 9_000, 16_000]) {
        proxy.set(Fault::Stall { after }).await;
        let answer = in_the_end(app.retain(version(number))).await;
        proxy.heal().await;
        // What was held goes on its way now; the next request has nothing to do with it.
        let found = whole_version(&app).await;
        if answer.status == StatusCode::OK {
            assert_eq!(found, number, "{after}");
        } else {
            given_up += u64::from(is_given_up(&answer));
            // Its commit may have been among what was held.
            assert!(found == there || found == number, "{after}: {found} after {there}");
        }
        there = found;
    }
    assert!(given_up > 1, "{given_up}: the moments miss what they are for");
    let last = there + 100;
    assert_eq!(app.retain(version(last)).await.status, StatusCode::OK);
    assert_eq!(whole_version(&app).await, last);
    app.audit().await;
}

#[tokio::test]
async fn a_database_that_falls_silent_in_a_question_is_given_up() {
    let (app, proxy) = hasty_app().await;
    assert_eq!(app.retain(version(1)).await.status, StatusCode::OK);
    let mut given_up = 0;
    for after in [150, 900, 2_000, 4_000] {
        proxy.set(Fault::Stall { after }).await;
        let question = json!({"query": format!("Ship 3 of fleet 1, asked {after}")});
        let answers = [
            in_the_end(app.recall(question)).await,
            in_the_end(app.get("/v1/default/banks/b/memories/list")).await,
        ];
        proxy.heal().await;
        for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
            given_up += u64::from(is_given_up(answer));
        }
        for part in [7, 8] {
            let found = app.recall(json!({"query": format!("Ship {part} of fleet 1")})).await;
            let expected = format!("Ship {part} of fleet 1 carries {part}1 tons of barley.");
            assert_eq!(found.body["results"][0]["text"], expected, "{after}: {}", found.body);
        }
        assert_eq!(whole_version(&app).await, 1);
    }
    assert!(given_up > 1, "{given_up}: the moments miss what they are for");
}
