//! Settings of a profile: `KEY=VALUE` lines that people edit by hand.

use std::path::Path;

use crate::error::{EmbedError, Result};
use crate::files::{read_text, write_private};

/// First line of a new file.
const HEADER: &str = "# Settings of a Hindsight profile, one KEY=VALUE a line.";

/// A file of settings. Comments and the order of lines are kept on every change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvFile {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// Anything that sets nothing.
    Text(String),
    Setting {
        key: String,
        value: String,
        written: String,
    },
}

impl EnvFile {
    /// Reads a file; one that does not exist has no settings.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(read_text(path)?.map(|text| Self::parse(&text)).unwrap_or_default())
    }

    /// Replaces a file as a whole, readable by this user only.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::new();
        if self.lines.iter().all(|line| matches!(line, Line::Setting { .. })) {
            text.push_str(HEADER);
            text.push('\n');
        }
        for line in &self.lines {
            let (Line::Text(line) | Line::Setting { written: line, .. }) = line;
            text.push_str(line);
            text.push('\n');
        }
        write_private(path, text.as_bytes())
    }

    /// The lines of a text: a leading `export ` is accepted, the first `=` separates, both
    /// sides are trimmed and the value loses one pair of quotes around it. Nothing is
    /// expanded, and a `#` counts only at the start of a line.
    pub fn parse(text: &str) -> Self {
        Self { lines: text.trim_start_matches('\u{feff}').lines().map(parse_line).collect() }
    }

    /// All settings in the order of the file; a key that stands twice comes twice, and the
    /// later one counts.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Setting { key, value, .. } => Some((key.as_str(), value.as_str())),
            Line::Text(_) => None,
        })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings().filter(|(known, _)| *known == key).last().map(|(_, value)| value)
    }

    /// Sets a key, in its place if it is there.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let refuse =
            |problem: &str| Err(EmbedError::Setting { name: key.to_owned(), problem: problem.to_owned() });
        let is_name = key.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return refuse("not a name of a variable; use letters, digits and _");
        }
        if value.contains(['\n', '\r', '\0']) {
            return refuse("the value has more than one line; a file of settings cannot hold that");
        }
        let setting = Line::Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            written: format!("{key}={}", quoted(value)),
        };
        let is_same = |line: &Line| matches!(line, Line::Setting { key: known, .. } if known == key);
        match self.lines.iter().position(is_same) {
            Some(first) => {
                let mut index = 0;
                self.lines.retain(|line| {
                    index += 1;
                    index - 1 <= first || !is_same(line)
                });
                self.lines.splice(first..=first, [setting]);
            }
            None => self.lines.push(setting),
        }
        Ok(())
    }

    /// Removes a key; false when it is not there.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| !matches!(line, Line::Setting { key: known, .. } if known == key));
        self.lines.len() < before
    }
}

fn parse_line(written: &str) -> Line {
    let line = written.trim();
    let setting = line.strip_prefix("export ").unwrap_or(line);
    match setting.split_once('=') {
        Some((key, value)) if !line.starts_with('#') && !key.trim().is_empty() => Line::Setting {
            key: key.trim().to_owned(),
            value: unquoted(value.trim()).to_owned(),
            written: written.to_owned(),
        },
        _ => Line::Text(written.to_owned()),
    }
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

/// The value in quotes when it would be read differently without them.
fn quoted(value: &str) -> String {
    if value.trim() == value && unquoted(value) == value { value.to_owned() } else { format!("\"{value}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_people_write_them() {
        let file = EnvFile::parse(
            "# a comment\n\nexport A = 1\nB=\"x = y\"\nC='it''s'\n D=#no comment\nE=\nF=\"\"\nnothing\n=x\n#G=1\nA=2\r\n",
        );
        let settings: Vec<_> = file.settings().collect();
        let expected = [
            ("A", "1"),
            ("B", "x = y"),
            ("C", "it''s"),
            ("D", "#no comment"),
            ("E", ""),
            ("F", ""),
            ("A", "2"),
        ];
        assert_eq!(settings, expected);
        assert_eq!(file.get("A"), Some("2"));
        assert_eq!(file.get("G"), None);
    }

    #[test]
    fn a_change_keeps_comments_and_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.env");
        std::fs::write(&path, "# mine\nA=1\n\nB=2 \nA=3\n").unwrap();
        let mut file = EnvFile::read(&path).unwrap();
        file.set("A", "9").unwrap();
        file.set("C", " x ").unwrap();
        assert!(file.remove("B"));
        assert!(!file.remove("B"));
        file.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\nA=9\n\nC=\" x \"\n");
    }

    #[test]
    fn every_value_comes_back_as_it_was_set() {
        for value in ["", "a", " a ", "\"a\"", "'", "\"", "'a'", "a=b#c", "\"'\""] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("p.env");
            let mut file = EnvFile::default();
            file.set("KEY", value).unwrap();
            file.write(&path).unwrap();
            assert_eq!(EnvFile::read(&path).unwrap().get("KEY"), Some(value), "{value:?}");
        }
    }

    #[test]
    fn what_would_break_the_file_is_refused() {
        let mut file = EnvFile::default();
        for (key, value) in [("A", "x\nB=1"), ("A", "x\r"), ("A B", "x"), ("", "x"), ("#A", "x"), ("1", "x")]
        {
            assert!(file.set(key, value).is_err(), "{key:?} {value:?}");
        }
        assert_eq!(file, EnvFile::default());
    }

    #[test]
    fn a_file_that_is_no_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.env");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(EnvFile::read(&path).unwrap_err().to_string().contains("p.env is not UTF-8"));
        assert_eq!(EnvFile::read(&folder.path().join("none")).unwrap(), EnvFile::default());
    }
}
