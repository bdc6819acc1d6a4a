//! The answer as the model hands it in, and how it is read.

use hindsight_types::schema::violation;
use serde_json::{Map, Value, json};

use super::aliases::{Aliases, Kind};
use super::question::Question;
use super::tools::Toolset;
use super::wording;
use crate::ports::Tool;

/// Name of the tool that takes the answer.
pub(super) const DONE: &str = "done";

/// An answer that can be used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    /// The words, with names in place of ids.
    pub(super) answer: String,
    /// Whether memory holds an answer.
    pub(super) is_found: bool,
    /// What it rests on, each once: all of it was found.
    pub(super) cited: Vec<(String, Kind)>,
    /// The answer for programs as it is told, if it came along and keeps to its schema.
    pub(super) structured: Option<Map<String, Value>>,
}

/// The tool that takes the answer.
pub(super) fn tool(question: &Question, tools: &Toolset<'_>) -> Tool {
    Tool {
        name: DONE.to_owned(),
        description: wording::done(&question.directives),
        parameters: schema(question, tools),
    }
}

/// What an answer has to be: arguments of the tool, or JSON where there are no tools.
pub(super) fn schema(question: &Question, tools: &Toolset<'_>) -> Value {
    let ids = |what: &str| json!({"type": "array", "items": {"type": "string"}, "description": what});
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    put(
        "answer",
        json!({"type": "string", "description": wording::answer_field(question.language.as_deref())}),
    );
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

/// Reads an answer; else what is wrong with it, a sentence for each field.
pub(super) fn read(
    given: &Value,
    question: &Question,
    tools: &Toolset<'_>,
    aliases: &Aliases,
) -> Result<Draft, String> {
    let Some(fields) = given.as_object() else {
        return Err("the answer must be an object with 'answer' and 'answer_found'".to_owned());
    };
    let mut problems = Vec::new();
    let answer = match fields.get("answer") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        Some(Value::String(_)) => {
            problems.push("'answer' must not be empty");
            String::new()
        }
        _ => {
            problems.push("'answer' must be a text");
            String::new()
        }
    };
    let is_found = match fields.get("answer_found") {
        Some(Value::Bool(found)) => *found,
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => true,
        Some(Value::String(word)) if word.eq_ignore_ascii_case("false") => false,
        _ => {
            problems.push("'answer_found' must be true or false");
            true
        }
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
    Ok(Draft { answer, is_found, cited, structured })
}

/// The words of a list, also of one that was written as a text.
fn words(list: Option<&Value>) -> Vec<&str> {
    match list {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split([',', ';', ' ', '\n']).collect(),
        _ => Vec::new(),
    }
}
