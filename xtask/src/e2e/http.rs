//! Bad requests over plain HTTP: each is refused with the reason, none disturbs the server.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::checks::{Checks, at, holds, same};
use crate::daemon::Daemon;

const MEMORIES: &str = "/v1/default/banks/bad-input/memories";
const RECALL: &str = "/v1/default/banks/bad-input/memories/recall";

pub(super) async fn check(checks: &mut Checks, server: &Daemon) {
    let http = match Http::new(server.url()) {
        Ok(http) => http,
        Err(error) => return checks.note("http: a client", Err(error)),
    };
    checks.note("http: empty content", empty_content(&http).await);
    checks.note("http: broken JSON", broken_json(&http).await);
    checks.note("http: wrong types", wrong_types(&http).await);
    checks.note("http: unknown bank", unknown_bank(&http).await);
    checks.note("http: unknown route and wrong method", unknown_route(&http).await);
    checks.note("http: nothing was stored by refused requests", nothing_stored(&http).await);
    checks.note("http: an empty list of items", no_items(&http).await);
}

/// No answer takes this long.
const TIMEOUT: Duration = Duration::from_mins(3);

struct Http {
    client: reqwest::Client,
    url: String,
}

impl Http {
    fn new(url: &str) -> Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?,
            url: url.to_owned(),
        })
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Result<(u16, Value)> {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let response = request.header("content-type", "application/json").body(body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).with_context(|| format!("{path} answered no JSON: {text}"))?;
        Ok((status.as_u16(), body))
    }

    /// The list of field errors of a request that must be refused as malformed.
    async fn field_errors(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.send(Method::POST, path, body.to_string()).await?;
        same(&status, &StatusCode::UNPROCESSABLE_ENTITY.as_u16())?;
        if !at(&answer, "/detail").is_array() {
            bail!("no list of errors in {answer}");
        }
        Ok(at(&answer, "/detail").clone())
    }
}

async fn empty_content(http: &Http) -> Result<()> {
    for content in ["", "  \n "] {
        let errors = http.field_errors(MEMORIES, &json!({"items": [{"content": content}]})).await?;
        same(at(&errors, "/0/type"), &"value_error".into())?;
        holds(&at(&errors, "/0/loc").to_string(), r#"["body","items",0"#)?;
    }
    let errors = http.field_errors(MEMORIES, &json!({"items": [{"content": "a"}, {}]})).await?;
    same(at(&errors, "/0/type"), &"missing".into())?;
    same(at(&errors, "/0/loc"), &json!(["body", "items", 1, "content"]))
}

async fn broken_json(http: &Http) -> Result<()> {
    let (status, answer) = http.send(Method::POST, MEMORIES, r#"{"items": [{"#).await?;
    same(&status, &422)?;
    same(at(&answer, "/detail/0/type"), &"json_invalid".into())?;
    let (status, _) = http.send(Method::POST, MEMORIES, vec![0xff, 0xfe, 0x00]).await?;
    same(&status, &422)
}

async fn wrong_types(http: &Http) -> Result<()> {
    let errors = http.field_errors(MEMORIES, &json!({"items": "text"})).await?;
    same(at(&errors, "/0/loc"), &json!(["body", "items"]))?;
    let errors = http.field_errors(RECALL, &json!({"query": 7, "budget": "huge"})).await?;
    same(&errors.as_array().map(Vec::len), &Some(2))?;
    let errors = http.field_errors(RECALL, &json!({"query": "?!"})).await?;
    same(at(&errors, "/0/loc/1"), &"query".into())
}

async fn unknown_bank(http: &Http) -> Result<()> {
    let (status, answer) = http.send(Method::POST, RECALL, r#"{"query": "anything"}"#).await?;
    same(&status, &404)?;
    same(&answer, &json!({"detail": "Bank 'bad-input' not found"}))
}

async fn unknown_route(http: &Http) -> Result<()> {
    let (status, answer) = http.send(Method::GET, "/v1/default/nothing", "").await?;
    same(&(status, answer), &(404, json!({"detail": "Not Found"})))?;
    let (status, answer) = http.send(Method::DELETE, RECALL, "").await?;
    same(&(status, answer), &(405, json!({"detail": "Method Not Allowed"})))
}

async fn nothing_stored(http: &Http) -> Result<()> {
    let (status, answer) = http.send(Method::GET, "/v1/default/banks?q=bad-input", "").await?;
    same(&status, &200)?;
    if at(&answer, "/total") != 0 {
        bail!("a refused request created the bank: {answer}");
    }
    Ok(())
}

async fn no_items(http: &Http) -> Result<()> {
    let (status, answer) = http.send(Method::POST, MEMORIES, r#"{"items": []}"#).await?;
    same(&status, &200)?;
    same(at(&answer, "/items_count"), &0.into())
}
