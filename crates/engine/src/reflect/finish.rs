//! From an answer to a response: its length, the answer for programs, what it rests on.

use hindsight_types::documents::chunk_id;
use hindsight_types::mental_models::MentalModelDetail;
use hindsight_types::reflect::{
    ReflectBasedOn, ReflectDirective, ReflectFact, ReflectMentalModel, ReflectRequest, ReflectResponse,
    ReflectToolCall, ReflectTrace,
};
use uuid::Uuid;

use super::aliases::Kind;
use super::calls::Wanted;
use super::conversation::said;
use super::done::{self, Draft};
use super::turns::{Run, Searched};
use super::{structured, wording};
use crate::attachments::shown;
use crate::browse::{format, metadata};
use crate::document::Document;
use crate::ports::{Message, Output};
use crate::store::{BankRow, HydratedMemory, TagFilter, fact_type_of};
use crate::text::tokens;
use crate::{Engine, EngineError};

/// Times that a document is asked for that is shorter.
const REWRITES: usize = 2;

impl Run<'_> {
    /// The response, and the document if one was to be written.
    pub(super) async fn finish(
        &self,
        draft: Draft,
        request: &ReflectRequest,
    ) -> Result<(ReflectResponse, Option<Document>), EngineError> {
        let Draft { answer, document, cited, structured, .. } = draft;
        let (text, document) = match document {
            None => (self.aliases.outward(&self.within_length(answer).await), None),
            Some(document) => {
                let document = self.document_within_length(document).await;
                let document = document.map(|text| self.aliases.outward(text));
                (document.markdown(), Some(document))
            }
        };
        let (structured_output, structured_output_error) = match (&self.question.schema, structured) {
            (None, _) => (None, None),
            (Some(_), Some(value)) => (Some(value), None),
            (Some(schema), None) => match self.calls.if_in_time(self.structured(&text, schema)).await {
                Some(Ok(value)) => (Some(value), None),
                Some(Err(problem)) => (None, Some(problem)),
                None => (None, Some(structured::late())),
            },
        };
        let based_on = match request.include.facts {
            Some(_) => Some(self.based_on(&cited).await?),
            None => None,
        };
        let trace = request.include.tool_calls.as_ref().map(|options| ReflectTrace {
            tool_calls: self.searched.iter().map(|searched| told(searched, options.output)).collect(),
            llm_calls: self.calls.told(),
        });
        let response = ReflectResponse {
            text,
            based_on,
            structured_output,
            structured_output_error,
            usage: Some(self.calls.usage()),
            trace,
        };
        Ok((response, document))
    }

    /// A document, written anew when it is longer than it may be; asked for twice at most.
    async fn document_within_length(&self, document: Document) -> Document {
        let text = document.markdown();
        if tokens::count(&text) <= self.question.max_tokens {
            return document;
        }
        let output = Output::Json {
            name: "shorter_document".to_owned(),
            schema: done::document_schema(self.question),
        };
        let wanted = Wanted::new("final_rewrite", output);
        let mut messages = vec![
            Message::System(wording::synthesis(self.question)),
            Message::User(wording::shorter(self.question, &text)),
        ];
        for _ in 0..REWRITES {
            let Some(Ok(reply)) = self.calls.if_in_time(self.calls.ask(&wanted, &messages)).await else {
                break;
            };
            match done::read_document(reply.value.as_ref()) {
                Ok(shorter) if !shorter.is_empty() => return shorter,
                Ok(_) => break,
                Err(problem) => {
                    messages.push(Message::Assistant { text: said(&reply), tool_calls: Vec::new() });
                    messages.push(Message::User(format!("This cannot be used: {problem}. Write it anew.")));
                }
            }
        }
        document
    }

    /// The answer, written anew once when it is longer than it may be. One that cannot be had
    /// shorter stays.
    async fn within_length(&self, answer: String) -> String {
        if tokens::count(&answer) <= self.question.max_tokens {
            return answer;
        }
        let wanted = Wanted::new("final_rewrite", Output::Text);
        let messages = [
            Message::System(wording::synthesis(self.question)),
            Message::User(wording::shorter(self.question, &answer)),
        ];
        match self.calls.if_in_time(self.calls.ask(&wanted, &messages)).await {
            Some(Ok(reply)) if !reply.is_cut && !reply.text.trim().is_empty() => reply.text.trim().to_owned(),
            _ => answer,
        }
    }

    /// The memories as they are stored now; those deleted meanwhile are missing, but for a document,
    /// out of which what rests on them is taken later.
    async fn based_on(&self, cited: &[(String, Kind)]) -> Result<ReflectBasedOn, EngineError> {
        let bank = &self.question.bank;
        let of_kind = |is_model: bool| {
            let of_kind = cited.iter().filter(move |(_, kind)| (*kind == Kind::Model) == is_model);
            of_kind.map(|(id, _)| id.clone())
        };
        let ids: Vec<Uuid> = of_kind(false).filter_map(|id| Uuid::try_parse(&id).ok()).collect();
        let models: Vec<String> = of_kind(true).collect();
        let mut rows = if models.is_empty() {
            Vec::new()
        } else {
            self.engine.store.mental_models_of(bank.key, &models, MentalModelDetail::Content).await?
        };
        rows.sort_by_key(|row| models.iter().position(|id| *id == row.state.model_id));
        let filter = self.question.scope.filter();
        let memories = match self.question.document {
            Some(_) => self.engine.facts_and_gone(bank, &ids, &filter).await?,
            None => self.engine.facts(bank, &ids, &filter).await?,
        };
        Ok(ReflectBasedOn {
            memories,
            mental_models: rows
                .into_iter()
                .map(|row| ReflectMentalModel {
                    text: format!("{}: {}", row.name, row.content.unwrap_or_default()),
                    id: row.state.model_id,
                    context: None,
                })
                .collect(),
            directives: self
                .question
                .directives
                .iter()
                .map(|directive| ReflectDirective {
                    id: directive.directive_id.to_string(),
                    name: directive.name.clone(),
                    content: directive.content.clone(),
                })
                .collect(),
        })
    }
}

