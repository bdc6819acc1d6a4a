//! Forms with files. Files go to the disk as they come, so that a large one costs no memory.

use std::io::ErrorKind;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use hindsight_types::errors::{FieldError, Loc};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::Ignored;
use crate::error::{ApiError, SPACE_RETRY};

/// Form field of the files.
const FILES: &str = "files";
/// Form field of what is said about them.
const REQUEST: &str = "request";
/// Most bytes of that.
const MAX_REQUEST: usize = 2 << 20;

/// How much is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadLimits {
    /// Most files.
    pub(crate) files: usize,
    /// Most bytes of all files.
    pub(crate) bytes: usize,
}

impl UploadLimits {
    /// Bytes of a body that keeps to the limits, with room for what stands between the files.
    pub(crate) fn body(self) -> usize {
        self.bytes.saturating_add(2 * MAX_REQUEST)
    }

    fn too_large(self) -> ApiError {
        let message = format!(
            "the files are larger than {} MB together; send them in several requests",
            self.bytes >> 20
        );
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }
}

/// A file on the disk, which goes with its handle.
#[derive(Debug)]
pub(crate) struct UploadedFile {
    pub(crate) name: String,
    pub(crate) media_type: Option<String>,
    /// At its beginning.
    pub(crate) bytes: File,
}

/// A form with files and what is said about them.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) files: Vec<UploadedFile>,
    pub(crate) request: String,
}

impl Upload {
    /// Reads a form. Whoever sends too much is answered before it is all there.
    pub(crate) async fn read(request: Request, limits: UploadLimits) -> Result<Self, ApiError> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > limits.body()) {
            return Err(limits.too_large());
        }
        let ignored = request.extensions().get::<Ignored>().cloned();
        // Another kind of body has none of the fields.
        let Ok(mut form) = Multipart::from_request(request, &()).await else {
            return Err(missing(&[FILES, REQUEST]));
        };
        let (mut files, mut said, mut unknown) = (Vec::new(), None, Vec::new());
        let mut left = limits.bytes;
        while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error, limits))? {
            match field.name().unwrap_or_default() {
                FILES if files.len() == limits.files => {
                    return Err(ApiError::bad_request(format!(
                        "there are more than {} files; send them in several requests",
                        limits.files
                    )));
                }
                FILES => files.push(file(field, files.len(), &mut left, limits).await?),
                REQUEST => said = Some(text(field, limits).await?),
                name => unknown.push(name.to_owned()),
            }
        }
        if let Some(ignored) = ignored {
            ignored.body_keys(unknown.iter());
        }
        match said {
            Some(request) if !files.is_empty() => Ok(Self { files, request }),
            Some(_) => Err(missing(&[FILES])),
            None if files.is_empty() => Err(missing(&[FILES, REQUEST])),
            None => Err(missing(&[REQUEST])),
        }
    }
}

async fn file(
    mut field: Field<'_>,
    index: usize,
    left: &mut usize,
    limits: UploadLimits,
) -> Result<UploadedFile, ApiError> {
    let Some(name) = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned) else {
        return Err(ApiError::invalid(vec![FieldError {
            kind: "value_error".to_owned(),
            loc: vec![Loc::from("body"), Loc::from(FILES), Loc::from(index)],
            msg: "Value error, a file with a name is expected".to_owned(),
            input: Value::Null,
            ctx: Some(json!({"error": {}})),
        }]));
    };
    let media_type = field.content_type().map(str::to_owned);
    let created = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let created = created.map_err(std::io::Error::other).and_then(|created| created);
    let mut bytes = File::from_std(created.map_err(|error| not_kept(&error))?);
    while let Some(part) = field.chunk().await.map_err(|error| unreadable(&error, limits))? {
        *left = left.checked_sub(part.len()).ok_or_else(|| limits.too_large())?;
        bytes.write_all(&part).await.map_err(|error| not_kept(&error))?;
    }
    bytes.rewind().await.map_err(|error| not_kept(&error))?;
    Ok(UploadedFile { name, media_type, bytes })
}

async fn text(mut field: Field<'_>, limits: UploadLimits) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(part) = field.chunk().await.map_err(|error| unreadable(&error, limits))? {
        if bytes.len() + part.len() > MAX_REQUEST {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the form field 'request' is too large",
            ));
        }
        bytes.extend_from_slice(&part);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::bad_request("the form field 'request' must be UTF-8"))
}

fn unreadable(error: &MultipartError, limits: UploadLimits) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => limits.too_large(),
        status => ApiError::new(status, format!("the form cannot be read: {}", error.body_text())),
    }
}

fn not_kept(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, "a file cannot be put on the disk");
    if error.kind() == ErrorKind::StorageFull {
        return ApiError::unavailable("no space left for files; free some and try again", SPACE_RETRY);
    }
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be put on the server's disk")
}

fn missing(fields: &[&str]) -> ApiError {
    let missing = |field: &&str| FieldError {
        kind: "missing".to_owned(),
        loc: vec![Loc::from("body"), Loc::from(*field)],
        msg: "Field required".to_owned(),
        input: Value::Null,
        ctx: None,
    };
    ApiError::invalid(fields.iter().map(missing).collect())
}
