//! Links between memories: who is linked to whom, and what deletes and crashes leave.

use hindsight_engine::config::Settings;
use hindsight_engine::store::{ChunkKey, ChunkWrite, DocumentWrite, FactWrite, PartWrite, SemanticLink};
use hindsight_engine::text::terms::Terms;
use hindsight_types::recall::FactType;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{NOW, TestEngine, time};

pub(crate) fn fact(text: &str, caused_by: Vec<Uuid>) -> FactWrite {
    FactWrite {
        memory_id: Uuid::now_v7(),
        chunk_index: 0,
        fact_type: FactType::World,
        body: text.to_owned(),
        context: None,
        metadata: None,
        tags: Vec::new(),
        label_tags: Vec::new(),
        observation_scopes: None,
        occurred: None,
        mentioned_at: None,
        embedding: vec![half::f16::from_f32(0.1); 384],
        terms: Terms::default(),
        stream: None,
        tokens: 1,
        question_share: 0.0,
        has_time: false,
        author: None,
        entities: Vec::new(),
        caused_by,
        attachments: Vec::new(),
        text_hash: 0,
    }
}

#[tokio::test]
async fn an_effect_is_linked_to_its_causes() {
    let test = TestEngine::start().await;
    test.remember("b", &["something else"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let cause = fact("the rain came", Vec::new());
    let stranger = Uuid::now_v7();
    let mut effect = fact("the match was off", vec![cause.memory_id, cause.memory_id, stranger]);
    effect.caused_by.push(effect.memory_id);
    let text = format!("{} {}", cause.body, effect.body);
    let document = DocumentWrite {
        document_id: "d".to_owned(),
        appends: false,
        is_reprocessed: false,
        keeps_text: true,
        chunks: vec![ChunkWrite {
            part: 0,
            key: ChunkKey { content_hash: vec![1], provenance: vec![1] },
            body: text.clone(),
            is_read: true,
            is_complete: true,
        }],
        parts: vec![PartWrite {
            text,
            said_at: None,
            is_dated: false,
            metadata: None,
            tags: Vec::new(),
            observation_scopes: None,
            params: serde_json::Map::new(),
        }],
        facts: vec![cause, effect],
        attachments: Vec::new(),
    };
    let accepted = test.store.next_retain().await.unwrap();
    test.store.write_documents(bank, accepted, &[&document], time(NOW), None).await.unwrap();
    assert_eq!(links(&test.pool, 2).await, [("the match was off".to_owned(), "the rain came".to_owned())]);
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!(stats.links_by_link_type.get("caused_by"), Some(&1));
    test.engine.delete_document("b", "d").await.unwrap();
    assert_eq!(count(&test.pool, "links").await, 0);
}

fn item(document: &str, text: &str) -> Value {
    json!({"content": text, "document_id": document})
}

/// Texts at both ends of every link of a kind.
async fn links(pool: &PgPool, kind: i16) -> Vec<(String, String)> {
    sqlx::query_as(
        "select a.body, b.body from hindsight.memory_links l
         join hindsight.memories a on (a.bank_key, a.memory_id) = (l.bank_key, l.memory_id)
         join hindsight.memories b on (b.bank_key, b.memory_id) = (l.bank_key, l.other_id)
         where l.kind = $1 order by 1, 2",
    )
    .bind(kind)
    .fetch_all(pool)
    .await
    .expect("read")
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    let query = match table {
        "links" => "select count(*) from hindsight.memory_links",
        _ => "select count(*) from hindsight.link_queue",
    };
    sqlx::query_scalar(query).fetch_one(pool).await.expect("counted")
}

#[tokio::test]
async fn memories_that_are_alike_are_linked_after_the_retain() {
    let test = TestEngine::start().await;
    test.retain("b", json!([item("1", "red garden tulips bloom"), item("2", "a violin sonata")]))
        .await
        .unwrap();
    test.retain("b", json!([item("3", "red garden tulips bloom again")])).await.unwrap();
    assert_eq!((count(&test.pool, "links").await, count(&test.pool, "queue").await), (0, 3));
    assert_eq!(test.engine.tend_links().await.unwrap(), 3);
    let (one, other) = ("red garden tulips bloom".to_owned(), "red garden tulips bloom again".to_owned());
    assert_eq!(links(&test.pool, 1).await, [(one.clone(), other.clone()), (other, one)]);
    assert_eq!(count(&test.pool, "queue").await, 0);
    assert_eq!(test.engine.tend_links().await.unwrap(), 0, "nothing more to do");
    let stats = test.engine.bank_stats("b").await.unwrap();
    assert_eq!(stats.links_by_link_type.get("semantic"), Some(&2));
}

#[tokio::test]
async fn another_type_and_another_bank_are_not_neighbours() {
    let test = TestEngine::start().await;
    let spoken = |name: &str| json!({"content": format!("{name}: the red garden tulips bloom today\n{name}: the red garden tulips bloom today again"), "document_id": name});
    test.retain("a", json!([spoken("Marta")])).await.unwrap();
    test.retain("b", json!([spoken("Assistant")])).await.unwrap();
    test.retain("c", json!([item("1", "the red garden tulips bloom today")])).await.unwrap();
    test.engine.tend_links().await.unwrap();
    let across: i64 = sqlx::query_scalar(
        "select count(*) from hindsight.memory_links l
         left join hindsight.memories a on (a.bank_key, a.memory_id) = (l.bank_key, l.memory_id)
         left join hindsight.memories b on (b.bank_key, b.memory_id) = (l.bank_key, l.other_id)
         where a.fact_type is distinct from b.fact_type",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(across, 0);
    assert_eq!(count(&test.pool, "links").await, 4, "two in each of the first banks");
}

#[tokio::test]
async fn a_memory_has_at_most_twenty_links_and_none_to_itself() {
    let test = TestEngine::start().await;
    let items: Value = (0..60)
        .map(|number| item(&number.to_string(), &format!("red garden tulips bloom near the lake {number}")))
        .collect();
    test.retain("b", items).await.unwrap();
    test.engine.tend_links().await.unwrap();
    let (most, own): (i64, i64) = sqlx::query_as(
        "select (select max(n) from (select count(*) n from hindsight.memory_links group by memory_id) x),
           (select count(*) from hindsight.memory_links where memory_id = other_id)",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!((most, own), (20, 0));
}

#[tokio::test]
async fn a_bank_with_cells_is_linked_by_them() {
    let settings = Settings { exact_limit: 50, scanned: [20; 3], ..Settings::default() };
    let test = TestEngine::with(settings).await;
    let matters =
        ["garden tulips", "violin sonata", "train timetable", "chess opening", "rye bread", "tax form"];
    let items: Value = (0..120)
        .map(|number| item(&number.to_string(), &format!("{0} {0} note {number}", matters[number % 6])))
        .collect();
    test.retain("b", items).await.unwrap();
    test.engine.tend_cells().await.unwrap();
    while test.engine.tend_links().await.unwrap() > 0 {}
    let found = links(&test.pool, 1).await;
    assert!(found.len() >= 600, "{}", found.len());
    let strangers = found.iter().filter(|(a, b)| a.split(' ').next() != b.split(' ').next()).count();
    assert_eq!(strangers, 0);
}

#[tokio::test]
async fn what_is_deleted_has_no_links_and_waits_for_none() {
    let test = TestEngine::start().await;
    test.remember("b", &["red garden tulips bloom", "red garden tulips bloom again"]).await;
    test.engine.tend_links().await.unwrap();
    test.remember("b", &["red garden tulips bloom once more"]).await;
    for document in ["red garden tulips bloom", "red garden tulips bloom once more"] {
        test.engine.delete_document("b", document).await.unwrap();
    }
    assert_eq!(count(&test.pool, "links").await, 0);
    assert_eq!(test.engine.tend_links().await.unwrap(), 1, "only taken from the queue");
    assert_eq!((count(&test.pool, "links").await, count(&test.pool, "queue").await), (0, 0));

    test.remember("gone", &["red garden tulips bloom"]).await;
    test.engine.delete_bank("gone").await.unwrap();
    test.engine.tend_links().await.unwrap();
    assert_eq!(count(&test.pool, "queue").await, 0);
}

#[tokio::test]
async fn a_round_that_breaks_off_is_done_again_and_two_share_the_work() {
    let test = TestEngine::start().await;
    test.remember("b", &["red garden tulips bloom", "red garden tulips bloom again", "a violin sonata"])
        .await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let round = test.store.begin_links(bank, 2).await.unwrap().unwrap();
    assert_eq!(round.taken, 2);
    let other = test.store.begin_links(bank, 10).await.unwrap().unwrap();
    assert_eq!(other.taken, 1, "what the first one has not taken");
    other.finish(&[]).await.unwrap();
    drop(round);
    // The dropped connection gives its work back in its own time.
    let mut done = 0;
    while done < 2 {
        done += test.engine.tend_links().await.unwrap();
    }
    assert_eq!(done, 2);
    assert_eq!(links(&test.pool, 1).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_deletes_at_one_time_leave_nothing_dangling() {
    let test = TestEngine::start().await;
    let items: Value = (0..40)
        .map(|number| item(&number.to_string(), &format!("red garden tulips bloom near the lake {number}")))
        .collect();
    for _ in 0..3 {
        test.retain("b", items.clone()).await.unwrap();
        let deletes = async {
            for number in 0..20 {
                test.engine.delete_document("b", &number.to_string()).await.unwrap();
            }
        };
        let links = async {
            for _ in 0..4 {
                test.engine.tend_links().await.unwrap();
            }
        };
        tokio::join!(deletes, links);
    }
    let dangling: i64 = sqlx::query_scalar(
        "select count(*) from hindsight.memory_links l where not exists
           (select 1 from hindsight.memories m where (m.bank_key, m.memory_id) = (l.bank_key, l.memory_id))
         or not exists
           (select 1 from hindsight.memories m where (m.bank_key, m.memory_id) = (l.bank_key, l.other_id))",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(dangling, 0);
}

#[tokio::test]
async fn an_observation_that_is_rewritten_during_a_round_waits_for_its_own() {
    let (test, facts, one) = crate::observations::start_in(TestEngine::start().await).await;
    let other = crate::observations::observe(&test, "b", "Ann drinks much tea", &facts).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    test.engine.tend_links().await.unwrap();
    let round = test.store.begin_links(bank, 10).await.unwrap().unwrap();
    sqlx::query(
        "insert into hindsight.link_queue (bank_key, memory_id) select bank_key, $1 from hindsight.banks",
    )
    .bind(other)
    .execute(&test.pool)
    .await
    .unwrap();
    let link = SemanticLink { memory_id: one, other_id: other, similarity: 0.9 };
    round.finish(&[link]).await.unwrap();
    let to_it: i64 = sqlx::query_scalar("select count(*) from hindsight.memory_links where other_id = $1")
        .bind(other)
        .fetch_one(&test.pool)
        .await
        .unwrap();
    assert_eq!(to_it, 0);
}
