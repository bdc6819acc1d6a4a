//! One request and its answer, whoever it goes to.

use std::time::Duration;

use hindsight_client::{Client, ClientError, Method, RawBody, RawFile, RawRequest, RawResponse};
use hindsight_embed_daemon::{EmbedError, EmbeddedClient, Loss, Resend};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// Longest wait before the second attempt when the server does not say how long; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Who is asked.
#[derive(Clone)]
pub(crate) enum Target {
    /// A server that runs.
    Server(Client),
    /// The daemon of a profile, started when it is asked for the first time.
    Daemon(EmbeddedClient),
}

/// A request, and how often it may be made.
#[derive(FromPyObject)]
pub(crate) struct Request {
    method: String,
    /// Parts of the path between slashes.
    path: Vec<String>,
    query: Vec<(String, String)>,
    /// JSON text.
    body: Option<PyBackedBytes>,
    /// Fields and files of a form.
    form: Option<Form>,
    /// Whether it only reads, so that it may be sent again after a connection broke.
    reads: bool,
    /// Most attempts while the server has no room.
    attempts: u32,
}

/// Fields by name, and files as field, name and content.
type Form = (Vec<(String, String)>, Vec<(String, String, PyBackedBytes)>);

/// A request that is ready to be sent.
pub(crate) struct Exchange {
    request: RawRequest,
    resend: Resend,
    attempts: u32,
}

impl TryFrom<Request> for Exchange {
    type Error = PyErr;

    fn try_from(request: Request) -> PyResult<Self> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| PyValueError::new_err(format!("'{}' is no method of HTTP", request.method)))?;
        let body = match (request.form, request.body) {
            (Some((fields, files)), _) => {
                let files = files.into_iter().map(|(field, name, bytes)| RawFile {
                    field,
                    name,
                    bytes: bytes.to_vec(),
                });
                RawBody::Form { fields, files: files.collect() }
            }
            (None, Some(json)) => RawBody::Json(json.to_vec()),
            (None, None) => RawBody::Empty,
        };
        Ok(Self {
            request: RawRequest { method, path: request.path, query: request.query, body },
            resend: if request.reads { Resend::Harmless } else { Resend::Never },
            attempts: request.attempts,
        })
    }
}

impl Exchange {
    /// Sends the request, again and again while the server has no room and attempts are left.
    pub(crate) async fn carry_out(&self, target: &Target) -> Result<RawResponse, EmbedError> {
        let mut made = 1;
        loop {
            let answer = self.once(target).await?;
            if made >= self.attempts || !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            tokio::time::sleep(pause(made, answer.header("retry-after"))).await;
            made += 1;
        }
    }

    async fn once(&self, target: &Target) -> Result<RawResponse, EmbedError> {
        match target {
            Target::Server(client) => Ok(client.raw(&self.request).await?),
            Target::Daemon(client) => {
                client.call(self.resend, async |client| answered(client.raw(&self.request).await?)).await
            }
        }
    }
}

/// An answer, unless it says that its daemon is going: then another one has to be asked.
fn answered(answer: RawResponse) -> Result<RawResponse, ClientError> {
    match answer.error() {
        Some(error) if Loss::of(&error) != Loss::None => Err(error),
        _ => Ok(answer),
    }
}

/// A random time, so that clients that were turned away together do not come back together.
fn pause(made: u32, asked: Option<&str>) -> Duration {
    let asked = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(made - 1));
    asked.unwrap_or(doubled).min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}

/// Status, headers and body.
pub(crate) type Answer<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>);

/// An answer for Python.
pub(crate) fn for_python<'py>(py: Python<'py>, answer: &RawResponse) -> Answer<'py> {
    (answer.status, answer.headers.clone(), PyBytes::new(py, &answer.body))
}
