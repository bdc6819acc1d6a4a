//! What a model's answer holds, before anybody believes it.

use serde_json::{Map, Value};

/// Keys that hold the statement of a fact, the usual one first.
const STATEMENT: [&str; 3] = ["what", "factual_core", "text"];
/// Fewer usable facts of five than this, and the model is asked again.
const USABLE_OF_FIVE: usize = 4;

/// A fact as the model wrote it, with its place in the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawFact {
    /// Its place in the answer, by which others name it as their cause.
    pub(super) place: usize,
    /// Its fields.
    pub(super) fields: Map<String, Value>,
}

impl RawFact {
    /// A text under this key; what stands for "nothing" is nothing.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str().map(str::trim).filter(|text| !is_nothing(text))
    }

    /// What it states.
    pub(super) fn statement(&self) -> Option<&str> {
        STATEMENT.iter().find_map(|key| self.text(key))
    }
}

/// An answer taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The usable facts, in order.
    pub(super) facts: Vec<RawFact>,
    /// Number of entries that are no facts.
    pub(super) malformed: u32,
    /// Number of facts that state nothing.
    pub(super) empty: u32,
}

/// How good an answer is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// As it should be.
    Sound(Answer),
    /// Some of it is usable; ask again, with these words, while there are attempts.
    Partly(Answer, String),
    /// Nothing of it is usable; ask again, with these words.
    Unusable(String),
}

/// Reads an answer. In mode verbatim entries need no statement.
pub(super) fn read(value: &Value, needs_statement: bool) -> Verdict {
    let list = match value {
        Value::Object(object) => object.get("facts").and_then(Value::as_array),
        Value::Array(list) if list.iter().all(Value::is_object) => Some(list),
        _ => None,
    };
    let Some(list) = list else {
        return Verdict::Unusable(
            "the answer has no top-level list \"facts\"; answer with one JSON object {\"facts\": [...]}, and \
             {\"facts\": []} only if there is nothing to keep"
                .to_owned(),
        );
    };
    let mut answer = Answer::default();
    let mut bad_keys: Vec<String> = Vec::new();
    for (place, entry) in list.iter().enumerate() {
        let Value::Object(fields) = entry else {
            answer.malformed += 1;
            continue;
        };
        let has_statement = STATEMENT.iter().any(|key| fields.get(*key).is_some_and(Value::is_string));
        if needs_statement && !has_statement {
            answer.malformed += 1;
            bad_keys.extend(fields.keys().filter(|key| !bad_keys.contains(key)).cloned().collect::<Vec<_>>());
            continue;
        }
        let fact = RawFact { place, fields: fields.clone() };
        let is_degenerate = fact.statement().is_none_or(|text| !text.contains(char::is_alphanumeric));
        if needs_statement && is_degenerate {
            answer.empty += 1;
            continue;
        }
        answer.facts.push(fact);
    }
    let usable = list.len() - answer.malformed as usize;
    if answer.malformed == 0 || usable * 5 >= list.len() * USABLE_OF_FIVE {
        return Verdict::Sound(answer);
    }
    let seen = if bad_keys.is_empty() {
        "entries that are no objects".to_owned()
    } else {
        bad_keys.truncate(20);
        format!("entries without it, with the keys {}", bad_keys.join(", "))
    };
    let correction = format!(
        "{} of {} facts are not usable: every fact is an object whose statement is the text `what`, but there \
         are {seen}; answer again with all facts, and with the keys of the schema only",
        answer.malformed,
        list.len()
    );
    if usable == 0 { Verdict::Unusable(correction) } else { Verdict::Partly(answer, correction) }
}

/// Words for nothing that models fill fields with.
pub(super) fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || text == "[]"
        || text == "{}"
        || ["n/a", "none", "null"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(value: &Value) -> (usize, u32, u32) {
        match read(value, true) {
            Verdict::Sound(answer) | Verdict::Partly(answer, _) => {
                (answer.facts.len(), answer.malformed, answer.empty)
            }
            Verdict::Unusable(_) => (0, u32::MAX, 0),
        }
    }

    #[test]
    fn lists_with_and_without_their_object_are_read() {
        let facts = json!([{"what": "a"}, {"text": "b"}, {"factual_core": "c"}]);
        assert_eq!(counts(&json!({ "facts": facts })), (3, 0, 0));
        assert_eq!(counts(&facts), (3, 0, 0));
        assert_eq!(counts(&json!({"facts": []})), (0, 0, 0));
    }

    #[test]
    fn an_answer_without_the_list_is_not_nothing() {
        for value in
            [json!({}), json!({"facts": null}), json!({"facts": {}}), json!("x"), json!(null), json!(["x"])]
        {
            assert!(matches!(read(&value, true), Verdict::Unusable(_)), "{value}");
        }
    }

    #[test]
    fn four_of_five_will_do() {
        let good = json!({"what": "a"});
        let answer = |good_ones: usize, bad: usize| {
            let list: Vec<Value> = std::iter::repeat_n(good.clone(), good_ones)
                .chain(std::iter::repeat_n(json!(1), bad))
                .collect();
            read(&json!({ "facts": list }), true)
        };
        assert!(matches!(answer(4, 1), Verdict::Sound(answer) if answer.malformed == 1));
        assert!(matches!(answer(3, 1), Verdict::Partly(answer, _) if answer.facts.len() == 3));
        assert!(matches!(answer(0, 2), Verdict::Unusable(_)));
    }

    #[test]
    fn the_correction_names_the_keys_that_were_used() {
        let Verdict::Unusable(correction) = read(&json!({"facts": [{"fact": "a", "kind": 1}]}), true) else {
            panic!("not usable")
        };
        assert!(correction.contains("with the keys fact, kind;"), "{correction}");
        assert!(correction.contains("1 of 1"), "{correction}");
    }

    #[test]
    fn facts_that_state_nothing_are_counted_and_keep_the_places_of_others() {
        let value = json!({"facts": [{"what": "..."}, {"what": "N/A"}, {"what": ""}, {"what": "a"}]});
        let Verdict::Sound(answer) = read(&value, true) else { panic!("sound") };
        assert_eq!((answer.empty, answer.facts[0].place), (3, 3));
    }

    #[test]
    fn a_description_needs_no_statement() {
        assert!(matches!(read(&json!({"facts": [{"who": "Ann"}]}), false), Verdict::Sound(_)));
    }
}
