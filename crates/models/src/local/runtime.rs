//! The ONNX Runtime library, loaded once per process.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::LoadError;

/// The process's environment; a process can have one only.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment, made with the library at `path` by the first call that succeeds.
pub(crate) fn environment(path: &Path) -> Result<Environment, LoadError> {
    let failed = |reason: String| LoadError::Runtime { path: path.to_owned(), reason };
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*slot {
        return Ok(environment.clone());
    }
    let builder = ort::init_from(path).map_err(|error| failed(error.to_string()))?;
    let environment = builder
        .with_name("hindsight")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    // Its warnings are for who builds models.
    environment.set_log_level(LogLevel::Error);
    *slot = Some(environment.clone());
    Ok(environment)
}
