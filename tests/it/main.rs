//! Every route's answers against the contract's schemas.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use hindsight_engine::Engine;
use hindsight_engine::config::{ExtractionMode, Settings};
use hindsight_engine::ports::{LanguageModel, SystemClock};
use hindsight_engine::store::{Store, StoreOptions};
use hindsight_testkit::{HashEmbedder, LlmRequest, Reply, ScriptedLlm, TestDatabase};
use hindsight_tests::Contract;
use serde_json::{Value, json};
use tower::ServiceExt;

const CONTRACT: &str = include_str!("../../crates/server/openapi.json");

const BANK: &str = "/v1/default/banks/{bank_id}";

struct Served {
    router: Router,
    /// Stands for `{operation_id}` in paths.
    operation: String,
    /// Stands for `{directive_id}` in paths.
    directive: String,
    contract: Contract,
    _database: TestDatabase,
}

impl Served {
    async fn start() -> Self {
        Self::with(Settings::default(), None).await
    }

    /// With a language model that makes no facts: the texts are some as they are.
    async fn with_llm(llm: &ScriptedLlm) -> Self {
        let url = llm.url();
        let config = hindsight_server::Config::read(&|name| match name {
            "HINDSIGHT_API_LLM_PROVIDER" => Some("openai".to_owned()),
            "HINDSIGHT_API_LLM_BASE_URL" => Some(url.clone()),
            "HINDSIGHT_API_LLM_API_KEY" => Some("hush".to_owned()),
            _ => None,
        });
        let model = hindsight_server::language_model(&config.unwrap()).unwrap();
        let settings = Settings { extraction_mode: ExtractionMode::Chunks, ..Settings::default() };
        Self::with(settings, model).await
    }

    async fn with(settings: Settings, llm: Option<Arc<dyn LanguageModel>>) -> Self {
        let database = TestDatabase::create().await;
        let store = Store::open(&StoreOptions::new(&database.url)).await.expect("the store opens");
        let clock = Arc::new(SystemClock);
        let config = hindsight_server::Config::read(&|_| None).expect("defaults are usable");
        let engine = Engine::new(store, Arc::new(HashEmbedder::new()), clock, settings).await;
        let engine = engine.expect("the engine opens");
        let engine = match llm {
            Some(llm) => engine.with_llm(llm),
            None => engine,
        };
        let router = hindsight_server::app(engine, &config);
        Self {
            router,
            operation: String::new(),
            directive: String::new(),
            contract: Contract::parse(CONTRACT).unwrap(),
            _database: database,
        }
    }

    /// Calls a route of the contract for bank `b` and document `d`, checks the answer.
    async fn check(&self, method: &str, path: &str, query: &str, body: Option<Value>, status: u16) -> Value {
        self.check_at(method, path, "", query, body, status).await
    }

    /// The same for a route with the id of an entity or a memory.
    async fn check_at(
        &self,
        method: &str,
        path: &str,
        id: &str,
        query: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let uri = format!("{}{query}", path.replace("{bank_id}", "b").replace("{document_id}", "d"))
            .replace("{chunk_id}", "b_d_0")
            .replace("{operation_id}", &self.operation)
            .replace("{directive_id}", &self.directive)
            .replace("{entity_id}", id)
            .replace("{memory_id}", id)
            .replace("{mental_model_id}", "m");
        let request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        self.contract.check(method, path, status, &body).unwrap();
        body
    }

    /// The routes that show a bank as a whole.
    async fn check_overviews(&self) {
        let (stats, graph) = (format!("{BANK}/stats"), format!("{BANK}/graph"));
        self.check("get", &stats, "", None, 200).await;
        self.check("get", &stats, "?refresh=x", None, 422).await;
        self.check("get", &format!("{stats}/memories-timeseries"), "?period=1h", None, 200).await;
        let shown = self.check("get", &graph, "?q=Anna", None, 200).await;
        assert!(shown.pointer("/nodes/0").is_some());
        self.check("get", &graph, "?limit=x", None, 422).await;
    }

