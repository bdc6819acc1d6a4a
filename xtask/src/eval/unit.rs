//! What a document is: a turn, or all turns of a session.

use clap::ValueEnum;
use hindsight_client::types::recall::RecallResult;
use hindsight_client::types::retain::{MemoryItem, Timestamp};
use serde::Serialize;

use super::data::{self, Dialogue, Turn};

/// What is retained as one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// What one speaker said.
    Turn,
    /// A whole session, its turns as lines that begin with the speaker: the server recognises them itself.
    Session,
}

impl Unit {
    /// The documents of a dialogue, in their order.
    pub(super) fn items(self, dialogue: &Dialogue) -> Vec<MemoryItem> {
        match self {
            Self::Turn => dialogue.turns.iter().map(|turn| of_turn(dialogue, turn)).collect(),
            Self::Session => {
                let sessions = dialogue.turns.chunk_by(|one, other| one.session == other.session);
                sessions.filter_map(|turns| of_session(dialogue, turns)).collect()
            }
        }
    }
}

fn of_turn(dialogue: &Dialogue, turn: &Turn) -> MemoryItem {
    MemoryItem {
        document_id: Some(format!("{}/{}", dialogue.id, turn.id.replace(':', "-"))),
        metadata: Some([("dia_id".to_owned(), turn.id.clone())].into_iter().collect()),
        ..item(dialogue, turn, &turn.text)
    }
}

fn of_session(dialogue: &Dialogue, turns: &[Turn]) -> Option<MemoryItem> {
    let first = turns.first()?;
    let lines: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
    Some(MemoryItem {
        document_id: Some(format!("{}/session_{}", dialogue.id, first.session)),
        ..item(dialogue, first, &lines.join("\n"))
    })
}

fn item(dialogue: &Dialogue, turn: &Turn, text: &str) -> MemoryItem {
    MemoryItem {
        timestamp: Timestamp::At(turn.date),
        context: Some(format!("conversation between {}", dialogue.speakers.join(" and "))),
        ..MemoryItem::new(text)
    }
}

/// The turns that a memory holds: the one it says it is, else those whose words it contains.
pub(super) fn turns_in<'d>(dialogue: &'d Dialogue, memory: &RecallResult) -> Vec<&'d str> {
    let named = memory.metadata.as_ref().and_then(|metadata| metadata.get("dia_id"));
    let text = data::normal(&memory.text);
    let is_in = |turn: &&Turn| match named {
        Some(id) => turn.id == *id,
        None => text.contains(&turn.normal),
    };
    dialogue.turns.iter().filter(is_in).map(|turn| turn.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use hindsight_client::types::retain::Content;
    use serde_json::json;

    use super::*;

    fn dialogue() -> Dialogue {
        let turn = |id: &str, session, text: &str| Turn {
            id: id.to_owned(),
            session,
            date: DateTime::UNIX_EPOCH,
            text: text.to_owned(),
            normal: data::normal(text),
        };
        Dialogue {
            id: "s".to_owned(),
            speakers: ["Ann".to_owned(), "Bo".to_owned()],
            turns: vec![
                turn("D1:1", 1, "Ann: Hi!"),
                turn("D1:2", 1, "Bo: It rains."),
                turn("D2:1", 2, "Bo: Dry."),
            ],
            questions: Vec::new(),
        }
    }

    #[test]
    fn a_session_is_one_document_with_a_line_for_each_turn() {
        let items = Unit::Session.items(&dialogue());
        let texts: Vec<Content> = items.iter().map(|item| item.content.clone()).collect();
        assert_eq!(texts, ["Ann: Hi!\nBo: It rains.", "Bo: Dry."].map(|text| Content::Text(text.to_owned())));
        assert_eq!(items[1].document_id.as_deref(), Some("s/session_2"));
        assert_eq!(items[0].metadata, None);
        assert_eq!(Unit::Turn.items(&dialogue()).len(), 3);
    }

    #[test]
    fn a_memory_holds_the_turn_it_names_or_those_whose_words_it_has() {
        let dialogue = dialogue();
        let memory = |value| -> RecallResult { serde_json::from_value(value).unwrap() };
        let named = memory(json!({"id": "1", "text": "bo dry", "metadata": {"dia_id": "D1:1"}}));
        assert_eq!(turns_in(&dialogue, &named), ["D1:1"]);
        let unnamed = memory(json!({"id": "1", "text": "Ann: hi. Bo: it rains"}));
        assert_eq!(turns_in(&dialogue, &unnamed), ["D1:1", "D1:2"]);
    }
}
