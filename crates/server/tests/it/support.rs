//! The routes over a database of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use hindsight_engine::Engine;
use hindsight_engine::store::{PoolSize, Store, StoreOptions};
use hindsight_files::Converter;
use hindsight_server::Config;
use hindsight_testkit::{FixedClock, HashEmbedder, HeldTable, LLM_MODEL, ScriptedLlm, TestDatabase};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Longest wait for something that has to happen, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) struct TestApp {
    router: Router,
    /// What is behind the routes, for a worker.
    pub(crate) engine: Engine,
    database: Arc<TestDatabase>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let options = StoreOptions::new(&database.url);
        Self::serve(database, options, variables).await
    }

    /// With a scripted language model, and these settings.
    pub(crate) async fn with_llm(more: &[(&str, &str)]) -> (Self, ScriptedLlm) {
        let database = TestDatabase::create().await;
        let options = StoreOptions::new(&database.url);
        Self::over_with_llm(database, options, more).await
    }

    /// The same over a database that is reached as `options` say.
    pub(crate) async fn over_with_llm(
        database: TestDatabase,
        options: StoreOptions,
        more: &[(&str, &str)],
    ) -> (Self, ScriptedLlm) {
        let llm = ScriptedLlm::start().await;
        let url = llm.url();
        let mut variables = vec![
            ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
            ("HINDSIGHT_API_LLM_BASE_URL", url.as_str()),
            ("HINDSIGHT_API_LLM_MODEL", LLM_MODEL),
            ("HINDSIGHT_API_LLM_API_KEY", "hush"),
            ("HINDSIGHT_API_LLM_MAX_RETRIES", "0"),
        ];
        variables.extend_from_slice(more);
        (Self::serve(database, options, &variables).await, llm)
    }

    /// Over a database that is reached as `options` say, by another URL than its own perhaps.
    pub(crate) async fn over(database: TestDatabase, options: StoreOptions) -> Self {
        Self::serve(database, options, &[]).await
    }

    /// Over the same database, with other settings.
    pub(crate) async fn beside(&self, variables: &[(&str, &str)]) -> Self {
        let options = StoreOptions::new(&self.database.url);
        Self::serve_shared(Arc::clone(&self.database), options, variables).await
    }

    async fn serve(database: TestDatabase, options: StoreOptions, variables: &[(&str, &str)]) -> Self {
        Self::serve_shared(Arc::new(database), options, variables).await
    }

    async fn serve_shared(
        database: Arc<TestDatabase>,
        options: StoreOptions,
        variables: &[(&str, &str)],
    ) -> Self {
        let pool = PoolSize { min: 0, max: 8 };
        let options = StoreOptions { pool, recall_pool: pool, ..options };
        let store = Store::open(&options).await.expect("the store opens");
        let now = "2024-05-10T12:00:00Z".parse().expect("a time");
        let clock = Arc::new(FixedClock::at(now));
        let config = config(variables);
        let settings = config.engine.clone();
        let engine = Engine::new(store, Arc::new(HashEmbedder::new()), clock, settings).await;
        let engine = engine.expect("the engine opens").with_files(Arc::new(Converter::default()));
        let engine = match hindsight_server::language_model(&config).expect("a usable model") {
            Some(llm) => engine.with_llm(llm),
            None => engine,
        };
        Self { router: hindsight_server::app(engine.clone(), &config), engine, database }
    }

    /// Serves the routes on a port of this machine too. Ends with the runtime.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        address
    }

    /// Fails with what does not fit together in the database.
    pub(crate) async fn audit(&self) {
        let problems = hindsight_testkit::audit(&self.database.url).await.expect("an audit");
        assert_eq!(problems, Vec::<String>::new());
    }

    /// Lets nobody use a table until it is released.
    pub(crate) async fn hold(&self, table: &str) -> HeldTable {
        self.database.hold(table).await
    }

    /// Label and text of an answer.
    pub(crate) async fn text(&self, path: &str) -> (String, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let kind = response.headers()[header::CONTENT_TYPE].to_str().expect("a label").to_owned();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
        (kind, String::from_utf8(bytes.to_vec()).expect("a text"))
    }

    /// Sends a request whose answer is no JSON.
    pub(crate) async fn bytes(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        (parts.status, parts.headers, bytes.to_vec())
    }

    /// Sends a request of any form.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes: Bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        let body = serde_json::from_slice(&bytes).expect("every answer is JSON");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    /// Retains items in bank `b`.
    pub(crate) async fn retain(&self, items: Value) -> Answer {
        self.post("/v1/default/banks/b/memories", json!({"items": items})).await
    }

    /// Recalls from bank `b`.
    pub(crate) async fn recall(&self, request: Value) -> Answer {
        self.post("/v1/default/banks/b/memories/recall", request).await
    }
}

impl Answer {
    /// Kind and place of every field error.
    pub(crate) fn problems(&self) -> Vec<(String, Value)> {
        let errors = self.body["detail"].as_array().expect("a list of field errors");
        errors
            .iter()
            .map(|error| (error["type"].as_str().unwrap().to_owned(), error["loc"].clone()))
            .collect()
    }

    /// The sentence of an error.
    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().expect("a sentence")
    }
}

/// A config that listens on a free port and loads from nowhere.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let mut config = Config::read(&|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
    .expect("a usable config");
    config.port = 0;
    config
}
