//! The answer as the model hands it in, and how it is read.

use hindsight_types::schema::violation;
use serde_json::{Map, Value, json};

use super::aliases::{Aliases, Kind};
use super::question::Question;
use super::tools::Toolset;
use super::wording;
use crate::document::{Document, Written};
use crate::ports::Tool;

/// Name of the tool that takes the answer.
pub(super) const DONE: &str = "done";

/// An answer that can be used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    /// The words, with names in place of ids.
    pub(super) answer: String,
    /// The same as a document, if one is to be written.
    pub(super) document: Option<Document>,
    /// Whether memory holds an answer.
    pub(super) is_found: bool,
    /// What it rests on, each once: all of it was found.
    pub(super) cited: Vec<(String, Kind)>,
    /// The answer for programs as it is told, if it came along and keeps to its schema.
    pub(super) structured: Option<Map<String, Value>>,
}

/// The tool that takes the answer.
pub(super) fn tool(question: &Question, tools: &Toolset<'_>) -> Tool {
    Tool { name: DONE.to_owned(), description: wording::done(question), parameters: schema(question, tools) }
}

/// What an answer has to be: arguments of the tool, or JSON where there are no tools.
pub(super) fn schema(question: &Question, tools: &Toolset<'_>) -> Value {
    let ids = |what: &str| json!({"type": "array", "items": {"type": "string"}, "description": what});
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    match question.document {
        None => put(
            "answer",
            json!({"type": "string", "description": wording::answer_field(question.language.as_deref())}),
        ),
        Some(_) => put("document", document_schema(question)),
    };
    put(
        "answer_found",
        json!({"type": "boolean", "description": "False only if what was found does not answer the question."}),
    );
    for (field, about) in tools.cited_in() {
        put(field, ids(about));
    }
    if !question.directives.is_empty() {
        let about = "How the answer follows each directive, in short. Not shown to anybody.";
        put("directive_compliance", json!({"type": "string", "description": about}));
    }
    if let Some(schema) = &question.schema {
        put("structured_output", Value::Object(schema.clone()));
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

/// What a document has to be.
pub(super) fn document_schema(question: &Question) -> Value {
    let section = json!({
        "type": "object",
        "properties": {
            "heading": {"type": "string", "description": "The heading, without marks; empty for what stands above the first one."},
            "level": {"type": "integer", "description": "1 to 6; 2 for most."},
            "blocks": {
                "type": "array", "items": {"type": "string"},
                "description": "Paragraphs, lists, tables, each a block of Markdown without headings.",
            },
        },
        "required": ["heading", "level", "blocks"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": wording::document_field(question.language.as_deref()),
        "properties": {"sections": {"type": "array", "items": section}},
        "required": ["sections"],
        "additionalProperties": false,
    })
}

/// Reads a document; models write it as a text, as a bare list or as one section too.
pub(super) fn read_document(given: Option<&Value>) -> Result<Document, String> {
    let parsed: Option<Value> =
        given.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let given = parsed.as_ref().or(given).filter(|value| !value.is_null());
    let given = given.ok_or_else(|| "'document' must be an object with 'sections'".to_owned())?;
    let one = std::slice::from_ref(given);
    let sections: &[Value] = match given.get("sections") {
        Some(Value::Array(sections)) => sections,
        Some(_) => return Err("'document.sections' must be a list".to_owned()),
        None if given.get("blocks").is_some() => one,
        None => given.as_array().ok_or_else(|| "'document' must be an object with 'sections'".to_owned())?,
    };
    let mut written = Vec::new();
    for (place, section) in sections.iter().enumerate() {
        let wrong = |what: &str| format!("'document.sections[{place}].{what}");
        if !section.is_object() {
            return Err(format!(
                "'document.sections[{place}]' must be an object with 'heading' and 'blocks'"
            ));
        }
        let blocks = match section.get("blocks") {
            Some(Value::Array(blocks)) => {
                let texts = blocks.iter().map(|block| block.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong("blocks' must hold texts alone"))?
            }
            Some(Value::String(text)) => vec![text.clone()],
            // Its words may stand where nobody looks for them.
            _ => return Err(wrong("blocks' must be a list of texts")),
        };
        let heading = match section.get("heading") {
            Some(Value::String(heading)) => heading.clone(),
            None | Some(Value::Null) => String::new(),
            Some(_) => return Err(wrong("heading' must be a text")),
        };
        let level = section.get("level").and_then(Value::as_i64).unwrap_or(2);
        written.push(Written { heading, level, blocks });
    }
    Ok(Document::written(&written))
}

/// Reads an answer; else what is wrong with it, a sentence for each field.
pub(super) fn read(
    given: &Value,
    question: &Question,
    tools: &Toolset<'_>,
    aliases: &Aliases,
) -> Result<Draft, String> {
    let Some(fields) = given.as_object() else {
        let field = if question.document.is_some() { "document" } else { "answer" };
        return Err(format!("the answer must be an object with '{field}' and 'answer_found'"));
    };
    let mut problems = Vec::new();
    let is_found = match fields.get("answer_found") {
        Some(Value::Bool(found)) => *found,
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => true,
        Some(Value::String(word)) if word.eq_ignore_ascii_case("false") => false,
        _ => {
            problems.push("'answer_found' must be true or false".to_owned());
            true
        }
    };
    let (answer, document) = if question.document.is_some() {
        match read_document(fields.get("document")) {
            // Whoever has commissioned it knows what an empty one means.
            Ok(document) => (document.markdown(), Some(document)),
            Err(problem) => {
                problems.push(problem);
                (String::new(), None)
            }
        }
    } else {
        (
            read_text(fields.get("answer")).unwrap_or_else(|problem| {
                problems.insert(0, problem);
                String::new()
            }),
            None,
        )
    };
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let mut cited: Vec<(String, Kind)> = Vec::new();
    let named = tools.cited_in().into_iter().flat_map(|(field, _)| words(fields.get(field)));
    let named = named.filter_map(|word| aliases.cited(word)).map(|(id, kind)| (id.to_owned(), kind));
    for found in named.chain(aliases.named_in(&answer)) {
        if !cited.contains(&found) {
            cited.push(found);
        }
    }
    let structured = question.schema.as_ref().and_then(|schema| {
        match aliases.outward_value(fields.get("structured_output")?) {
            value if violation(&value, schema).is_some() => None,
            Value::Object(value) => Some(value),
            _ => None,
        }
    });
    Ok(Draft { answer, document, is_found, cited, structured })
}

fn read_text(given: Option<&Value>) -> Result<String, String> {
    match given {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(Value::String(_)) => Err("'answer' must not be empty".to_owned()),
        _ => Err("'answer' must be a text".to_owned()),
    }
}

/// The words of a list, also of one that was written as a text.
fn words(list: Option<&Value>) -> Vec<&str> {
    match list {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split([',', ';', ' ', '\n']).collect(),
        _ => Vec::new(),
    }
}
