//! The answer for programs, when it did not come along with the one in words.

use std::time::Duration;

use hindsight_types::schema::violation;
use serde_json::{Map, Value};

use super::calls::{CallFailure, Wanted};
use super::conversation::said;
use super::turns::Run;
use super::wording;
use crate::ports::{LlmFailure, Message, Output};

/// Times that it is asked for.
const ATTEMPTS: u32 = 2;
/// Wait before the second.
const BACKOFF: Duration = Duration::from_millis(250);

impl Run<'_> {
    /// The values of a schema out of the words of an answer; else why there are none.
    pub(super) async fn structured(
        &self,
        answer: &str,
        schema: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let output =
            Output::Json { name: "structured_output".to_owned(), schema: Value::Object(schema.clone()) };
        let wanted = Wanted {
            is_steady: true,
            max_tokens: u32::try_from(self.question.max_tokens).ok(),
            ..Wanted::new("structured_output", output)
        };
        let mut messages = vec![
            Message::System(wording::STRUCTURED.to_owned()),
            Message::User(wording::structured(self.question, answer)),
        ];
        let mut problem = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(BACKOFF).await;
            }
            let reply = match self.calls.ask(&wanted, &messages).await {
                Ok(reply) => reply,
                Err(failure) => return Err(told(&failure)),
            };
            let said = said(&reply);
            let value = self.aliases.outward_value(&reply.value.unwrap_or_default());
            match (violation(&value, schema), value) {
                (None, Value::Object(value)) => return Ok(value),
                (violation, _) => {
                    problem = violation.unwrap_or_else(|| "the value must be of type object".to_owned());
                }
            }
            messages.push(Message::Assistant { text: said, tool_calls: Vec::new() });
            messages
                .push(Message::User(format!("This does not keep to the schema: {problem}. Write it anew.")));
        }
        Err(format!("ValidationError: {problem}"))
    }
}

/// What is told when there was no time for it.
pub(super) fn late() -> String {
    told(&CallFailure::Failed(LlmFailure::Late))
}

/// A failure in the form `Type: message`.
fn told(failure: &CallFailure) -> String {
    let kind = match failure {
        CallFailure::Overflow | CallFailure::Failed(LlmFailure::OutputTooLong) => "OutputTooLongError",
        CallFailure::Failed(LlmFailure::NotJson(_)) => "JSONDecodeError",
        CallFailure::Failed(LlmFailure::Late) => "TimeoutError",
        CallFailure::Failed(_) => "LLMError",
    };
    let message = match failure {
        CallFailure::Overflow => "the answer is longer than the model takes".to_owned(),
        CallFailure::Failed(failure) => failure.to_string(),
    };
    format!("{kind}: {message}")
}