    /// The routes that change single memories.
    async fn check_changes(&self) {
        let memory = format!("{BANK}/memories/{{memory_id}}");
        let list = self.check("get", &format!("{BANK}/memories/list"), "?q=Anna", None, 200).await;
        let id = list.pointer("/items/0/id").and_then(Value::as_str).unwrap();
        let edit = json!({"text": "I met Hanna", "occurred_start": "2023-05-07", "entities": ["Hanna"]});
        self.check_at("patch", &memory, id, "", Some(edit), 200).await;
        let invalid = json!({"state": "invalidated", "reason": "r"});
        self.check_at("patch", &memory, id, "", Some(invalid), 200).await;
        let list = format!("{BANK}/memories/list");
        let archived = self.check("get", &list, "?state=invalidated", None, 200).await;
        assert_eq!(archived.pointer("/items/0/id").and_then(Value::as_str), Some(id));
        self.check_at("get", &memory, id, "", None, 200).await;
        self.check_at("patch", &memory, id, "", Some(json!({"state": "valid"})), 200).await;
        self.check_at("patch", &memory, id, "", Some(json!({"text": 1})), 422).await;
        self.check_at("get", &format!("{memory}/history"), id, "", None, 200).await;
        self.check_at("delete", &format!("{memory}/observations"), id, "", None, 200).await;
        self.check("delete", &format!("{BANK}/observations"), "", None, 200).await;
    }
}

