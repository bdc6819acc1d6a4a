//! Requests to any route, for programs that have types of their own: bindings of other languages.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};

use crate::transport::segment;
use crate::{Client, ClientError};

/// A request to any route.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// What is to be done.
    pub method: Method,
    /// Parts of the path between slashes, not escaped: an id is one part, whatever is in it.
    pub path: Vec<String>,
    /// Query parameters; a name may come several times.
    pub query: Vec<(String, String)>,
    /// What is sent.
    pub body: RawBody,
}

/// What a request brings.
#[derive(Clone, Debug)]
pub enum RawBody {
    /// Nothing.
    Empty,
    /// JSON, written out already.
    Json(Vec<u8>),
    /// A form with files.
    Form {
        /// Names of fields and what is in them.
        fields: Vec<(String, String)>,
        /// The files.
        files: Vec<RawFile>,
    },
}

/// A file of a form.
#[derive(Clone, Debug)]
pub struct RawFile {
    /// Field it belongs to.
    pub field: String,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// An answer as it came, also one that refuses.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order they came, names in lower case; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// What it brings.
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a request and takes whatever comes back. Fails only when nothing does.
    pub async fn raw(&self, request: &RawRequest) -> Result<RawResponse, ClientError> {
        let mut path = String::new();
        for part in &request.path {
            path.push('/');
            path.push_str(&segment(part)?);
        }
        let mut url = self.url(&path)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let builder = self.http().request(request.method.clone(), url);
        let builder = match &request.body {
            RawBody::Empty => builder,
            RawBody::Json(json) => builder.header(CONTENT_TYPE, "application/json").body(json.clone()),
            RawBody::Form { fields, files } => builder.multipart(form(fields, files)),
        };
        let response = builder.send().await.map_err(|source| self.network_error(source))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let body = response.bytes().await.map_err(|source| self.network_error(source))?;
        Ok(RawResponse { status, headers, body: body.into() })
    }
}

impl RawResponse {
    /// Value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The error that an answer stands for which is no success.
    pub fn error(&self) -> Option<ClientError> {
        let is_success = (200..300).contains(&self.status);
        (!is_success).then(|| ClientError::refused(self.status, &self.body))
    }
}

fn form(fields: &[(String, String)], files: &[RawFile]) -> Form {
    let with_fields =
        fields.iter().fold(Form::new(), |form, (name, value)| form.text(name.clone(), value.clone()));
    files.iter().fold(with_fields, |form, file| {
        form.part(file.field.clone(), Part::bytes(file.bytes.clone()).file_name(file.name.clone()))
    })
}
