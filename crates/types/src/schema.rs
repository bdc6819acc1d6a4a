//! JSON schemas that callers give for an answer, as far as they are checked here.
//!
//! Looked at are `type`, `properties`, `required`, `items`, `enum` and
//! `additionalProperties: false`. Other keywords go to the language model and bind nobody.

use serde_json::{Map, Value};

/// Types a property may have.
const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 32;

/// Whether a schema can be one of an answer: an object with properties of known types. An error
/// says what is wrong with it.
pub fn check_schema(schema: &Map<String, Value>) -> Result<(), String> {
    if schema.get("type").is_some_and(|kind| kind != "object") {
        return Err("the schema must have type \"object\"".to_owned());
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if properties.is_none_or(Map::is_empty) {
        return Err("the schema needs properties; give at least one".to_owned());
    }
    check_object(schema, "", 0)
}

fn check_object(schema: &Map<String, Value>, place: &str, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("the schema is nested deeper than {MAX_DEPTH} levels"));
    }
    let empty = Map::new();
    let properties = match schema.get("properties") {
        None => &empty,
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(format!("properties{} must be an object", at(place))),
    };
    for (name, property) in properties {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        check_value(property, &place, depth)?;
    }
    let Some(required) = schema.get("required") else { return Ok(()) };
    let unknown = || format!("required{} must be a list of names of properties", at(place));
    let names = required.as_array().ok_or_else(unknown)?;
    for name in names {
        let name = name.as_str().ok_or_else(unknown)?;
        if !properties.contains_key(name) {
            return Err(format!("required{} names '{name}', which is no property", at(place)));
        }
    }
    Ok(())
}

fn check_value(schema: &Value, place: &str, depth: usize) -> Result<(), String> {
    let Some(object) = schema.as_object() else {
        return Err(format!("property '{place}' must be a schema"));
    };
    let kind = object.get("type").and_then(Value::as_str).filter(|kind| TYPES.contains(kind));
    match kind {
        None => Err(format!("property '{place}' must have one of the types {}", TYPES.join(", "))),
        Some("object") => check_object(object, place, depth + 1),
        Some("array") => match object.get("items") {
            None => Ok(()),
            Some(_) if depth >= MAX_DEPTH => {
                Err(format!("the schema is nested deeper than {MAX_DEPTH} levels"))
            }
            Some(items) => check_value(items, &format!("{place}[]"), depth + 1),
        },
        Some(_) => Ok(()),
    }
}

fn at(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" of '{place}'") }
}

/// What of a value does not keep to a schema; none = it does.
pub fn violation(value: &Value, schema: &Map<String, Value>) -> Option<String> {
    violation_at(value, schema, "", 0)
}

fn violation_at(value: &Value, schema: &Map<String, Value>, place: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let name = if place.is_empty() { "the value".to_owned() } else { format!("'{place}'") };
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        return Some(format!("{name} is none of the values there may be"));
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let fits = match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if !fits {
        return Some(format!("{name} must be of type {kind}"));
    }
    if let (Value::Array(values), Some(Value::Object(items))) = (value, schema.get("items")) {
        return values
            .iter()
            .enumerate()
            .find_map(|(index, value)| violation_at(value, items, &format!("{place}[{index}]"), depth + 1));
    }
    let Value::Object(object) = value else { return None };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|name| !object.contains_key(*name));
    if let Some(missing) = missing {
        return Some(format!("{name} lacks '{missing}'"));
    }
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    object.iter().find_map(|(key, value)| {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        match properties.get(key).and_then(Value::as_object) {
            Some(property) => violation_at(value, property, &place, depth + 1),
            None if is_closed && !properties.contains_key(key) => Some(format!("'{place}' is not asked for")),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn schemas_are_checked_before_anything_is_asked() {
        let sound = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"}, "years": {"type": "array", "items": {"type": "integer"}},
                "home": {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]},
            },
            "required": ["city"],
        });
        assert_eq!(check_schema(&object(&sound)), Ok(()));
        for (schema, words) in [
            (json!({}), "needs properties"),
            (json!({"type": "array"}), "type \"object\""),
            (json!({"type": "object", "properties": {}}), "needs properties"),
            (json!({"type": "object", "properties": []}), "needs properties"),
            (json!({"type": "object", "properties": {"a": 1}}), "property 'a' must be a schema"),
            (json!({"type": "object", "properties": {"a": {}}}), "property 'a' must have one of the types"),
            (json!({"type": "object", "properties": {"a": {"type": "null"}}}), "property 'a'"),
            (
                json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "x"}}}}),
                "property 'a[]'",
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}),
                "names 'b'",
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": "a"}),
                "list of names",
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "object", "properties": 3}}}),
                "properties of 'a' must be an object",
            ),
        ] {
            let problem = check_schema(&object(&schema)).unwrap_err();
            assert!(problem.contains(words), "{schema}: {problem}");
        }
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "object", "properties": {"a": deep}});
        }
        assert!(check_schema(&object(&deep)).unwrap_err().contains("nested deeper"));
    }

    #[test]
    fn values_are_held_against_their_schema() {
        let schema = object(&json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Rome", "Berlin"]},
                "years": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["city"], "additionalProperties": false,
        }));
        for (value, expected) in [
            (json!({"city": "Rome", "years": [2021, 2022.0]}), None),
            (json!([]), Some("the value must be of type object")),
            (json!({}), Some("the value lacks 'city'")),
            (json!({"city": "Paris"}), Some("'city' is none of the values there may be")),
            (json!({"city": "Rome", "years": [1, "x"]}), Some("'years[1]' must be of type integer")),
            (json!({"city": "Rome", "years": [1.5]}), Some("'years[0]' must be of type integer")),
            (json!({"city": "Rome", "why": 1}), Some("'why' is not asked for")),
        ] {
            assert_eq!(violation(&value, &schema).as_deref(), expected, "{value}");
        }
    }
}
