//! Log lines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, ConfigError, LogFormat};

/// Sends log lines to `writer` as the config says, in colour if standard error is a
/// terminal. Does nothing when the process has a subscriber already.
pub fn init_logging<W>(config: &Config, writer: W) -> Result<(), ConfigError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Words of the original's levels, and plain filters.
    let level = match config.log_level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        other => other.to_owned(),
    };
    let filter = EnvFilter::try_new(&level).map_err(|error| ConfigError {
        name: "HINDSIGHT_API_LOG_LEVEL",
        problem: format!("'{level}' is not usable: {error}; give debug, info, warning or error"),
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match config.log_format {
        LogFormat::Text => lines.with_target(false).finish().try_init(),
        LogFormat::Json => lines.json().finish().try_init(),
    };
    if installed.is_err() {
        tracing::debug!("log lines go where the process sends them already");
    }
    Ok(())
}
