//! Log lines for machines with chosen fields, under the names that log services know.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogField;

/// Writes one JSON object a line with these fields, and nothing else.
pub(crate) struct JsonLines {
    fields: Vec<LogField>,
    now: fn() -> DateTime<Utc>,
}

impl JsonLines {
    pub(crate) fn new(fields: Vec<LogField>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "lines are written at the time of the machine")]
        Self { fields, now: Utc::now }
    }
}

/// What an event says: its message with the other values behind it, and its error.
#[derive(Default)]
struct Said {
    message: String,
    values: String,
    error: Option<String>,
}

impl Said {
    fn value(&mut self, name: &str, value: &dyn fmt::Display) {
        use fmt::Write;
        // Writing to a string cannot fail.
        let _ = write!(self.values, " {name}={value}");
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "error" => self.error = Some(format!("{value:?}")),
            name => self.value(name, &format_args!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "error" => self.error = Some(value.to_owned()),
            name => self.value(name, &value),
        }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let mut line = Map::new();
        for field in &self.fields {
            let (name, value) = match field {
                LogField::Severity => {
                    let level = match *event.metadata().level() {
                        tracing::Level::WARN => "WARNING",
                        tracing::Level::TRACE => "DEBUG",
                        level => level.as_str(),
                    };
                    ("severity", Value::from(level))
                }
                LogField::Message => ("message", format!("{}{}", said.message, said.values).into()),
                LogField::Timestamp => ("timestamp", (self.now)().to_rfc3339().into()),
                LogField::Logger => ("logger", event.metadata().target().into()),
                // There is one tenant, which has no name.
                LogField::Tenant => ("tenant", Value::Null),
                LogField::Exception => match &said.error {
                    Some(error) => ("exception", error.as_str().into()),
                    None => continue,
                },
            };
            line.insert(name.to_owned(), value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::json;

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

    fn written(fields: Vec<LogField>, log: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = JsonLines { fields, now: || DateTime::UNIX_EPOCH };
        let subscriber =
            tracing_subscriber::fmt().event_format(format).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_chosen_fields() {
        use LogField::{Exception, Logger, Message, Severity, Tenant, Timestamp};
        let lines = written(vec![Severity, Message, Timestamp, Logger, Tenant, Exception], || {
            tracing::warn!(target: "part", pid = 7, error = "no \"such\" file", "gone");
            tracing::info!(target: "part", "all is well");
        });
        let time = "1970-01-01T00:00:00+00:00";
        assert_eq!(
            lines,
            [
                json!({
                    "severity": "WARNING", "message": "gone pid=7", "timestamp": time, "logger": "part",
                    "tenant": null, "exception": "no \"such\" file",
                }),
                json!({
                    "severity": "INFO", "message": "all is well", "timestamp": time, "logger": "part",
                    "tenant": null,
                }),
            ]
        );
        let lines = written(vec![Message], || tracing::error!(error = "x", "gone"));
        assert_eq!(lines, [json!({"message": "gone"})]);
    }
}
