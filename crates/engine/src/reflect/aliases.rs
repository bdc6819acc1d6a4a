//! What the model is shown in place of ids: short names for one run, which it copies without
//! mistakes. Whatever has no name here was not found, and cannot be cited.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use hindsight_types::time;
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::tools::REASON;
use crate::text::pattern;

/// Characters of a context that are shown.
const MAX_CONTEXT: usize = 200;
/// What stands for an id in an answer that the model cannot have seen.
const UNVERIFIED: &str = "[unverified id]";
/// Arguments that are the model's own words, not ids.
const WORDS: [&str; 2] = ["query", REASON];

static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"));
/// Names in brackets, facts also in parentheses: a bare `o1` and one in parentheses may be a word
/// of the answer.
static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\[\s*([focp][0-9]+(?:\s*[,;]\s*[focp][0-9]+)*)\s*\]|\(\s*(f[0-9]+(?:\s*[,;]\s*f[0-9]+)*)\s*\)")
});
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"[focp][0-9]+"));

/// What kind of thing an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A fact.
    Fact,
    /// An observation.
    Observation,
    /// A mental model.
    Model,
    /// A chunk, which is shown and not cited.
    Chunk,
}

impl Kind {
    fn prefix(self) -> char {
        match self {
            Self::Fact => 'f',
            Self::Observation => 'o',
            Self::Model => 'p',
            Self::Chunk => 'c',
        }
    }
}

/// The names of one run, and what was shown under them.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// Name and kind of each id.
    names: HashMap<String, (String, Kind)>,
    ids: HashMap<String, String>,
    counts: HashMap<Kind, usize>,
    /// The form in which something was last shown.
    shown: HashMap<String, String>,
    /// UUIDs that stand in texts the model has read.
    read: HashSet<String>,
}

impl Aliases {
    /// Notes a text that the model reads, for the UUIDs in it.
    pub(super) fn reads(&mut self, text: &str) {
        self.read.extend(UUID.find_iter(text).map(|found| found.as_str().to_lowercase()));
    }

    /// Notes a value that the model reads, for the UUIDs in its texts.
    pub(super) fn reads_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.reads(text),
            Value::Array(list) => {
                for value in list {
                    self.reads_value(value);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.reads(key);
                    self.reads_value(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The answer of a tool as the model sees it.
    pub(super) fn show(&mut self, raw: &Map<String, Value>) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut known: Vec<Value> = Vec::new();
        // First, so that memories can name their chunks, and observations the facts behind them.
        for (key, kind) in [("chunks", Kind::Chunk), ("source_facts", Kind::Fact)] {
            for id in raw.get(key).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                self.name(id, kind);
            }
        }
        for (key, value) in raw {
            let value = match (key.as_str(), value) {
                ("memories" | "observations", Value::Array(items)) => {
                    let items = items.iter().filter_map(|item| self.item(item, None, &mut known));
                    Value::Array(items.collect())
                }
                ("mental_models", Value::Array(items)) => {
                    let kind = Some(Kind::Model);
                    let items = items.iter().filter_map(|item| self.item(item, kind, &mut known));
                    Value::Array(items.collect())
                }
                ("source_facts", Value::Object(items)) => {
                    let items = items.values().filter_map(|item| self.item(item, None, &mut known));
                    Value::Array(items.collect())
                }
                ("chunks", Value::Object(chunks)) => {
                    let chunks = chunks.iter().filter_map(|(id, chunk)| {
                        let name = self.name(id, Kind::Chunk);
                        self.is_new(&name, chunk, &mut known).then(|| (name, chunk.clone()))
                    });
                    Value::Object(chunks.collect())
                }
                ("results", Value::Array(results)) => {
                    results.iter().map(|result| self.expanded(result)).collect()
                }
                (_, value) => value.clone(),
            };
            let is_list = matches!(key.as_str(), "memories" | "observations" | "mental_models" | "results");
            if !is_empty(&value) || is_list {
                shown.insert(key.clone(), value);
            }
        }
        if !known.is_empty() {
            shown.insert("already_shown".to_owned(), Value::Array(known));
        }
        // Words of the model itself, and what was not found, are only what it has said.
        for (_, value) in shown.iter().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
            match value {
                Value::Array(list) => {
                    for value in list.iter().filter(|value| value.get("error").is_none()) {
                        self.reads_value(value);
                    }
                }
                value => self.reads_value(value),
            }
        }
        shown
    }

