//! What the demo remembers and asks: conversations over several days and a note.

use anyhow::{Context, Result};
use hindsight_client::types::retain::{MemoryItem, RetainRequest, Timestamp};
use hindsight_client::types::time;
use serde::Deserialize;

const SAMPLE: &str = include_str!("../../data/demo.json");

#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    context: String,
    conversations: Vec<Conversation>,
    note: Note,
    pub(super) questions: Vec<Question>,
}

#[derive(Debug, Deserialize)]
struct Conversation {
    id: String,
    timestamp: String,
    turns: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Note {
    id: String,
    timestamp: String,
    context: String,
    text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub(super) ask: String,
    /// Part of the memory that answers.
    pub(super) expect: String,
}

impl Sample {
    pub(super) fn load() -> Result<Self> {
        serde_json::from_str(SAMPLE).context("the sample conversation of the demo is damaged")
    }

    /// One text for each conversation and one for the note.
    pub(super) fn request(&self) -> RetainRequest {
        let conversations = self.conversations.iter().map(|conversation| {
            item(&conversation.id, &conversation.timestamp, &self.context, conversation.turns.join("\n"))
        });
        let note = item(&self.note.id, &self.note.timestamp, &self.note.context, self.note.text.clone());
        let items = conversations.chain([note]).collect();
        RetainRequest { items, run_async: false, document_tags: None, operation_id: None }
    }
}

fn item(id: &str, timestamp: &str, context: &str, text: String) -> MemoryItem {
    MemoryItem {
        document_id: Some(id.to_owned()),
        timestamp: time::parse(timestamp).map_or(Timestamp::Unset, Timestamp::At),
        context: Some(context.to_owned()),
        ..MemoryItem::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_every_answer_and_every_date() {
        let sample = Sample::load().unwrap();
        let request = sample.request();
        let texts: Vec<String> =
            request.items.iter().map(|item| serde_json::to_string(&item.content).unwrap()).collect();
        for question in &sample.questions {
            assert_eq!(
                texts.iter().filter(|text| text.contains(&question.expect)).count(),
                1,
                "{}",
                question.ask
            );
        }
        assert!(request.items.iter().all(|item| matches!(item.timestamp, Timestamp::At(_))));
    }
}
