//! One request to a model and what came of it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::options::{Dialect, ModelOptions};
use super::waits;
use super::wire::{self, Answer, Question};
use crate::http::{self, ApiKey};

/// Bytes of an answer that are read at most: the longest that models write, with much room.
const MAX_ANSWER: usize = 16 << 20;
/// Characters of a reason that are told on.
const MAX_REASON: usize = 300;
/// Codes of errors that mean: the model does not want to.
const REFUSALS: [&str; 3] = ["content_filter", "content_policy_violation", "responsibleaipolicyviolation"];
/// Codes of errors that mean: this account cannot pay, which waiting does not change.
const UNPAID: [&str; 2] = ["insufficient_quota", "billing_hard_limit_reached"];

/// Why a request brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The model or its provider does not want to answer.
    #[error("refused: {0}")]
    Refused(String),
    /// Key or account are not good for it.
    #[error("{0}")]
    Denied(String),
    /// The request was found wrong; `text` is all that the service said.
    #[error("{reason}")]
    Rejected { reason: String, text: String },
    /// There is too much to do; perhaps with the wait that is asked for.
    #[error("{reason}")]
    Busy { reason: String, wait: Option<Duration> },
    /// No answer in the time for one attempt; another may be luckier.
    #[error("no answer within the time for one request")]
    Slow,
    /// The time for the call with all attempts is up.
    #[error("no answer within the time for the call")]
    Late,
    /// No answer, or a broken one; another attempt may be luckier.
    #[error("{0}")]
    Failed(String),
}

/// How to reach one model.
pub(super) struct Exchange {
    client: reqwest::Client,
    url: Url,
    dialect: Dialect,
    /// What every request brings; the values are marked as sensitive.
    headers: HeaderMap,
    /// What must not stand in a message, should the service send it back.
    secrets: Vec<ApiKey>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("url", &http::place(&self.url)).finish_non_exhaustive()
    }
}

impl Exchange {
    pub(super) fn new(client: reqwest::Client, options: &ModelOptions) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in wire::headers(options) {
            let name = HeaderName::try_from(&name).map_err(|_| format!("'{name}' is no name of a header"))?;
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                format!("the value of {name} has characters that no header can carry; set it anew")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let secrets = options.key.iter().chain(options.headers.iter().map(|(_, value)| value));
        let secrets = secrets.filter(|secret| !secret.reveal().is_empty()).cloned().collect();
        Ok(Self { client, url: wire::endpoint(options)?, dialect: options.dialect, headers, secrets })
    }

    /// The answer to a question. An attempt ends at `end`; that is `last` when there is no time
    /// for a further one.
    pub(super) async fn ask(
        &self,
        options: &ModelOptions,
        question: &Question<'_>,
        end: Instant,
        is_last: bool,
        now: impl Fn() -> DateTime<Utc>,
    ) -> Result<Answer, Trouble> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let request = request.json(&wire::body(options, question));
        let exchange = async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, http::read(answer, MAX_ANSWER).await?))
        };
        let (status, headers, bytes) = match timeout_at(end, exchange).await {
            Err(_) if is_last => return Err(Trouble::Late),
            Err(_) => return Err(Trouble::Slow),
            Ok(Err(error)) => {
                let reason = self.clean(&http::causes(&error));
                return Err(Trouble::Failed(format!("cannot reach {}: {reason}", http::place(&self.url))));
            }
            Ok(Ok(answer)) => answer,
        };
        let bytes = bytes.ok_or_else(|| self.garbage(&format!("it is larger than {MAX_ANSWER} bytes")))?;
        if !status.is_success() {
            return Err(self.trouble(status, &headers, &bytes, now()));
        }
        let body: Value = serde_json::from_slice(&bytes).map_err(|error| self.garbage(&error.to_string()))?;
        // Some tell of an error with status 200.
        let is_answer = ["choices", "content", "candidates"].iter().any(|key| body.get(key).is_some());
        if let Some(error) = body.get("error").filter(|error| !error.is_null() && !is_answer) {
            let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let status = code.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.filter(|status| status.as_u16() >= 400).unwrap_or(StatusCode::BAD_GATEWAY);
            return Err(self.trouble(status, &headers, &bytes, now()));
        }
        wire::answer(self.dialect, &body).map_err(|problem| self.garbage(&problem))
    }

    /// What a status that is no success means.
    fn trouble(&self, status: StatusCode, headers: &HeaderMap, bytes: &[u8], now: DateTime<Utc>) -> Trouble {
        let text = String::from_utf8_lossy(bytes);
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        // Gemini's list of errors has one.
        let body = body.get(0).cloned().unwrap_or(body);
        let error = body.get("error").unwrap_or(&body);
        let message = error.get("message").or_else(|| body.get("message")).unwrap_or(error);
        let message = message.as_str().unwrap_or(&text).trim();
        let has_code = |codes: &[&str]| {
            let inner = error.get("innererror").or_else(|| error.get("inner_error"));
            [error.get("code"), error.get("type"), inner.and_then(|inner| inner.get("code"))]
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .any(|code| codes.contains(&code.to_ascii_lowercase().as_str()))
        };
        let reason = self.clean(message);
        let with_status = if reason.is_empty() {
            format!("status {}", status.as_u16())
        } else {
            format!("status {}: {reason}", status.as_u16())
        };
        match status.as_u16() {
            400 | 403 if has_code(&REFUSALS) => Trouble::Refused(reason),
            // It tried to write JSON and did not succeed.
            400 if has_code(&["json_validate_failed"]) => Trouble::Failed(with_status),
            400 if text.contains("API_KEY_INVALID") => Trouble::Denied(with_status),
            401..=403 => Trouble::Denied(with_status),
            429 if has_code(&UNPAID) => Trouble::Denied(with_status),
            429 | 503 | 529 => {
                Trouble::Busy { reason: with_status, wait: waits::asked(headers, error, message, now) }
            }
            408 | 409 | 425 | 500.. => Trouble::Failed(with_status),
            _ => Trouble::Rejected { reason: with_status, text: text.into_owned() },
        }
    }

    fn garbage(&self, problem: &str) -> Trouble {
        let problem = self.clean(problem);
        Trouble::Failed(format!("{} sent an answer that cannot be used: {problem}", http::place(&self.url)))
    }

    /// A text of the service as it may be told on: short, and without keys.
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.reveal(), "…");
        }
        text.chars().take(MAX_REASON).collect()
    }
}