    /// A memory, or something of another kind, as the model sees it; nothing, but its name in
    /// `known`, when it was shown in the same form before.
    fn item(&mut self, raw: &Value, kind: Option<Kind>, known: &mut Vec<Value>) -> Option<Value> {
        let item = self.fields(raw, kind)?;
        let name = item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.is_new(&name, &item, known).then_some(item)
    }

    fn is_new(&mut self, name: &str, form: &Value, known: &mut Vec<Value>) -> bool {
        let form = form.to_string();
        if self.shown.get(name) == Some(&form) {
            known.push(Value::from(name));
            return false;
        }
        self.shown.insert(name.to_owned(), form);
        true
    }

    fn fields(&mut self, raw: &Value, kind: Option<Kind>) -> Option<Value> {
        let fields = raw.as_object()?;
        let id = fields.get("id").and_then(Value::as_str)?;
        let kind = kind.unwrap_or_else(|| match fields.get("type").and_then(Value::as_str) {
            Some("observation") => Kind::Observation,
            _ => Kind::Fact,
        });
        let start = fields.get("occurred_start").and_then(Value::as_str);
        let mut item = Map::new();
        item.insert("id".to_owned(), Value::from(self.name(id, kind)));
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("id" | "document_id" | "scores" | "attachments", _) => {}
                ("chunk_id", value) => {
                    let chunk = value.as_str().and_then(|id| self.names.get(id));
                    if let Some((name, _)) = chunk {
                        item.insert("chunk".to_owned(), Value::from(name.clone()));
                    }
                }
                ("source_fact_ids", Value::Array(ids)) => {
                    // Those that came along: others may be none to be seen.
                    let ids = ids.iter().filter_map(Value::as_str);
                    let names: Vec<Value> =
                        ids.filter_map(|id| Some(Value::from(self.names.get(id)?.0.as_str()))).collect();
                    if !names.is_empty() {
                        item.insert("source_facts".to_owned(), Value::Array(names));
                    }
                }
                ("context", Value::String(text)) => {
                    item.insert(key.clone(), Value::from(text.chars().take(MAX_CONTEXT).collect::<String>()));
                }
                ("occurred_end", Value::String(end)) if start == Some(end) => {}
                ("occurred_start" | "occurred_end" | "mentioned_at" | "updated_at", Value::String(text)) => {
                    item.insert(key.clone(), Value::from(minutes(text)));
                }
                (_, value) if is_empty(value) => {}
                (_, value) => {
                    item.insert(key.clone(), value.clone());
                }
            }
        }
        Some(Value::Object(item))
    }

    /// A memory with what is behind it.
    fn expanded(&mut self, raw: &Value) -> Value {
        let mut shown = Map::new();
        for (key, value) in raw.as_object().into_iter().flatten() {
            let value = match key.as_str() {
                "memory" => self.fields(value, None).unwrap_or_default(),
                "memory_id" => {
                    let id = value.as_str().unwrap_or_default();
                    // One that was not found has no name, and gets none.
                    Value::from(self.names.get(id).map_or(id, |(name, _)| name))
                }
                "chunk" | "document" => {
                    let mut source = value.as_object().cloned().unwrap_or_default();
                    source.retain(|key, value| {
                        !matches!(key.as_str(), "id" | "document_id" | "retain_params") && !is_empty(value)
                    });
                    Value::Object(source)
                }
                _ => value.clone(),
            };
            shown.insert(key.clone(), value);
        }
        Value::Object(shown)
    }

    fn name(&mut self, id: &str, kind: Kind) -> String {
        if let Some((name, _)) = self.names.get(id) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("{}{count}", kind.prefix());
        self.names.insert(id.to_owned(), (name.clone(), kind));
        self.ids.insert(name.clone(), id.to_owned());
        name
    }

    /// Whether anything was found.
    pub(super) fn has_any(&self) -> bool {
        !self.names.is_empty()
    }

    /// The id of something that was found and can be cited, with its kind.
    pub(super) fn cited(&self, word: &str) -> Option<(&str, Kind)> {
        let word = word.trim().trim_matches(['[', ']', '(', ')', '"', '`']);
        let id = self.ids.get(word).map_or(word, String::as_str);
        let (id, (_, kind)) = self.names.get_key_value(id)?;
        (*kind != Kind::Chunk).then_some((id, *kind))
    }

    /// Ids in place of names, in everything that is not the model's own words.
    pub(super) fn with_ids(&self, arguments: &Map<String, Value>) -> Map<String, Value> {
        let of = |(key, value): (&String, &Value)| {
            let value = if WORDS.contains(&key.as_str()) { value.clone() } else { self.with_id(value) };
            (key.clone(), value)
        };
        arguments.iter().map(of).collect()
    }

    fn with_id(&self, value: &Value) -> Value {
        match value {
            Value::String(word) => Value::from(self.ids.get(word.trim()).unwrap_or(word).as_str()),
            Value::Array(list) => list.iter().map(|value| self.with_id(value)).collect(),
            value => value.clone(),
        }
    }

    /// Ids of what a text names in brackets, in their order.
    pub(super) fn named_in(&self, text: &str) -> Vec<(String, Kind)> {
        let groups = BRACKETED.captures_iter(text).filter_map(|found| found.get(0));
        let names = groups.flat_map(|group| NAME.find_iter(group.as_str()));
        names.filter_map(|name| self.cited(name.as_str())).map(|(id, kind)| (id.to_owned(), kind)).collect()
    }

    /// An answer for people outside: with ids in place of names in brackets, and without ids
    /// that the model cannot have seen.
    pub(super) fn outward(&self, answer: &str) -> String {
        let checked = UUID.replace_all(answer, |found: &Captures<'_>| {
            let id = found.get(0).map_or("", |id| id.as_str());
            let is_seen =
                self.read.contains(&id.to_lowercase()) || self.names.contains_key(&id.to_lowercase());
            if is_seen { id.to_owned() } else { UNVERIFIED.to_owned() }
        });
        let named = BRACKETED.replace_all(&checked, |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            let names = NAME.find_iter(whole).map(|name| name.as_str());
            // Chunks, which cannot be cited, keep their names.
            let id = |name| match self.cited(name) {
                Some((id, _)) => Some(id),
                None => self.ids.contains_key(name).then_some(name),
            };
            let ids: Option<Vec<&str>> = names.map(id).collect();
            ids.map_or_else(|| whole.to_owned(), |ids| format!("[{}]", ids.join(", ")))
        });
        named.into_owned()
    }

    /// A value for programs outside: its texts as those of an answer, and a name that is all of a
    /// text as the id that it stands for.
    pub(super) fn outward_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match self.cited(text) {
                Some((id, _)) => Value::from(id),
                None => Value::from(self.outward(text)),
            },
            Value::Array(list) => list.iter().map(|value| self.outward_value(value)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, value)| (self.outward(key), self.outward_value(value)));
                Value::Object(fields.collect())
            }
            value => value.clone(),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A time up to its minutes; what is no time stays.
fn minutes(text: &str) -> String {
    time::parse(text).map_or_else(|| text.to_owned(), |time| time.format("%Y-%m-%dT%H:%MZ").to_string())
}

#[cfg(test)]
mod tests;
