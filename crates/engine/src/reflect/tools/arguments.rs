//! Arguments as models write them.

use serde_json::{Map, Value};

use super::{LEAST_TOKENS, ToolFailure, most_tokens};

/// A text that says something.
pub(super) fn text(arguments: &Map<String, Value>, name: &str) -> Result<String, ToolFailure> {
    let text = arguments.get(name).and_then(Value::as_str).map(str::trim);
    match text.filter(|text| text.chars().any(char::is_alphanumeric)) {
        Some(text) => Ok(text.to_owned()),
        None => Err(ToolFailure::Arguments(format!("'{name}' must be a text of at least one word"))),
    }
}

/// A number of tokens: what the model asks for, within bounds, or the usual one.
pub(super) fn tokens(
    arguments: &Map<String, Value>,
    name: &str,
    usual: i64,
    room: i64,
) -> Result<i64, ToolFailure> {
    let wanted = match arguments.get(name) {
        None | Some(Value::Null) => return Ok(usual),
        Some(Value::String(text)) if matches!(text.trim(), "" | "none" | "null" | "None") => {
            return Ok(usual);
        }
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => number.as_i64(),
        Some(_) => None,
    };
    match wanted {
        Some(wanted) => Ok(wanted.clamp(LEAST_TOKENS, most_tokens(room))),
        None => Err(ToolFailure::Arguments(format!("'{name}' must be a whole number of tokens, or null"))),
    }
}

/// A list of texts; one text alone is a list too.
pub(super) fn texts(arguments: &Map<String, Value>, name: &str) -> Result<Vec<String>, ToolFailure> {
    let texts: Vec<String> = match arguments.get(name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if texts.is_empty() {
        return Err(ToolFailure::Arguments(format!("'{name}' must be a list of ids that you were shown")));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Map<String, Value> {
        super::super::object(value)
    }

    #[test]
    fn tokens_keep_to_their_bounds() {
        for (given, room, expected) in [
            (json!(null), 50, 9000),
            (json!(""), 50, 9000),
            (json!("none"), 50, 9000),
            (json!(3000), 90_000, 3000),
            (json!("3000"), 90_000, 3000),
            (json!(1), 90_000, 1000),
            (json!(900_000), 90_000, 16_000),
            (json!(5000), 2000, 2000),
            (json!(5000), -7, 1000),
        ] {
            let arguments = of(json!({ "max_tokens": given }));
            assert_eq!(tokens(&arguments, "max_tokens", 9000, room).unwrap(), expected, "{given}");
        }
        assert_eq!(tokens(&Map::new(), "max_tokens", 9000, 1).unwrap(), 9000);
        for given in [json!("many"), json!(1.5), json!([1]), json!(true)] {
            let arguments = of(json!({ "max_tokens": given }));
            assert!(tokens(&arguments, "max_tokens", 9000, 5000).is_err(), "{given}");
        }
    }

    #[test]
    fn texts_say_something() {
        assert_eq!(text(&of(json!({"query": " tea "})), "query").unwrap(), "tea");
        for given in [json!({}), json!({"query": "?!"}), json!({"query": 7})] {
            assert!(text(&of(given), "query").is_err());
        }
        assert_eq!(texts(&of(json!({"ids": "a"})), "ids").unwrap(), ["a"]);
        assert_eq!(texts(&of(json!({"ids": ["a", 1, "b"]})), "ids").unwrap(), ["a", "b"]);
        assert!(texts(&of(json!({"ids": []})), "ids").is_err());
    }
}
