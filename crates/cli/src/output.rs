//! Printing: data goes to standard output, everything else to standard error.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use console::{Style, Term, style};
use serde::Serialize;

use crate::args::Format;

/// Where answers go.
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// True when a person reads along.
    pub(crate) fn is_pretty(&self) -> bool {
        self.format == Format::Pretty
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
            Format::Pretty => pretty(&mut out, answer)?,
        }
        out.flush()
    }
}

/// Tells the user something that is not data.
pub(crate) fn note(message: &str) {
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{message}");
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
