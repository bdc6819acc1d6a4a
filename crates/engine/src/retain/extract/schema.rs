//! The form of an answer, as JSON schema that strict modes take: every property is required,
//! none other is allowed, and what may be missing may be null.

use serde_json::{Map, Value, json};

use crate::config::ExtractionMode;
use crate::labels::{LabelField, LabelKind, Labels};

/// The property that lists the attachments a fact was drawn from.
pub(super) const FROM_ATTACHMENTS: &str = "from_attachments";

/// Schema of the answer to a question in this mode.
pub(super) fn answer(
    mode: ExtractionMode,
    causes: bool,
    optional_dimensions: bool,
    labels: &Labels,
) -> Value {
    let mut fact = Map::new();
    let dimension = if optional_dimensions { json!({"type": ["string", "null"]}) } else { text() };
    if mode != ExtractionMode::Verbatim {
        fact.insert("what".to_owned(), text());
    }
    for name in ["when", "where", "who"] {
        fact.insert(name.to_owned(), dimension.clone());
    }
    if mode != ExtractionMode::Verbatim {
        fact.insert("why".to_owned(), dimension);
    }
    fact.insert("fact_kind".to_owned(), json!({"type": "string", "enum": ["event", "conversation"]}));
    fact.insert("occurred_start".to_owned(), json!({"type": ["string", "null"]}));
    fact.insert("occurred_end".to_owned(), json!({"type": ["string", "null"]}));
    fact.insert("fact_type".to_owned(), json!({"type": "string", "enum": ["world", "assistant"]}));
    fact.insert("entities".to_owned(), json!({"type": "array", "items": text()}));
    if causes {
        let relation = closed(Map::from_iter([
            ("target_index".to_owned(), json!({"type": "integer"})),
            ("relation_type".to_owned(), json!({"type": "string", "enum": ["caused_by"]})),
        ]));
        fact.insert("causal_relations".to_owned(), json!({"type": ["array", "null"], "items": relation}));
    }
    if !labels.is_empty() {
        let groups =
            labels.0.iter().map(|group| (group.key.clone(), label(&group.field, group.optional))).collect();
        fact.insert("labels".to_owned(), closed(groups));
    }
    let facts = json!({"type": "array", "items": closed(fact)});
    closed(Map::from_iter([("facts".to_owned(), facts)]))
}

/// The same form, with a place for the attachments that a fact was drawn from.
pub(super) fn with_attachments(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(fact) = answer.pointer_mut("/properties/facts/items") {
        if let Some(properties) = fact.get_mut("properties").and_then(Value::as_object_mut) {
            let list = json!({"type": ["array", "null"], "items": {"type": "integer"}});
            properties.insert(FROM_ATTACHMENTS.to_owned(), list);
        }
        if let Some(required) = fact.get_mut("required").and_then(Value::as_array_mut) {
            required.push(json!(FROM_ATTACHMENTS));
        }
    }
    answer
}

fn text() -> Value {
    json!({"type": "string"})
}

/// An object of these properties and no others.
fn closed(properties: Map<String, Value>) -> Value {
    let required: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("required".to_owned(), Value::Array(required));
    object.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(object)
}

fn label(field: &LabelField, optional: bool) -> Value {
    let mut values: Vec<Value> = field.values.iter().map(|known| json!(known.value)).collect();
    match field.kind {
        LabelKind::Value if optional => {
            values.push(Value::Null);
            json!({"type": ["string", "null"], "enum": values})
        }
        LabelKind::Value => json!({"type": "string", "enum": values}),
        LabelKind::MultiValues => {
            json!({"type": "array", "items": {"type": "string", "enum": values}})
        }
        LabelKind::Text if optional => json!({"type": ["string", "null"]}),
        LabelKind::Text => text(),
        LabelKind::MultiText => json!({"type": "array", "items": text()}),
        LabelKind::Map => {
            closed(field.fields.iter().map(|(name, inner)| (name.clone(), label(inner, true))).collect())
        }
    }
}
