//! Opening a database.

use std::sync::Arc;

use hindsight_engine::Engine;
use hindsight_engine::config::Settings;
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel, SystemClock};
use hindsight_engine::store::{Store, StoreError};
use hindsight_engine::text::terms::Language;
use hindsight_testkit::{HashEmbedder, TestDatabase};

use crate::support::store_options;

struct OtherModel(EmbeddingModel);

#[async_trait::async_trait]
impl Embedder for OtherModel {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    async fn embed(&self, _: EmbedPurpose, _: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        Err(EmbedError::Busy)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_schema() {
    let database = TestDatabase::create_empty().await;
    let options = store_options(&database.url);
    let starts = (0..8).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { Store::open(&options).await.map(|_| ()) })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.expect("no panic").expect("every process opens it");
    }
}

#[tokio::test]
async fn another_model_is_refused_by_name() {
    let database = TestDatabase::create().await;
    let store = Store::open(&store_options(&database.url)).await.unwrap();
    let first = Arc::new(HashEmbedder::new());
    let other = EmbeddingModel { name: "other".into(), dimension: 7, ..first.model().clone() };
    Engine::new(store.clone(), first.clone(), Arc::new(SystemClock), Settings::default()).await.unwrap();
    Engine::new(store.clone(), first, Arc::new(SystemClock), Settings::default())
        .await
        .expect("the same again");
    let refused =
        Engine::new(store, Arc::new(OtherModel(other)), Arc::new(SystemClock), Settings::default()).await;
    let error = refused.expect_err("vectors of two models cannot be compared");
    assert!(matches!(error, StoreError::OtherModel { .. }), "{error}");
    assert!(error.to_string().contains("other (7 dimensions)"), "{error}");
}

#[tokio::test]
async fn another_language_is_refused() {
    let database = TestDatabase::create().await;
    let mut options = store_options(&database.url);
    Store::open(&options).await.unwrap();
    options.language = Language::SIMPLE;
    let error = Store::open(&options).await.expect_err("the postings are English");
    assert!(matches!(error, StoreError::OtherTextAnalysis { .. }), "{error}");
}

#[tokio::test]
async fn tables_of_the_original_are_left_alone() {
    let database = TestDatabase::create_empty().await;
    let pool = database.pool();
    for statement in ["create schema theirs", "create table theirs.alembic_version (version_num text)"] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let mut options = store_options(&database.url);
    options.schema = "theirs".to_owned();
    let error = Store::open(&options).await.expect_err("not ours");
    assert!(matches!(error, StoreError::ForeignSchema(_)), "{error}");
    let tables: i64 =
        sqlx::query_scalar("select count(*) from information_schema.tables where table_schema = 'theirs'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(tables, 1, "nothing was added");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let mut options = store_options("postgresql://nobody@127.0.0.1:1/none");
    options.acquire_timeout = std::time::Duration::from_secs(5);
    let error = Store::open(&options).await.expect_err("nothing listens there");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn unusable_options_are_named() {
    for (url, schema) in [("no url", "hindsight"), ("postgresql://x/y", "no\"way")] {
        let mut options = store_options(url);
        options.schema = schema.to_owned();
        let error = Store::open(&options).await.expect_err("unusable");
        assert!(matches!(error, StoreError::BadOptions(_)), "{error}");
    }
}
