//! The JSON value in what a model wrote: also where words, fences or slips of the pen are around
//! it. Nothing is made up: a value that does not end is none.

use serde_json::Value;

/// Places from which a value is looked for in a text, at most: each costs a pass over the rest.
const MAX_PLACES: usize = 64;

/// Tags between which models think aloud.
const THOUGHTS: [(&str, &str); 4] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
];

/// The object or array that a text is or contains; else what is wrong with it, in words for the
/// model.
pub(super) fn value_in(text: &str) -> Result<Value, String> {
    let text = without_thoughts(text).trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let first = match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => return Ok(value),
        // Put into quotes once too often.
        Ok(Value::String(inner)) if inner.trim_start().starts_with(['{', '[']) => {
            return serde_json::from_str(&inner).map_err(|error| error.to_string());
        }
        Ok(_) => return Err("it is neither an object nor an array".to_owned()),
        Err(error) => error,
    };
    let mended = mended(text);
    let found = fenced(text)
        .and_then(|inner| serde_json::from_str(inner).ok())
        .or_else(|| longest(text))
        .or_else(|| serde_json::from_str(&mended).ok())
        .or_else(|| longest(&mended));
    // The parser's message tells a place and what was expected there, and nothing of the text.
    found.ok_or_else(|| first.to_string())
}

/// The text without what the model thought before it answered.
pub(super) fn without_thoughts(text: &str) -> &str {
    for (open, close) in THOUGHTS {
        // The opening one is missing where the template of the model has written it.
        let begins_thinking = text.trim_start().starts_with(open);
        match text.rfind(close) {
            Some(at) if begins_thinking || !text.contains(open) => {
                return text.get(at + close.len()..).unwrap_or_default();
            }
            None if begins_thinking => return "",
            _ => {}
        }
    }
    text
}

/// What stands in the first code fence.
fn fenced(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("```")?;
    let (_, inner) = behind.split_once('\n')?;
    inner.rsplit_once("```").map(|(inner, _)| inner.trim())
}

/// The longest object or array in the text: examples that a model mentions are shorter.
fn longest(text: &str) -> Option<Value> {
    let mut best: Option<(usize, Value)> = None;
    let mut from = 0;
    for _ in 0..MAX_PLACES {
        let Some(rest) = text.get(from..) else { break };
        let Some(at) = rest.find(['{', '[']) else { break };
        let start = from + at;
        let mut values =
            serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default()).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let length = values.byte_offset();
                let is_empty = matches!(&value, Value::Array(items) if items.is_empty());
                if best.as_ref().is_none_or(|(longest, _)| length > *longest) && !is_empty {
                    best = Some((length, value));
                }
                from = start + length.max(1);
            }
            // What is inside of a value that does not end is not the answer.
            Some(Err(error)) if error.is_eof() => break,
            _ => from = start + 1,
        }
    }
    best.map(|(_, value)| value)
}

/// The text with what models do wrong most often put right: raw control characters and unknown
/// escapes in strings, halves of surrogate pairs, commas before a closing bracket.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len() + 16);
    let mut in_string = false;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if !in_string {
            match c {
                '"' => in_string = true,
                ',' if closes(text.get(at + 1..).unwrap_or_default()) => continue,
                _ => {}
            }
            mended.push(c);
            continue;
        }
        match c {
            '"' => {
                in_string = false;
                mended.push(c);
            }
            '\n' => mended.push_str("\\n"),
            '\r' => mended.push_str("\\r"),
            '\t' => mended.push_str("\\t"),
            c if c < ' ' => mended.push(' '),
            '\\' => match rest.next() {
                Some((_, escaped @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't'))) => {
                    mended.extend(['\\', escaped]);
                }
                Some((at, 'u')) => match escape(text.get(at + 1..).unwrap_or_default()) {
                    Some((written, length)) => {
                        mended.push_str(&written);
                        // All of it is ASCII.
                        for _ in 0..length {
                            rest.next();
                        }
                    }
                    None => mended.push_str("\\\\u"),
                },
                Some((_, other)) => {
                    if other != '\'' {
                        mended.push_str("\\\\");
                    }
                    mended.push(other);
                }
                None => {}
            },
            c => mended.push(c),
        }
    }
    mended
}

