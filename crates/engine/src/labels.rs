//! Labels: a vocabulary that a bank wants its facts sorted by.
//!
//! A label is stored as an entity `key:value`, or `key:field:value` where its values have
//! fields of their own.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

/// Deeper fields are a mistake, and no provider takes their schema.
const MAX_DEPTH: usize = 4;

/// What values a label takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// One of the listed values.
    Value,
    /// Any of the listed values.
    MultiValues,
    /// Free words.
    Text,
    /// A list of free words.
    MultiText,
    /// Fields with values of their own.
    Map,
}

/// A value of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelValue {
    /// The value.
    pub value: String,
    /// When it fits.
    pub description: String,
}

/// What a label or one of its fields holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelField {
    /// What values there are.
    pub kind: LabelKind,
    /// What it is for.
    pub description: String,
    /// The vocabulary of [`LabelKind::Value`] and [`LabelKind::MultiValues`].
    pub values: Vec<LabelValue>,
    /// The fields of [`LabelKind::Map`].
    pub fields: IndexMap<String, LabelField>,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelGroup {
    /// Its name.
    pub key: String,
    /// What it holds.
    pub field: LabelField,
    /// Whether a fact may go without it.
    pub optional: bool,
    /// Whether its values become tags of the fact too.
    pub tag: bool,
}

/// All labels of a bank, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Labels(pub Vec<LabelGroup>);

/// What a fact is labelled with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// Each `key:value`.
    pub(crate) labels: Vec<String>,
    /// Those of labels that become tags.
    pub(crate) tags: Vec<String>,
}

impl Labels {
    /// Reads `entity_labels`: a list of labels, or an object with the list as `attributes`.
    /// An error says what is wrong and where.
    pub fn read(value: &Value) -> Result<Self, String> {
        let list = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object.get("attributes").unwrap_or(value),
            value => value,
        };
        let list =
            list.as_array().ok_or("entity_labels must be a list of labels or {\"attributes\": [...]}")?;
        let mut groups: Vec<LabelGroup> = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let group = group(value, &format!("entity_labels[{index}]"))?;
            if groups.iter().any(|known| known.key == group.key) {
                return Err(format!("entity_labels[{index}].key: '{}' is there already", group.key));
            }
            groups.push(group);
        }
        Ok(Self(groups))
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels in a model's answer. What is not of the vocabulary is left out.
    pub(crate) fn collect(&self, answer: &Value) -> Labelled {
        let mut labelled = Labelled::default();
        for group in &self.0 {
            let mut found = Vec::new();
            if let Some(value) = answer.get(&group.key) {
                collect_field(&group.field, &group.key, value, &mut found);
            }
            if group.tag {
                labelled.tags.extend(found.iter().cloned());
            }
            labelled.labels.extend(found);
        }
        labelled
    }
}

fn collect_field(field: &LabelField, path: &str, value: &Value, found: &mut Vec<String>) {
    match field.kind {
        LabelKind::Map => {
            for (name, inner) in &field.fields {
                if let Some(value) = value.get(name) {
                    collect_field(inner, &format!("{path}:{name}"), value, found);
                }
            }
        }
        LabelKind::Value | LabelKind::Text => {
            // A model that lists where one is asked for means the first.
            let one = value.as_array().map_or(Some(value), |list| list.first());
            found.extend(one.and_then(|one| word(field, one)).map(|word| format!("{path}:{word}")));
        }
        LabelKind::MultiValues | LabelKind::MultiText => {
            let several = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for one in several {
                let label = word(field, one).map(|word| format!("{path}:{word}"));
                found.extend(label.filter(|label| !found.contains(label)).into_iter().collect::<Vec<_>>());
            }
        }
    }
}

/// A value as the vocabulary spells it; any, where there is no vocabulary.
fn word(field: &LabelField, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    if text.is_empty() || text.eq_ignore_ascii_case("n/a") {
        return None;
    }
    match field.kind {
        LabelKind::Text | LabelKind::MultiText => Some(text),
        _ => {
            let lower = text.to_lowercase();
            let known = field.values.iter().find(|known| known.value.to_lowercase() == lower);
            known.map(|known| known.value.clone())
        }
    }
}

fn group(value: &Value, place: &str) -> Result<LabelGroup, String> {
    let object = value.as_object().ok_or(format!("{place} must be an object with a key"))?;
    let key = text(object, "key", place)?.unwrap_or_default().trim().to_owned();
    if key.is_empty() {
        return Err(format!("{place}.key must be a name"));
    }
    Ok(LabelGroup {
        key,
        field: field(object, LabelKind::Value, place, 1)?,
        optional: flag(object, "optional", place)?.unwrap_or(true),
        tag: flag(object, "tag", place)?.unwrap_or(false),
    })
}