#[tokio::test]
async fn every_answer_is_what_the_contract_says() {
    let mut served = Served::start().await;
    let memories = format!("{BANK}/memories");
    let recall = format!("{BANK}/memories/recall");
    let list = format!("{BANK}/memories/list");
    let documents = format!("{BANK}/documents");
    let document = format!("{BANK}/documents/{{document_id}}");

    served.check("get", "/version", "", None, 200).await;
    served.check("get", "/health/live", "", None, 200).await;
    let bank =
        json!({"name": "n", "mission": "m", "disposition": {"skepticism": 1, "literalism": 2, "empathy": 3}});
    served.check("put", BANK, "", Some(bank), 200).await;
    served.check("get", "/v1/default/banks", "", None, 200).await;
    let items = json!([
        {
            "content": "Caroline: I met Anna in Berlin yesterday.\nMelanie: Nice!", "document_id": "d",
            "timestamp": "2023-05-08T13:56:00Z", "context": "chat", "metadata": {"k": "v"}, "tags": ["t"],
            "observation_scopes": [["t"]], "entities": [{"text": "Anna", "type": "PERSON"}],
        },
        {"content": "undated", "timestamp": "unset"},
    ]);
    served.check("post", &memories, "", Some(json!({"items": items})), 200).await;
    let full = json!({
        "query": "Who met Anna in May 2023?", "trace": true, "tags": ["t"],
        "include": {"entities": {}, "chunks": {}, "source_facts": {}},
    });
    let answer = served.check("post", &recall, "", Some(full), 200).await;
    assert!(!answer["results"].as_array().unwrap().is_empty() && !answer["chunks"].is_null());
    served.check("post", &recall, "", Some(json!({"query": "nothing like it", "max_tokens": 0})), 200).await;
    served.check("get", &list, "", None, 200).await;
    served.check("get", &documents, "?q=d", None, 200).await;
    served.check("get", &document, "", None, 200).await;
    served.check("get", &format!("{document}/chunks"), "", None, 200).await;
    served.check("get", &format!("{document}/history"), "", None, 200).await;
    served.check("get", "/v1/default/chunks/{chunk_id}", "", None, 200).await;
    let entities = served.check("get", &format!("{BANK}/entities"), "", None, 200).await;
    let id = entities["items"][0]["id"].as_str().unwrap().to_owned();
    served.check_at("get", &format!("{BANK}/entities/{{entity_id}}"), &id, "", None, 200).await;
    let graph = served.check("get", &format!("{BANK}/entities/graph"), "", None, 200).await;
    assert!(!graph["edges"].as_array().unwrap().is_empty());
    served.check_overviews().await;
    served.check("patch", BANK, "", Some(json!({"name": "other"})), 200).await;

    let later = json!({"items": [{"content": "later", "document_id": "e"}], "async": true});
    let operation = served.check("post", &memories, "", Some(later), 200).await["operation_id"].clone();
    let operations = format!("{BANK}/operations");
    served.check("get", &operations, "", None, 200).await;
    served.operation = operation.as_str().unwrap().to_owned();
    let one = format!("{operations}/{{operation_id}}");
    served.check("get", &one, "?include_payload=true", None, 200).await;
    served.check("delete", &one, "", None, 200).await;
    served.check("post", &format!("{one}/retry"), "", None, 200).await;
    served.check("delete", &one, "", None, 200).await;
    served.check("delete", &format!("{one}/delete"), "", None, 200).await;
    served.check("get", &operations, "?limit=101", None, 422).await;

    served.check_changes().await;

    served.check("patch", &document, "", Some(json!({"tags": ["t", "u"]})), 200).await;
    served.check("get", &format!("{BANK}/tags"), "?q=t*", None, 200).await;
    served.check("get", &format!("{BANK}/observations/scopes"), "", None, 200).await;

    let directives = format!("{BANK}/directives");
    let rule = json!({"name": "tone", "content": "Be brief.", "priority": 2, "tags": ["t"]});
    let made = served.check("post", &directives, "", Some(rule), 200).await;
    served.directive = made["id"].as_str().unwrap().to_owned();
    served.check("get", &directives, "?tags=t&tags_match=exact", None, 200).await;
    let rule = format!("{directives}/{{directive_id}}");
    served.check("get", &rule, "", None, 200).await;
    served.check("patch", &rule, "", Some(json!({"is_active": false})), 200).await;
    served.check("delete", &rule, "", None, 200).await;
    served.check("post", &directives, "", Some(json!({"name": 1})), 422).await;
    served.check("get", &directives, "?limit=0", None, 422).await;
    served.check("patch", &rule, "", Some(json!({"priority": "x"})), 422).await;
    served.check("post", &format!("{BANK}/reflect"), "", Some(json!({"query": " "})), 422).await;

    served.check("patch", &document, "", Some(json!({})), 422).await;
    served.check("get", &format!("{BANK}/tags"), "?source=x", None, 422).await;
    served.check("get", &format!("{BANK}/observations/scopes"), "?limit=x", None, 422).await;
    let config = format!("{BANK}/config");
    let updates = json!({"updates": {"retain_mission": "m", "entity_labels": [{"key": "k"}]}});
    served.check("patch", &config, "", Some(updates), 200).await;
    served.check("get", &config, "", None, 200).await;
    served.check("delete", &config, "", None, 200).await;
    let dry_run = format!("{memories}/dry-run-extract");
    let request = json!({"content": "Anna met Ben in Rome. They like tea.", "retain_chunk_size": 25});
    let answer = served.check("post", &dry_run, "", Some(request), 200).await;
    assert_eq!(answer["facts"].as_array().unwrap().len(), 2);

    served.check("patch", &config, "", Some(json!({"updates": 1})), 422).await;
    served.check("post", &dry_run, "", Some(json!({"context": 1})), 422).await;
    served.check("put", BANK, "", Some(json!({"name": 1})), 422).await;
    served.check("post", &memories, "", Some(json!({"items": [{"content": ""}]})), 422).await;
    served.check("post", &recall, "", Some(json!({"query": 7, "budget": "x"})), 422).await;
    served.check("get", &list, "?limit=x", None, 422).await;
    served.check("get", &documents, "?limit=-1", None, 422).await;
    served.check("get", "/v1/default/banks", "?offset=x", None, 422).await;
    served.check("get", &format!("{BANK}/entities"), "?limit=x", None, 422).await;
    served.check("get", &format!("{BANK}/entities/graph"), "?min_count=x", None, 422).await;

    served.check("post", &format!("{document}/reprocess"), "", None, 200).await;
    served.check("post", &format!("{BANK}/files/retain"), "", None, 422).await;
    served.check("delete", &memories, "?type=world", None, 200).await;
    served.check("delete", &document, "", None, 200).await;
    served.check("delete", BANK, "", None, 200).await;
}

