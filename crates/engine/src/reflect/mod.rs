//! Reflect: an answer to a question, from memory alone.
//!
//! The way of a question, top to bottom: [`question`] settles what is asked and what may be seen,
//! all layers of memory are searched for it at once ([`tools`]), [`turns`] lets the model search
//! on and answer, [`synthesis`] writes the answer from what was found where the model does not,
//! [`finish`] checks what is cited and puts the response together.
//!
//! Rules: nothing is written; no connection is held while the model works; what the model says
//! is input like any other, read by [`done`] and [`tools`], and an id that no search has brought
//! ([`aliases`]) is never told on. A tool is one type behind [`tools::MemoryTool`]; the turns know
//! none by name.

mod aliases;
mod calls;
mod conversation;
mod done;
mod finish;
mod pack;
mod question;
mod structured;
mod synthesis;
mod tools;
mod turns;
mod wording;

use std::time::Duration;

use hindsight_types::reflect::{ReflectRequest, ReflectResponse};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::calls::{CallFailure, Calls, Wanted};
pub(crate) use self::conversation::said;
pub(crate) use self::question::Commission;
use self::question::Question;
use self::turns::Run;
use crate::document::Document;
use crate::model_calls::operation;
use crate::ports::LlmOperation;
use crate::store::{BankRow, DirectiveRow};
use crate::{Engine, EngineError};

/// What a server without a language model answers.
const NO_MODEL: &str = "questions need a language model, and none is configured; set HINDSIGHT_API_LLM_PROVIDER and HINDSIGHT_API_LLM_API_KEY, or use recall";
/// An end for a time that is beyond every clock.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

impl Engine {
    /// Answers a question from the memory of a bank, which is made when it is missing. Dropping
    /// the future gives the answer up.
    pub async fn reflect(
        &self,
        bank_id: &str,
        request: &ReflectRequest,
    ) -> Result<ReflectResponse, EngineError> {
        let Some(llm) = self.llm() else {
            return Err(EngineError::Invalid(NO_MODEL.to_owned()));
        };
        let limit = self.settings.reflect.wall_timeout;
        let begin = Instant::now();
        let deadline = begin.checked_add(limit.min(FOR_EVER)).unwrap_or(begin);
        let answered = async {
            let question = Question::read(self, bank_id, request).await?;
            let asked = self.run(llm.as_ref(), Some(question.bank.key), operation::REFLECT);
            let calls = Calls::new(&asked, LlmOperation::Reflect, deadline, question.settings.max_completion);
            let mut run = Run::new(self, &question, &calls);
            let draft = run.answer().await?;
            let (response, _) = run.finish(draft, request).await?;
            tracing::debug!(
                prompts = wording::VERSION,
                calls = calls.count(),
                milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
                "reflect"
            );
            Ok(response)
        };
        timeout_at(deadline, answered).await.unwrap_or_else(|_| {
            Err(EngineError::Late(format!(
                "no answer within {} s; ask for less, or with a lower budget",
                limit.as_secs_f64()
            )))
        })
    }
}

/// A document that was written from memory.
#[derive(Clone, Debug)]
pub(crate) struct WrittenDocument {
    /// The document.
    pub(crate) document: Document,
    /// Whether memory holds what it is about.
    pub(crate) is_found: bool,
    /// The same as an answer, with what it rests on.
    pub(crate) response: ReflectResponse,
}

impl Engine {
    /// The rules that hold for a document of a bank, and its language, if not that of its memories.
    pub(crate) async fn document_rules(
        &self,
        bank: &BankRow,
        request: &ReflectRequest,
    ) -> Result<(Vec<DirectiveRow>, Option<String>), EngineError> {
        Question::rules(self, bank, request).await
    }

    /// Writes a document from the memory of a bank.
    pub(crate) async fn write_document(
        &self,
        bank: &BankRow,
        request: &ReflectRequest,
        commission: Commission,
        calls: &Calls<'_>,
    ) -> Result<WrittenDocument, EngineError> {
        let question = Question::commissioned(self, bank, request, commission).await?;
        let mut run = Run::new(self, &question, calls);
        let draft = run.answer().await?;
        let is_found = draft.is_found;
        let (response, document) = run.finish(draft, request).await?;
        let document = document.unwrap_or_else(|| Document::of(&response.text));
        Ok(WrittenDocument { document, is_found, response })
    }
}
