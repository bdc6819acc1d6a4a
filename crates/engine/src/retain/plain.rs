//! Being written.
/// A fact.
#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct PlainFact { pub text: String, pub speaker: Option<String>, pub occurred: Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)>, pub entities: Vec<String> }
/// Extracts.
pub fn extract(chunk: &str, _said_at: Option<chrono::DateTime<chrono::Utc>>) -> Vec<PlainFact> {
    chunk.lines().map(|l| PlainFact { text: l.trim().to_owned(), speaker: None, occurred: None, entities: Vec::new() }).collect()
}
