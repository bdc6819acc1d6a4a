//! An engine with a database of its own, and short ways to use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hindsight_engine::config::Settings;
use hindsight_engine::ports::{EmbedError, EmbedPurpose, Embedder, EmbeddingModel};
use hindsight_engine::store::{MemoryFilter, PoolSize, Store, StoreOptions, TagFilter};
use hindsight_engine::{Engine, EngineError};
use hindsight_testkit::{FixedClock, HashEmbedder, HeldTable, ScriptedLlm, TestDatabase};
use hindsight_types::decode::from_json;
use hindsight_types::memories::MemoryListItem;
use hindsight_types::recall::{RecallRequest, RecallResponse};
use hindsight_types::retain::{RetainRequest, RetainResponse};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::model::HttpModel;

/// The "now" of all tests.
pub(crate) const NOW: &str = "2024-05-10T12:00:00Z";

/// Longest wait for something that has to happen, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) struct TestEngine {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) embedder: Arc<FlakyEmbedder>,
    pub(crate) pool: PgPool,
    database: TestDatabase,
}

/// The hash embedder, with a switch that makes it fail.
pub(crate) struct FlakyEmbedder {
    inner: HashEmbedder,
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl Embedder for FlakyEmbedder {
    fn model(&self) -> &EmbeddingModel {
        self.inner.model()
    }

    async fn embed(&self, purpose: EmbedPurpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(EmbedError::Failed("switched off".to_owned()));
        }
        self.inner.embed(purpose, texts).await
    }
}

pub(crate) fn store_options(url: &str) -> StoreOptions {
    let pool = PoolSize { min: 0, max: 8 };
    StoreOptions {
        pool,
        recall_pool: pool,
        acquire_timeout: PATIENCE,
        statement_timeout: PATIENCE,
        ..StoreOptions::new(url)
    }
}

impl TestEngine {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::over(settings, |options| options).await
    }

    /// Over a store that is opened in a way of its own.
    pub(crate) async fn over(settings: Settings, change: impl FnOnce(StoreOptions) -> StoreOptions) -> Self {
        let database = TestDatabase::create().await;
        let options = change(store_options(&database.url));
        Self::on(database, settings, options).await
    }

    /// Over a database that is opened with these options.
    pub(crate) async fn on(database: TestDatabase, settings: Settings, options: StoreOptions) -> Self {
        let store = Store::open(&options).await.expect("the store opens");
        let embedder = Arc::new(FlakyEmbedder { inner: HashEmbedder::new(), fails: AtomicBool::new(false) });
        let clock = Arc::new(FixedClock::at(time(NOW)));
        let engine = Engine::new(store.clone(), Arc::clone(&embedder) as Arc<dyn Embedder>, clock, settings)
            .await
            .expect("the engine opens");
        Self { engine, store, embedder, pool: database.pool(), database }
    }

    /// With a scripted language model.
    pub(crate) async fn with_llm(settings: Settings) -> (Self, ScriptedLlm) {
        let llm = ScriptedLlm::start().await;
        let mut test = Self::with(settings).await;
        test.engine = test.engine.with_llm(Arc::new(HttpModel::new(&llm.url())));
        (test, llm)
    }

    /// Retains items given as JSON.
    pub(crate) async fn retain(&self, bank: &str, items: Value) -> Result<(), EngineError> {
        self.retained(bank, items).await.map(|_| ())
    }

    /// The same, with what it answers.
    pub(crate) async fn retained(&self, bank: &str, items: Value) -> Result<RetainResponse, EngineError> {
        let request: RetainRequest = from_json(&json!({ "items": items })).expect("a sound request");
        self.engine.retain(bank, request).await
    }

    /// Lets nobody use a table until it is released.
    pub(crate) async fn hold(&self, table: &str) -> HeldTable {
        self.database.hold(table).await
    }

    /// Fails with what does not fit together in the database.
    pub(crate) async fn audit(&self) {
        let problems = hindsight_testkit::audit(&self.database.url).await.expect("an audit");
        assert_eq!(problems, Vec::<String>::new());
    }

    /// What a process holds of a bank, as it is.
    pub(crate) async fn held(&self, bank: &str) -> Held {
        sqlx::query_as(
            "select bank_key, s.changes, coalesce(md5(string_agg(concat_ws(',', v.memory_id, v.fact_type, v.embedding,
               v.event_at, v.event_end, v.stream_id, v.stream_pos, v.tokens, v.question_share, v.has_time, v.author,
               v.text_hash, case v.fact_type when 3 then m.proof_count end), ';' order by v.memory_id)), '') as hash
             from banks join bank_state s using (bank_key) left join memory_vectors v using (bank_key)
             left join memory_state m using (bank_key, memory_id)
             where bank_id = $1 group by bank_key, s.changes",
        )
        .bind(bank)
        .fetch_one(&self.pool)
        .await
        .expect("a bank")
    }

    /// Retains texts, each a document of its own name.
    pub(crate) async fn remember(&self, bank: &str, texts: &[&str]) {
        let items: Value = texts.iter().map(|text| json!({"content": text, "document_id": text})).collect();
        self.retain(bank, items).await.expect("retained");
    }

    /// Recalls with a request given as JSON.
    pub(crate) async fn recall(&self, bank: &str, request: Value) -> Result<RecallResponse, EngineError> {
        let request: RecallRequest = from_json(&request).expect("a sound request");
        self.engine.recall(bank, &request).await
    }

    /// The texts that a query finds, the best first.
    pub(crate) async fn found(&self, bank: &str, request: Value) -> Vec<String> {
        let response = self.recall(bank, request).await.expect("recalled");
        response.results.into_iter().map(|result| result.text).collect()
    }

    /// All memories of a bank.
    pub(crate) async fn memories(&self, bank: &str) -> Vec<MemoryListItem> {
        let page = self.engine.list_memories(bank, &everything(), 10_000, 0).await.expect("listed");
        page.items
    }
}

/// Number of a bank, how often it says that it was changed, and a hash of what a process holds of it.
#[derive(Debug, Default, PartialEq, sqlx::FromRow)]
pub(crate) struct Held {
    bank_key: i64,
    changes: i64,
    hash: String,
}

impl Held {
    /// A change that is not counted would leave a process with what is no longer so.
    pub(crate) fn check_count(&self, before: &Self) {
        let is_counted = self.bank_key != before.bank_key || self.changes > before.changes;
        assert!(is_counted || self == before, "a change was not counted: {before:?} {self:?}");
    }
}

pub(crate) fn everything() -> MemoryFilter {
    MemoryFilter {
        fact_type: None,
        search: None,
        document_id: None,
        entity_id: None,
        tags: TagFilter::All,
        time_field: None,
        from: None,
        until: None,
        consolidation: None,
        is_archived: false,
    }
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    hindsight_types::time::parse(text).expect("a time")
}