impl Engine {
    /// Memories as answers tell of them, in their order, with what a filter lets see behind them;
    /// those that are gone are missing.
    pub(crate) async fn facts(
        &self,
        bank: &BankRow,
        ids: &[Uuid],
        filter: &TagFilter,
    ) -> Result<Vec<ReflectFact>, EngineError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut memories = self.store.current_session().await?.hydrate(bank.key, ids, filter).await?;
        memories.sort_by_key(|memory| ids.iter().position(|id| *id == memory.memory_id));
        Ok(memories.into_iter().map(|memory| fact(&bank.bank_id, memory)).collect())
    }

    /// The same, with nothing but the ids of those that are gone behind them: whoever keeps what was
    /// written from them finds by these that there is something to be taken back.
    pub(crate) async fn facts_and_gone(
        &self,
        bank: &BankRow,
        ids: &[Uuid],
        filter: &TagFilter,
    ) -> Result<Vec<ReflectFact>, EngineError> {
        let mut facts = self.facts(bank, ids, filter).await?;
        let mut gone = ids.to_vec();
        gone.retain(|id| !facts.iter().any(|fact| fact.id.as_ref() == Some(&id.to_string())));
        if !gone.is_empty() {
            let mut session = self.store.current_session().await?;
            let there = session.visible(bank.key, &gone, &TagFilter::All).await?;
            facts.extend(gone.into_iter().filter(|id| !there.contains(id)).map(gone_fact));
        }
        Ok(facts)
    }
}

/// A search as it is told in the trace.
fn told(Searched { answered, turn }: &Searched, with_output: bool) -> ReflectToolCall {
    ReflectToolCall {
        tool: answered.call.name.clone(),
        input: answered.call.arguments.clone(),
        output: with_output.then(|| answered.output.clone()),
        duration_ms: i64::try_from(answered.duration.as_millis()).unwrap_or(i64::MAX),
        iteration: (*turn).into(),
    }
}

fn gone_fact(id: Uuid) -> ReflectFact {
    ReflectFact {
        id: Some(id.to_string()),
        text: String::new(),
        fact_type: None,
        context: None,
        occurred_start: None,
        occurred_end: None,
        mentioned_at: None,
        document_id: None,
        chunk_id: None,
        tags: None,
        metadata: None,
        attachments: None,
    }
}

fn fact(bank_id: &str, memory: HydratedMemory) -> ReflectFact {
    ReflectFact {
        id: Some(memory.memory_id.to_string()),
        text: memory.body,
        fact_type: Some(fact_type_of(memory.fact_type)),
        context: memory.context,
        occurred_start: format(memory.occurred_start),
        occurred_end: format(memory.occurred_end),
        mentioned_at: format(memory.mentioned_at),
        chunk_id: memory
            .document_id
            .as_deref()
            .zip(memory.chunk_index)
            .map(|(document_id, index)| chunk_id(bank_id, document_id, i64::from(index))),
        document_id: memory.document_id,
        tags: Some(memory.tags),
        metadata: metadata(memory.metadata),
        attachments: shown(bank_id, memory.attachments),
    }
}
