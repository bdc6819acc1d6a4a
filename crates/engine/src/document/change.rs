//! Changes of single sections and blocks.

use serde::Serialize;

use super::{Block, Document, Section, bare, blocks_of, heading_line, level_of, split};

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Change {
    /// Adds a block at the end of a section.
    AppendBlock { section_id: String, text: String },
    /// Adds a block behind another one, or in front of all where there is none.
    InsertBlock { section_id: String, after_block_id: Option<String>, text: String },
    /// Gives a block another text.
    ReplaceBlock { section_id: String, block_id: String, text: String },
    /// Takes a block away.
    RemoveBlock { section_id: String, block_id: String },
    /// Adds a section behind another one, or at the end.
    AddSection {
        heading: String,
        level: i64,
        blocks: Vec<String>,
        after_section_id: Option<String>,
        new_id: Option<String>,
    },
    /// Takes a section with all its blocks away.
    RemoveSection { section_id: String },
    /// Gives a section other blocks.
    ReplaceSectionBlocks { section_id: String, blocks: Vec<String> },
    /// Gives a section another heading.
    RenameSection { section_id: String, new_heading: String },
}

/// Why a change was not made.
pub(crate) type Skipped = String;

impl Change {
    /// The sections and blocks that have to be there for it, each with its section.
    pub(crate) fn needs(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::AppendBlock { section_id, .. }
            | Self::RemoveSection { section_id }
            | Self::ReplaceSectionBlocks { section_id, .. }
            | Self::RenameSection { section_id, .. } => (Some(section_id), None),
            Self::InsertBlock { section_id, after_block_id, .. } => {
                (Some(section_id), after_block_id.as_deref())
            }
            Self::ReplaceBlock { section_id, block_id, .. } | Self::RemoveBlock { section_id, block_id } => {
                (Some(section_id), Some(block_id))
            }
            Self::AddSection { after_section_id, .. } => (after_section_id.as_deref(), None),
        }
    }

    /// Texts of the blocks that it brings.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::AppendBlock { text, .. }
            | Self::InsertBlock { text, .. }
            | Self::ReplaceBlock { text, .. } => {
                vec![text]
            }
            Self::AddSection { blocks, .. } | Self::ReplaceSectionBlocks { blocks, .. } => {
                blocks.iter().map(String::as_str).collect()
            }
            Self::RemoveBlock { .. } | Self::RemoveSection { .. } | Self::RenameSection { .. } => Vec::new(),
        }
    }
}

