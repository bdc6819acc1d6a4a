//! Reading requests: the whole body is checked, every problem is reported at its place.
//!
//! The rules follow the lenient reading clients are used to: an explicit `null` for an
//! optional field means "not given", unknown fields are ignored, whole numbers may come
//! as `3.0` or `"3"`, booleans as `"true"` or `1`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::errors::{FieldError, Loc};

/// A value that can be read from JSON with its problems collected in a [`Decoder`].
pub trait FromJson: Sized {
    /// Reads `value`; on a problem notes it in `decoder` and returns `None`.
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self>;
}

/// A request body: an object with known fields.
pub trait Body: FromJson {
    /// Names of the fields on the wire.
    const FIELDS: &'static [&'static str];
}

/// Reads a request body; `Err` holds every problem found.
pub fn from_json<T: FromJson>(value: &Value) -> Result<T, Vec<FieldError>> {
    let mut decoder = Decoder { place: vec![Loc::from("body")], errors: Vec::new() };
    let read = T::from_json(value, &mut decoder);
    match read {
        Some(body) if decoder.errors.is_empty() => Ok(body),
        _ => Err(decoder.errors),
    }
}

/// Where the reading is and what it has found so far.
#[derive(Debug)]
pub struct Decoder {
    place: Vec<Loc>,
    errors: Vec<FieldError>,
}

impl Decoder {
    /// Notes a problem with `input` at the current place.
    pub fn fail(&mut self, kind: &str, msg: impl Into<String>, input: &Value) {
        self.push(kind, msg.into(), input, None);
    }

    /// Notes a problem whose message has parameters.
    pub fn fail_with(&mut self, kind: &str, msg: impl Into<String>, input: &Value, ctx: Value) {
        self.push(kind, msg.into(), input, Some(ctx));
    }

    /// Notes that a value breaks a rule of ours, in the form of a validator's error.
    pub fn value_error(&mut self, rule: &str, input: &Value) {
        self.errors.push(FieldError::value_error(self.place.clone(), rule, input.clone()));
    }

    /// Notes a number that is below the least, or above the greatest there may be.
    pub fn within(&mut self, number: i64, least: Option<i64>, most: Option<i64>, input: &Value) {
        if let Some(least) = least.filter(|least| number < *least) {
            let message = format!("Input should be greater than or equal to {least}");
            self.fail_with("greater_than_equal", message, input, serde_json::json!({"ge": least}));
        }
        if let Some(most) = most.filter(|most| number > *most) {
            let message = format!("Input should be less than or equal to {most}");
            self.fail_with("less_than_equal", message, input, serde_json::json!({"le": most}));
        }
    }

    /// Reads something at a place below the current one.
    pub fn at<T>(&mut self, place: impl Into<Loc>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.place.push(place.into());
        let value = read(self);
        self.place.pop();
        value
    }

    /// Number of problems found so far.
    pub fn problems(&self) -> usize {
        self.errors.len()
    }

    /// The object in `value`, or a noted problem.
    pub fn object<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.fail(
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
                value,
            );
        }
        object
    }

    /// A field that must be there.
    pub fn required<T: FromJson>(&mut self, object: &Map<String, Value>, name: &'static str) -> Option<T> {
        self.at(name, |decoder| match object.get(name) {
            Some(value) => T::from_json(value, decoder),
            None => {
                decoder.fail("missing", "Field required", &Value::Object(object.clone()));
                None
            }
        })
    }

    /// A field that may be absent or null. The outer `None` is a noted problem.
    pub fn optional<T: FromJson>(
        &mut self,
        object: &Map<String, Value>,
        name: &'static str,
    ) -> Option<Option<T>> {
        match object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.at(name, |decoder| T::from_json(value, decoder)).map(Some),
        }
    }

    fn push(&mut self, kind: &str, msg: String, input: &Value, ctx: Option<Value>) {
        let loc = self.place.clone();
        self.errors.push(FieldError { kind: kind.to_owned(), loc, msg, input: input.clone(), ctx });
    }
}

