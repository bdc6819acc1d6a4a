//! Records of calls of language models: who was asked what for a bank, what came of it, what it cost.
//!
//! [`Run`] is one run of an operation: it stands in front of the language model, hears of every
//! request and makes a [`record`] of it. [`queue`] takes records as they come and writes them in
//! the background; [`read`] is what clients see of them.
//!
//! Rules: a record keeps nobody waiting and lets nothing fail, so it is lost, and counted, where
//! the database does not keep up; what is not for a bank is not recorded; keys are in none of what
//! a record is made of.

mod queue;
mod read;
mod record;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use self::queue::Queue;
use crate::ports::{About, Attempt, LanguageModel, Listener, LlmError, LlmOperation, Prompt, Reply};
use crate::store::{BankKey, MadeMemories, NewModelCall};
use crate::{Engine, EngineError};

/// How long reading waits for records that are on their way.
const PATIENCE: Duration = Duration::from_secs(2);

/// What operations are called in records.
pub(crate) mod operation {
    /// Making facts of texts.
    pub(crate) const RETAIN: &str = "retain";
    /// A try of that.
    pub(crate) const DRY_RUN: &str = "dry_run_extract";
    /// Answering a question.
    pub(crate) const REFLECT: &str = "reflect";
    /// Making observations of facts.
    pub(crate) const CONSOLIDATION: &str = "consolidation";
    /// Writing a mental model anew.
    pub(crate) const MENTAL_MODEL_REFRESH: &str = "mental_model_refresh";
}

/// One run of an operation for a bank. Asks the language model it is made with.
pub(crate) struct Run<'r> {
    engine: &'r Engine,
    llm: &'r dyn LanguageModel,
    /// None = nothing of it is recorded.
    bank: Option<BankKey>,
    operation: &'static str,
    trace_id: String,
    span_id: String,
    metadata: Map<String, Value>,
}

impl Engine {
    /// A run of an operation. Without a bank nothing of it is recorded.
    pub(crate) fn run<'r>(
        &'r self,
        llm: &'r dyn LanguageModel,
        bank: Option<BankKey>,
        operation: &'static str,
    ) -> Run<'r> {
        let bank = bank.filter(|_| self.settings.llm_trace.enabled);
        let trace_id = Uuid::new_v4().simple().to_string();
        Run { engine: self, llm, bank, operation, trace_id, span_id: span_id(), metadata: Map::new() }
    }

    /// Waits until all records are written that there are now, but not for long.
    pub async fn settle_model_calls(&self) {
        self.model_calls.settle().await;
    }

    /// Records of calls that could not be written since the start.
    pub fn lost_model_calls(&self) -> u64 {
        self.model_calls.lost()
    }

    /// Removes records of calls of all banks that are older than the settings say. Returns their
    /// number.
    pub async fn sweep_model_calls(&self) -> Result<u64, EngineError> {
        let Some(days) = self.settings.llm_trace.retention_days else { return Ok(0) };
        let before = self.clock.now().checked_sub_signed(TimeDelta::days(days.into()));
        let Some(before) = before else { return Ok(0) };
        let mut all = 0;
        loop {
            match self.store.sweep_model_calls(before).await? {
                0 => break,
                swept => all += swept,
            }
        }
        Ok(all)
    }
}

impl Run<'_> {
    /// The same run with more to say of it.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Notes the memories that came of the run, of a document or of none.
    pub(crate) fn made(&self, document_id: Option<&str>, memory_ids: Vec<Uuid>) {
        if let Some(bank) = self.bank.filter(|_| !memory_ids.is_empty()) {
            let (trace_id, document_id) = (self.trace_id.clone(), document_id.map(str::to_owned));
            self.engine.model_calls.note(MadeMemories { bank, trace_id, document_id, memory_ids });
        }
    }

    fn record(&self, bank: BankKey, about: &About, attempt: &Attempt<'_>) -> NewModelCall {
        let settings = &self.engine.settings.llm_trace;
        let ended_at = self.engine.clock.now();
        let duration = TimeDelta::from_std(attempt.duration).unwrap_or_default();
        let mut metadata = self.metadata.clone();
        metadata.extend(about.step.iter().map(|step| ("step".to_owned(), Value::from(step.as_str()))));
        NewModelCall {
            bank,
            request_id: Uuid::now_v7(),
            operation: self.operation,
            scope: about.scope.to_string(),
            trace_id: self.trace_id.clone(),
            span_id: span_id(),
            parent_span_id: self.span_id.clone(),
            provider: attempt.provider.to_owned(),
            model: attempt.model.to_owned(),
            error: attempt.failure.as_deref().map(record::error),
            started_at: ended_at.checked_sub_signed(duration).unwrap_or(ended_at),
            ended_at,
            usage: attempt.usage,
            input: record::input(attempt.messages, settings.max_chars),
            output: attempt.said.map(|said| record::output(&said, settings.max_chars)),
            llm_info: record::info(attempt),
            metadata: Value::Object(metadata).to_string(),
            document_id: about.document_id.clone(),
            source_ids: about.source_ids.clone(),
        }
    }
}

/// Hears of the requests of one question.
struct Hearing<'h> {
    run: &'h Run<'h>,
    bank: BankKey,
    about: About,
}

impl Listener for Hearing<'_> {
    fn hear(&self, attempt: &Attempt<'_>) {
        self.run.engine.model_calls.add(self.run.record(self.bank, &self.about, attempt));
    }
}

#[async_trait]
impl LanguageModel for Run<'_> {
    fn name(&self, operation: LlmOperation) -> String {
        self.llm.name(operation)
    }

    async fn ask(&self, mut prompt: Prompt) -> Result<Reply, LlmError> {
        let about = std::mem::take(&mut prompt.about);
        let settings = &self.engine.settings.llm_trace;
        match self.bank.filter(|_| settings.records(self.operation, &about.scope)) {
            Some(bank) => self.llm.ask_heard(prompt, &Hearing { run: self, bank, about }).await,
            None => self.llm.ask(prompt).await,
        }
    }

    fn sees_media(&self) -> bool {
        self.llm.sees_media()
    }
}

/// A name for a span that no other one has.
fn span_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(16);
    id
}
