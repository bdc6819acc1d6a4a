//! The question for a chunk.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{schema, wording};
use crate::config::{ExtractionMode, ExtractionSettings};
use crate::labels::{LabelField, LabelKind, Labels};
use crate::ports::{LlmOperation, Message, Output, Prompt};

/// A chunk, and what a reader has to know of it.
#[derive(Clone, Debug)]
pub(crate) struct ChunkText {
    /// Its text.
    pub(crate) text: String,
    /// Its place in the document, from 1.
    pub(crate) number: usize,
    /// Number of chunks of the document.
    pub(crate) total: usize,
    /// When it was said, if that is known.
    pub(crate) said_at: Option<DateTime<Utc>>,
    /// Where it comes from, in the caller's words.
    pub(crate) context: Option<String>,
    /// The caller's metadata.
    pub(crate) metadata: Option<Value>,
    /// What was said right before.
    pub(crate) earlier: String,
}

/// What all questions of one kind have in common.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    /// How facts are made: as wanted, but never `custom` without instructions.
    pub(super) mode: ExtractionMode,
    system: String,
    /// The bank's part of the message.
    preface: String,
    schema: Value,
    max_tokens: Option<u32>,
}

impl Questions {
    /// Questions in this mode.
    pub(crate) fn new(mode: ExtractionMode, settings: &ExtractionSettings) -> Self {
        let mode = match (mode, &settings.custom_instructions) {
            (ExtractionMode::Custom, None) => ExtractionMode::Concise,
            (mode, _) => mode,
        };
        let causes = settings.causal_links && mode != ExtractionMode::Verbatim;
        let language = settings.output_language.as_deref();
        Self {
            mode,
            system: wording::system(mode, causes, settings.optional_dimensions, language),
            preface: preface(mode, settings),
            schema: schema::answer(mode, causes, settings.optional_dimensions, &settings.labels),
            max_tokens: settings.max_completion_tokens,
        }
    }

    /// The question for a chunk.
    pub(super) fn of(&self, chunk: &ChunkText) -> Prompt {
        Prompt {
            operation: LlmOperation::Retain,
            messages: vec![Message::System(self.system.clone()), Message::User(self.message(chunk))],
            output: Output::Json { name: "facts".to_owned(), schema: self.schema.clone() },
            max_tokens: self.max_tokens,
            temperature: None,
            budget: None,
        }
    }

    fn message(&self, chunk: &ChunkText) -> String {
        let mut message = self.preface.clone();
        message.push_str(&notes(chunk));
        if !chunk.earlier.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(message, "\n<earlier>\n{}\n</earlier>", inside(&chunk.earlier));
        }
        let _ = write!(message, "\n<text>\n{}\n</text>", inside(&chunk.text));
        message
    }

    /// Everything that the answer for a chunk depends on, but for who is asked.
    pub(super) fn key_parts(&self, chunk: &ChunkText) -> [String; 3] {
        [self.system.clone(), self.schema.to_string(), self.message(chunk)]
    }
}

/// A text that cannot end the marks around it.
fn inside(text: &str) -> Cow<'_, str> {
    if text.contains("</text>") || text.contains("</earlier>") {
        Cow::Owned(text.replace("</text>", "<\\/text>").replace("</earlier>", "<\\/earlier>"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The moment for people: `Monday, May 08, 2023 (2023-05-08T13:56:00+00:00)`.
pub(super) fn said(at: DateTime<Utc>) -> String {
    format!("{} ({})", at.format("%A, %B %d, %Y"), hindsight_types::time::format(at))
}

fn preface(mode: ExtractionMode, settings: &ExtractionSettings) -> String {
    let mut preface = String::new();
    if let Some(mission) = &settings.mission {
        let _ = write!(
            preface,
            "# Mission\nWhat this memory is for. Where it says what matters or does not, it goes before the \
             general rules of what to keep.\n{mission}\n\n"
        );
    }
    if let Some(instructions) =
        settings.custom_instructions.as_ref().filter(|_| mode == ExtractionMode::Custom)
    {
        let _ = writeln!(preface, "# Instructions\n{instructions}\n");
    }
    if !settings.labels.is_empty() {
        preface.push_str(&labels_section(&settings.labels));
    }
    preface
}

fn notes(chunk: &ChunkText) -> String {
    let said = chunk.said_at.map_or_else(|| "unknown".to_owned(), said);
    let context = chunk.context.as_deref().filter(|context| !context.trim().is_empty()).unwrap_or("none");
    let mut notes =
        format!("# Notes\nChunk: {} of {}\nSaid: {said}\nContext: {context}\n", chunk.number, chunk.total);
    let metadata = chunk.metadata.as_ref().and_then(Value::as_object).filter(|metadata| !metadata.is_empty());
    if let Some(metadata) = metadata {
        notes.push_str("Metadata:\n");
        for (key, value) in metadata {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(notes, "- {key}: {value}");
        }
    }
    notes
}

fn labels_section(labels: &Labels) -> String {
    let mut section = "# Labels\nLabel every fact by these, in `labels`. Take listed values as they are \
                       spelt; null or an empty list where nothing fits.\n"
        .to_owned();
    for group in &labels.0 {
        let need = if group.optional { "" } else { ", always needed" };
        push_field(&mut section, &group.key, &group.field, need, 0);
    }
    section.push('\n');
    section
}

fn push_field(section: &mut String, name: &str, field: &LabelField, need: &str, depth: usize) {
    let kind = match field.kind {
        LabelKind::Value => "one of",
        LabelKind::MultiValues => "any of",
        LabelKind::Text => "free words",
        LabelKind::MultiText => "a list of free words",
        LabelKind::Map => "an object",
    };
    let indent = "  ".repeat(depth);
    let about = if field.description.is_empty() { String::new() } else { format!(": {}", field.description) };
    let _ = writeln!(section, "{indent}- {name} ({kind}{need}){about}");
    for known in &field.values {
        let about =
            if known.description.is_empty() { String::new() } else { format!(": {}", known.description) };
        let _ = writeln!(section, "{indent}  - {}{about}", known.value);
    }
    for (name, inner) in &field.fields {
        push_field(section, name, inner, "", depth + 1);
    }
}

#[cfg(test)]
mod tests;
