//! Printing: data goes to standard output, everything else to standard error.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use console::{Style, Term, style};
use indicatif::ProgressBar;
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::Format;

/// Time between two pictures of a sign of work.
const TICK: Duration = Duration::from_millis(120);

/// Where answers go.
pub(crate) struct Output {
    format: Format,
    is_brief: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, is_brief: false }
    }

    /// One line for each memory that was found.
    pub(crate) fn brief(format: Format) -> Self {
        Self { format, is_brief: true }
    }

    /// True when a person reads along.
    pub(crate) fn is_pretty(&self) -> bool {
        self.format == Format::Pretty
    }

    /// True when people get one line for each memory.
    pub(crate) fn is_brief(&self) -> bool {
        self.is_brief
    }

    /// Prints an answer: as it is for programs, through `pretty` for people.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: &T,
        pretty: impl FnOnce(&mut dyn Write, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, answer)?;
                writeln!(out)?;
            }
            Format::Yaml => {
                out.write_all(yaml_serde::to_string(answer).map_err(io::Error::other)?.as_bytes())?;
            }
            Format::Pretty => pretty(&mut out, answer)?,
        }
        out.flush()
    }

    /// Asks a person before something is lost; anything but a yes is a no. Programs are
    /// never asked: they do not answer.
    pub(crate) fn confirm(&self, question: &str, is_answered: bool) -> io::Result<bool> {
        if !self.is_pretty() || is_answered {
            return Ok(true);
        }
        let mut chatter = io::stderr();
        write!(chatter, "{question} [y/N] ")?;
        chatter.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        if !is_yes {
            writeln!(chatter, "nothing deleted")?;
        }
        Ok(is_yes)
    }

    /// Shows a person that something takes a while, until it is dropped. Nothing is shown
    /// where standard error is no terminal.
    pub(crate) fn busy(&self, doing: &str) -> Busy {
        let bar = if self.is_pretty() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_message(doing.to_owned());
        bar.enable_steady_tick(TICK);
        Busy(bar)
    }
}

/// A sign of work under way.
pub(crate) struct Busy(ProgressBar);

impl Busy {
    /// Says what is being done now.
    pub(crate) fn say(&self, doing: &str) {
        self.0.set_message(doing.to_owned());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Tells the user something that is not data.
pub(crate) fn note(message: &str) {
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{message}");
}

/// Sends what happens to standard error: every step with `is_verbose`, else as much as the
/// word `level` says.
pub(crate) fn log(is_verbose: bool, level: &str) {
    let level = match level {
        _ if is_verbose => "debug",
        "warning" => "warn",
        "critical" => "error",
        level => level,
    };
    let filter = format!("warn,hindsight_client={level},hindsight_embed_daemon={level}");
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = lines.with_ansi(Term::stderr().features().colors_supported()).with_target(false);
    // A process that has a subscriber already wants it to stay.
    let _ = lines.without_time().finish().try_init();
}

/// A table without lines, as wide as the terminal.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some((_, width)) = Term::stdout().size_checked() {
        table.set_width(width);
    }
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table
}

/// Side remarks of an answer.
pub(crate) fn dim(text: &str) -> String {
    style(text).dim().to_string()
}

/// What the eye should find first.
pub(crate) fn strong(text: &str) -> String {
    style(text).bold().to_string()
}

/// Good and bad ends.
pub(crate) fn verdict(good: bool, text: &str) -> String {
    let colour = if good { Style::new().green() } else { Style::new().red() };
    colour.apply_to(text).to_string()
}

/// A stored text made safe for a terminal: escape sequences in a memory must not steer it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A number of things, in words.
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The day of an ISO-8601 time.
pub(crate) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_defused() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
    }

    #[test]
    fn a_day_is_cut_from_a_time() {
        assert_eq!(day("2025-03-01T18:30:00+00:00"), "2025-03-01");
        assert_eq!(day(""), "");
    }
}
