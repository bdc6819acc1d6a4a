//! Changes of a document as models write them: read strictly, field by field.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::document::{Change, Document, blocks_of, has_heading};

/// Kinds of changes, each with the fields that it needs and those that it may have.
const KINDS: [(&str, &[&str], &[&str]); 8] = [
    ("append_block", &["section_id", "text"], &[]),
    ("insert_block", &["section_id", "text"], &["after_block_id"]),
    ("replace_block", &["section_id", "block_id", "text"], &[]),
    ("remove_block", &["section_id", "block_id"], &[]),
    ("add_section", &["heading", "level", "blocks"], &["after_section_id", "new_id"]),
    ("remove_section", &["section_id"], &[]),
    ("replace_section_blocks", &["section_id", "blocks"], &[]),
    ("rename_section", &["section_id", "new_heading"], &[]),
];
/// Kinds that only take away or rewrite.
const REMOVALS: [&str; 4] = ["replace_block", "remove_block", "remove_section", "replace_section_blocks"];

/// Short names of memories.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: HashMap<Uuid, String>,
    ids: HashMap<String, Uuid>,
}

impl Names {
    /// Names in the order of the ids.
    pub(super) fn new(ids: impl Iterator<Item = Uuid>) -> Self {
        let mut all = Self::default();
        for (place, id) in ids.enumerate() {
            let name = format!("f{}", place + 1);
            all.names.insert(id, name.clone());
            all.ids.insert(name, id);
        }
        all
    }

    /// The name of a memory.
    pub(super) fn of(&self, id: Uuid) -> &str {
        self.names.get(&id).map_or("", String::as_str)
    }

    fn id(&self, name: &str) -> Option<Uuid> {
        self.ids.get(name.trim().trim_matches(['[', ']'])).copied()
    }
}

/// A change with the memories that it follows from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edit {
    /// The change.
    pub(super) change: Change,
    /// The memories.
    pub(super) facts: Vec<Uuid>,
}

/// What an answer has to be.
pub(super) fn schema(only_takes_away: bool) -> Value {
    let kinds: Vec<&str> =
        if only_takes_away { REMOVALS.to_vec() } else { KINDS.iter().map(|(kind, ..)| *kind).collect() };
    // No field may be null: not every provider takes two types for one.
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let mut properties = Map::new();
    properties.insert("op".to_owned(), json!({"type": "string", "enum": kinds}));
    properties.insert("facts".to_owned(), json!({"type": "array", "items": {"type": "string"}}));
    for name in ["section_id", "block_id", "after_block_id", "text", "heading"] {
        properties.insert(name.to_owned(), text());
    }
    properties.insert("level".to_owned(), json!({"type": "integer"}));
    properties.insert("blocks".to_owned(), texts());
    for name in ["after_section_id", "new_id", "new_heading"] {
        properties.insert(name.to_owned(), text());
    }
    let required: Vec<&String> = properties.keys().collect();
    let operation = json!({
        "type": "object", "required": required, "properties": properties, "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {"operations": {"type": "array", "items": operation}},
        "required": ["operations"],
        "additionalProperties": false,
    })
}

/// Reads an answer as a whole; else everything that is wrong with it, a sentence each.
pub(super) fn read(given: &Value, names: &Names, only_takes_away: bool) -> Result<Vec<Edit>, Vec<String>> {
    let operations = given.get("operations").and_then(Value::as_array);
    let Some(operations) = operations else {
        return Err(vec!["the answer must be an object with a list 'operations'".to_owned()]);
    };
    let mut edits = Vec::new();
    let mut problems = Vec::new();
    for (place, operation) in operations.iter().enumerate() {
        match read_one(operation, names, only_takes_away) {
            Ok(edit) => edits.push(edit),
            Err(problem) => problems.push(format!("operations[{place}]: {problem}")),
        }
    }
    if problems.is_empty() { Ok(edits) } else { Err(problems) }
}

