//! Which memories a mental model has seen, whatever else is written meanwhile.

use hindsight_engine::config::Settings;
use hindsight_engine::store::{MemoryScope, TagFilter};
use hindsight_types::recall::FactType;

use crate::support::TestEngine;

fn everything() -> MemoryScope {
    MemoryScope { tags: TagFilter::All, types: FactType::ALL.to_vec() }
}

#[tokio::test]
async fn what_is_written_while_it_is_looked_is_found_by_the_next_look() {
    let test = TestEngine::with(Settings::default()).await;
    test.remember("b", &["Ann drinks tea", "Bob sings"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let seen = test.store.refresh_point(bank, &everything()).await.unwrap().newest.unwrap();
    let news = async |after| test.store.have_new_memories(bank, &[(everything(), Some(after))]).await.unwrap();
    assert_eq!(news(seen).await, [false]);

    // One writes early and is done late; another one writes and is done in between.
    let mut slow = test.pool.begin().await.unwrap();
    let touch = "update memory_state set written_at = clock_timestamp() where memory_id =
                 (select memory_id from memories where body like '%' || $1 || '%' limit 1)";
    let touched = sqlx::query(touch).bind("sings").execute(&mut *slow).await.unwrap();
    assert_eq!(touched.rows_affected(), 1);
    test.remember("b", &["Cid paints"]).await;
    let point = test.store.refresh_point(bank, &everything()).await.unwrap();
    let between = point.newest.unwrap();
    assert!(point.at >= between && between >= seen);
    slow.commit().await.unwrap();
    assert_eq!(news(between).await, [true], "what was done late is new to who looked before");

    let last = test.store.refresh_point(bank, &everything()).await.unwrap().newest.unwrap();
    assert!(last > between);
    assert_eq!(news(last).await, [false]);
}

#[tokio::test]
async fn each_of_many_is_told_by_its_own_scope_and_time() {
    let test = TestEngine::with(Settings::default()).await;
    let items = serde_json::json!([
        {"content": "Ann drinks tea", "document_id": "1", "tags": ["ann"]},
        {"content": "Bob sings", "document_id": "2", "tags": ["bob"]},
    ]);
    test.retain("b", items).await.unwrap();
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let tagged = |tag: &str| {
        let tags = Some(vec![tag.to_owned()]);
        MemoryScope {
            tags: TagFilter::list(tags, hindsight_types::tags::TagsMatch::AllStrict),
            types: vec![FactType::World],
        }
    };
    let observations = MemoryScope { types: vec![FactType::Observation], ..everything() };
    let seen = test.store.refresh_point(bank, &everything()).await.unwrap().newest;
    let mut scopes = vec![
        (tagged("ann"), None),
        (tagged("ann"), seen),
        (tagged("cid"), None),
        (observations, None),
        (everything(), None),
    ];
    assert_eq!(
        test.store.have_new_memories(bank, &scopes).await.unwrap(),
        [true, false, false, false, true]
    );
    // More than one statement asks about.
    scopes.extend((0..250).map(|_| (tagged("bob"), None)));
    let found = test.store.have_new_memories(bank, &scopes).await.unwrap();
    assert_eq!((found.len(), found.iter().filter(|found| **found).count()), (255, 252));
}
