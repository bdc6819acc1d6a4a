//! Dialogues in the format of the `LoCoMo` benchmark.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDateTime, Utc};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A conversation over several dates, and what is asked about it.
pub(super) struct Dialogue {
    pub(super) id: String,
    pub(super) speakers: [String; 2],
    pub(super) turns: Vec<Turn>,
    pub(super) questions: Vec<Question>,
}

/// What one speaker said.
pub(super) struct Turn {
    pub(super) id: String,
    /// Number of the session it was said in.
    pub(super) session: u32,
    pub(super) date: DateTime<Utc>,
    /// With the speaker in front.
    pub(super) text: String,
    /// The text for comparisons.
    pub(super) normal: String,
}

/// A question with the turns that answer it.
pub(super) struct Question {
    pub(super) text: String,
    pub(super) category: u8,
    pub(super) evidence: Vec<String>,
}

impl Dialogue {
    /// When the last turn was said.
    pub(super) fn last_date(&self) -> DateTime<Utc> {
        self.turns.last().map_or(DateTime::UNIX_EPOCH, |turn| turn.date)
    }
}

#[derive(Deserialize)]
struct RawDialogue {
    sample_id: String,
    conversation: Map<String, Value>,
    qa: Vec<RawQuestion>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    dia_id: String,
    text: String,
    blip_caption: Option<String>,
}

#[derive(Deserialize)]
struct RawQuestion {
    question: String,
    category: u8,
    #[serde(default)]
    evidence: Vec<String>,
}

/// Reads a file of dialogues.
pub(super) fn read(path: &Path) -> Result<Vec<Dialogue>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let raw: Vec<RawDialogue> = serde_json::from_str(&text).context("these are no dialogues")?;
    raw.into_iter().map(dialogue).collect()
}

fn dialogue(raw: RawDialogue) -> Result<Dialogue> {
    let speaker =
        |key: &str| raw.conversation.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let speakers = [speaker("speaker_a"), speaker("speaker_b")];

    let session = |(key, value): (&String, &Value)| {
        let number: u32 = key.strip_prefix("session_")?.parse().ok()?;
        value.is_array().then(|| (number, value.clone()))
    };
    let sessions: BTreeMap<u32, Value> = raw.conversation.iter().filter_map(session).collect();
    let mut turns = Vec::new();
    for (number, session) in sessions {
        let key = format!("session_{number}_date_time");
        let date = raw.conversation.get(&key).and_then(Value::as_str).with_context(|| format!("no {key}"))?;
        let date = parse_date(date)?;
        for turn in serde_json::from_value::<Vec<RawTurn>>(session)? {
            let picture = turn
                .blip_caption
                .map_or_else(String::new, |caption| format!(" [shares a picture: {caption}]"));
            let text = format!("{}: {}{picture}", turn.speaker, turn.text.trim());
            turns.push(Turn { id: turn.dia_id, session: number, date, normal: normal(&text), text });
        }
    }

    let evidence_id = Regex::new(r"D:?(\d+):(\d+)")?;
    let questions = raw.qa.into_iter().filter_map(|question| {
        let mut evidence: Vec<String> = Vec::new();
        for found in question.evidence.iter().flat_map(|text| evidence_id.captures_iter(text)) {
            let number = |group: usize| found[group].trim_start_matches('0').to_owned();
            let id = format!("D{}:{}", number(1), number(2));
            if turns.iter().any(|turn| turn.id == id) && !evidence.contains(&id) {
                evidence.push(id);
            }
        }
        let question = Question { text: question.question, category: question.category, evidence };
        (!question.evidence.is_empty()).then_some(question)
    });
    let questions = questions.collect();
    Ok(Dialogue { id: raw.sample_id, speakers, turns, questions })
}

/// Reads `1:56 pm on 8 May, 2023`.
fn parse_date(text: &str) -> Result<DateTime<Utc>> {
    let text = text.trim().replace(',', "");
    let date = NaiveDateTime::parse_from_str(&text, "%I:%M %p on %d %B %Y");
    Ok(date.with_context(|| format!("'{text}' is no date of a session"))?.and_utc())
}

/// A text for comparisons: words of lower-case letters and digits, single spaces.
pub(super) fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_is_read_in_order_with_its_evidence() {
        let raw = serde_json::json!({
            "sample_id": "s",
            "conversation": {
                "speaker_a": "Ann", "speaker_b": "Bo",
                "session_10": [{"speaker": "Bo", "dia_id": "D10:1", "text": "late"}],
                "session_10_date_time": "1:56 pm on 8 May, 2023",
                "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": " early ", "blip_caption": "a cat"}],
                "session_2_date_time": "12:05 am on 1 January, 2023",
            },
            "qa": [
                {"question": "q", "category": 1, "evidence": ["D2:01; D10:1", "D10:1", "D99:1"]},
                {"question": "without", "category": 5, "evidence": []},
            ],
        });
        let dialogue = dialogue(serde_json::from_value(raw).unwrap()).unwrap();
        let texts: Vec<&str> = dialogue.turns.iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!(texts, ["Ann: early [shares a picture: a cat]", "Bo: late"]);
        assert_eq!(dialogue.turns[0].date.to_rfc3339(), "2023-01-01T00:05:00+00:00");
        assert_eq!(dialogue.turns.iter().map(|turn| turn.session).collect::<Vec<_>>(), [2, 10]);
        assert_eq!(dialogue.turns[1].normal, "bo late");
        assert_eq!(dialogue.questions.len(), 1);
        assert_eq!(dialogue.questions[0].evidence, ["D2:1", "D10:1"]);
    }
}
