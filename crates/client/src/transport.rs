//! Addresses, headers and the reading of answers: what all routes share.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::ClientError;

/// Everything but the unreserved characters is escaped, `/` too: an id is one path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const USER_AGENT: &str = concat!("hindsight-client-rust/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to talk to a server.
#[derive(Clone)]
pub struct ClientOptions {
    /// Sent as a bearer token.
    pub api_key: Option<String>,
    /// Longest wait for a whole answer. A retain with a language model takes its time, so the default is
    /// five minutes.
    pub timeout: Duration,
    /// Who is asking, for the log of the server; none = this crate.
    pub user_agent: Option<String>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { api_key: None, timeout: Duration::from_mins(5), user_agent: None }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api_key = self.api_key.as_ref().map(|_| "…");
        f.debug_struct("ClientOptions")
            .field("api_key", &api_key)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// A connection to one server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    /// The same without a password, for messages.
    shown_url: String,
}

impl Client {
    /// A client without an API key.
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        Self::with_options(base_url, &ClientOptions::default())
    }

    /// A client with options.
    pub fn with_options(base_url: &str, options: &ClientOptions) -> Result<Self, ClientError> {
        let invalid = || ClientError::InvalidUrl { url: shown(base_url) };
        let url = Url::parse(base_url).map_err(|_| invalid())?;
        let host = url.host().ok_or_else(invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid());
        }

        let mut headers = HeaderMap::new();
        if let Some(api_key) = &options.api_key {
            let mut value =
                HeaderValue::try_from(format!("Bearer {api_key}")).map_err(|_| ClientError::InvalidApiKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let user_agent = options.user_agent.as_deref().unwrap_or(USER_AGENT);
        let user_agent = HeaderValue::try_from(user_agent).map_err(|_| ClientError::InvalidUserAgent)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(user_agent)
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(options.timeout);
        if is_loopback(&host) {
            // A proxy set for the machine would look for the server on its own loopback, and
            // compression costs more time there than it saves.
            builder = builder.no_proxy().gzip(false);
            if url.scheme() == "http" {
                // Reading the certificates of the system takes longer than most requests.
                builder = builder.tls_certs_only([]);
            }
        }
        let base_url = base_url.trim_end_matches('/').to_owned();
        let shown_url = shown(&base_url);
        let http =
            builder.build().map_err(|source| ClientError::Transport { url: shown_url.clone(), source })?;
        Ok(Self { http, base_url, shown_url })
    }

    /// Address of the server for people: without a password.
    pub fn shown_url(&self) -> &str {
        &self.shown_url
    }

    /// Address of the server, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Sends a request without a body.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &Query,
    ) -> Result<T, ClientError> {
        let (status, body) = self.exchange(method, path, query, None::<&()>).await?;
        self.read(status, &body)
    }

    /// Sends a request with a JSON body.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let (status, body) = self.exchange(method, path, &Query::default(), Some(body)).await?;
        self.read(status, &body)
    }

    /// Sends a request and takes whatever comes back.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &Query,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let mut request = self.request(method, path, query)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    /// A request to be completed and given to [`answer`](Self::answer).
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        query: &Query,
    ) -> Result<RequestBuilder, ClientError> {
        let mut url = self.url(path)?;
        if !query.0.is_empty() {
            url.query_pairs_mut().extend_pairs(&query.0);
        }
        Ok(self.http.request(method, url))
    }

    /// Address of a path, which is escaped already.
    pub(crate) fn url(&self, path: &str) -> Result<Url, ClientError> {
        let address = format!("{}{path}", self.base_url);
        Url::parse(&address).map_err(|_| ClientError::InvalidUrl { url: shown(&address) })
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends a request and takes whatever comes back.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let response = request.send().await.map_err(|source| self.network_error(source))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|source| self.network_error(source))?;
        Ok((status, bytes.to_vec()))
    }

    /// The answer, or the error it stands for.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        body: &[u8],
    ) -> Result<T, ClientError> {
        if status.is_success() {
            return serde_json::from_slice(body)
                .map_err(|source| ClientError::Decode { url: self.shown_url.clone(), source });
        }
        Err(ClientError::refused(status.as_u16(), body))
    }

    pub(crate) fn network_error(&self, source: reqwest::Error) -> ClientError {
        let url = self.shown_url.clone();
        let source = source.without_url();
        if source.is_connect() {
            ClientError::Unreachable { url, source }
        } else if source.is_timeout() {
            ClientError::Timeout { url }
        } else {
            ClientError::Transport { url, source }
        }
    }
}

/// An address, usable or not, without what may be a user and a password in it.
fn shown(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let place = match rest.rsplit_once('@') {
        Some((_, place)) => format!("***@{place}"),
        None => rest.to_owned(),
    };
    if scheme.is_empty() { place } else { format!("{scheme}://{place}") }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// An id as one segment of a path.
pub(crate) fn segment(id: &str) -> Result<String, ClientError> {
    // URL parsers resolve dot segments even when they are escaped, which would address another route.
    if matches!(id, "" | "." | "..") {
        return Err(ClientError::InvalidId { id: id.to_owned() });
    }
    Ok(utf8_percent_encode(id, SEGMENT).to_string())
}

/// Path of a bank, or of something below it when `rest` starts with a slash.
pub(crate) fn bank_path(bank_id: &str, rest: &str) -> Result<String, ClientError> {
    Ok(format!("/v1/default/banks/{}{rest}", segment(bank_id)?))
}

/// Query parameters; those without a value are left out.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(crate) fn add(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn add_each(mut self, name: &'static str, values: &[String]) -> Self {
        self.0.extend(values.iter().map(|value| (name, value.clone())));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment() {
        assert_eq!(bank_path("a/b c", "/memories").unwrap(), "/v1/default/banks/a%2Fb%20c/memories");
        assert_eq!(segment("naïve-1._~").unwrap(), "na%C3%AFve-1._~");
        assert!(matches!(segment(".."), Err(ClientError::InvalidId { .. })));
        assert!(matches!(segment(""), Err(ClientError::InvalidId { .. })));
    }

    #[test]
    fn the_base_url_is_checked_and_loses_its_slash() {
        assert_eq!(Client::new("http://localhost:8888/").unwrap().base_url(), "http://localhost:8888");
        for url in ["localhost:8888", "ftp://localhost", "nonsense", ""] {
            assert!(matches!(Client::new(url), Err(ClientError::InvalidUrl { .. })), "{url}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        let client = Client::new("http://me:hush@localhost:1/").unwrap();
        assert_eq!(client.shown_url(), "http://***@localhost:1");
        assert_eq!(shown("htp//me:hu/sh@host"), "***@host");
        assert_eq!(shown("http://host/a"), "http://host/a");
        let error = Client::new("ftp://me:hush@host").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[test]
    fn the_api_key_is_never_shown() {
        let options = ClientOptions { api_key: Some("secret".into()), ..ClientOptions::default() };
        let client = Client::with_options("http://localhost", &options).unwrap();
        assert!(!format!("{options:?} {client:?}").contains("secret"));
    }
}
