//! Observations as somebody sees them who looks after a bank: their histories, and taking them
//! away so that they are made anew.

use hindsight_types::banks::DeleteResponse;
use hindsight_types::memories::{ClearMemoryObservationsResponse, ObservationSource, ObservationVersion};
use hindsight_types::recall::FactType;
use hindsight_types::time;
use uuid::Uuid;

use super::edit::not_found;
use crate::browse::format;
use crate::store::{FormerObservation, SourceFact, fact_type_code, fact_type_of};
use crate::{Engine, EngineError};

impl Engine {
    /// Earlier versions of an observation, the oldest first; a fact has none.
    pub async fn memory_history(
        &self,
        bank_id: &str,
        memory_id: Uuid,
    ) -> Result<Vec<ObservationVersion>, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        self.store.stored_fact(bank.key, memory_id).await?.ok_or_else(|| not_found(memory_id))?;
        let versions = self.store.observation_history(bank.key, memory_id).await?;
        let ids: Vec<Uuid> = versions.iter().flat_map(FormerObservation::source_ids).collect();
        let facts = self.store.source_facts(bank.key, &ids).await?;
        Ok(versions.into_iter().map(|version| told(version, &facts)).collect())
    }

    /// Deletes the observations of a bank; all its facts wait for new ones.
    pub async fn delete_observations(&self, bank_id: &str) -> Result<DeleteResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let observations = Some(FactType::Observation);
        let deleted = self.store.delete_memories(bank.key, observations, self.clock.now()).await?;
        Ok(DeleteResponse {
            success: true,
            message: Some(format!("{deleted} observations deleted")),
            deleted_count: Some(deleted),
        })
    }

    /// Deletes the observations that were made of a fact; it waits for new ones.
    pub async fn delete_observations_of(
        &self,
        bank_id: &str,
        memory_id: Uuid,
    ) -> Result<ClearMemoryObservationsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let fact = self.store.stored_fact(bank.key, memory_id).await?.ok_or_else(|| not_found(memory_id))?;
        // Nothing is made of one that was declared invalid, nor of an observation.
        let is_observation = fact.fact_type == fact_type_code(FactType::Observation);
        let deleted_count = if fact.is_archived || is_observation {
            0
        } else {
            self.store.delete_observations_of(bank.key, &fact, self.clock.now()).await?
        };
        Ok(ClearMemoryObservationsResponse { deleted_count })
    }
}

/// A former version as clients see it. Facts that are gone meanwhile are missing.
fn told(version: FormerObservation, facts: &[SourceFact]) -> ObservationVersion {
    let behind = version.source_ids().filter_map(|id| facts.iter().find(|fact| fact.memory_id == id));
    let source = |fact: &SourceFact| ObservationSource {
        id: fact.memory_id.to_string(),
        text: fact.body.clone(),
        fact_type: fact_type_of(fact.fact_type),
        context: fact.context.clone(),
        is_new: version.new_source_ids.contains(&fact.memory_id),
    };
    ObservationVersion {
        source_facts: behind.map(source).collect(),
        previous_occurred_start: format(version.previous_occurred_start),
        previous_occurred_end: format(version.previous_occurred_end),
        previous_mentioned_at: format(version.previous_mentioned_at),
        changed_at: time::format(version.changed_at),
        new_source_memory_ids: version.new_source_ids.iter().map(ToString::to_string).collect(),
        previous_text: version.previous_text,
        previous_tags: version.previous_tags,
    }
}
