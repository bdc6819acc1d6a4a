//! Mental models: answers of reflect that are kept, and written anew as memories come.
//!
//! [`scope`] says which memories one is made of and whether there are new ones, [`refresh`] what a
//! writing of one is to be, [`run`] writes it: as a whole by reflect, or by changes ([`edit`]) of what
//! new memories bear on ([`delta`]) and of what rested on those that are gone ([`retract`]). [`jobs`]
//! does that as work in the background or as a try, [`schedule`] requests it when nobody does. [`wall`]
//! says what of them a question with tags may see. A document that cannot be written stays as it was: nothing stands in for an answer.

mod delta;
mod edit;
mod jobs;
mod outcome;
mod refresh;
mod reply;
mod retract;
mod run;
mod schedule;
mod scope;
mod wall;
mod wording;

use hindsight_types::mental_models::{
    AsyncOperationSubmitResponse, CreateMentalModelRequest, CreateMentalModelResponse, MentalModelDetail,
    MentalModelHistoryEntry, MentalModelListResponse, MentalModelResponse, UpdateMentalModelRequest,
};
use hindsight_types::time;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::scope::{ModelScope, trigger_of};
use crate::ports::EmbedPurpose;
use crate::retain::source::clean_tags;
use crate::store::{
    BankRow, HistoryKept, HistoryRow, ListedModel, MentalModelFilter, MentalModelUpdate, ModelState,
    NewMentalModel, RefreshRequest,
};
use crate::text::sanitize;
use crate::{Engine, EngineError};

/// What a server without a language model answers.
const NO_MODEL: &str = "mental models are written by a language model, and none is configured; set HINDSIGHT_API_LLM_PROVIDER and HINDSIGHT_API_LLM_API_KEY";
/// How often a change is tried that meets another one.
const ATTEMPTS: usize = 5;

impl Engine {
    /// Adds a mental model without an answer, to a bank that is made when it is missing, and requests
    /// that it is written.
    pub async fn create_mental_model(
        &self,
        bank_id: &str,
        request: &CreateMentalModelRequest,
    ) -> Result<CreateMentalModelResponse, EngineError> {
        self.writer()?;
        let bank = self.bank_for_writing(bank_id).await?;
        let id = match &request.id {
            Some(id) => sanitize(id).into_owned(),
            None => format!("mm-{}", Uuid::new_v4().simple()),
        };
        let model = NewMentalModel {
            name: sanitize(&request.name).into_owned(),
            source_query: sanitize(&request.source_query).into_owned(),
            tags: clean_tags(request.tags.iter()),
            max_tokens: tokens(request.max_tokens),
            trigger: json!(request.trigger),
            model_id: id.clone(),
        };
        let refresh = RefreshRequest::default().operation(&id);
        if !self.store.add_mental_model(bank.key, &model, &refresh, self.clock.now()).await? {
            return Err(EngineError::Conflict(format!("Mental model '{id}' already exists")));
        }
        Ok(CreateMentalModelResponse {
            mental_model_id: Some(id),
            operation_id: refresh.operation_id.to_string(),
        })
    }

