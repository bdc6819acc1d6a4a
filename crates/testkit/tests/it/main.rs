//! The test kit tested.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod llm;
mod process;
mod proxy;

use hindsight_testkit::TestDatabase;
use serde_json::{Value, json};
use sqlx::Executor as _;

#[tokio::test]
async fn databases_are_migrated_and_apart() {
    let (first, second) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    let sql = "INSERT INTO banks (bank_id, created_at, updated_at) VALUES ('b', now(), now())";
    first.pool().execute(sql).await.unwrap();
    second.pool().execute(sql).await.unwrap();
    assert_ne!(first.url, second.url);
}

#[tokio::test]
async fn an_empty_database_has_no_schema() {
    let database = TestDatabase::create_empty().await;
    let schemas: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname = 'hindsight'")
        .fetch_one(&database.pool())
        .await
        .unwrap();
    assert_eq!(schemas, 0);
}

#[tokio::test]
async fn the_url_for_tools_finds_the_tables() {
    let database = TestDatabase::create().await;
    let pool = sqlx::PgPool::connect(&database.url_with_search_path()).await.unwrap();
    let banks: i64 = sqlx::query_scalar("SELECT count(*) FROM banks").fetch_one(&pool).await.unwrap();
    assert_eq!(banks, 0);
}

#[tokio::test]
async fn a_database_is_dropped_with_its_value() {
    let watcher = TestDatabase::create_empty().await;
    let dropped = TestDatabase::create_empty().await;
    let name = dropped.url.rsplit('/').next().unwrap().to_owned();
    drop(dropped);
    // Orders are carried out one by one: this one comes after the drop.
    let _later = TestDatabase::create_empty().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_one(&watcher.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn the_embedding_service_gives_vectors_of_length_one() {
    let service = hindsight_testkit::EmbeddingService::start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let info: Value = http.get(format!("{}/info", service.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(info["model_id"], "hashed-words");
    let request = json!({"inputs": ["red apples", "apples, red", "a train"], "truncate": true});
    let answer = http.post(format!("{}/embed", service.url())).json(&request).send().await.unwrap();
    let vectors: Vec<Vec<f32>> = answer.json().await.unwrap();
    let product = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!((product(0, 0) - 1.0).abs() < 1e-5 && (product(0, 1) - 1.0).abs() < 1e-5);
    assert!(product(0, 2) < 0.5);
}

#[cfg(feature = "engine")]
mod ports {
    use hindsight_testkit::HashEmbedder;

    fn nearness(a: &str, b: &str) -> f32 {
        HashEmbedder::vector(a).iter().zip(HashEmbedder::vector(b)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn common_words_make_texts_near() {
        let fact = "Alice moved to Lisbon in May";
        assert!(nearness(fact, "Where did Alice move? Lisbon!") > nearness(fact, "Bob likes red cars"));
        assert!(nearness("東京に住む", "東京で働く") > 0.3);
    }

    #[test]
    fn every_vector_has_length_one() {
        for text in ["", "...", "word", "two words", "日本"] {
            assert!((nearness(text, text) - 1.0).abs() < 1e-5, "{text:?}");
        }
    }
}
