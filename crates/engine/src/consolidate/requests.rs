//! What clients ask of consolidation, and what is looked after without them.

use hindsight_types::consolidation::{
    ConsolidationRequest, ConsolidationResponse, RecoverConsolidationResponse,
};
use serde_json::json;

use super::Tally;
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
            let told = Tally::default().told("disabled", 0);
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
}
