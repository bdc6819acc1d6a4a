//! Calls of model services over HTTP, the same for every kind of model.
//!
//! A call has a bound for each attempt, a window in which it is tried again, and a deadline that
//! nothing goes beyond: what would not fit is not begun. Calls in flight are bounded for all
//! callers of one service together. Keys go into headers and nowhere else.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read at most.
const MAX_ANSWER: usize = 256 << 20;
/// Characters of a refusal that are told on.
const MAX_REASON: usize = 300;

/// A credential. It shows itself to nobody but the service it is for.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key in these words.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself, for who sends it to the service it is for.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The key as `Bearer` in the header for it.
    pub(crate) fn bearer(&self) -> (&'static str, String) {
        ("authorization", format!("Bearer {}", self.0))
    }

    /// The key alone in a header of this name.
    pub(crate) fn header(&self, name: &'static str) -> (&'static str, String) {
        (name, self.0.clone())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How calls of a service are bounded and tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallLimits {
    /// Longest wait for one attempt.
    pub timeout: Duration,
    /// Calls in flight at once.
    pub max_concurrent: usize,
    /// Attempts after the first.
    pub retries: usize,
    /// Wait before the first of them; doubles every time.
    pub initial_backoff: Duration,
    /// Longest wait before an attempt, unless the service asks for more.
    pub max_backoff: Duration,
    /// No further attempt begins so long after the first.
    pub retry_budget: Duration,
}

/// Why a service gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The time is up, or would be before the next attempt, and this was the last failure.
    #[error("no answer in time{}", .0.as_deref().map(|last| format!(": {last}")).unwrap_or_default())]
    Late(Option<String>),
    /// The service has too much to do.
    #[error("{url} has too much to do (status {status})")]
    Busy { url: String, status: u16 },
    /// The service refused the call.
    #[error("{url} answered with status {status}: {reason}")]
    Status { url: String, status: u16, reason: String },
    /// The service cannot be reached, or the connection broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The answer is not what was asked for.
    #[error("{url} sent an answer that cannot be used: {reason}")]
    Garbage { url: String, reason: String },
}

/// A failed attempt.
struct Failure {
    error: HttpError,
    is_passing: bool,
    /// What the service asks to wait.
    retry_after: Option<Duration>,
}

impl Failure {
    fn lasting(error: HttpError) -> Self {
        Self { error, is_passing: false, retry_after: None }
    }

    fn passing(error: HttpError) -> Self {
        Self { error, is_passing: true, retry_after: None }
    }
}

/// A service that is called.
#[derive(Debug)]
pub(crate) struct Service {
    client: reqwest::Client,
    /// What every call brings; their values are marked as sensitive.
    headers: HeaderMap,
    /// What must not stand in a message, should the service send it back.
    secret: Option<ApiKey>,
    permits: Semaphore,
    limits: CallLimits,
}

