//! Keys, names and compression, over real HTTP, on a server that is still loading: all of
//! these come before the store.

use hindsight_server::Server;
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::config;

/// A server whose database never answers.
async fn loading(variables: &[(&str, &str)]) -> (Server, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgresql://u@127.0.0.1:{}/d", silent.local_addr().unwrap().port());
    let mut all = vec![("HINDSIGHT_API_DATABASE_URL", url.as_str())];
    all.extend(variables);
    (hindsight_server::start(config(&all)).await.unwrap(), silent)
}

async fn status(server: &Server, path: &str, name: header::HeaderName, value: &str) -> StatusCode {
    let request = Client::new().get(format!("{}{path}", server.url())).header(name, value);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn routes_with_memories_ask_for_the_key() {
    let (server, _silent) = loading(&[("HINDSIGHT_API_TENANT_API_KEY", "s3cret")]).await;
    let banks = format!("{}/v1/default/banks", server.url());
    let answer = reqwest::get(&banks).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!answer.headers().contains_key(header::WWW_AUTHENTICATE));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["detail"], "Authentication failed: Invalid API key");
    for wrong in ["", "s3cre", "s3crets", "Bearer s3cre", "Basic s3cret"] {
        let status = status(&server, "/v1/default/banks", header::AUTHORIZATION, wrong).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    for right in ["s3cret", "Bearer s3cret", "bearer  s3cret"] {
        let status = status(&server, "/v1/default/banks", header::AUTHORIZATION, right).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{right} is let in, and told to wait");
    }
    for path in ["/health/live", "/version", "/openapi.json"] {
        assert_eq!(reqwest::get(format!("{}{path}", server.url())).await.unwrap().status(), 200, "{path}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_local_server_answers_to_local_names_only() {
    let (server, _silent) = loading(&[("HINDSIGHT_API_ALLOWED_HOSTS", "memory.lan")]).await;
    for (host, expected) in
        [("localhost:8888", 200), ("memory.lan", 200), ("evil.example", 403), ("a b", 403)]
    {
        let status = status(&server, "/version", header::HOST, host).await;
        assert_eq!(status.as_u16(), expected, "{host}");
    }
    let request = Client::new().get(format!("{}/version", server.url())).header(header::HOST, "evil.example");
    assert_eq!(
        request.send().await.unwrap().json::<Value>().await.unwrap(),
        json!({"detail": "host 'evil.example' is not served; use localhost, or list it in HINDSIGHT_API_ALLOWED_HOSTS"})
    );
    server.shutdown().await;

    let (server, _silent) = loading(&[("HINDSIGHT_API_TENANT_API_KEY", "k")]).await;
    assert_eq!(status(&server, "/version", header::HOST, "proxy.example").await, 200, "the key protects it");
    server.shutdown().await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_accepts_it() {
    let (server, _silent) = loading(&[]).await;
    let get = |path: &str, encoding: &'static str| {
        let request = Client::builder().no_gzip().build().unwrap().get(format!("{}{path}", server.url()));
        async move {
            let answer = request.header(header::ACCEPT_ENCODING, encoding).send().await.unwrap();
            answer
                .headers()
                .get(header::CONTENT_ENCODING)
                .map(|encoding| encoding.to_str().unwrap().to_owned())
        }
    };
    assert_eq!(get("/openapi.json", "gzip").await.as_deref(), Some("gzip"));
    assert_eq!(get("/openapi.json", "identity").await, None);
    assert_eq!(get("/health/live", "gzip").await, None, "too small");
    server.shutdown().await;
    let (server, _silent) = loading(&[("HINDSIGHT_API_GZIP_MIN_SIZE", "-1")]).await;
    let answer = Client::builder().no_gzip().build().unwrap().get(format!("{}/openapi.json", server.url()));
    let answer = answer.header(header::ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
    server.shutdown().await;
}