impl Document {
    /// Makes a change; nothing else is touched. An error says why it was not made.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Skipped> {
        self.make(change)?;
        // What had no heading and has no blocks any more is none.
        self.sections.retain(|section| !section.heading.is_empty() || !section.blocks.is_empty());
        Ok(())
    }

    fn make(&mut self, change: &Change) -> Result<(), Skipped> {
        match change {
            Change::AppendBlock { section_id, text } => {
                let end = self.section(section_id)?.blocks.len();
                self.insert(section_id, end, text)
            }
            Change::InsertBlock { section_id, after_block_id, text } => {
                let place = match after_block_id {
                    None => 0,
                    Some(block) => self.place(section_id, block)? + 1,
                };
                self.insert(section_id, place, text)
            }
            Change::ReplaceBlock { section_id, block_id, text } => {
                let place = self.place(section_id, block_id)?;
                let mut pieces = pieces(std::slice::from_ref(text))?.into_iter();
                let first = pieces.next().unwrap_or_default();
                let rest: Vec<String> = pieces.collect();
                if let Some(block) = self.section_mut(section_id)?.blocks.get_mut(place) {
                    block.text = first;
                }
                self.put(section_id, place + 1, rest)
            }
            Change::RemoveBlock { section_id, block_id } => {
                let place = self.place(section_id, block_id)?;
                self.section_mut(section_id)?.blocks.remove(place);
                Ok(())
            }
            Change::AddSection { heading, level, blocks, after_section_id, new_id } => {
                let place = match after_section_id {
                    None => self.sections.len(),
                    Some(after) => self.section_place(after)? + 1,
                };
                let heading = plain_heading(heading)?;
                let pieces = pieces(blocks)?;
                let wanted = new_id.as_deref().filter(|id| !id.trim().is_empty()).unwrap_or(&heading);
                let id = self.free_section_id(wanted);
                let section =
                    Section { id: id.clone(), heading, level: level_of(*level), blocks: Vec::new() };
                self.sections.insert(place, section);
                self.put(&id, 0, pieces)
            }
            Change::RemoveSection { section_id } => {
                let place = self.section_place(section_id)?;
                self.sections.remove(place);
                Ok(())
            }
            Change::ReplaceSectionBlocks { section_id, blocks } => {
                let pieces = pieces(blocks)?;
                self.replace_blocks(section_id, pieces)
            }
            Change::RenameSection { section_id, new_heading } => {
                let heading = plain_heading(new_heading)?;
                let section = self.section_mut(section_id)?;
                if section.heading.is_empty() {
                    return Err(format!(
                        "section '{section_id}' has no heading to be renamed; add a section"
                    ));
                }
                section.heading = heading;
                Ok(())
            }
        }
    }

    /// Adds a text; rows of a table without a head go to the table in front.
    fn insert(&mut self, section_id: &str, place: usize, text: &str) -> Result<(), Skipped> {
        let mut pieces = pieces(&[text.to_owned()])?;
        let section = self.section_mut(section_id)?;
        let above = place.checked_sub(1).and_then(|above| section.blocks.get_mut(above));
        if let (Some(above), Some(rows)) = (above, pieces.first())
            && is_table(&above.text)
            && is_rows(rows)
        {
            above.text.push('\n');
            above.text.push_str(rows);
            pieces.remove(0);
        }
        self.put(section_id, place, pieces)
    }

    /// Gives a section other blocks; what stays the same keeps its id.
    fn replace_blocks(&mut self, section_id: &str, texts: Vec<String>) -> Result<(), Skipped> {
        let section = self.section_mut(section_id)?;
        let mut before = std::mem::take(&mut section.blocks);
        for text in texts {
            let known = before.iter().position(|block| block.text == text);
            let id = known.map(|known| before.swap_remove(known).id).unwrap_or_default();
            section.blocks.push(Block { id, text });
        }
        for place in 0..self.section(section_id)?.blocks.len() {
            let block = self.section(section_id)?.blocks.get(place).filter(|block| block.id.is_empty());
            let Some(id) = block.map(|block| self.free_block_id(&block.text)) else { continue };
            if let Some(block) = self.section_mut(section_id)?.blocks.get_mut(place) {
                block.id = id;
            }
        }
        Ok(())
    }

    fn put(&mut self, section_id: &str, place: usize, texts: Vec<String>) -> Result<(), Skipped> {
        for (offset, text) in texts.into_iter().enumerate() {
            let block = Block { id: self.free_block_id(&text), text };
            let section = self.section_mut(section_id)?;
            let at = (place + offset).min(section.blocks.len());
            section.blocks.insert(at, block);
        }
        Ok(())
    }

    fn section_place(&self, id: &str) -> Result<usize, Skipped> {
        let place = self.sections.iter().position(|section| section.id == id);
        place.ok_or_else(|| format!("there is no section '{id}'"))
    }

    fn section(&self, id: &str) -> Result<&Section, Skipped> {
        self.sections
            .iter()
            .find(|section| section.id == id)
            .ok_or_else(|| format!("there is no section '{id}'"))
    }

    fn section_mut(&mut self, id: &str) -> Result<&mut Section, Skipped> {
        let section = self.sections.iter_mut().find(|section| section.id == id);
        section.ok_or_else(|| format!("there is no section '{id}'"))
    }

    fn place(&self, section_id: &str, block_id: &str) -> Result<usize, Skipped> {
        let place = self.section(section_id)?.blocks.iter().position(|block| block.id == block_id);
        place.ok_or_else(|| format!("section '{section_id}' has no block '{block_id}'"))
    }
}

/// Blocks of texts that somebody has written; in none of them is a heading.
fn pieces(texts: &[String]) -> Result<Vec<String>, Skipped> {
    if texts.iter().any(|text| split::has_heading(text)) {
        return Err("a block cannot hold a heading; add a section for it".to_owned());
    }
    let pieces: Vec<String> = texts.iter().flat_map(|text| blocks_of(text)).collect();
    if pieces.is_empty() && !texts.is_empty() {
        return Err("there is no text in it".to_owned());
    }
    Ok(pieces)
}

/// A heading of one line, as it is read back.
fn plain_heading(heading: &str) -> Result<String, Skipped> {
    let line = heading_line(bare(heading), 1);
    let read = split::sections(&line).into_iter().next().map(|(heading, _, _)| heading);
    read.filter(|heading| !heading.is_empty()).ok_or_else(|| "a section needs a heading".to_owned())
}

fn is_row(line: &str) -> bool {
    line.trim_start().starts_with('|')
}

/// Whether a line stands between the head and the rows of a table.
fn is_delimiter(line: &str) -> bool {
    is_row(line) && line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

fn is_table(text: &str) -> bool {
    text.lines().all(is_row) && text.lines().any(is_delimiter)
}

fn is_rows(text: &str) -> bool {
    text.lines().all(is_row) && !text.lines().any(is_delimiter)
}