impl Service {
    /// A service that gets `header` (name and value) with every call.
    pub(crate) fn new(
        limits: CallLimits,
        secret: Option<ApiKey>,
        header: Option<(&'static str, String)>,
    ) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| "the key has characters that no header can carry; set it anew".to_owned())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let client = client(CONNECT)?;
        Ok(Self { client, headers, secret, permits: Semaphore::new(limits.max_concurrent.max(1)), limits })
    }

    /// Calls that may be in flight at once.
    pub(crate) fn max_concurrent(&self) -> usize {
        self.limits.max_concurrent.max(1)
    }

    /// The answer to `body`, tried again as the limits say, never beyond `deadline`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: &impl Serialize,
        deadline: Option<Instant>,
    ) -> Result<T, HttpError> {
        self.call(|| self.client.post(url.clone()).json(body), url, deadline).await
    }

    /// What stands at `url`, tried again as the limits say, never beyond `deadline`.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        deadline: Option<Instant>,
    ) -> Result<T, HttpError> {
        self.call(|| self.client.get(url.clone()), url, deadline).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
        url: &Url,
        deadline: Option<Instant>,
    ) -> Result<T, HttpError> {
        let begin = Instant::now();
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(self.limits.initial_backoff)
            .with_max_delay(self.limits.max_backoff)
            .with_max_times(self.limits.retries)
            .with_jitter()
            .build();
        loop {
            let failure = match self.attempt(request(), url, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_passing => failure,
                Err(failure) => return Err(failure.error),
            };
            let Some(wait) = waits.next() else { return Err(failure.error) };
            let next = Instant::now() + wait.max(failure.retry_after.unwrap_or_default());
            if deadline.is_some_and(|deadline| next >= deadline) || next >= begin + self.limits.retry_budget {
                return Err(failure.error);
            }
            tracing::debug!(reason = %failure.error, "a call of a model service is tried again");
            sleep(next.saturating_duration_since(Instant::now())).await;
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        url: &Url,
        deadline: Option<Instant>,
    ) -> Result<T, Failure> {
        let place = place(url);
        let permit = self.permits.acquire();
        let permit = match deadline {
            None => permit.await,
            Some(deadline) => {
                timeout_at(deadline, permit).await.map_err(|_| Failure::lasting(HttpError::Late(None)))?
            }
        };
        let _permit = permit.map_err(|_| Failure::lasting(HttpError::Late(None)))?;
        let attempt_end = Instant::now() + self.limits.timeout;
        let end = deadline.map_or(attempt_end, |deadline| deadline.min(attempt_end));
        let exchange = async {
            let answer = request.headers(self.headers.clone()).send().await?;
            let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
            Ok::<_, reqwest::Error>((status, retry_after, read(answer, MAX_ANSWER).await?))
        };
        let (status, retry_after, bytes) = match timeout_at(end, exchange).await {
            Err(_) if deadline.is_some_and(|deadline| end >= deadline) => {
                return Err(Failure::lasting(HttpError::Late(None)));
            }
            Err(_) => {
                let last = format!("{place} took longer than {} s", self.limits.timeout.as_secs_f64());
                return Err(Failure::passing(HttpError::Late(Some(last))));
            }
            Ok(Err(error)) => {
                let error = HttpError::Unreachable { url: place, reason: self.clean(&causes(&error)) };
                return Err(Failure::passing(error));
            }
            Ok(Ok(answer)) => answer,
        };
        if !status.is_success() {
            return Err(Failure { retry_after, ..self.refusal(place, status, bytes.as_deref()) });
        }
        let garbage = |reason: String| Failure::lasting(HttpError::Garbage { url: place.clone(), reason });
        let bytes = bytes.ok_or_else(|| garbage(format!("it is larger than {MAX_ANSWER} bytes")))?;
        // The parser's message tells a place, and of the content a type or a short value at most.
        serde_json::from_slice(&bytes).map_err(|error| garbage(self.clean(&error.to_string())))
    }

    fn refusal(&self, url: String, status: StatusCode, body: Option<&[u8]>) -> Failure {
        let is_busy = matches!(status.as_u16(), 429 | 503 | 529);
        if is_busy {
            return Failure::passing(HttpError::Busy { url, status: status.as_u16() });
        }
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        let error = HttpError::Status { url, status: status.as_u16(), reason: self.clean(body.trim()) };
        let is_passing = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
        if is_passing { Failure::passing(error) } else { Failure::lasting(error) }
    }

    /// A text of the service as it may be told on: short, and without the key.
    fn clean(&self, text: &str) -> String {
        let text = match &self.secret {
            Some(ApiKey(key)) if !key.is_empty() => text.replace(key.as_str(), "…"),
            _ => text.to_owned(),
        };
        text.chars().take(MAX_REASON).collect()
    }
}

/// A client whose connections take no longer than this to be made.
pub(crate) fn client(connect_timeout: Duration) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        // Another place must not get the texts.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("hindsight/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("no HTTP client: {}", causes(&error)))
}

/// The body of an answer; `None` when it has more than `max` bytes.
pub(crate) async fn read(mut answer: reqwest::Response, max: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if bytes.len() + part.len() > max {
            return Ok(None);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Some(bytes))
}

/// What the service asks to wait. A date is not looked at: the own waits do then.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The URL without what may be secret in it.
pub(crate) fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither can fail for a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// What is wrong with a connection, down to the cause, without the URL.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if causes.is_empty() { "the connection failed".to_owned() } else { causes.join(": ") }
}
