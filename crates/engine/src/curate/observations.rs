//! Observations as somebody sees them who looks after a bank: their histories, and taking them
//! away so that they are made anew.

use hindsight_types::banks::DeleteResponse;
use hindsight_types::memories::{ClearMemoryObservationsResponse, ObservationVersion};
use hindsight_types::recall::FactType;
use uuid::Uuid;

use super::edit::not_found;
use crate::store::fact_type_code;
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
        Ok(Vec::new())
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
