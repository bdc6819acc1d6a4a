//! Retain: from a text to stored facts.
//!
//! The way of one sentence, top to bottom: [`source`] puts the items of a request together
//! to documents, [`chunk`] cuts their texts, [`plain`] makes facts of a chunk, [`when`]
//! dates them, [`facts`] adds what ranking needs, [`stream`] finds each fact's place in its
//! conversation; then the texts are embedded, [`resolve`] finds out which names mean the same,
//! and everything is written at once.

pub mod chunk;
pub(crate) mod extracted;
mod facts;
pub mod plain;
pub mod resolve;
pub(crate) mod source;
mod stream;
pub mod when;

use hindsight_types::retain::{RetainRequest, RetainResponse, TokenUsage};

use self::facts::{DraftDocument, draft_documents};
use self::source::{Source, gather};
use crate::config::Settings;
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
        let bank_id = if sources.is_empty() {
            bank_id.to_owned()
        } else {
            let bank = self.bank_for_writing(bank_id).await?;
            // Numbered before the slow work: of two replaces of a document the later one wins.
            let accepted = self.store.next_retain().await?;
            let errand = Errand { now, accepted, lease: None, progress: Progress::unwatched() };
            self.store_sources(bank, sources, &errand).await?
        };
        Ok(RetainResponse {
            success: true,
            bank_id,
            items_count,
            run_async: false,
            operation_id: None,
            operation_ids: None,
            usage: Some(TokenUsage::default()),
        })
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
        self.store_sources(bank, gather(request, errand.now)?, errand).await?;
        Ok(())
    }

    /// Makes facts of the sources and writes them. Returns the bank's own name.
    async fn store_sources(
        &self,
        bank: BankRow,
        sources: Vec<Source>,
        errand: &Errand,
    ) -> Result<String, EngineError> {
        let bank_id = bank.bank_id.clone();
        let mut drafts = self.draft(sources, self.settings.of_bank(&bank.config)).await?;
        let mut bank = self.placed(&bank_id, bank, &mut drafts).await?;
        self.embed_documents(&mut drafts, &errand.progress).await?;
        let mut facts: Vec<&mut FactWrite> =
            drafts.iter_mut().flat_map(|draft| &mut draft.document.facts).collect();
        self.resolve_entities(bank.key, &mut facts).await?;
        for attempt in 1.. {
            let documents: Vec<&DocumentWrite> = drafts.iter().map(|draft| &draft.document).collect();
            let written =
                self.store.write_documents(bank.key, errand.accepted, &documents, errand.now, errand.lease);
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
        Ok(bank.bank_id)
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

    /// Chunking and extraction are pure computation: they run beside the async threads.
    async fn draft(
        &self,
        sources: Vec<Source>,
        settings: Settings,
    ) -> Result<Vec<DraftDocument>, EngineError> {
        let language = self.store.language();
        Ok(tokio::task::spawn_blocking(move || draft_documents(sources, &settings, language)).await?)
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
