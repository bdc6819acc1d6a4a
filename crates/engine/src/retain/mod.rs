//! Retain: from a text to stored facts.
//!
//! The way of one sentence, top to bottom: [`source`] puts the items of a request together
//! to documents, [`strategy`] finds the settings of each, [`chunk`] cuts their texts; a language
//! model reads a chunk's facts ([`reading`], [`extract`]), or without one [`plain`] makes them by
//! rules and [`when`] dates them; [`facts`] adds what ranking needs, [`stream`] finds each fact's
//! place in its conversation; then the texts are embedded, [`resolve`] finds out which names mean
//! the same, and everything is written at once.

pub mod chunk;
mod dry_run;
mod extract;
pub(crate) mod extracted;
mod facts;
pub mod plain;
mod reading;
pub mod resolve;
pub(crate) mod source;
mod strategy;
mod stream;
pub mod when;

use std::sync::Arc;

use hindsight_types::retain::{RetainRequest, RetainResponse, TokenUsage};
use serde_json::Value;

pub(crate) use self::extract::Extraction;
use self::facts::{CutDocument, DraftDocument, cut_documents, draft_documents};
use self::reading::Reading;
use self::source::{Source, gather};
use self::strategy::Plans;
use crate::jobs::{Errand, Progress};
use crate::ports::EmbedPurpose;
use crate::store::{BankRow, DocumentWrite, FactWrite, StoreError, WriteOutcome};
use crate::{Engine, EngineError};