/// Whether the next thing is the end of an object or array.
fn closes(rest: &str) -> bool {
    rest.trim_start().starts_with(['}', ']'])
}

/// What stands for an escape whose digits `rest` begins with, and how many characters of `rest`
/// it was. Half of a pair becomes the sign for what cannot be shown.
fn escape(rest: &str) -> Option<(String, usize)> {
    let unit = |digits: Option<&str>| {
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(rest.get(..4))?;
    let digits = rest.get(..4)?;
    Some(match first {
        0xD800..=0xDBFF => {
            let second = rest.get(4..6).filter(|sign| *sign == "\\u").and_then(|_| unit(rest.get(6..10)));
            match second {
                Some(0xDC00..=0xDFFF) => (format!("\\u{}", rest.get(..10)?), 10),
                _ => ("\\ufffd".to_owned(), 4),
            }
        }
        0xDC00..=0xDFFF => ("\\ufffd".to_owned(), 4),
        _ => (format!("\\u{digits}"), 4),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_in_whatever_a_model_writes_around_it() {
        let expected = json!({"facts": [{"what": "a"}]});
        for text in [
            r#"{"facts": [{"what": "a"}]}"#,
            "```json\n{\"facts\": [{\"what\": \"a\"}]}\n```",
            "Here you are:\n```\n{\"facts\": [{\"what\": \"a\"}]}\n```\nAnything else?",
            r#"As in [1] and {"x":1}: {"facts": [{"what": "a"}]} I hope that helps {"#,
            "<think>I could write {\"facts\": []}, \nor not</think>\n{\"facts\": [{\"what\": \"a\"}]}",
            "so be it</think>{\"facts\": [{\"what\": \"a\"}]}",
            r#"{"facts": [{"what": "a",},],}"#,
            r#""{\"facts\": [{\"what\": \"a\"}]}""#,
            "\u{feff}{\"facts\": [{\"what\": \"a\"}]}",
        ] {
            assert_eq!(value_in(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn slips_inside_strings_are_put_right() {
        for (text, expected) in [
            ("{\"a\": \"one\ntwo\tthree\"}", "one\ntwo\tthree"),
            ("{\"a\": \"it\\'s \\d\"}", "it's \\d"),
            ("{\"a\": \"\\ud83d\\ude00 \\ud83d x \\ude00\"}", "😀 \u{fffd} x \u{fffd}"),
            ("{\"a\": \"\\u00e4 \\uzz, ] ,}\n\"}", "ä \\uzz, ] ,}\n"),
            ("{\"a\": \"\u{1}\"}", " "),
        ] {
            assert_eq!(value_in(text), Ok(json!({"a": expected})), "{text}");
        }
    }

    #[test]
    fn a_value_that_does_not_end_is_none() {
        for text in [
            "",
            "  ",
            "no",
            r#"{"facts": [{"what": "a"#,
            r#"{"facts": [{"what": "a"}, {"wh"#,
            r#"Here: [{"what": "a"}, {"what": "b"}"#,
            "<think>{\"a\": 1}",
            "null",
            "42",
            "\"words\"",
            "\"{words\"",
        ] {
            assert!(value_in(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_about_a_broken_value_tells_nothing_of_it() {
        let error = value_in(r#"{"secret": sesame}"#).unwrap_err();
        assert!(!error.contains("sesame") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn text_without_end_takes_no_time_without_end() {
        let text = "[\"".repeat(200_000);
        assert!(value_in(&text).is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_value_comes_through_fences(text in ".*") {
            let value = json!({"a": text});
            let fenced = format!("```json\n{value}\n```");
            proptest::prop_assert_eq!(value_in(&fenced), Ok(value));
        }

        #[test]
        fn nothing_a_model_writes_breaks_it(text in ".*") {
            let _ = value_in(&text);
        }
    }
}