fn read_one(given: &Value, names: &Names, only_takes_away: bool) -> Result<Edit, String> {
    let fields = given.as_object().ok_or("it must be an object")?;
    let op = fields.get("op").and_then(Value::as_str).unwrap_or_default();
    let known = KINDS.iter().find(|(kind, ..)| *kind == op);
    let (_, needed, optional) = known
        .filter(|_| !only_takes_away || REMOVALS.contains(&op))
        .ok_or_else(|| format!("there is no op '{op}'"))?;
    for (name, value) in fields {
        let name = name.as_str();
        let is_known = matches!(name, "op" | "facts") || needed.contains(&name) || optional.contains(&name);
        if !is_known && !is_nothing(value) {
            return Err(format!("'{name}' is no field of {op}"));
        }
    }
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err(format!("{op} needs '{name}', a text that is not empty")),
    };
    let optional_text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(format!("'{name}' must be a text or null")),
    };
    let blocks = || {
        let blocks = fields.get("blocks").and_then(Value::as_array);
        let texts = blocks.map(|blocks| blocks.iter().map(|block| block.as_str().map(str::to_owned)));
        let texts = texts.and_then(Iterator::collect::<Option<Vec<String>>>);
        texts.ok_or_else(|| format!("{op} needs 'blocks', a list of texts"))
    };
    let change = match op {
        "append_block" => Change::AppendBlock { section_id: text("section_id")?, text: text("text")? },
        "insert_block" => Change::InsertBlock {
            section_id: text("section_id")?,
            after_block_id: optional_text("after_block_id")?,
            text: text("text")?,
        },
        "replace_block" => Change::ReplaceBlock {
            section_id: text("section_id")?,
            block_id: text("block_id")?,
            text: text("text")?,
        },
        "remove_block" => {
            Change::RemoveBlock { section_id: text("section_id")?, block_id: text("block_id")? }
        }
        "add_section" => Change::AddSection {
            heading: text("heading")?,
            level: fields
                .get("level")
                .and_then(Value::as_i64)
                .filter(|level| (1..=6).contains(level))
                .ok_or("add_section needs 'level', a number from 1 to 6")?,
            blocks: blocks()?,
            after_section_id: optional_text("after_section_id")?,
            new_id: optional_text("new_id")?,
        },
        "remove_section" => Change::RemoveSection { section_id: text("section_id")? },
        "replace_section_blocks" => {
            Change::ReplaceSectionBlocks { section_id: text("section_id")?, blocks: blocks()? }
        }
        _ => Change::RenameSection { section_id: text("section_id")?, new_heading: text("new_heading")? },
    };
    if change.texts().iter().any(|text| has_heading(text)) {
        return Err("a block cannot hold a heading; use add_section".to_owned());
    }
    if change.texts().iter().any(|text| blocks_of(text).is_empty()) {
        return Err("a block must not be empty".to_owned());
    }
    let facts = fields.get("facts").and_then(Value::as_array);
    let mut ids: Vec<Uuid> = Vec::new();
    for id in facts.into_iter().flatten().filter_map(|name| names.id(name.as_str()?)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.is_empty() && !only_takes_away {
        return Err("'facts' must name the new memories that the change follows from, like f1".to_owned());
    }
    Ok(Edit { change, facts: ids })
}

/// Sections and blocks that changes name and that are not there, a sentence each with what there is.
/// Those that an earlier change adds or takes away count as they are after it.
pub(super) fn unknown(edits: &[Edit], document: &Document) -> Vec<String> {
    let mut after = document.clone();
    let mut problems = Vec::new();
    for (place, edit) in edits.iter().enumerate() {
        if let Err(problem) = after.apply(&edit.change) {
            let section = edit.change.needs().0;
            let there: Vec<String> = match after.ids().into_iter().find(|(id, _)| Some(*id) == section) {
                Some((_, blocks)) => blocks.into_iter().map(str::to_owned).collect(),
                None => after.ids().into_iter().map(|(id, _)| id.to_owned()).collect(),
            };
            problems.push(format!("operations[{place}]: {problem}; there are: {}", there.join(", ")));
        }
    }
    problems
}

