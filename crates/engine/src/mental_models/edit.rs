//! One question for changes of a document, and the changes that are made of its answer.

use hindsight_types::mental_models::DeltaOperations;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::outcome;
use super::refresh::Refresh;
use super::reply::{self, Edit, Names};
use crate::EngineError;
use crate::document::Document;
use crate::ports::{LlmFailure, Message, Output};
use crate::reflect::{CallFailure, Wanted, said};
use crate::store::RefreshFailure;

/// Fewest tokens that an answer may have.
const LEAST_ANSWER: i32 = 2048;
/// Times that it is asked for changes that can be made.
const ATTEMPTS: usize = 2;

/// What a document has become.
#[derive(Clone, Debug)]
pub(super) struct Edited {
    /// The document.
    pub(super) document: Document,
    /// Changes that were made and left out.
    pub(super) operations: DeltaOperations,
    /// Memories that the changes follow from.
    pub(super) cited: Vec<Uuid>,
}

/// What is asked.
pub(super) struct Asked<'a> {
    /// What it is for, in the trace.
    pub(super) scope: String,
    /// What the model is to do.
    pub(super) system: String,
    /// The document with what is to be looked at.
    pub(super) user: String,
    /// Names of the memories that may be cited.
    pub(super) names: &'a Names,
    /// Whether nothing may be added.
    pub(super) only_takes_away: bool,
}

impl Refresh<'_> {
    /// Asks for changes and makes them; once more where they cannot be made.
    pub(super) async fn edit(
        &self,
        document: &Document,
        asked: Asked<'_>,
    ) -> Result<Result<Edited, RefreshFailure>, EngineError> {
        let schema = reply::schema(asked.only_takes_away);
        let longest = LEAST_ANSWER.max(self.row.max_tokens.saturating_mul(3) / 2);
        let wanted = Wanted {
            is_steady: true,
            max_tokens: u32::try_from(longest).ok(),
            ..Wanted::new(asked.scope.clone(), Output::Json { name: "document_changes".to_owned(), schema })
        };
        let mut messages = vec![Message::System(asked.system), Message::User(asked.user)];
        let mut problems = Vec::new();
        for attempt in 1..=ATTEMPTS {
            let reply = match self.calls.ask(&wanted, &messages).await {
                Ok(reply) => reply,
                Err(CallFailure::Failed(failure @ (LlmFailure::NotJson(_) | LlmFailure::OutputTooLong))) => {
                    let why = failure.to_string();
                    return Ok(Err(outcome::delta_not_applied("delta_ops_failed", &why)));
                }
                Err(failure) => return Err(failure.into_error()),
            };
            let said = said(&reply);
            let read = reply::read(&reply.value.unwrap_or_default(), asked.names, asked.only_takes_away);
            match read {
                Ok(edits) => {
                    problems = reply::unknown(&edits, document);
                    // What cannot be made is left out, once the model could have said it better.
                    if problems.is_empty() || attempt == ATTEMPTS {
                        return Ok(made(document, &edits));
                    }
                }
                Err(wrong) => problems = wrong,
            }
            messages.push(Message::Assistant { text: said, tool_calls: Vec::new() });
            messages.push(Message::User(format!(
                "This cannot be used:\n- {}\nHand in all changes anew.",
                problems.join("\n- ")
            )));
        }
        Ok(Err(outcome::delta_not_applied("delta_ops_failed", &problems.join("; "))))
    }
}

/// Makes changes; those that cannot be are left out with the reason.
fn made(document: &Document, edits: &[Edit]) -> Result<Edited, RefreshFailure> {
    let mut document = document.clone();
    let mut operations = DeltaOperations::default();
    let mut cited: Vec<Uuid> = Vec::new();
    for edit in edits {
        let mut told = told(edit);
        match document.apply(&edit.change) {
            Ok(()) => {
                operations.applied.push(told);
                for fact in &edit.facts {
                    if !cited.contains(fact) {
                        cited.push(*fact);
                    }
                }
            }
            Err(reason) => {
                told.insert("reason".to_owned(), json!(reason));
                operations.skipped.push(told);
            }
        }
    }
    if operations.applied.is_empty() && !operations.skipped.is_empty() {
        let reasons: Vec<&str> =
            operations.skipped.iter().filter_map(|skipped| skipped.get("reason")?.as_str()).collect();
        return Err(outcome::delta_not_applied("delta_ops_all_skipped", &reasons.join("; ")));
    }
    Ok(Edited { document, operations, cited })
}

fn told(edit: &Edit) -> Map<String, Value> {
    let mut told = match json!(edit.change) {
        Value::Object(change) => change,
        _ => Map::new(),
    };
    told.insert("memory_ids".to_owned(), json!(edit.facts));
    told
}
