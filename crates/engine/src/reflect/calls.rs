//! Calls of the language model for one question: each tried twice if that may help, with what
//! they cost and how long they took.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hindsight_types::reflect::ReflectLlmCall;
use hindsight_types::retain::TokenUsage;
use tokio::time::{Instant, timeout_at};

use crate::EngineError;
use crate::error::Remedy;
use crate::model_calls::operation;
use crate::ports::{About, LanguageModel, LlmFailure, LlmOperation, Message, Output, Prompt, Reply};

/// Words of a provider that finds a conversation too long.
const OVERFLOW: [&str; 11] = [
    "context length",
    "context window",
    "context_length",
    "context size",
    "context limit",
    "reduce the length",
    "maximum context",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "input token count",
];
/// Time that is kept for what comes after the last call.
const RESERVE: Duration = Duration::from_secs(5);

/// What is asked for, besides the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What the call is for, for the trace.
    pub(crate) scope: String,
    /// The kind of answer.
    pub(crate) output: Output,
    /// Whether the words are to be chosen without freedom.
    pub(crate) is_steady: bool,
    /// Longest answer in tokens, if it has one of its own.
    pub(crate) max_tokens: Option<u32>,
}

impl Wanted {
    /// An answer of this kind, for a scope.
    pub(crate) fn new(scope: impl Into<String>, output: Output) -> Self {
        Self { scope: scope.into(), output, is_steady: false, max_tokens: None }
    }
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// The conversation is longer than the model takes.
    Overflow,
    /// Anything else.
    Failed(LlmFailure),
}

impl CallFailure {
    /// The end of the question.
    pub(crate) fn into_error(self) -> EngineError {
        match self {
            Self::Overflow => no_answer("the question is longer than the language model takes"),
            Self::Failed(LlmFailure::Late) => {
                EngineError::Late("the language model did not answer in time; try again".to_owned())
            }
            Self::Failed(failure) => {
                let remedy = match &failure {
                    LlmFailure::Busy(_) | LlmFailure::QuotaUntil(_) => Remedy::Busy,
                    LlmFailure::Refused(_) => Remedy::Rewrite,
                    LlmFailure::Denied(_) | LlmFailure::Rejected(_) => Remedy::Configure,
                    LlmFailure::Late
                    | LlmFailure::Failed(_)
                    | LlmFailure::NotJson(_)
                    | LlmFailure::OutputTooLong => Remedy::Retry,
                };
                EngineError::Reflection { message: format!("no answer: {failure}"), remedy }
            }
        }
    }
}

/// The error that there is no answer.
pub(super) fn no_answer(why: &str) -> EngineError {
    EngineError::Reflection { message: format!("no answer: {why}"), remedy: Remedy::Retry }
}

/// The model of one question.
pub(crate) struct Calls<'l> {
    llm: &'l dyn LanguageModel,
    operation: LlmOperation,
    deadline: Instant,
    /// End of calls that the answer can do without.
    spare_deadline: Instant,
    max_tokens: Option<u32>,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    usage: TokenUsage,
    calls: Vec<ReflectLlmCall>,
}

impl<'l> Calls<'l> {
    /// Calls of `llm` that end before `deadline`, with answers of at most so many tokens.
    pub(crate) fn new(
        llm: &'l dyn LanguageModel,
        operation: LlmOperation,
        deadline: Instant,
        max_tokens: Option<u32>,
    ) -> Self {
        let reserve = RESERVE.min(deadline.saturating_duration_since(Instant::now()) / 10);
        let spare_deadline = deadline.checked_sub(reserve).unwrap_or(deadline);
        Self { llm, operation, deadline, spare_deadline, max_tokens, ledger: Mutex::default() }
    }

    /// What comes of calls that the answer can do without; nothing if they take so long that
    /// there would be no time left to tell the answer.
    pub(super) async fn if_in_time<T>(&self, calls: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.spare_deadline, calls).await.ok()
    }

    /// Asks, and once more where another try may be luckier.
    pub(crate) async fn ask(&self, wanted: &Wanted, messages: &[Message]) -> Result<Reply, CallFailure> {
        match self.attempt(wanted, messages).await {
            Err(CallFailure::Failed(failure)) if may_pass(&failure) => {
                tracing::warn!(scope = wanted.scope, %failure, "a language model is asked once more");
                self.attempt(wanted, messages).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, wanted: &Wanted, messages: &[Message]) -> Result<Reply, CallFailure> {
        let begin = Instant::now();
        let prompt = Prompt {
            operation: self.operation,
            messages: messages.to_vec(),
            output: wanted.output.clone(),
            max_tokens: wanted.max_tokens.or(self.max_tokens),
            temperature: wanted.is_steady.then_some(0.0),
            budget: Some(self.deadline.saturating_duration_since(begin)),
            about: self.about(&wanted.scope),
        };
        let outcome = self.llm.ask(prompt).await;
        let (usage, end) = match &outcome {
            Ok(reply) => (reply.usage, ""),
            Err(error) => (error.usage, "_err"),
        };
        {
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.usage += usage;
            ledger.calls.push(ReflectLlmCall {
                scope: format!("{}{end}", wanted.scope),
                duration_ms: i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX),
            });
        }
        outcome.map_err(|error| match error.failure {
            LlmFailure::Rejected(reason) | LlmFailure::Failed(reason) if is_overflow(&reason) => {
                CallFailure::Overflow
            }
            failure => CallFailure::Failed(failure),
        })
    }

    /// What records of calls say of a step: the kind of step is the same for every turn.
    fn about(&self, step: &str) -> About {
        let kind = step.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
        let operation = match self.operation {
            LlmOperation::MentalModelRefresh => operation::MENTAL_MODEL_REFRESH,
            _ => operation::REFLECT,
        };
        About { step: Some(step.to_owned()), ..About::scope(format!("{operation}_{kind}")) }
    }

    /// Number of calls so far.
    pub(crate) fn count(&self) -> usize {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).calls.len()
    }

    /// What all calls have cost together.
    pub(crate) fn usage(&self) -> TokenUsage {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).usage
    }

    /// All calls, in the order of their ends.
    pub(crate) fn told(&self) -> Vec<ReflectLlmCall> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }
}

/// Whether the same call may bring an answer a moment later.
fn may_pass(failure: &LlmFailure) -> bool {
    match failure {
        LlmFailure::Failed(_) | LlmFailure::Busy(_) | LlmFailure::Late | LlmFailure::NotJson(_) => true,
        LlmFailure::OutputTooLong
        | LlmFailure::Refused(_)
        | LlmFailure::Denied(_)
        | LlmFailure::QuotaUntil(_)
        | LlmFailure::Rejected(_) => false,
    }
}

fn is_overflow(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    OVERFLOW.iter().any(|words| reason.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_told_from_other_complaints() {
        for reason in [
            "status 400: This model's maximum context length is 8192 tokens. However, you requested 9000",
            "status 400: prompt is too long: 208310 tokens > 200000 maximum",
            "status 500: the request exceeds the available context size, try increasing it",
            "status 400: Please reduce the length of the messages",
            "status 400: your input is beyond the context limit",
            "status 400: The input token count (1200000) exceeds the maximum number of tokens allowed",
        ] {
            assert!(is_overflow(reason), "{reason}");
        }
        for reason in ["status 400: unknown parameter 'tools'", "status 404: no such model", ""] {
            assert!(!is_overflow(reason), "{reason}");
        }
    }
}
