//! How log lines look.

use hindsight_types::settings::{Reader, SettingError};

use super::table;

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Fields of a log line for machines, by the names that log services know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogField {
    /// Level.
    Severity,
    /// What is said.
    Message,
    /// When.
    Timestamp,
    /// Who says it.
    Logger,
    /// Whose request it belongs to.
    Tenant,
    /// What went wrong.
    Exception,
}

impl std::str::FromStr for LogField {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "severity" => Ok(Self::Severity),
            "message" => Ok(Self::Message),
            "timestamp" => Ok(Self::Timestamp),
            "logger" => Ok(Self::Logger),
            "tenant" => Ok(Self::Tenant),
            "exception" => Ok(Self::Exception),
            _ => Err(()),
        }
    }
}

/// The fields that are wanted.
pub(super) fn log_fields(reader: &Reader) -> Result<Vec<LogField>, SettingError> {
    let words = reader.list(&table::LOG_JSON_FIELDS);
    words.iter().map(|word| word.parse().map_err(|()| table::LOG_JSON_FIELDS.unusable(word))).collect()
}
