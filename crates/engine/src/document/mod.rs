//! Documents that can be changed block by block: Markdown in sections, and these in blocks.
//!
//! A block is a piece of Markdown between empty lines that is kept as it is written. Documents are
//! cut at headings and empty lines outside of fenced code, and nowhere else; to cut what was put
//! together, and to put that together again, changes nothing ([`split`]). Sections and blocks have
//! ids that stay theirs while others change ([`change`]).

mod change;
mod split;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::hash::{hex, sha256};

pub(crate) use change::Change;
pub(crate) use split::{blocks_of, has_heading};

/// Version of the form in which documents are stored.
const VERSION: u32 = 2;
/// Id of what stands above the first heading.
const PREAMBLE: &str = "preamble";

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    version: u32,
    /// Its sections in order.
    pub(crate) sections: Vec<Section>,
}

/// A heading with what stands below it up to the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Its name among the sections.
    pub(crate) id: String,
    /// The heading; empty above the first one.
    pub(crate) heading: String,
    /// 1 to 6.
    pub(crate) level: u8,
    /// What stands below it.
    pub(crate) blocks: Vec<Block>,
}

/// A piece of Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    /// Its name among all blocks.
    pub(crate) id: String,
    /// The piece, without empty lines around it.
    pub(crate) text: String,
}

/// A section as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The heading; may be empty.
    pub(crate) heading: String,
    /// 1 to 6, others become the nearest.
    pub(crate) level: i64,
    /// What stands below it.
    pub(crate) blocks: Vec<String>,
}

impl Document {
    /// The document that a text is.
    pub(crate) fn of(markdown: &str) -> Self {
        let mut document = Self { version: VERSION, sections: Vec::new() };
        for (heading, level, blocks) in split::sections(markdown) {
            let id = document.free_section_id(&heading);
            document.sections.push(Section { id, heading, level, blocks: Vec::new() });
            for text in blocks {
                let id = document.free_block_id(&text);
                if let Some(section) = document.sections.last_mut() {
                    section.blocks.push(Block { id, text });
                }
            }
        }
        document
    }

    /// The document of sections as somebody has written them.
    pub(crate) fn written(sections: &[Written]) -> Self {
        let mut text = String::new();
        for section in sections {
            let heading = bare(&section.heading);
            if !heading.is_empty() {
                text.push_str(&heading_line(heading, level_of(section.level)));
                text.push_str("\n\n");
            }
            for block in &section.blocks {
                // What is left open would take in all that stands behind.
                text.push_str(&split::closed(block));
                text.push_str("\n\n");
            }
        }
        Self::of(&text)
    }

    /// The document that was stored; a text where it is in another form.
    pub(crate) fn stored(value: Option<&serde_json::Value>, markdown: &str) -> Self {
        let read = value.and_then(|value| Self::deserialize(value).ok());
        let read = read.filter(|document| document.version == VERSION && document.markdown() == markdown);
        read.unwrap_or_else(|| Self::of(markdown))
    }

    /// The text of the document.
    pub(crate) fn markdown(&self) -> String {
        let mut pieces: Vec<String> = Vec::new();
        for section in &self.sections {
            if !section.heading.is_empty() {
                pieces.push(heading_line(&section.heading, section.level));
            }
            pieces.extend(section.blocks.iter().map(|block| block.text.clone()));
        }
        pieces.join("\n\n")
    }

    /// Whether there is nothing to read in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.iter().all(|section| section.blocks.is_empty())
    }

    /// The same document with other words.
    pub(crate) fn map(&self, of: impl Fn(&str) -> String) -> Self {
        let sections: Vec<Written> = self
            .sections
            .iter()
            .map(|section| Written {
                heading: of(&section.heading),
                level: section.level.into(),
                blocks: section.blocks.iter().map(|block| of(&block.text)).collect(),
            })
            .collect();
        Self::written(&sections)
    }

    /// Ids of the sections, and of the blocks of each.
    pub(crate) fn ids(&self) -> Vec<(&str, Vec<&str>)> {
        self.sections
            .iter()
            .map(|section| {
                (section.id.as_str(), section.blocks.iter().map(|block| block.id.as_str()).collect())
            })
            .collect()
    }

    /// An id for a section with this heading.
    fn free_section_id(&self, heading: &str) -> String {
        let taken: BTreeSet<&str> = self.sections.iter().map(|section| section.id.as_str()).collect();
        free(&slug(heading), &taken)
    }

    /// An id for a block with this text.
    fn free_block_id(&self, text: &str) -> String {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        let taken: BTreeSet<&str> = blocks.map(|block| block.id.as_str()).collect();
        let digest = sha256(text);
        free(&format!("b{}", hex(digest.get(..4).unwrap_or_default())), &taken)
    }
}

fn level_of(level: i64) -> u8 {
    u8::try_from(level.clamp(1, 6)).unwrap_or(1)
}

/// A heading without the marks that some write in front of it.
fn bare(heading: &str) -> &str {
    heading.trim().trim_start_matches('#').trim()
}

fn heading_line(heading: &str, level: u8) -> String {
    let words: Vec<&str> = heading.split_whitespace().collect();
    format!("{} {}", "#".repeat(level.clamp(1, 6).into()), words.join(" "))
}

/// The name, or the first one with a number that is not taken.
fn free(name: &str, taken: &BTreeSet<&str>) -> String {
    if !taken.contains(name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !taken.contains(name.as_str())).unwrap_or_else(|| name.to_owned())
}

/// A heading as a name: its words in lower case, with hyphens between.
fn slug(heading: &str) -> String {
    if heading.is_empty() {
        return PREAMBLE.to_owned();
    }
    let lower = heading.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "section".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests;