impl FromJson for String {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            _ => {
                decoder.fail("string_type", "Input should be a valid string", value);
                None
            }
        }
    }
}

impl FromJson for bool {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let word = match value {
            Value::Bool(flag) => return Some(*flag),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.to_ascii_lowercase(),
            _ => {
                decoder.fail("bool_type", "Input should be a valid boolean", value);
                return None;
            }
        };
        match word.as_str() {
            "true" | "1" | "1.0" | "yes" | "y" | "on" | "t" => Some(true),
            "false" | "0" | "0.0" | "no" | "n" | "off" | "f" => Some(false),
            _ => {
                decoder.fail(
                    "bool_parsing",
                    "Input should be a valid boolean, unable to interpret input",
                    value,
                );
                None
            }
        }
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let parsed = match value {
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => return Some(integer),
                #[expect(clippy::cast_possible_truncation, reason = "the bound is checked beside the cast")]
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e18 => {
                    return Some(float as i64);
                }
                _ => {
                    decoder.fail(
                        "int_from_float",
                        "Input should be a valid integer, got a number with a fractional part",
                        value,
                    );
                    return None;
                }
            },
            Value::String(text) => text.trim().parse().ok(),
            _ => {
                decoder.fail("int_type", "Input should be a valid integer", value);
                return None;
            }
        };
        if parsed.is_none() {
            decoder.fail(
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer",
                value,
            );
        }
        parsed
    }
}

impl FromJson for f64 {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let parsed = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => {
                decoder.fail("float_type", "Input should be a valid number", value);
                return None;
            }
        };
        if parsed.is_none() {
            decoder.fail(
                "float_parsing",
                "Input should be a valid number, unable to parse string as a number",
                value,
            );
        }
        parsed
    }
}

impl FromJson for Value {
    fn from_json(value: &Value, _decoder: &mut Decoder) -> Option<Self> {
        Some(value.clone())
    }
}

impl FromJson for Map<String, Value> {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let object = value.as_object();
        if object.is_none() {
            decoder.fail("dict_type", "Input should be a valid dictionary", value);
        }
        object.cloned()
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let Value::Array(elements) = value else {
            decoder.fail("list_type", "Input should be a valid list", value);
            return None;
        };
        // Every element is read, so that all problems are reported, before any is given up on.
        let read: Vec<Option<T>> = elements
            .iter()
            .enumerate()
            .map(|(i, element)| decoder.at(i, |decoder| T::from_json(element, decoder)))
            .collect();
        read.into_iter().collect()
    }
}

impl FromJson for IndexMap<String, String> {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        let Value::Object(object) = value else {
            decoder.fail("dict_type", "Input should be a valid dictionary", value);
            return None;
        };
        let read: Vec<Option<(String, String)>> = object
            .iter()
            .map(|(key, value)| {
                let value = decoder.at(key.as_str(), |decoder| String::from_json(value, decoder));
                value.map(|value| (key.clone(), value))
            })
            .collect();
        read.into_iter().collect()
    }
}

/// Declares an enum of fixed words on the wire.
///
/// The word in parentheses is the kind of the field error: `enum` or `literal_error`.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident ($kind:literal) {
        $($(#[$word_meta:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            /// Reads the word; the error names the words there are.
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| format!("Input should be {}", $crate::decode::quoted_words(&[$($word),+])))
            }
        }

        impl $crate::decode::FromJson for $name {
            fn from_json(value: &serde_json::Value, decoder: &mut $crate::decode::Decoder) -> Option<Self> {
                let word = value.as_str().and_then(|text| text.parse().ok());
                if word.is_none() {
                    let expected = $crate::decode::quoted_words(&[$($word),+]);
                    let ctx = serde_json::json!({"expected": expected});
                    decoder.fail_with($kind, format!("Input should be {expected}"), value, ctx);
                }
                word
            }
        }
    };
}
pub(crate) use words;

