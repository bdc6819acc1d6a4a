//! Who may talk to the server: keys, and names it answers to.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::error::ApiError;

/// What a server asks of requests before it reads them.
#[derive(Clone, Default)]
pub(crate) struct Guard {
    /// Key that routes with memories ask for.
    key: Option<Arc<str>>,
    /// Names besides the loopback ones that the server answers to; `None` = any name.
    hosts: Option<Arc<[String]>>,
}

impl Guard {
    /// The guard of a server. Without a key on the loopback interface only local names are
    /// answered: a page in a browser could otherwise reach the memory through a name of its
    /// own that resolves to this machine.
    pub(crate) fn new(config: &Config) -> Self {
        let is_local = config.host.is_loopback() && config.api_key.is_none();
        Self {
            key: config.api_key.as_deref().map(Arc::from),
            hosts: is_local.then(|| config.allowed_hosts.iter().map(|host| host.to_lowercase()).collect()),
        }
    }
}

/// Refuses requests without the key. Compared in constant time, so that answers tell
/// nothing of how much of a guess was right.
pub(crate) async fn authenticate(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(key) = &guard.key else {
        return next.run(request).await;
    };
    let sent = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes().trim_ascii());
    let sent = sent.map(|value| match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
        _ => value,
    });
    if sent.is_some_and(|sent| bool::from(sent.ct_eq(key.as_bytes()))) {
        return next.run(request).await;
    }
    ApiError::new(StatusCode::UNAUTHORIZED, "Authentication failed: Invalid API key").into_response()
}

/// Refuses requests that came by a name the server does not answer to.
pub(crate) async fn check_host(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(hosts) = &guard.hosts else {
        return next.run(request).await;
    };
    // Only requests of old programs have no host; no browser sends those.
    let host = request.uri().authority().map(Authority::as_str).or_else(|| {
        let header = request.headers().get(header::HOST)?;
        Some(header.to_str().unwrap_or(""))
    });
    if host.is_none_or(|host| is_answered(host, hosts)) {
        return next.run(request).await;
    }
    let message = format!(
        "host '{}' is not served; use localhost, or list it in HINDSIGHT_API_ALLOWED_HOSTS",
        host.unwrap_or_default()
    );
    ApiError::new(StatusCode::FORBIDDEN, message).into_response()
}

fn is_answered(host: &str, allowed: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let is_loopback = name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || allowed.iter().any(|allowed| *allowed == name || *allowed == host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_and_listed_ones_are_answered() {
        let allowed = ["memory.lan".to_owned(), "10.0.0.5:8888".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8888",
            "127.0.0.1:1",
            "[::1]:8888",
            "a.localhost",
            "Memory.LAN:8888",
            "10.0.0.5:8888",
        ] {
            assert!(is_answered(host, &allowed), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "10.0.0.5", "0.0.0.0", "user@", "a b"] {
            assert!(!is_answered(host, &allowed), "{host}");
        }
    }
}
