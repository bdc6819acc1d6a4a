//! Taking out of a document what rested on memories that are gone.

use hindsight_types::mental_models::{DeltaOperations, Retraction};
use hindsight_types::reflect::ReflectBasedOn;
use uuid::Uuid;

use super::edit::Asked;
use super::refresh::Refresh;
use super::reply::Names;
use super::wording;
use crate::EngineError;
use crate::document::Document;
use crate::store::RefreshFailure;

/// What a document has become.
pub(super) struct Retracted {
    /// The document.
    pub(super) document: Document,
    /// What is told of it; none when nothing is gone.
    pub(super) retraction: Option<Retraction>,
    /// Memories that are gone and that it does not rest on any more.
    pub(super) gone: Vec<Uuid>,
    /// Changes that were made and left out.
    pub(super) operations: DeltaOperations,
    /// Why nothing could be taken out.
    pub(super) failure: Option<RefreshFailure>,
}

impl Refresh<'_> {
    /// Takes out what rested on memories that are gone alone. What cannot be done now is done by a
    /// later refresh: these memories stay among those that it rests on until then.
    pub(super) async fn retract(
        &self,
        document: Document,
        based_on: &ReflectBasedOn,
        gone: Vec<Uuid>,
    ) -> Result<Retracted, EngineError> {
        let mut retracted = Retracted {
            document,
            retraction: None,
            gone: Vec::new(),
            operations: DeltaOperations::default(),
            failure: None,
        };
        if gone.is_empty() {
            return Ok(retracted);
        }
        let ids: Vec<String> = gone.iter().map(Uuid::to_string).collect();
        let is_gone = |id: &Option<String>| id.as_ref().is_some_and(|id| ids.contains(id));
        let texts = |is_wanted: bool| -> Vec<String> {
            let facts = based_on.memories.iter().filter(|fact| is_gone(&fact.id) == is_wanted);
            facts.map(|fact| fact.text.clone()).collect()
        };
        let (fact_texts, still) = (texts(true), texts(false));
        let mut told =
            Retraction { fact_ids: ids.clone(), fact_texts, applied: false, deferred_reason: None };
        if self.is_unsettled().await? {
            told.deferred_reason = Some("facts wait to go into observations".to_owned());
        } else if still.is_empty() {
            // Nothing says which of the words rest on what: they stay.
            told.applied = true;
            retracted.gone = gone;
        } else {
            let (directives, language) = self.engine.document_rules(self.bank, &self.request()).await?;
            let names = Names::default();
            let asked = Asked {
                scope: "retraction".to_owned(),
                system: wording::retract(&directives, language.as_deref()),
                user: wording::gone(self.row, &retracted.document, &told.fact_texts, &still),
                names: &names,
                only_takes_away: true,
            };
            match self.edit(&retracted.document, asked).await? {
                Ok(edited) => {
                    told.applied = true;
                    retracted.document = edited.document;
                    retracted.operations = edited.operations;
                    retracted.gone = gone;
                }
                Err(failure) => retracted.failure = Some(failure),
            }
        }
        retracted.retraction = Some(told);
        Ok(retracted)
    }

    /// Whether observations that are gone may be made again of facts that wait.
    async fn is_unsettled(&self) -> Result<bool, EngineError> {
        if !self.engine.settings.of_bank(&self.bank.config).consolidation.observations {
            return Ok(false);
        }
        let tags = self.scope.memories().tags;
        Ok(self.engine.store.pending_facts(self.bank.key, &tags, 1).await? > 0)
    }
}
