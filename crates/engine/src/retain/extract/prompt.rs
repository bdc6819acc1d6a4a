//! The question for a chunk.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{attached, schema, wording};
use crate::attachments::{Attachment, described};
use crate::config::{ExtractionMode, ExtractionSettings};
use crate::hash::hex;
use crate::labels::{LabelField, LabelKind, Labels};
use crate::ports::{About, LlmOperation, Message, Output, Piece, Prompt};
use crate::retain::facts::describe;

/// What the calls are for, in records of calls.
const SCOPE: &str = "retain_extract_facts";

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
    /// Attachments that its marks may name.
    pub(crate) attachments: Vec<Attachment>,
    /// The document it is of, for records of calls.
    pub(crate) document_id: Option<String>,
}

impl ChunkText {
    /// Its text with words in place of its marks.
    pub(super) fn in_words(&self) -> Cow<'_, str> {
        if self.attachments.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        Cow::Owned(described(&self.text, |id| describe(&self.attachments, id)))
    }
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
        let (system, schema) = self.frame(chunk);
        let mut pieces = self.pieces(chunk);
        let user = match (pieces.pop(), pieces.is_empty()) {
            (Some(Piece::Text(words)), true) => Message::User(words),
            (last, _) => Message::Shown(pieces.into_iter().chain(last).collect()),
        };
        Prompt {
            operation: operation(chunk),
            messages: vec![Message::System(system.into_owned()), user],
            output: Output::Json { name: "facts".to_owned(), schema: schema.into_owned() },
            max_tokens: self.max_tokens,
            temperature: None,
            budget: None,
            about: About { document_id: chunk.document_id.clone(), ..About::scope(SCOPE) },
        }
    }

    /// What is said to the model and the form of its answer, which say more where something is
    /// attached.
    fn frame(&self, chunk: &ChunkText) -> (Cow<'_, str>, Cow<'_, Value>) {
        if attached::standing_in(&chunk.text, &chunk.attachments).is_empty() {
            return (Cow::Borrowed(&self.system), Cow::Borrowed(&self.schema));
        }
        let system = format!("{}\n\n{}", self.system, wording::ATTACHMENTS);
        (Cow::Owned(system), Cow::Owned(schema::with_attachments(&self.schema)))
    }

    /// What the user says and shows.
    fn pieces(&self, chunk: &ChunkText) -> Vec<Piece> {
        let mut pieces = attached::pieces(&chunk.text, &chunk.attachments, |text| inside(text).into_owned());
        if let Some(Piece::Text(first)) = pieces.first_mut() {
            first.insert_str(0, &self.before_text(chunk));
        }
        if let Some(Piece::Text(last)) = pieces.last_mut() {
            last.push_str("\n</text>");
        }
        pieces
    }

    fn before_text(&self, chunk: &ChunkText) -> String {
        let mut message = self.preface.clone();
        message.push_str(&notes(chunk));
        if !chunk.earlier.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(message, "\n<earlier>\n{}\n</earlier>", inside(&chunk.earlier));
        }
        message.push_str("\n<text>\n");
        message
    }

    /// Everything that the answer for a chunk depends on, but for who is asked.
    pub(super) fn key_parts(&self, chunk: &ChunkText) -> Vec<String> {
        let (system, schema) = self.frame(chunk);
        let words = self.pieces(chunk).into_iter().filter_map(|piece| match piece {
            Piece::Text(words) => Some(words),
            Piece::Media(_) => None,
        });
        let mut parts = vec![system.into_owned(), schema.to_string(), words.collect()];
        for shown in attached::standing_in(&chunk.text, &chunk.attachments) {
            parts.push(format!("{} {}", shown.media_type, hex(&shown.hash)));
        }
        parts
    }
}

/// What a question for the chunk is for.
pub(super) fn operation(chunk: &ChunkText) -> LlmOperation {
    let shown = attached::standing_in(&chunk.text, &chunk.attachments);
    let has_media = shown.into_iter().any(attached::is_media);
    if has_media { LlmOperation::RetainWithMedia } else { LlmOperation::Retain }
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
