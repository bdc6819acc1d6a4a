//! A log line for every request.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Tells what was asked and how it ended. Not the query: it may hold what somebody looks for
/// in a memory.
pub(crate) async fn log_access(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let milliseconds = started.elapsed().as_millis();
    tracing::info!(target: "hindsight_server::access", "{method} {path} {status} {milliseconds} ms");
    response
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use tower::ServiceExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_names_the_path_and_not_what_was_looked_for() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let router = Router::new().fallback(async || "").layer(from_fn(log_access));
        let request = Request::get("/v1/default/banks?q=hush").body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap();
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(lines.contains("GET /v1/default/banks 200 "), "{lines}");
        assert!(!lines.contains("hush"), "{lines}");
    }
}
