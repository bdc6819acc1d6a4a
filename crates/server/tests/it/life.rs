//! Start and stop.

use axum::http::StatusCode;
use hindsight_server::StartError;
use serde_json::Value;

use crate::support::{TestApp, config};

#[tokio::test]
async fn health_and_version_answer() {
    let app = TestApp::start().await;
    for path in ["/health", "/health/ready"] {
        let health = app.get(path).await;
        assert_eq!((health.status, &health.body["status"]), (StatusCode::OK, &Value::from("healthy")));
    }
    let live = app.get("/health/live").await;
    assert_eq!((live.status, &live.body["status"]), (StatusCode::OK, &Value::from("alive")));
    for path in ["/version", "/v1/version"] {
        let version = app.get(path).await;
        assert_eq!((version.status, &version.body["api_version"]), (StatusCode::OK, &Value::from("1.1.0")));
        assert_eq!(version.body["llm"], "none");
    }
    assert_eq!(app.get("/openapi.json").await.body["info"]["version"], "1.1.0");
}

#[tokio::test]
async fn until_it_is_loaded_the_server_asks_to_come_back() {
    // A listener that never answers keeps the server loading.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgresql://u@127.0.0.1:{}/d", silent.local_addr().unwrap().port());
    let config = config(&[("HINDSIGHT_API_DATABASE_URL", &url), ("HINDSIGHT_API_DB_ACQUIRE_TIMEOUT", "60")]);
    let server = hindsight_server::start(config).await.unwrap();
    let get = |path: &'static str| {
        let url = format!("{}{path}", server.url());
        async move { reqwest::get(url).await.unwrap() }
    };
    assert_eq!(get("/health/live").await.status(), 200);
    let health = get("/health").await;
    assert_eq!(health.status(), 503);
    let health: Value = health.json().await.unwrap();
    assert_eq!(
        (&health["status"], &health["reason"]),
        (&Value::from("unhealthy"), &Value::from("not_initialized"))
    );
    let banks = get("/v1/default/banks").await;
    assert_eq!(banks.status(), 503);
    assert_eq!(banks.headers()["retry-after"], "1");
    assert!(banks.json::<Value>().await.unwrap()["detail"].as_str().unwrap().contains("starting"));
    server.shutdown().await;
}

#[tokio::test]
async fn an_unreachable_database_ends_the_start_with_its_address() {
    let config = config(&[
        ("HINDSIGHT_API_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/d"),
        ("HINDSIGHT_API_DB_ACQUIRE_TIMEOUT", "3"),
    ]);
    let server = hindsight_server::start(config).await.unwrap();
    let message = server.ready().await.expect_err("nothing listens there").to_string();
    assert!(message.contains("127.0.0.1:1") && !message.contains("secret"), "{message}");
    let health = reqwest::get(format!("{}/health", server.url())).await.unwrap();
    assert_eq!(health.status(), 503);
    assert!(health.text().await.unwrap().contains("127.0.0.1:1"));
    server.shutdown().await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&[]);
    config.port = taken.local_addr().unwrap().port();
    let error = hindsight_server::start(config).await.expect_err("the port is taken");
    assert!(error.to_string().contains("is taken; choose another with --port"), "{error}");
}

#[tokio::test]
async fn an_open_address_needs_a_word() {
    let config = config(&[("HINDSIGHT_API_HOST", "0.0.0.0")]);
    let error = hindsight_server::start(config).await.expect_err("reachable by everybody");
    assert!(matches!(error, StartError::Exposed(_)), "{error}");
}

#[tokio::test]
async fn an_unusable_database_url_is_refused_before_the_port_is_bound() {
    let config = config(&[("HINDSIGHT_API_DATABASE_URL", "mysql://x")]);
    let error = hindsight_server::start(config).await.expect_err("not PostgreSQL");
    assert!(matches!(error, StartError::Url(_)), "{error}");
}

#[tokio::test]
async fn a_replica_is_a_database_elsewhere() {
    for variable in ["HINDSIGHT_API_READ_DATABASE_URL", "HINDSIGHT_API_MIGRATION_DATABASE_URL"] {
        for url in ["pg0", "mysql://u:secret@host/d"] {
            let error =
                hindsight_server::start(config(&[(variable, url)])).await.expect_err("not a URL").to_string();
            assert!(error.starts_with(variable) && !error.contains("secret"), "{error}");
        }
    }
}
