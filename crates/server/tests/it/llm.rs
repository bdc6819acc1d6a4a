//! A server with a language model: it says which, and asks nobody before there is something to ask.

use hindsight_engine::ports::{About, LlmOperation, Message, Output, Prompt};
use hindsight_testkit::{EmbeddingService, LLM_MODEL, Reply, ScriptedLlm, TestDatabase};
use serde_json::{Value, json};

use crate::support::config;

#[tokio::test]
async fn the_configured_model_is_named_and_not_called_at_the_start() {
    let (database, embeddings) = (TestDatabase::create().await, EmbeddingService::start().await.unwrap());
    let llm = ScriptedLlm::start().await;
    let server = hindsight_server::start(config(&[
        ("HINDSIGHT_API_DATABASE_URL", &database.url),
        ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "tei"),
        ("HINDSIGHT_API_EMBEDDINGS_TEI_URL", &embeddings.url()),
        ("HINDSIGHT_API_RERANKER_PROVIDER", "none"),
        ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
        ("HINDSIGHT_API_LLM_BASE_URL", &llm.url()),
        ("HINDSIGHT_API_LLM_MODEL", LLM_MODEL),
        ("HINDSIGHT_API_LLM_API_KEY", "hush"),
        ("HINDSIGHT_API_REFLECT_LLM_MODEL", "other"),
    ]))
    .await
    .unwrap();
    server.ready().await.unwrap();
    let get = |path: &'static str| {
        let url = format!("{}{path}", server.url());
        async move { reqwest::get(url).await.unwrap() }
    };
    let version: Value = get("/version").await.json().await.unwrap();
    assert_eq!(version["llm"], "openai/scripted; openai/other");
    assert_eq!(get("/health").await.status(), 200);
    assert_eq!(llm.asked(), 0, "a start asks nobody");
    server.shutdown().await;
}

#[tokio::test]
async fn models_of_the_settings_answer_through_the_port() {
    let llm = ScriptedLlm::start().await;
    let config = config(&[
        ("HINDSIGHT_API_LLM_BASE_URL", &llm.url()),
        ("HINDSIGHT_API_LLM_MODEL", LLM_MODEL),
        ("HINDSIGHT_API_LLM_API_KEY", "hush"),
        ("HINDSIGHT_API_LLM_EXTRA_BODY", r#"{"seed": 7}"#),
    ]);
    let model = hindsight_server::language_model(&config).unwrap().expect("a model");
    llm.push(Reply::json(&json!({"facts": []})));
    let prompt = Prompt {
        operation: LlmOperation::Retain,
        messages: vec![Message::System("Find facts.".into()), Message::User("Alice likes tea.".into())],
        output: Output::Json { name: "facts".into(), schema: json!({"type": "object"}) },
        max_tokens: Some(100),
        temperature: None,
        budget: None,
        about: About::default(),
    };
    let reply = model.ask(prompt).await.unwrap();
    assert_eq!(reply.value, Some(json!({"facts": []})));
    assert_eq!((reply.model.as_str(), reply.usage.total_tokens), ("openai/scripted", 15));
    let request = llm.last_request();
    assert_eq!((request.model(), request.key()), (LLM_MODEL, Some("hush")));
    assert_eq!((&request.body["seed"], &request.body["temperature"]), (&json!(7), &json!(0.1)));
}

#[tokio::test]
async fn a_model_that_cannot_be_called_ends_the_start() {
    let config = config(&[
        ("HINDSIGHT_API_DATABASE_URL", "postgresql://u@127.0.0.1:1/d"),
        ("HINDSIGHT_API_LLM_PROVIDER", "ollama"),
        ("HINDSIGHT_API_LLM_DEFAULT_HEADERS", r#"{"no name": "hush"}"#),
    ]);
    let server = hindsight_server::start(config).await.unwrap();
    let error = server.ready().await.expect_err("no header has this name").to_string();
    assert!(error.contains("'no name' is no name of a header") && !error.contains("hush"), "{error}");
    server.shutdown().await;
}
