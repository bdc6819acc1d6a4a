//! Opening a database.

use std::sync::Arc;

use hindsight_engine::config::Settings;
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel, SystemClock};
use hindsight_engine::store::{DocumentFilter, Store, StoreError, StoreOptions, TagFilter};
use hindsight_engine::text::terms::Language;
use hindsight_engine::{Engine, EngineError};
use hindsight_testkit::{HashEmbedder, TestDatabase};

use serde_json::json;

use crate::support::{TestEngine, everything, store_options};

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

#[tokio::test]
async fn an_old_schema_is_only_told_where_it_may_not_be_changed() {
    let database = TestDatabase::create_empty().await;
    let options = StoreOptions { migrate: false, ..store_options(&database.url) };
    let error = Store::open(&options).await.expect_err("there is no schema");
    // Without the extension that is what is missing first.
    assert!(matches!(error, StoreError::Unsupported(_)), "{error}");
    sqlx::query("create extension vector schema public").execute(&database.pool()).await.unwrap();
    let error = Store::open(&options).await.expect_err("there are no tables");
    assert!(error.to_string().contains("HINDSIGHT_API_RUN_MIGRATIONS_ON_STARTUP is false"), "{error}");
    let schemas: i64 = sqlx::query_scalar("select count(*) from pg_namespace where nspname = 'hindsight'")
        .fetch_one(&database.pool())
        .await
        .unwrap();
    assert_eq!(schemas, 0, "nothing was made");
    Store::open(&StoreOptions { migrate: true, ..options.clone() }).await.expect("it may be made");
    Store::open(&options).await.expect("it is there now");
}

#[tokio::test]
async fn every_statement_works_on_connections_that_are_lent_for_a_transaction() {
    // Connections are opened without our settings, so a statement outside of a transaction
    // that begins with them would not find its table.
    let lent = |options| StoreOptions { set_up_transactions: true, ..options };
    let app = TestEngine::over(Settings::default(), lent).await;
    for content in ["Alice works at Google", "Alice works at Zebra"] {
        app.retain("b", json!([{"content": content, "document_id": "d"}])).await.unwrap();
    }
    let found = app.recall("b", json!({"query": "Alice Zebra", "include": {"chunks": {}}})).await.unwrap();
    assert_eq!(found.results.len(), 1);
    assert_eq!(app.engine.list_banks(None, 10, 0).await.unwrap().total, 1);
    assert_eq!(app.engine.bank_stats("b").await.unwrap().total_documents, 1);
    let memory = found.results[0].id.parse().unwrap();
    assert_eq!(app.engine.memory("b", memory).await.unwrap().text, "Alice works at Zebra");
    assert_eq!(app.engine.list_memories("b", &everything(), 10, 0).await.unwrap().total, 1);
    let every =
        DocumentFilter { search: None, tags: TagFilter::All, time_field: None, from: None, until: None };
    let documents = app.engine.list_documents("b", &every, 10, 0).await.unwrap();
    assert_eq!(documents.total, 1);
    app.engine.document("b", "d").await.unwrap();
    app.engine.delete_document("b", "d").await.unwrap();
    app.engine.delete_bank("b").await.unwrap();
    assert_eq!(app.engine.list_banks(None, 10, 0).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    // Long enough for a statement that nobody keeps waiting, on a busy machine too.
    let limit = std::time::Duration::from_secs(3);
    let hasty = |options| StoreOptions { statement_timeout: limit, ..options };
    let app = TestEngine::over(Settings::default(), hasty).await;
    app.retain("b", json!([{"content": "Alice works at Google"}])).await.unwrap();
    let mut holder = app.pool.begin().await.unwrap();
    sqlx::query("lock table hindsight.banks in access exclusive mode").execute(&mut *holder).await.unwrap();
    for result in [
        app.engine.list_banks(None, 10, 0).await.map(drop),
        app.recall("b", json!({"query": "Alice"})).await.map(drop),
    ] {
        let error = result.expect_err("somebody holds the table");
        assert!(matches!(&error, EngineError::Store(store) if store.is_timeout()), "{error}");
    }
    holder.rollback().await.unwrap();
    assert_eq!(app.recall("b", json!({"query": "Alice"})).await.unwrap().results.len(), 1);
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_named_by_its_setting() {
    let database = TestDatabase::create().await;
    let nowhere = || Some("postgresql://u:secret@127.0.0.1:1/d".to_owned());
    let options = store_options(&database.url);
    for (options, variable) in [
        (StoreOptions { read_url: nowhere(), ..options.clone() }, "HINDSIGHT_API_READ_DATABASE_URL"),
        (
            StoreOptions { migration_url: nowhere(), ..options.clone() },
            "HINDSIGHT_API_MIGRATION_DATABASE_URL",
        ),
    ] {
        let error = Store::open(&options).await.expect_err("nothing listens there").to_string();
        assert!(error.contains(variable) && error.contains("127.0.0.1:1"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let same = Some(database.url.clone());
    let both = StoreOptions { read_url: same.clone(), migration_url: same, ..options };
    Store::open(&both).await.expect("both answer");
}