#[tokio::test]
async fn every_answer_about_mental_models_is_what_the_contract_says() {
    let llm = ScriptedLlm::start().await;
    llm.answer_with(|_: &LlmRequest| {
        let sections = json!([{"heading": "Tea", "level": 2, "blocks": ["Ann drinks tea."]}]);
        Reply::calls([("done", json!({"document": {"sections": sections}, "answer_found": true}))])
    });
    let served = Served::with_llm(&llm).await;
    let items = json!([{"content": "Ann drinks tea", "document_id": "d", "tags": ["t"]}]);
    served.check("post", &format!("{BANK}/memories"), "", Some(json!({"items": items})), 200).await;
    let models = format!("{BANK}/mental-models");
    let trigger = json!({"mode": "delta", "refresh_cron": "0 3 * * 1", "tag_groups": [{"tags": ["t"]}], "budget": "low"});
    let model = json!({"id": "m", "name": "Ann", "source_query": "What does Ann drink?", "tags": ["t"], "trigger": trigger});
    served.check("post", &models, "", Some(model), 200).await;
    served.check("post", &models, "", Some(json!({"name": 1})), 422).await;
    served.check("get", &models, "?detail=full&tags=t&tags_match=exact", None, 200).await;
    served.check("get", &models, "?limit=0", None, 422).await;
    let model = format!("{models}/{{mental_model_id}}");
    served.check("get", &model, "?detail=content", None, 200).await;
    served.check("get", &model, "?detail=x", None, 422).await;
    served
        .check("patch", &model, "", Some(json!({"name": "Annie", "trigger": {"keep_trace": true}})), 200)
        .await;
    served.check("patch", &model, "", Some(json!({"max_tokens": 1})), 422).await;
    served.check("post", &format!("{model}/refresh"), "", Some(json!({"mode": "full"})), 200).await;
    served.check("post", &format!("{model}/refresh"), "", Some(json!({"mode": "x"})), 422).await;
    let tried = served.check("post", &format!("{model}/dry-run-refresh"), "", None, 200).await;
    assert_eq!(tried["outcome"], "content_written");
    let calls = format!("{BANK}/llm-requests");
    let listed = served.check("get", &calls, "?group=true&operation=mental_model_refresh", None, 200).await;
    assert_eq!(listed.pointer("/items/0/metadata/mental_model_id"), Some(&json!("m")));
    served.check("get", &calls, "?call_type=x", None, 422).await;
    let stats = served.check("get", &format!("{calls}/stats"), "?period=1d", None, 200).await;
    assert!(stats.pointer("/buckets/0/tokens/total").is_some());
    served.check("get", &format!("{model}/history"), "", None, 200).await;
    served.check("post", &format!("{model}/clear"), "", None, 200).await;
    served.check("get", &format!("{BANK}/operations"), "?type=refresh_mental_model", None, 200).await;
    served.check("delete", &model, "", None, 200).await;
}

#[test]
fn a_wrong_answer_is_noticed() {
    let contract = Contract::parse(CONTRACT).unwrap();
    assert!(contract.has("post", &format!("{BANK}/memories")));
    let wrong = json!({"success": "yes"});
    assert!(contract.check("delete", BANK, 200, &wrong).is_err());
    assert!(contract.check("delete", "/nowhere", 200, &wrong).is_err());
}
