//! What clients ask of consolidation, and what is looked after without them.

use hindsight_types::consolidation::{
    ConsolidationRequest, ConsolidationResponse, ObservationHistoryEntry, ObservationSourceFact,
    RecoverConsolidationResponse,
};
use hindsight_types::recall::FactType;
use hindsight_types::time;
use serde_json::json;
use uuid::Uuid;

use super::Tally;
use crate::browse::format;
use crate::store::fact_type_of;
use crate::text::sanitize;
use crate::{Engine, EngineError};

impl Engine {
    /// Requests that facts which wait go into observations; a run over all of them that is pending
    /// already does for that. Without a language model, or in a bank without observations, the run
    /// is over at once.
    pub async fn consolidate(
        &self,
        bank_id: &str,
        request: &ConsolidationRequest,
    ) -> Result<ConsolidationResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let clean =
            |scope: &Vec<String>| scope.iter().map(|tag| sanitize(tag).into_owned()).collect::<Vec<_>>();
        let scopes = request.observation_scopes.as_ref();
        let scopes = scopes.map(|scopes| json!(scopes.iter().map(clean).collect::<Vec<_>>()));
        if self.llm.is_none() || !self.settings.of_bank(&bank.config).consolidation.observations {
            // There is nothing to do, and nobody who would say so later.
            let told = Tally::default().told("disabled");
            let operation_id = self.store.record_consolidation(bank.key, &told).await?;
            return Ok(ConsolidationResponse { operation_id: operation_id.to_string(), deduplicated: false });
        }
        let (operation_id, deduplicated) = self.store.submit_consolidation(bank.key, scopes.as_ref()).await?;
        Ok(ConsolidationResponse { operation_id: operation_id.to_string(), deduplicated })
    }

    /// Lets the facts wait again of which no observation could be made, and requests a run for
    /// them where observations are made without being asked for.
    pub async fn recover_consolidation(
        &self,
        bank_id: &str,
    ) -> Result<RecoverConsolidationResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let retried_count = self.store.recover_consolidation(bank.key).await?;
        Ok(RecoverConsolidationResponse { retried_count })
    }

    /// Requests runs for banks with facts that wait and none under way, where observations are
    /// made without being asked for: whatever else was missed. Returns their number.
    pub async fn tend_consolidation(&self) -> Result<usize, EngineError> {
        if self.llm.is_none() {
            return Ok(0);
        }
        let mut requested = 0;
        for bank in self.store.banks_to_consolidate().await? {
            let settings = self.settings.of_bank(&bank.config).consolidation;
            if settings.observations && settings.automatic {
                self.store.request_consolidation(bank.key).await?;
                requested += 1;
            }
        }
        Ok(requested)
    }

    /// How an observation was before each of its changes, the oldest first; nothing for a fact.
    pub async fn observation_history(
        &self,
        bank_id: &str,
        memory_id: Uuid,
    ) -> Result<Vec<ObservationHistoryEntry>, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let memory = self.store.memory(bank.key, memory_id).await?;
        let memory =
            memory.ok_or_else(|| EngineError::NotFound { kind: "Memory", id: memory_id.to_string() })?;
        if fact_type_of(memory.fact_type) != FactType::Observation {
            return Ok(Vec::new());
        }
        let versions = self.store.observation_history(bank.key, memory_id).await?;
        let ids: Vec<Uuid> = versions
            .iter()
            .flat_map(|version| version.previous_source_ids.iter().chain(&version.new_source_ids))
            .copied()
            .collect();
        let facts = self.store.source_facts(bank.key, &ids).await?;
        let entries = versions.into_iter().map(|version| {
            let behind = version.previous_source_ids.iter().chain(&version.new_source_ids);
            let source_facts = behind
                .filter_map(|id| facts.iter().find(|fact| fact.memory_id == *id))
                .map(|fact| ObservationSourceFact {
                    id: fact.memory_id.to_string(),
                    text: fact.body.clone(),
                    fact_type: fact_type_of(fact.fact_type).to_string(),
                    context: fact.context.clone().unwrap_or_default(),
                    is_new: version.new_source_ids.contains(&fact.memory_id),
                })
                .collect();
            ObservationHistoryEntry {
                previous_occurred_start: format(version.previous_occurred_start),
                previous_occurred_end: format(version.previous_occurred_end),
                previous_mentioned_at: format(version.previous_mentioned_at),
                changed_at: time::format(version.changed_at),
                new_source_memory_ids: version.new_source_ids.iter().map(ToString::to_string).collect(),
                source_facts,
                previous_text: version.previous_text,
                previous_tags: version.previous_tags,
            }
        });
        Ok(entries.collect())
    }
}
