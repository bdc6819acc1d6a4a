//! JSON objects that have a key twice. Readers of JSON disagree about what such an object says.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A key that some object in `text` has twice, if there is one; `text` must be JSON.
pub(crate) fn repeated_key(text: &str) -> Option<String> {
    let found = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    // The reading ends with an error at the first key of that kind.
    let _ = Unique(&found).deserialize(&mut reader);
    found.into_inner()
}

/// Reads a value and notes the first repeated key.
#[derive(Clone, Copy)]
struct Unique<'f>(&'f RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                self.0.replace(Some(key));
                return Err(A::Error::custom("a key is there twice"));
            }
            keys.insert(key);
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_it_is_twice() {
        let cases = [
            (r#"[{"a": 1, "b": 2, "a": 3}]"#, Some("a")),
            (r#"[{"a": 1}, {"a": 2}]"#, None),
            (r#"[{"a": {"b": [{"c": 1, "c": 1}]}}]"#, Some("c")),
            (r#"[{"a": 1, "\u0061": 1}]"#, Some("a")),
            (r#"[{"a": [1.5, null, true, -2, "x"]}]"#, None),
            ("[]", None),
        ];
        for (text, key) in cases {
            assert_eq!(repeated_key(text).as_deref(), key, "{text}");
        }
    }
}