    /// One page of mental models, the newest first.
    pub async fn list_mental_models(
        &self,
        bank_id: &str,
        filter: &MentalModelFilter,
        detail: MentalModelDetail,
        limit: i64,
        offset: i64,
    ) -> Result<MentalModelListResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.mental_models(bank.key, filter, detail, limit, offset).await?;
        let states: Vec<&ModelState> = rows.iter().map(|row| &row.state).collect();
        let stale = self.stale_models(&bank, &states).await?;
        let items = std::iter::zip(rows, stale);
        let items = items.map(|(row, is_stale)| response(&bank.bank_id, row, is_stale)).collect();
        Ok(MentalModelListResponse { items, total, limit, offset })
    }

    /// One mental model.
    pub async fn mental_model(
        &self,
        bank_id: &str,
        id: &str,
        detail: MentalModelDetail,
    ) -> Result<MentalModelResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        self.one_response(&bank, id, detail).await
    }

    /// Changes the given fields of a mental model. Nothing is written anew for it.
    pub async fn update_mental_model(
        &self,
        bank_id: &str,
        id: &str,
        request: &UpdateMentalModelRequest,
    ) -> Result<MentalModelResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let text = |text: &Option<String>| text.as_deref().map(|text| sanitize(text).into_owned());
        for _ in 0..ATTEMPTS {
            let row = self.store.mental_model(bank.key, id).await?.ok_or_else(|| missing(id))?;
            let trigger = request.trigger.as_ref().map(|change| trigger_of(&row.state).changed(&change.0));
            let name = text(&request.name);
            let embedding = match &name {
                Some(name) if *name != row.name && !row.content.is_empty() => {
                    Some(self.model_vector(name, &row.content).await?)
                }
                _ => None,
            };
            let tags = request.tags.as_ref().map(|tags| clean_tags(tags.iter()));
            let is_rescoped = {
                let mut changed = row.state.clone();
                changed.tags = tags.clone().unwrap_or(changed.tags);
                let before = trigger_of(&row.state);
                let after = trigger.as_ref().unwrap_or(&before);
                ModelScope::of(&row.state, &before) != ModelScope::of(&changed, after)
            };
            let update = MentalModelUpdate {
                name,
                source_query: text(&request.source_query),
                tags,
                max_tokens: request.max_tokens.map(tokens),
                trigger: trigger.map(|trigger| json!(trigger)),
                embedding,
                is_rescoped,
            };
            if self.store.update_mental_model(bank.key, &row, &update).await? {
                return self.one_response(&bank, id, MentalModelDetail::Full).await;
            }
        }
        Err(EngineError::Conflict(format!("Mental model '{id}' is being changed by others, try again")))
    }

    /// Deletes a mental model, and calls off what writes it.
    pub async fn delete_mental_model(&self, bank_id: &str, id: &str) -> Result<(), EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        if self.store.delete_mental_model(bank.key, id).await? { Ok(()) } else { Err(missing(id)) }
    }

    /// Takes the answer of a mental model away.
    pub async fn clear_mental_model(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<MentalModelResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        if !self.store.clear_mental_model(bank.key, id, self.history_kept(), self.clock.now()).await? {
            return Err(missing(id));
        }
        self.one_response(&bank, id, MentalModelDetail::Full).await
    }

    /// How a mental model was, and what did not become of it, the newest first.
    pub async fn mental_model_history(
        &self,
        bank_id: &str,
        id: &str,
    ) -> Result<Vec<MentalModelHistoryEntry>, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        if !self.store.has_mental_model(bank.key, id).await? {
            return Err(missing(id));
        }
        let rows = self.store.mental_model_history(bank.key, id).await?;
        Ok(rows.into_iter().map(history_entry).collect())
    }

    /// Requests that a mental model is written anew; as a whole, or as its trigger says.
    pub async fn refresh_mental_model(
        &self,
        bank_id: &str,
        id: &str,
        is_full: bool,
    ) -> Result<AsyncOperationSubmitResponse, EngineError> {
        self.writer()?;
        let bank = self.existing_bank(bank_id).await?;
        let request = RefreshRequest { is_full, ..RefreshRequest::default() };
        let requested = self.store.request_refresh(bank.key, id, request).await?;
        let (operation_id, _) = requested.ok_or_else(|| missing(id))?;
        Ok(AsyncOperationSubmitResponse {
            operation_id: operation_id.to_string(),
            status: "queued".to_owned(),
        })
    }

    /// The language model, or the error that there is none.
    fn writer(&self) -> Result<&dyn crate::ports::LanguageModel, EngineError> {
        self.llm.as_deref().ok_or_else(|| EngineError::Invalid(NO_MODEL.to_owned()))
    }

    fn history_kept(&self) -> HistoryKept {
        HistoryKept(self.settings.mental_models.kept_versions)
    }

    /// The vector that a mental model is found by.
    async fn model_vector(&self, name: &str, content: &str) -> Result<Vec<f32>, EngineError> {
        let vectors = self.vectors(EmbedPurpose::Passage, vec![format!("{name}\n\n{content}")]).await?;
        // There is one for each text.
        Ok(vectors.into_iter().next().unwrap_or_default())
    }

    async fn one_response(
        &self,
        bank: &BankRow,
        id: &str,
        detail: MentalModelDetail,
    ) -> Result<MentalModelResponse, EngineError> {
        let row = self.store.mental_models_of(bank.key, &[id.to_owned()], detail).await?.pop();
        let row = row.ok_or_else(|| missing(id))?;
        let is_stale = self.is_model_stale(bank, &row.state).await?;
        Ok(response(&bank.bank_id, row, is_stale))
    }
}

fn missing(id: &str) -> EngineError {
    EngineError::NotFound { kind: "Mental model", id: id.to_owned() }
}

/// A length that was checked against its bounds.
fn tokens(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// With as much as the row has.
fn response(bank_id: &str, row: ListedModel, is_stale: bool) -> MentalModelResponse {
    let has_content = row.content.is_some();
    let state = row.state;
    MentalModelResponse {
        bank_id: bank_id.to_owned(),
        name: row.name,
        trigger: has_content.then(|| trigger_of(&state)),
        id: state.model_id,
        source_query: has_content.then_some(state.source_query),
        content: row.content,
        tags: state.tags,
        max_tokens: has_content.then_some(row.max_tokens.into()),
        last_refreshed_at: state.last_refreshed_at.map(time::format),
        last_memory_seen_at: state.last_memory_seen_at.map(time::format),
        last_refresh_failed_at: row.last_refresh_failed_at.map(time::format),
        last_full_refreshed_at: state.last_full_refreshed_at.map(time::format),
        created_at: Some(time::format(state.created_at)),
        is_knowledge_page: Some(false),
        reflect_response: object(row.reflect_response),
        is_stale: Some(is_stale),
    }
}

fn history_entry(row: HistoryRow) -> MentalModelHistoryEntry {
    let previous = object(row.previous_reflect_response).map(|mut response| {
        response.retain(|key, _| matches!(key.as_str(), "based_on" | "trace"));
        response
    });
    MentalModelHistoryEntry {
        previous_content: row.previous_content,
        previous_reflect_response: previous,
        changed_at: time::format(row.changed_at),
        kind: row.is_failure.then(|| "refresh_failed".to_owned()),
        outcome: row.outcome,
        failure_reason: row.failure_reason,
        error_message: row.error_message,
    }
}
