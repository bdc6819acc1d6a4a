//! Transcripts: command lines with what they have to print, to be read by people too.
//!
//! A line that begins with `$ ` is run by a shell; what it prints to standard output follows as it is, what it
//! prints to standard error with `! ` before it, and `? 1` says that it ends with 1. Lines that begin with `#`
//! are remarks. Ids, times and other things that differ from run to run are replaced by a name in brackets.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::checks::Checks;
use crate::daemon::output_of;

/// One command line and what belongs to it, remarks in front included.
struct Block {
    remarks: String,
    line: String,
    expected: String,
}

/// Runs all lines of a transcript, or writes down anew what they print.
pub(super) fn check(
    checks: &mut Checks,
    path: &Path,
    changing: &Changing,
    update: bool,
    shell: impl Fn(&str) -> Command,
) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut written = String::new();
    for Block { remarks, line, expected } in blocks(&text)? {
        let found = run(&mut shell(&line)).map(|text| changing.replace(&text));
        if update {
            write!(written, "{remarks}$ {line}\n{}", found?)?;
            continue;
        }
        let compared = found.and_then(|found| {
            if found != expected {
                bail!("expected\n{expected}found\n{found}");
            }
            Ok(())
        });
        checks.note(&format!("$ {line}"), compared);
    }
    if update {
        fs::write(path, written)?;
    }
    Ok(())
}

fn blocks(text: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut remarks = String::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let remarks = std::mem::take(&mut remarks);
            blocks.push(Block { remarks, line: command.to_owned(), expected: String::new() });
        } else if line.starts_with('#') || (line.is_empty() && !remarks.is_empty()) {
            remarks.push_str(line);
            remarks.push('\n');
        } else {
            let block = blocks.last_mut().context("a transcript begins with a command")?;
            block.expected.push_str(line);
            block.expected.push('\n');
        }
    }
    Ok(blocks)
}

/// What a line printed, in the form of a transcript.
fn run(command: &mut Command) -> Result<String> {
    let output = output_of(command)?;
    let mut text = String::from_utf8(output.stdout).context("it did not print UTF-8")?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        writeln!(text, "! {line}")?;
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "? {code}")?,
        None => bail!("it was killed"),
    }
    Ok(text)
}

/// What differs from run to run.
pub(super) struct Changing {
    fixed: Vec<(String, &'static str)>,
    patterns: Vec<(Regex, &'static str)>,
}

impl Changing {
    /// `fixed` are texts known beforehand and their names.
    pub(super) fn new(fixed: Vec<(String, &'static str)>) -> Result<Self> {
        let patterns = [
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
            (r"\b[0-9a-f]{64}\b", "[hash]"),
            (r"\bcli_put_\d{8}_\d{6}_[0-9a-f]{8}\b", "[document]"),
            (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", "[time]"),
            // The day of the run; the days in the texts are older.
            (r"\b20(2[6-9]|[3-9]\d)-\d\d-\d\d\b", "[day]"),
            (r"\b\d+\.\d{4,}(e-\d+)?\b", "[number]"),
            (r"score \d+\.\d\d", "score [number]"),
            (r#"("start_time": |"pid": |PID: |process )\d+"#, "$1[number]"),
            (r"Uptime: [\d a-z]+", "Uptime: [duration]"),
            // Ports of daemons: those they would have may be taken where this runs.
            (r"\b(888[89]|889\d|8[9]\d\d|9[0-8]\d\d)\b", "[port]"),
        ];
        let patterns = patterns.map(|(pattern, name)| Ok((Regex::new(pattern)?, name)));
        Ok(Self { fixed, patterns: patterns.into_iter().collect::<Result<_>>()? })
    }

    fn replace(&self, text: &str) -> String {
        let text = self.fixed.iter().fold(text.to_owned(), |text, (fixed, name)| text.replace(fixed, name));
        self.patterns
            .iter()
            .fold(text, |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_cut_into_commands() {
        let text = "# first\n$ a b\nout\n! err\n? 1\n# second\n\n$ c\n";
        let blocks = blocks(text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((&*blocks[0].remarks, &*blocks[0].line), ("# first\n", "a b"));
        assert_eq!(blocks[0].expected, "out\n! err\n? 1\n");
        assert_eq!((&*blocks[1].remarks, &*blocks[1].expected), ("# second\n\n", ""));
    }

    #[test]
    fn output_error_and_end_are_told_apart() {
        let text = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!(text, "out\n! err\n? 3\n");
    }

    #[test]
    fn what_changes_is_replaced() {
        let changing = Changing::new(vec![("/tmp/x".to_owned(), "[home]")]).unwrap();
        let found = changing
            .replace("/tmp/x/log 6cc25844-3c6e-45e6-a64b-a59d1a51bd33 2024-01-15 2026-11-24T15:51:51.98Z");
        assert_eq!(found, "[home]/log [uuid] 2024-01-15 [time]");
    }
}
