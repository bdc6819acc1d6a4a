//! JSON records: turns of chat formats, and anything else as it stands.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Map, Value};

use super::{Draft, MAX_FACT, pieces, turn_texts};
use crate::retain::chunk::json::Object;
use crate::text::sanitize;

/// Where chat formats keep who spoke, what, and when; the first that is there counts.
const SPEAKER: [&str; 6] = ["speaker", "name", "author", "sender", "from", "role"];
const SAID: [&str; 4] = ["content", "text", "message", "value"];
const SAID_AT: [&str; 5] = ["timestamp", "created_at", "datetime", "date", "time"];

/// A turn becomes `Name: text`; a record that is none stays the JSON it is.
pub(super) fn drafts(records: Vec<Object>) -> Vec<Draft> {
    records.into_iter().flat_map(record_drafts).collect()
}

fn record_drafts(record: Object) -> Vec<Draft> {
    let fields = &record.fields;
    let speaker = SPEAKER.iter().find_map(|key| text_of(fields.get(*key)?));
    let said = SAID.iter().find_map(|key| said(fields.get(*key)?));
    let texts = match (&speaker, said) {
        (Some(name), Some(said)) => turn_texts(&format!("{name}: "), &said),
        _ if record.text.chars().count() > MAX_FACT => pieces(&record.text, MAX_FACT),
        _ => vec![record.text],
    };
    let said_at = SAID_AT.iter().find_map(|key| moment(record.fields.get(*key)?.as_str()?));
    texts.into_iter().map(|text| Draft { text, speaker: speaker.clone(), said_at }).collect()
}

fn text_of(value: &Value) -> Option<String> {
    let text = sanitize(value.as_str()?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A string, or the text parts of a list of content blocks that holds nothing else.
fn said(value: &Value) -> Option<String> {
    let Value::Array(blocks) = value else { return text_of(value) };
    let part = |block: &Map<String, Value>| text_of(block.get("text")?);
    let parts: Option<Vec<String>> = blocks.iter().map(|block| part(block.as_object()?)).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("\n"))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN)))?;
    Some(naive.and_utc())
}