/// What stands in a field that is not meant.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACT: Uuid = Uuid::from_u128(1);

    fn names() -> Names {
        Names::new([FACT].into_iter())
    }

    fn problems(operation: &Value) -> String {
        let read = read(&json!({"operations": [operation]}), &names(), false);
        read.map(|edits| format!("{edits:?}")).unwrap_err().join("; ")
    }

    #[test]
    fn every_kind_is_read_and_what_is_not_meant_is_passed_over() {
        let given = json!({"operations": [
            {"op": "append_block", "facts": ["f1", "[f1]", "f9"], "section_id": "a", "text": "x", "blocks": [], "level": 0, "heading": ""},
            {"op": "insert_block", "facts": ["f1"], "section_id": "a", "text": "x", "after_block_id": null},
            {"op": "replace_block", "facts": ["f1"], "section_id": "a", "block_id": "b", "text": "x"},
            {"op": "remove_block", "facts": ["f1"], "section_id": "a", "block_id": "b"},
            {"op": "add_section", "facts": ["f1"], "heading": "H", "level": 2, "blocks": ["x"], "new_id": ""},
            {"op": "remove_section", "facts": ["f1"], "section_id": "a"},
            {"op": "replace_section_blocks", "facts": ["f1"], "section_id": "a", "blocks": []},
            {"op": "rename_section", "facts": ["f1"], "section_id": "a", "new_heading": "H"},
        ]});
        let edits = read(&given, &names(), false).unwrap();
        assert_eq!(edits.len(), KINDS.len());
        assert!(edits.iter().all(|edit| edit.facts == [FACT]));
        assert!(read(&json!({"operations": []}), &names(), false).unwrap().is_empty());
    }

    #[test]
    fn one_wrong_field_refuses_the_whole() {
        for (operation, expected) in [
            (json!({"op": "rewrite", "facts": ["f1"]}), "there is no op 'rewrite'"),
            (json!([]), "it must be an object"),
            (
                json!({"op": "remove_section", "facts": ["f1"], "section_id": "a", "text": "x"}),
                "'text' is no field of remove_section",
            ),
            (
                json!({"op": "append_block", "facts": ["f1"], "section_id": "a", "text": " "}),
                "append_block needs 'text', a text that is not empty",
            ),
            (
                json!({"op": "append_block", "facts": ["f1"], "section_id": "a", "text": "# H"}),
                "a block cannot hold a heading; use add_section",
            ),
            (
                json!({"op": "add_section", "facts": ["f1"], "heading": "H", "level": 7, "blocks": ["x"]}),
                "add_section needs 'level', a number from 1 to 6",
            ),
            (
                json!({"op": "append_block", "facts": ["f2"], "section_id": "a", "text": "x"}),
                "'facts' must name the new memories that the change follows from, like f1",
            ),
        ] {
            assert_eq!(problems(&operation), format!("operations[0]: {expected}"), "{operation}");
        }
        assert!(read(&json!([1]), &names(), false).is_err());
        let adds = json!({"operations": [{"op": "append_block", "section_id": "a", "text": "x"}]});
        assert_eq!(
            read(&adds, &names(), true).unwrap_err(),
            ["operations[0]: there is no op 'append_block'"]
        );
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let document = Document::of("# A\n\nx");
        let block = document.ids()[0].1[0].to_owned();
        let edit = |change| Edit { change, facts: vec![FACT] };
        let edits = [
            edit(Change::RemoveSection { section_id: "z".to_owned() }),
            edit(Change::RemoveBlock { section_id: "a".to_owned(), block_id: "b".to_owned() }),
            edit(Change::RemoveBlock { section_id: "a".to_owned(), block_id: block.clone() }),
        ];
        assert_eq!(
            unknown(&edits, &document),
            [
                "operations[0]: there is no section 'z'; there are: a".to_owned(),
                format!("operations[1]: section 'a' has no block 'b'; there are: {block}"),
            ]
        );
    }
}
