//! Banks: create, change, list, delete.

use hindsight_types::banks::{
    BankListItem, BankListResponse, BankProfileResponse, BankStatsResponse, CreateBankRequest, DeleteResponse,
};
use hindsight_types::limits::BANK_ID_MAX_BYTES;
use hindsight_types::recall::FactType;
use hindsight_types::time;
use indexmap::IndexMap;
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

    /// Counts what the bank holds.
    pub async fn bank_stats(&self, bank_id: &str) -> Result<BankStatsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let stats = self.store.stats(bank.key).await?;
        let by_type: IndexMap<String, i64> = std::iter::zip(FactType::ALL, stats.memories)
            .filter(|(_, count)| *count > 0)
            .map(|(fact_type, count)| (fact_type.to_string(), count))
            .collect();
        let mut links: IndexMap<String, i64> =
            stats.links.into_iter().map(|(kind, count)| (link_type(kind).to_owned(), count)).collect();
        if stats.entity_links > 0 {
            links.insert("entity".to_owned(), stats.entity_links);
        }
        let operations: IndexMap<String, i64> = stats.operations.into_iter().collect();
        let of_status = |status: &str| operations.get(status).copied().unwrap_or_default();
        // Where there are no observations nothing waits for them.
        let has_observations =
            self.llm.is_some() && self.settings.of_bank(&bank.config).consolidation.observations;
        Ok(BankStatsResponse {
            bank_id: bank.bank_id,
            total_nodes: stats.memories.iter().sum(),
            total_links: links.values().sum(),
            total_documents: stats.documents,
            nodes_by_fact_type: by_type,
            links_by_link_type: links,
            links_by_fact_type: IndexMap::new(),
            links_breakdown: IndexMap::new(),
            pending_operations: of_status("pending") + of_status("processing"),
            failed_operations: of_status("failed"),
            operations_by_status: operations,
            last_consolidated_at: stats.last_consolidated_at.map(time::format),
            last_memory_write_at: stats.last_write_at.map(time::format),
            pending_consolidation: if has_observations { stats.pending } else { 0 },
            failed_consolidation: stats.failed,
            total_observations: stats.memories[2],
        })
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

/// Word for the number of a stored link's kind.
fn link_type(kind: i16) -> &'static str {
    match kind {
        1 => "semantic",
        2 => "caused_by",
        3 => "causes",
        4 => "enables",
        _ => "prevents",
    }
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
