//! Directives: rules that the answers of a bank follow, kept by its clients.

use hindsight_types::directives::{
    CreateDirectiveRequest, DirectiveListResponse, DirectiveResponse, UpdateDirectiveRequest,
};
use hindsight_types::time;
use uuid::Uuid;

use crate::retain::source::clean_tags;
use crate::store::{DirectiveFilter, DirectiveRow, DirectiveUpdate};
use crate::text::sanitize;
use crate::{Engine, EngineError};

impl Engine {
    /// Adds a directive to a bank that exists.
    pub async fn create_directive(
        &self,
        bank_id: &str,
        request: &CreateDirectiveRequest,
    ) -> Result<DirectiveResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let now = self.clock.now();
        let row = DirectiveRow {
            directive_id: Uuid::now_v7(),
            name: sanitize(&request.name).into_owned(),
            content: sanitize(&request.content).into_owned(),
            priority: request.priority,
            is_active: request.is_active,
            tags: clean_tags(request.tags.iter()),
            created_at: now,
            updated_at: now,
        };
        self.store.add_directive(bank.key, &row).await?;
        Ok(response(&bank.bank_id, row))
    }

    /// One page of directives, those of the highest priority first.
    pub async fn list_directives(
        &self,
        bank_id: &str,
        filter: &DirectiveFilter,
        limit: i64,
        offset: i64,
    ) -> Result<DirectiveListResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.directives(bank.key, filter, limit, offset).await?;
        let items = rows.into_iter().map(|row| response(&bank.bank_id, row)).collect();
        Ok(DirectiveListResponse { items, total, limit, offset })
    }

    /// One directive.
    pub async fn directive(&self, bank_id: &str, id: &str) -> Result<DirectiveResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let row = match Uuid::try_parse(id) {
            Ok(id) => self.store.directive(bank.key, id).await?,
            Err(_) => None,
        };
        row.map(|row| response(&bank.bank_id, row)).ok_or_else(|| missing(id))
    }

    /// Changes the given fields of a directive.
    pub async fn update_directive(
        &self,
        bank_id: &str,
        id: &str,
        request: &UpdateDirectiveRequest,
    ) -> Result<DirectiveResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let text = |text: &Option<String>| text.as_deref().map(|text| sanitize(text).into_owned());
        let update = DirectiveUpdate {
            name: text(&request.name),
            content: text(&request.content),
            priority: request.priority,
            is_active: request.is_active,
            tags: request.tags.as_ref().map(|tags| clean_tags(tags.iter())),
        };
        let row = match Uuid::try_parse(id) {
            Ok(id) => self.store.update_directive(bank.key, id, &update, self.clock.now()).await?,
            Err(_) => None,
        };
        row.map(|row| response(&bank.bank_id, row)).ok_or_else(|| missing(id))
    }

    /// Deletes a directive.
    pub async fn delete_directive(&self, bank_id: &str, id: &str) -> Result<(), EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let is_gone = match Uuid::try_parse(id) {
            Ok(id) => self.store.delete_directive(bank.key, id).await?,
            Err(_) => false,
        };
        if is_gone { Ok(()) } else { Err(missing(id)) }
    }
}

/// An id that is no UUID is that of no directive.
fn missing(id: &str) -> EngineError {
    EngineError::NotFound { kind: "Directive", id: id.to_owned() }
}

fn response(bank_id: &str, row: DirectiveRow) -> DirectiveResponse {
    DirectiveResponse {
        id: row.directive_id.to_string(),
        bank_id: bank_id.to_owned(),
        name: row.name,
        content: row.content,
        priority: row.priority,
        is_active: row.is_active,
        tags: row.tags,
        created_at: Some(time::format(row.created_at)),
        updated_at: Some(time::format(row.updated_at)),
    }
}
