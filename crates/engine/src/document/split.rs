//! Cutting Markdown into headings and blocks.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::pattern;

static HEADING: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ {0,3}(#{1,6})[ \t]+(.*)$"));

/// A fence of code that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    /// The fence that a line opens.
    fn opened(line: &str) -> Option<Self> {
        let (mark, length, rest) = marks(line)?;
        // Backticks behind an opening one make it code inside of a line.
        (length >= 3 && !(mark == '`' && rest.contains('`'))).then_some(Self { mark, length })
    }

    /// Whether a line closes it.
    fn is_closed_by(self, line: &str) -> bool {
        marks(line).is_some_and(|(mark, length, rest)| {
            mark == self.mark && length >= self.length && rest.trim().is_empty()
        })
    }
}

/// What a line begins with if it may be that of a fence: its mark, how often, and the rest.
fn marks(line: &str) -> Option<(char, usize, &str)> {
    let words = line.trim_start_matches(' ');
    if line.len() - words.len() > 3 {
        return None;
    }
    let mark = words.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = words.trim_start_matches(mark);
    Some((mark, words.len() - rest.len(), rest))
}

/// The words and the level of a heading; none for any other line.
fn heading(line: &str) -> Option<(u8, String)> {
    let found = HEADING.captures(line)?;
    let level = u8::try_from(found.get(1)?.len()).ok()?;
    let mut words = found.get(2)?.as_str().trim();
    // Closing marks are none of the words, however often they were written.
    loop {
        let less = words.trim_end_matches('#');
        let is_closing = less.len() < words.len() && (less.is_empty() || less.ends_with([' ', '\t']));
        if !is_closing {
            break;
        }
        words = less.trim_end();
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    (!words.is_empty()).then(|| (level, words.join(" ")))
}

/// Lines with line breaks of one kind, without white space behind the last word of those that have
/// none.
fn lines(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// The sections of a text: heading, level, blocks. What stands above the first heading has an
/// empty one; a section of nothing at all is none.
pub(super) fn sections(markdown: &str) -> Vec<(String, u8, Vec<String>)> {
    let mut sections: Vec<(String, u8, Vec<String>)> = vec![(String::new(), 1, Vec::new())];
    let mut block: Vec<&str> = Vec::new();
    let mut fence: Option<Fence> = None;
    let end_block = |sections: &mut Vec<(String, u8, Vec<String>)>, block: &mut Vec<&str>| {
        let text = block.join("\n");
        let text = text.trim_end();
        if let Some((_, _, blocks)) = sections.last_mut().filter(|_| !text.is_empty()) {
            blocks.push(text.to_owned());
        }
        block.clear();
    };
    for line in lines(markdown) {
        match fence {
            Some(open) => {
                block.push(line);
                if open.is_closed_by(line) {
                    fence = None;
                }
            }
            None if line.trim().is_empty() => end_block(&mut sections, &mut block),
            None => match heading(line) {
                Some((level, words)) => {
                    end_block(&mut sections, &mut block);
                    sections.push((words, level, Vec::new()));
                }
                None => {
                    fence = Fence::opened(line);
                    block.push(line);
                }
            },
        }
    }
    end_block(&mut sections, &mut block);
    sections.retain(|(heading, _, blocks)| !heading.is_empty() || !blocks.is_empty());
    sections
}

/// A text whose fences are all closed.
pub(super) fn closed(text: &str) -> String {
    let mut fence: Option<Fence> = None;
    for line in lines(text) {
        fence = match fence {
            Some(open) if open.is_closed_by(line) => None,
            Some(open) => Some(open),
            None => Fence::opened(line),
        };
    }
    match fence {
        None => text.to_owned(),
        Some(Fence { mark, length }) => {
            format!("{}\n{}", text.trim_end_matches('\n'), mark.to_string().repeat(length))
        }
    }
}

/// The blocks of a text, in which there are no headings.
pub(crate) fn blocks_of(text: &str) -> Vec<String> {
    sections(&closed(text)).into_iter().flat_map(|(_, _, blocks)| blocks).collect()
}

/// Whether a text has a heading outside of code.
pub(crate) fn has_heading(text: &str) -> bool {
    sections(&closed(text)).iter().any(|(heading, _, _)| !heading.is_empty())
}