/// Texts given to the embedder at once: enough to sort them by length into full batches,
/// few enough that a long document does not sit in its queue as one block.
const EMBED_BATCH: usize = 256;
/// A bank may be deleted between its lookup and the write; then it is made again.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Remembers the items of the request, all or none. When this returns they are stored
    /// durably and can be recalled, or handed to the background when that was asked for. The bank
    /// is made when it is missing.
    pub async fn retain(&self, bank_id: &str, request: RetainRequest) -> Result<RetainResponse, EngineError> {
        if request.run_async {
            return self.submit_retain(bank_id, request).await;
        }
        let items_count = i64::try_from(request.items.len()).unwrap_or(i64::MAX);
        let now = self.clock.now();
        let sources = gather(request, now)?;
        let (bank_id, reading) = if sources.is_empty() {
            (bank_id.to_owned(), None)
        } else {
            let plans = self.plans(bank_id, &sources).await?;
            let bank = self.bank_for_writing(bank_id).await?;
            // Numbered before the slow work: of two replaces of a document the later one wins.
            let accepted = self.store.next_retain().await?;
            let errand = Errand { now, accepted, lease: None, progress: Progress::unwatched() };
            self.store_sources(bank, sources, plans, &errand).await?
        };
        Ok(RetainResponse {
            success: true,
            bank_id,
            items_count,
            run_async: false,
            operation_id: None,
            operation_ids: None,
            usage: Some(reading.as_ref().map_or_else(TokenUsage::default, |reading| reading.usage)),
            extraction: reading.map(|reading| reading.report),
        })
    }

    /// The settings of every item. Fails, before anything is made, when one cannot be retained as
    /// it asks to be.
    pub(crate) async fn plans(&self, bank_id: &str, sources: &[Source]) -> Result<Plans, EngineError> {
        let config = self.store.bank(bank_id).await?.map_or(Value::Null, |bank| bank.config);
        Plans::new(&self.settings, &config, sources)
    }

    /// Remembers what was handed to the background, and completes the operation with it.
    pub(crate) async fn retain_on_errand(
        &self,
        bank_id: &str,
        request: RetainRequest,
        errand: &Errand,
    ) -> Result<(), EngineError> {
        let bank = self.store.bank(bank_id).await?;
        // With its bank an operation goes too; a new bank of the same name has not asked for it.
        let bank = bank.filter(|bank| errand.lease.is_none_or(|lease| lease.bank == bank.key));
        let bank = bank.ok_or(StoreError::LeaseLost)?;
        let sources = gather(request, errand.now)?;
        let plans = Plans::new(&self.settings, &bank.config, &sources)?;
        self.store_sources(bank, sources, plans, errand).await?;
        Ok(())
    }

    /// Makes facts of the sources and writes them. Returns the bank's own name, and what a
    /// language model made of them, if one was asked.
    async fn store_sources(
        &self,
        bank: BankRow,
        sources: Vec<Source>,
        plans: Plans,
        errand: &Errand,
    ) -> Result<(String, Option<Reading>), EngineError> {
        let bank_id = bank.bank_id.clone();
        let plans = Arc::new(plans);
        let mut documents = self.cut(sources, &plans).await?;
        let reading = self.read_chunks(Some(bank.key), &mut documents, &plans, errand).await?;
        let mut drafts = self.draft(documents, &plans).await?;
        let mut bank = self.placed(&bank_id, bank, &mut drafts).await?;
        self.embed_documents(&mut drafts, &errand.progress).await?;
        let mut facts: Vec<&mut FactWrite> =
            drafts.iter_mut().flat_map(|draft| &mut draft.document.facts).collect();
        self.resolve_entities(bank.key, &mut facts).await?;
        let told = reading.as_ref().map(Reading::told).unwrap_or_default();
        let completes = errand.lease.map(|lease| (lease, &told));
        for attempt in 1.. {
            let documents: Vec<&DocumentWrite> = drafts.iter().map(|draft| &draft.document).collect();
            let written =
                self.store.write_documents(bank.key, errand.accepted, &documents, errand.now, completes);
            match written.await {
                Err(StoreError::BankVanished) if attempt < ATTEMPTS && errand.lease.is_none() => {
                    bank = self.bank_for_writing(&bank_id).await?;
                    bank = self.placed(&bank_id, bank, &mut drafts).await?;
                }
                Err(error) => return Err(error.into()),
                Ok(outcomes) => {
                    let superseded =
                        outcomes.iter().filter(|outcome| **outcome == WriteOutcome::Superseded).count();
                    if superseded > 0 {
                        tracing::info!(superseded, "documents already replaced by a later retain");
                    }
                    break;
                }
            }
        }
        if let Some(reading) = &reading {
            self.forget_answers(bank.key, &reading.keys).await;
        }
        Ok((bank.bank_id, reading))
    }

    /// Gives every fact its place in a conversation of the bank, which is made again when it
    /// has been deleted meanwhile.
    async fn placed(
        &self,
        bank_id: &str,
        mut bank: BankRow,
        drafts: &mut [DraftDocument],
    ) -> Result<BankRow, EngineError> {
        for attempt in 1.. {
            match self.place_in_streams(&bank, drafts).await {
                Err(EngineError::Store(StoreError::BankVanished)) if attempt < ATTEMPTS => {
                    bank = self.bank_for_writing(bank_id).await?;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(bank)
    }

    /// Chunking and facts by rules are pure computation: they run beside the async threads.
    async fn cut(&self, sources: Vec<Source>, plans: &Arc<Plans>) -> Result<Vec<CutDocument>, EngineError> {
        let (plans, has_model) = (Arc::clone(plans), self.llm.is_some());
        Ok(tokio::task::spawn_blocking(move || cut_documents(sources, &plans, has_model)).await?)
    }

    /// The same for what ranking needs of every fact.
    async fn draft(
        &self,
        documents: Vec<CutDocument>,
        plans: &Arc<Plans>,
    ) -> Result<Vec<DraftDocument>, EngineError> {
        let (plans, language) = (Arc::clone(plans), self.store.language());
        Ok(tokio::task::spawn_blocking(move || draft_documents(documents, &plans, language)).await?)
    }

    /// Gives every fact its vector.
    async fn embed_documents(
        &self,
        drafts: &mut [DraftDocument],
        progress: &Progress,
    ) -> Result<(), EngineError> {
        let mut facts: Vec<&mut FactWrite> =
            drafts.iter_mut().flat_map(|draft| &mut draft.document.facts).collect();
        let total = facts.len();
        for (number, batch) in facts.chunks_mut(EMBED_BATCH).enumerate() {
            progress.note("embedding", number * EMBED_BATCH, total, self.clock.now());
            let texts = batch.iter().map(|fact| fact.body.clone()).collect();
            let vectors = self.vectors(EmbedPurpose::Passage, texts).await?;
            for (fact, vector) in batch.iter_mut().zip(vectors) {
                fact.embedding = vector;
            }
        }
        Ok(())
    }
}