fn field(
    object: &Map<String, Value>,
    default: LabelKind,
    place: &str,
    depth: usize,
) -> Result<LabelField, String> {
    if depth > MAX_DEPTH {
        return Err(format!("{place}: fields may be nested {MAX_DEPTH} deep at most"));
    }
    let values = values(object, place)?;
    let fields = fields(object, place, depth)?;
    let kind = match text(object, "type", place)?.as_deref() {
        Some("value") => LabelKind::Value,
        Some("multi-values") => LabelKind::MultiValues,
        Some("text") => LabelKind::Text,
        Some("multi-text") => LabelKind::MultiText,
        Some("map") => LabelKind::Map,
        Some(other) => {
            return Err(format!(
                "{place}.type must be one of value, multi-values, text, multi-text, map, not '{other}'"
            ));
        }
        // The form from before there were types.
        None => {
            let is_free = flag(object, "free_values", place)?.unwrap_or(false);
            match (is_free, flag(object, "multi_value", place)?.unwrap_or(false)) {
                (true, true) => LabelKind::MultiText,
                (true, false) => LabelKind::Text,
                (false, true) => LabelKind::MultiValues,
                (false, false) => default,
            }
        }
    };
    let kind = match kind {
        // No vocabulary: any word is as good.
        LabelKind::Value if values.is_empty() => LabelKind::Text,
        LabelKind::MultiValues if values.is_empty() => LabelKind::MultiText,
        LabelKind::Map if fields.is_empty() => return Err(format!("{place}: a map needs fields")),
        kind => kind,
    };
    let description = text(object, "description", place)?.unwrap_or_default();
    Ok(LabelField { kind, description, values, fields })
}

fn values(object: &Map<String, Value>, place: &str) -> Result<Vec<LabelValue>, String> {
    let list = match object.get("values") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or(format!("{place}.values must be a list"))?,
    };
    let read = |(index, value): (usize, &Value)| {
        let place = format!("{place}.values[{index}]");
        let (value, description) = match value {
            Value::String(value) => (value.clone(), String::new()),
            Value::Object(object) => (
                text(object, "value", &place)?.unwrap_or_default(),
                text(object, "description", &place)?.unwrap_or_default(),
            ),
            _ => return Err(format!("{place} must be a value with its description")),
        };
        let value = value.trim().to_owned();
        if value.is_empty() {
            return Err(format!("{place}.value must be a word"));
        }
        Ok(LabelValue { value, description })
    };
    list.iter().enumerate().map(read).collect()
}

fn fields(
    object: &Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<IndexMap<String, LabelField>, String> {
    let map = match object.get("fields") {
        None | Some(Value::Null) => return Ok(IndexMap::new()),
        Some(map) => map.as_object().ok_or(format!("{place}.fields must be an object"))?,
    };
    let read = |(name, value): (&String, &Value)| {
        let place = format!("{place}.fields.{name}");
        let object = value.as_object().ok_or(format!("{place} must be an object"))?;
        Ok((name.clone(), field(object, LabelKind::Text, &place, depth + 1)?))
    };
    map.iter().map(read).collect()
}

fn text(object: &Map<String, Value>, name: &str, place: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(crate::text::sanitize(text).into_owned())),
        Some(_) => Err(format!("{place}.{name} must be a text")),
    }
}

fn flag(object: &Map<String, Value>, name: &str, place: &str) -> Result<Option<bool>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(format!("{place}.{name} must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_and_the_old_words_are_read() {
        let list = json!([{"key": "topic", "values": [{"value": "Work"}, "Home"]}]);
        let labels = Labels::read(&list).unwrap();
        assert_eq!(Labels::read(&json!({"attributes": list})).unwrap(), labels);
        assert_eq!(labels.0[0].field.kind, LabelKind::Value);
        assert!(labels.0[0].optional && !labels.0[0].tag);
        let old = json!([{"key": "a", "free_values": true, "multi_value": true}, {"key": "b", "multi_value": true, "values": ["x"]}]);
        let kinds: Vec<_> = Labels::read(&old).unwrap().0.iter().map(|group| group.field.kind).collect();
        assert_eq!(kinds, [LabelKind::MultiText, LabelKind::MultiValues]);
        assert!(Labels::read(&Value::Null).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (value, expected) in [
            (json!("topic"), "entity_labels must be a list of labels or {\"attributes\": [...]}"),
            (json!([1]), "entity_labels[0] must be an object with a key"),
            (json!([{"key": " "}]), "entity_labels[0].key must be a name"),
            (
                json!([{"key": "a", "type": "enum"}]),
                "entity_labels[0].type must be one of value, multi-values, text, multi-text, map, not 'enum'",
            ),
            (json!([{"key": "a"}, {"key": "a"}]), "entity_labels[1].key: 'a' is there already"),
            (json!([{"key": "a", "tag": "yes"}]), "entity_labels[0].tag must be true or false"),
            (json!([{"key": "a", "type": "map"}]), "entity_labels[0]: a map needs fields"),
            (json!([{"key": "a", "values": [""]}]), "entity_labels[0].values[0].value must be a word"),
        ] {
            assert_eq!(Labels::read(&value).unwrap_err(), expected);
        }
    }

    #[test]
    fn answers_are_held_against_the_vocabulary() {
        let labels = Labels::read(&json!([
            {"key": "topic", "values": ["Work", "Home"], "tag": true},
            {"key": "mood", "type": "multi-values", "values": ["glad", "sad"]},
            {"key": "place", "type": "map", "fields": {"city": {}, "kind": {"type": "value", "values": ["office"]}}},
        ]))
        .unwrap();
        let answer = json!({
            "topic": "work", "mood": ["SAD", "angry", "sad"], "place": {"city": "Rome", "kind": "OFFICE", "zip": 1}, "other": "x",
        });
        let labelled = labels.collect(&answer);
        assert_eq!(labelled.labels, ["topic:Work", "mood:sad", "place:city:Rome", "place:kind:office"]);
        assert_eq!(labelled.tags, ["topic:Work"]);
        for empty in [json!(null), json!({}), json!({"topic": null, "mood": []}), json!({"topic": "leisure"})]
        {
            assert_eq!(labels.collect(&empty), Labelled::default(), "{empty}");
        }
    }
}