/// `'a', 'b' or 'c'`.
pub(crate) fn quoted_words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Declares a request object: a struct with serde's `Serialize` and a [`FromJson`] that
/// reads every field before it gives up.
///
/// A field is `required`, `optional` (an `Option`, absent = null = `None`) or
/// `default(value)` (absent = null = the value). `check` names a function
/// `fn(&Self, &Value, &mut Decoder)` for rules over several fields; it runs when the
/// fields themselves are well-formed.
macro_rules! request {
    ($(#[$meta:meta])* pub struct $name:ident $(check $check:path)? {
        $($(#[$field_meta:meta])* $field:ident $(as $wire:literal)? : $ty:ty => $mode:ident $(($default:expr))?,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $name {
            $($(#[$field_meta])* $(#[serde(rename = $wire)])? pub $field: $ty,)+
        }

        impl $crate::decode::Body for $name {
            const FIELDS: &'static [&'static str] =
                &[$($crate::decode::request!(@name $field $($wire)?)),+];
        }

        impl $crate::decode::FromJson for $name {
            fn from_json(value: &serde_json::Value, decoder: &mut $crate::decode::Decoder) -> Option<Self> {
                let object = decoder.object(value)?;
                let before = decoder.problems();
                $(let $field = $crate::decode::request!(
                    @read decoder, object, $crate::decode::request!(@name $field $($wire)?), $mode $(($default))?
                );)+
                let read = Self { $($field: $field?,)+ };
                let is_clean = decoder.problems() == before;
                $(if is_clean {
                    $check(&read, value, decoder);
                })?
                let _ = is_clean;
                Some(read)
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $wire:literal) => { $wire };
    (@read $decoder:ident, $object:ident, $name:expr, required) => { $decoder.required($object, $name) };
    (@read $decoder:ident, $object:ident, $name:expr, optional) => { $decoder.optional($object, $name) };
    (@read $decoder:ident, $object:ident, $name:expr, default($default:expr)) => {
        $decoder.optional($object, $name).map(|value| value.unwrap_or_else(|| $default))
    };
}
pub(crate) use request;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares public structs")]
mod tests {
    use serde_json::json;

    use super::*;

    request! {
        /// A body of every kind of field.
        pub struct Sample {
            /// A.
            name: String => required,
            /// B.
            count: i64 => default(7),
            /// C.
            tags: Vec<String> => default(Vec::new()),
            /// D.
            flag as "async": bool => default(false),
        }
    }

    fn errors(value: &Value) -> Vec<(String, String)> {
        from_json::<Sample>(value)
            .expect_err("has problems")
            .into_iter()
            .map(|error| (error.kind.clone(), error.to_string()))
            .collect()
    }

    #[test]
    fn null_means_not_given_and_unknown_fields_are_ignored() {
        let sample: Sample =
            from_json(&json!({"name": "a", "count": null, "tags": null, "more": 1})).expect("reads");
        assert_eq!(sample, Sample { name: "a".into(), count: 7, tags: vec![], flag: false });
        assert_eq!(Sample::FIELDS, ["name", "count", "tags", "async"]);
    }

    #[test]
    fn numbers_and_booleans_are_read_leniently() {
        let sample: Sample = from_json(&json!({"name": "a", "count": "12", "async": "yes"})).expect("reads");
        assert_eq!((sample.count, sample.flag), (12, true));
        let sample: Sample = from_json(&json!({"name": "a", "count": 3.0})).expect("reads");
        assert_eq!(sample.count, 3);
    }

    #[test]
    fn every_problem_is_reported_at_its_place() {
        let found = errors(&json!({"count": 1.5, "tags": ["a", 2], "async": "maybe"}));
        assert_eq!(
            found,
            [
                ("missing".into(), "body.name: Field required".into()),
                (
                    "int_from_float".into(),
                    "body.count: Input should be a valid integer, got a number with a fractional part".into()
                ),
                ("string_type".into(), "body.tags.1: Input should be a valid string".into()),
                (
                    "bool_parsing".into(),
                    "body.async: Input should be a valid boolean, unable to interpret input".into()
                ),
            ]
        );
    }

    #[test]
    fn a_body_must_be_an_object() {
        assert_eq!(errors(&json!([1]))[0].0, "model_attributes_type");
    }
}
