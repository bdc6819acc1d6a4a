//! From an answer to a response: its length, the answer for programs, what it rests on.

use hindsight_types::documents::chunk_id;
use hindsight_types::reflect::{
    ReflectBasedOn, ReflectDirective, ReflectFact, ReflectRequest, ReflectResponse, ReflectToolCall,
    ReflectTrace,
};
use uuid::Uuid;

use super::calls::Wanted;
use super::done::Draft;
use super::turns::Run;
use super::{structured, wording};
use crate::EngineError;
use crate::attachments::shown;
use crate::browse::{format, metadata};
use crate::ports::{Message, Output};
use crate::store::{HydratedMemory, fact_type_of};
use crate::text::tokens;

impl Run<'_> {
    /// The response.
    pub(super) async fn finish(
        &self,
        draft: Draft,
        request: &ReflectRequest,
    ) -> Result<ReflectResponse, EngineError> {
        let Draft { answer, cited, structured, .. } = draft;
        let answer = self.within_length(answer).await;
        let text = self.aliases.outward(&answer);
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
            Some(_) => {
                let ids: Vec<Uuid> = cited.iter().filter_map(|(id, _)| Uuid::try_parse(id).ok()).collect();
                Some(self.based_on(&ids).await?)
            }
            None => None,
        };
        let trace = request.include.tool_calls.as_ref().map(|options| ReflectTrace {
            tool_calls: self
                .searched
                .iter()
                .map(|call| ReflectToolCall {
                    output: call.output.clone().filter(|_| options.output),
                    ..call.clone()
                })
                .collect(),
            llm_calls: self.calls.told(),
        });
        Ok(ReflectResponse {
            text,
            based_on,
            structured_output,
            structured_output_error,
            usage: Some(self.calls.usage()),
            trace,
        })
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

    /// The memories as they are stored now; those deleted meanwhile are missing.
    async fn based_on(&self, cited: &[Uuid]) -> Result<ReflectBasedOn, EngineError> {
        let bank = &self.question.bank;
        let mut memories = if cited.is_empty() {
            Vec::new()
        } else {
            let filter = self.question.scope.filter();
            self.engine.store.recall_session().await?.hydrate(bank.key, cited, &filter).await?
        };
        let place = |memory: &HydratedMemory| cited.iter().position(|id| *id == memory.memory_id);
        memories.sort_by_key(place);
        Ok(ReflectBasedOn {
            memories: memories.into_iter().map(|memory| fact(&bank.bank_id, memory)).collect(),
            mental_models: Vec::new(),
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
