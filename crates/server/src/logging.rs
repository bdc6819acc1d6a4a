//! Log lines.

use std::io::IsTerminal;

use tracing::Level;
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
    let filter = filter(&config.log_level)?;
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

/// Words of the original's levels, and filters like `info,hindsight_pg=debug`.
fn filter(level: &str) -> Result<EnvFilter, ConfigError> {
    let refused = |problem: &str| ConfigError {
        name: "HINDSIGHT_API_LOG_LEVEL",
        problem: format!(
            "'{level}' is not usable{problem}; give trace, debug, info, warning, error or critical"
        ),
    };
    let level = match level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        // A filter would take any other word for the name of a module.
        word if !word.contains('=') && word.parse::<Level>().is_err() => return Err(refused("")),
        other => other.to_owned(),
    };
    EnvFilter::try_new(&level).map_err(|error| refused(&format!(": {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words_or_filters() {
        for level in
            ["critical", "ERROR", "warning", "warn", "Info", "debug", "trace", "info,hindsight_pg=debug"]
        {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["loud", "", "info;debug", "hindsight_pg=loud"] {
            let error = filter(level).unwrap_err().to_string();
            assert!(
                error.contains("HINDSIGHT_API_LOG_LEVEL") && error.contains("give trace, debug"),
                "{error}"
            );
        }
    }
}
