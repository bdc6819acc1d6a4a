//! Routes of files.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use axum::{Extension, Json, Router};
use hindsight_engine::jobs::FileUpload;
use hindsight_types::decode::{Body, from_json};
use hindsight_types::errors::Loc;
use hindsight_types::files::{FileMetadata, FileRetainRequest, FileRetainResponse, Parsers};
use serde_json::Value;

use super::{Limits, Ready};
use crate::admission::admit;
use crate::config::FileOptions;
use crate::error::ApiError;
use crate::extract::{PathParams, Upload, UploadLimits};
use crate::state::State;

/// The routes, none where no files are taken.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    if !limits.files.enabled {
        return Router::new();
    }
    Router::new().route(
        "/v1/default/banks/{bank_id}/files/retain",
        post(retain)
            .layer::<_, Infallible>(DefaultBodyLimit::max(taken(&limits.files).body()))
            .layer::<_, Infallible>(Extension(Arc::new(limits.files.clone())))
            .layer(from_fn_with_state(limits.retain.clone(), admit)),
    )
}

fn taken(options: &FileOptions) -> UploadLimits {
    UploadLimits { files: options.most, bytes: options.max_bytes }
}

async fn retain(
    Extension(options): Extension<Arc<FileOptions>>,
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    request: Request,
) -> Result<Json<FileRetainResponse>, ApiError> {
    let upload = Upload::read(request, taken(&options)).await?;
    let said = read(&upload.request)?;
    let metadata = match said.files_metadata {
        Some(metadata) if metadata.len() == upload.files.len() => metadata,
        Some(metadata) => {
            return Err(ApiError::bad_request(format!(
                "files_metadata has {} entries for {} files: it needs one for each, in their order",
                metadata.len(),
                upload.files.len()
            )));
        }
        None => vec![FileMetadata::default(); upload.files.len()],
    };
    let mut files = Vec::new();
    for (file, mut metadata) in upload.files.into_iter().zip(metadata) {
        let asked = metadata.parser.take().or_else(|| said.parser.clone());
        metadata.parser = Some(parsers(asked, &options)?);
        files.push(FileUpload {
            name: file.name,
            media_type: file.media_type,
            bytes: Box::new(file.bytes),
            metadata,
        });
    }
    Ok(Json(engine.retain_files(&bank_id, files).await?))
}

/// What is said about the files.
fn read(text: &str) -> Result<FileRetainRequest, ApiError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_request(format!("the form field 'request' is not JSON: {error}")))?;
    refuse_misplaced(&value)?;
    from_json(&value).map_err(|mut errors| {
        for error in &mut errors {
            error.loc.insert(1, Loc::from("request"));
        }
        ApiError::invalid(errors)
    })
}

/// Refuses what is said in a place where it would have no effect.
fn refuse_misplaced(value: &Value) -> Result<(), ApiError> {
    let has = |value: &Value, key: &str| value.get(key).is_some();
    let of_a_file = FileMetadata::FIELDS.iter().filter(|key| !FileRetainRequest::FIELDS.contains(key));
    if let Some(key) = of_a_file.into_iter().find(|key| has(value, key)) {
        return Err(ApiError::bad_request(format!(
            "'{key}' belongs to a file: give it in files_metadata, with an entry for each file"
        )));
    }
    let entries = value.get("files_metadata").and_then(Value::as_array);
    let everywhere = entries.into_iter().flatten().chain([value]);
    if everywhere.into_iter().any(|value| has(value, "update_mode")) {
        return Err(ApiError::bad_request(
            "'update_mode' is not for files: the text of a file replaces the document of its id",
        ));
    }
    Ok(())
}

/// Who reads a file: whom it asks for, or else whom the settings name.
fn parsers(asked: Option<Parsers>, options: &FileOptions) -> Result<Parsers, ApiError> {
    let Some(asked) = asked.filter(|asked| !asked.0.is_empty()) else {
        return Ok(Parsers(options.parsers.clone()));
    };
    match asked.0.iter().find(|name| !options.allowed_parsers.contains(name)) {
        None => Ok(asked),
        Some(name) if options.allowed_parsers.is_empty() => {
            Err(ApiError::bad_request(format!("parser '{name}' is not allowed; leave it out")))
        }
        Some(name) => Err(ApiError::bad_request(format!(
            "parser '{name}' is not allowed; give {}",
            options.allowed_parsers.join(" or ")
        ))),
    }
}
