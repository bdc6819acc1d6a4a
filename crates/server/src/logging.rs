//! Log lines.

use std::io::IsTerminal;

use tracing::dispatcher::with_default;
use tracing::{Dispatch, Level};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use hindsight_types::settings::SettingError;

use crate::config::{Config, LOG_LEVEL, LogFormat};
use crate::json_lines::JsonLines;

/// Sends log lines of the process to `writer` as the config says, in colour if standard error is a
/// terminal and nobody declines it. Does nothing when the process has a subscriber already.
pub fn init_logging<W>(config: &Config, writer: W) -> Result<(), SettingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let installed = subscriber(config, writer)?.try_init();
    if installed.is_err() {
        tracing::debug!("log lines go where the process sends them already");
    }
    remark(config);
    Ok(())
}

/// The same for a part of the process alone: lines arise in threads whose default subscriber this is.
pub fn log_lines<W>(config: &Config, writer: W) -> Result<Dispatch, SettingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = subscriber(config, writer)?;
    with_default(&lines, || remark(config));
    Ok(lines)
}

fn subscriber<W>(config: &Config, writer: W) -> Result<Dispatch, SettingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter(&config.log_level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(has_colors(config, std::io::stderr().is_terminal()));
    Ok(match config.log_format {
        LogFormat::Text => lines.with_target(false).finish().into(),
        LogFormat::Json if config.log_fields.is_empty() => lines.json().finish().into(),
        LogFormat::Json => lines.event_format(JsonLines::new(config.log_fields.clone())).finish().into(),
    })
}

fn remark(config: &Config) {
    for remark in &config.remarks {
        tracing::warn!("{remark}");
    }
}

/// JSON lines are for machines, which a terminal does not change.
fn has_colors(config: &Config, is_terminal: bool) -> bool {
    is_terminal && config.log_colors && config.log_format == LogFormat::Text
}

/// Words of the original's levels, and filters like `info,hindsight_pg=debug`.
fn filter(level: &str) -> Result<EnvFilter, SettingError> {
    let level = match level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        // A filter would take any other word for the name of a module.
        word if !word.contains('=') && word.parse::<Level>().is_err() => {
            return Err(LOG_LEVEL.unusable(word));
        }
        other => other.to_owned(),
    };
    EnvFilter::try_new(&level).map_err(|error| LOG_LEVEL.refuse(format!("'{level}' is not usable: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_of_people_who_do_not_decline_them() {
        let colored = |variables: &[(&str, &str)], is_terminal| {
            let lookup = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            has_colors(&Config::read(&lookup).expect("usable"), is_terminal)
        };
        assert!(colored(&[], true));
        assert!(!colored(&[], false));
        assert!(!colored(&[("NO_COLOR", "1")], true));
        assert!(!colored(&[("HINDSIGHT_API_LOG_FORMAT", "json")], true));
    }

    #[test]
    fn levels_are_words_or_filters() {
        for level in
            ["critical", "ERROR", "warning", "warn", "Info", "debug", "trace", "info,hindsight_pg=debug"]
        {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["loud", "", "info;debug", "hindsight_pg=loud"] {
            let error = filter(level).unwrap_err().to_string();
            assert!(error.starts_with("HINDSIGHT_API_LOG_LEVEL: '"), "{error}");
        }
    }
}
