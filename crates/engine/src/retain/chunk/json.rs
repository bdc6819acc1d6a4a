//! JSON documents taken apart without changing what they say.
//!
//! Numbers, key order and even repeated keys stay as written; only white space between
//! tokens and escapes of printable characters are made uniform.

use serde_json::{Map, Value};

/// A JSON object: how it is written, and what it holds.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) text: String,
    pub(crate) fields: Map<String, Value>,
}

/// The elements of a JSON array, if there are any and all are objects; each is written
/// with `", "` and `": "` between its tokens and without escapes of non-ASCII characters.
pub(crate) fn array(text: &str) -> Option<Vec<Object>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let fields: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let written = elements(text);
    (!fields.is_empty() && fields.len() == written.len())
        .then(|| written.into_iter().zip(fields).map(|(text, fields)| Object { text, fields }).collect())
}

/// A text that is one JSON object.
pub(crate) fn object(text: &str) -> Option<Object> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    let fields = serde_json::from_str(text).ok()?;
    Some(Object { text: text.to_owned(), fields })
}

/// The lines of a text of at least two lines that all are JSON objects, blank lines aside.
pub(crate) fn lines(text: &str) -> Option<Vec<Object>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let objects: Vec<Object> = lines.map(object).collect::<Option<_>>()?;
    (objects.len() >= 2).then_some(objects)
}

/// The elements of a valid JSON array, written uniformly.
fn elements(json: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut element = String::new();
    let mut depth = 0_usize;
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' { string_length(rest) } else { c.len_utf8() };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        match c {
            '"' => push_string(token, &mut element),
            '[' | '{' => {
                depth += 1;
                if depth > 1 {
                    element.push(c);
                }
            }
            ']' | '}' => {
                if depth > 1 {
                    element.push(c);
                }
                depth = depth.saturating_sub(1);
            }
            ',' if depth == 1 => elements.push(std::mem::take(&mut element)),
            ',' => element.push_str(", "),
            ':' => element.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => element.push(c),
        }
    }
    if !element.is_empty() {
        elements.push(element);
    }
    elements
}

/// Length of the string literal at the start, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn push_string(literal: &str, out: &mut String) {
    if literal.contains('\\')
        && let Ok(value) = serde_json::from_str::<String>(literal)
        && let Ok(written) = serde_json::to_string(&value)
    {
        out.push_str(&written);
    } else {
        out.push_str(literal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<Vec<String>> {
        array(text).map(|objects| objects.into_iter().map(|object| object.text).collect())
    }

    #[test]
    fn arrays_of_objects_are_taken_apart() {
        let text = "[ {\"a\":1.10,\n \"b\" : [1,{\"c\":\"x, : \\\"y\\\" [\"}]},{\"t\":\"caf\\u00e9 \\n\"} ]";
        let expected = vec![r#"{"a": 1.10, "b": [1, {"c": "x, : \"y\" ["}]}"#, "{\"t\": \"café \\n\"}"];
        assert_eq!(texts(text), Some(expected.into_iter().map(str::to_owned).collect()));
        assert_eq!(texts("[{\"id\": 123456789012345678901234567890}]").unwrap().len(), 1);
        assert_eq!(texts("[{}]"), Some(vec!["{}".to_owned()]));
    }

    #[test]
    fn other_json_is_left_alone() {
        for text in ["[]", "[1, 2]", "[{}, 1]", "{}", "[{}", "text", "", "[{\"a\": \"\\ud83d\"}]"] {
            assert!(array(text).is_none(), "{text}");
        }
    }

    #[test]
    fn lines_must_be_several_and_all_objects() {
        assert_eq!(lines("{\"a\":1}\n\n {\"b\":2} \r\n").map(|lines| lines.len()), Some(2));
        assert!(lines("{\"a\":1}").is_none());
        assert!(lines("{\"a\":1}\ntext").is_none());
        assert!(object(" {\"a\":1} ").is_some() && object("{").is_none());
    }
}
