//! Banks: create, change, list, delete.

use hindsight_types::banks::{
    BankListItem, BankListResponse, BankProfileResponse, CreateBankRequest, DeleteResponse,
};
use hindsight_types::limits::BANK_ID_MAX_BYTES;
use hindsight_types::time;
use serde_json::{Map, Value, json};

use crate::bank_config::check_field;
use crate::character::{self, Character};
use crate::store::{BankRow, BankUpdate};
use crate::text::sanitize;
use crate::{Engine, EngineError};

impl Engine {
    /// Makes the bank or changes the fields that are given.
    pub async fn put_bank(
        &self,
        bank_id: &str,
        request: &CreateBankRequest,
    ) -> Result<BankProfileResponse, EngineError> {
        let existing = self.store.bank(bank_id).await?;
        if existing.is_none() {
            check_bank_id(bank_id)?;
        }
        let mission = [&request.reflect_mission, &request.mission, &request.background];
        let mut update = BankUpdate {
            name: request.name.as_deref().map(|name| sanitize(name).into_owned()),
            mission: mission.into_iter().flatten().next().map(|mission| sanitize(mission).into_owned()),
            disposition: given_traits(request),
            config: given_settings(request)?,
        };
        if let Some(existing) = &existing {
            character::follow(existing, &mut update);
        }
        let bank = self.store.put_bank(bank_id, &update, self.clock.now()).await?;
        let Character { mission, disposition } = Character::of(&bank, &self.settings.reflect);
        let mission = mission.unwrap_or_default();
        Ok(BankProfileResponse {
            name: bank.name.clone().unwrap_or_else(|| bank.bank_id.clone()),
            disposition,
            background: Some(mission.clone()),
            mission,
            bank_id: bank.bank_id,
        })
    }

    /// Changes the given fields of a bank that exists.
    pub async fn patch_bank(
        &self,
        bank_id: &str,
        request: &CreateBankRequest,
    ) -> Result<BankProfileResponse, EngineError> {
        self.existing_bank(bank_id).await?;
        self.put_bank(bank_id, request).await
    }

    /// One page of banks, the last written first.
    pub async fn list_banks(
        &self,
        search: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<BankListResponse, EngineError> {
        let (banks, total) = self.store.banks(search, limit, offset).await?;
        let banks = banks
            .into_iter()
            .map(|summary| BankListItem {
                disposition: Character::of(&summary.bank, &self.settings.reflect).disposition,
                mission: Character::of(&summary.bank, &self.settings.reflect).mission,
                bank_id: summary.bank.bank_id,
                name: summary.bank.name,
                created_at: Some(time::format(summary.created_at)),
                updated_at: Some(time::format(summary.updated_at)),
                fact_count: summary.memories,
                last_document_at: summary.last_document_at.map(time::format),
                last_write_at: Some(time::format(summary.last_write_at)),
                display_alias: None,
                matched_aliases: Vec::new(),
            })
            .collect();
        Ok(BankListResponse { banks, total, limit, offset })
    }

    /// Deletes the bank with everything in it; a bank that does not exist is no error.
    pub async fn delete_bank(&self, bank_id: &str) -> Result<DeleteResponse, EngineError> {
        let deleted = self.store.delete_bank(bank_id).await?;
        Ok(DeleteResponse {
            success: true,
            message: Some(format!("Bank '{bank_id}' and all its data were deleted")),
            deleted_count: Some(deleted),
        })
    }

    /// The bank of this name, or the error that there is none.
    pub(crate) async fn existing_bank(&self, bank_id: &str) -> Result<BankRow, EngineError> {
        self.store.bank(bank_id).await?.ok_or_else(|| EngineError::BankNotFound(bank_id.to_owned()))
    }

    /// The bank of this name, made when it is missing.
    pub(crate) async fn bank_for_writing(&self, bank_id: &str) -> Result<BankRow, EngineError> {
        if let Some(bank) = self.store.bank(bank_id).await? {
            return Ok(bank);
        }
        check_bank_id(bank_id)?;
        Ok(self.store.put_bank(bank_id, &BankUpdate::default(), self.clock.now()).await?)
    }
}

/// The rules for the name of a new bank.
fn check_bank_id(bank_id: &str) -> Result<(), EngineError> {
    let problem = if bank_id.trim().is_empty() {
        "must not be empty"
    } else if bank_id.len() > BANK_ID_MAX_BYTES {
        "must not be longer than 192 bytes"
    } else if bank_id.chars().any(char::is_control) {
        "must not contain control characters"
    } else if bank_id.starts_with('_') {
        "must not start with '_'"
    } else {
        return Ok(());
    };
    Err(EngineError::Invalid(format!("Invalid bank_id: it {problem}")))
}

/// The traits of the request; single ones win over the whole.
fn given_traits(request: &CreateBankRequest) -> Option<Value> {
    let whole = request.disposition;
    let traits: Map<String, Value> = [
        ("skepticism", request.disposition_skepticism, whole.map(|whole| whole.skepticism)),
        ("literalism", request.disposition_literalism, whole.map(|whole| whole.literalism)),
        ("empathy", request.disposition_empathy, whole.map(|whole| whole.empathy)),
    ]
    .into_iter()
    .filter_map(|(name, single, whole)| {
        let level = single.map(|single| single.0).or(whole)?;
        Some((name.to_owned(), json!(level)))
    })
    .collect();
    (!traits.is_empty()).then_some(Value::Object(traits))
}

/// The settings of the request, checked.
fn given_settings(request: &CreateBankRequest) -> Result<Option<Value>, EngineError> {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let settings: Map<String, Value> = [
        ("reflect_mission", text(&request.reflect_mission)),
        ("retain_mission", text(&request.retain_mission)),
        ("retain_extraction_mode", text(&request.retain_extraction_mode)),
        ("retain_custom_instructions", text(&request.retain_custom_instructions)),
        ("retain_chunk_size", request.retain_chunk_size.map(Value::from)),
        ("retain_structured_chunk_size", request.retain_structured_chunk_size.map(Value::from)),
        ("retain_max_attachments_per_chunk", request.retain_max_attachments_per_chunk.map(Value::from)),
        ("enable_observations", request.enable_observations.map(Value::from)),
        ("observations_mission", text(&request.observations_mission)),
        ("enable_text_search", request.enable_text_search.map(Value::from)),
        ("enable_temporal_retrieval", request.enable_temporal_retrieval.map(Value::from)),
        ("enable_graph_retrieval", request.enable_graph_retrieval.map(Value::from)),
        ("enable_reranking", request.enable_reranking.map(Value::from)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .map(|(name, value)| Ok((name.to_owned(), check_field(name, value).map_err(EngineError::Invalid)?)))
    .collect::<Result<_, EngineError>>()?;
    Ok((!settings.is_empty()).then_some(Value::Object(settings)))
}
