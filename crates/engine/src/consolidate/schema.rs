//! The form of an answer, as JSON schema that strict modes take: every property is required, none
//! other is allowed, and what may be missing may be null.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Schema of what is to be done because of these facts. `free` is how many observations may be
/// made; none = no limit.
pub(super) fn actions(facts: &[Uuid], free: Option<usize>) -> Value {
    let ids: Vec<Value> = facts.iter().map(|fact| json!(fact.to_string())).collect();
    let sources = json!({"type": "array", "items": {"type": "string", "enum": ids}});
    let text = json!({"type": "string"});
    let create = closed([("text", &text), ("source_fact_ids", &sources), ("reason", &text)]);
    let update = closed([
        ("observation_id", &text),
        // Before the text: who has just written it down changes it, and does not put another in its place.
        ("current_text", &text),
        ("text", &text),
        ("source_fact_ids", &sources),
        ("reason", &text),
    ]);
    let delete = closed([
        ("observation_id", &text),
        ("merged_into", &json!({"type": ["string", "null"]})),
        ("source_fact_ids", &sources),
        ("reason", &text),
    ]);
    let mut creates = json!({"type": "array", "items": create});
    if let (Some(free), Some(creates)) = (free, creates.as_object_mut()) {
        creates.insert("maxItems".to_owned(), json!(free));
    }
    closed([
        ("creates", &creates),
        ("updates", &json!({"type": "array", "items": update})),
        ("deletes", &json!({"type": "array", "items": delete})),
    ])
}

/// Schema of what is to become of two observations that are nearly the same.
pub(super) fn verdict() -> Value {
    let text = json!({"type": "string"});
    closed([
        ("action", &json!({"type": "string", "enum": ["merge", "keep"]})),
        ("text", &text),
        ("reason", &text),
    ])
}

/// An object of these properties and no others.
fn closed<const N: usize>(properties: [(&str, &Value); N]) -> Value {
    let required: Vec<Value> = properties.iter().map(|(name, _)| json!(name)).collect();
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
