//! Retain: from a text to stored facts.
//!
//! The way of one sentence, top to bottom: [`source`] puts the items of a request together
//! to documents, [`strategy`] finds the settings of each, [`chunk`] cuts their texts, [`delta`]
//! leaves out what is stored already; a language model reads a chunk's facts ([`reading`],
//! [`extract`]), or without one [`plain`] makes them by rules and [`when`] dates them; [`facts`]
//! adds what ranking needs, [`stream`] finds each fact's place in its conversation; then the
//! texts are embedded, [`resolve`] finds out which names mean the same, and everything is written
//! at once.

mod attached;
pub(crate) mod body;
pub mod chunk;
mod delta;
mod dry_run;
mod extract;
pub(crate) mod extracted;
mod facts;
mod keys;
pub mod plain;
mod reading;
pub mod resolve;
mod resync;
pub(crate) mod source;
mod strategy;
mod stream;
pub mod when;

use std::collections::HashMap;
use std::sync::Arc;

use half::f16;
use hindsight_types::retain::{RetainRequest, RetainResponse, TokenUsage};
use serde_json::Value;

use self::attached::check_sight;
use self::delta::{cut_as, mark_stored, may_share_more};
pub(crate) use self::extract::Extraction;
use self::facts::{CutDocument, DraftDocument, cut_documents, draft_documents, keeps_text, read_by_rules};
use self::reading::Reading;
use self::source::{Source, attach, gather, keep_times};
use self::strategy::Plans;
use crate::attachments::Attached;
use crate::jobs::{Errand, Progress};
use crate::model_calls::{Run, operation};
use crate::ports::EmbedPurpose;
use crate::store::{BankKey, BankRow, DocumentWrite, FactWrite, StoreError, WriteOutcome};
use crate::{Engine, EngineError};

/// Texts given to the embedder at once: enough to sort them by length into full batches,
/// few enough that a long document does not sit in its queue as one block.
const EMBED_BATCH: usize = 256;
/// A bank may be deleted between its lookup and the write; then it is made again. Or another
/// retain changes a document that is to be changed; then it is looked at again.
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
        let (request, attached) = self.take_attachments(request).await?;
        let mut sources = gather(request, now)?;
        attach(&mut sources, attached)?;
        let (bank_id, reading) = if sources.is_empty() {
            (bank_id.to_owned(), None)
        } else {
            let plans = self.plans(bank_id, &sources).await?;
            let bank = self.bank_for_writing(bank_id).await?;
            // Numbered before the slow work: of two replaces of a document the later one wins.
            let accepted = self.store.next_retain().await?;
            let errand = Errand {
                now,
                accepted,
                is_forced: false,
                said: Vec::new(),
                lease: None,
                progress: Progress::unwatched(),
            };
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
        let plans = Plans::new(&self.settings, &config, sources)?;
        check_appends(sources, &plans)?;
        check_sight(sources, &plans, self.llm.as_deref())?;
        Ok(plans)
    }

    /// Remembers what was handed to the background, and completes the operation with it.
    pub(crate) async fn retain_on_errand(
        &self,
        bank_id: &str,
        request: RetainRequest,
        attached: Attached,
        errand: &Errand,
    ) -> Result<(), EngineError> {
        let bank = self.store.bank(bank_id).await?;
        // With its bank an operation goes too; a new bank of the same name has not asked for it.
        let bank = bank.filter(|bank| errand.lease.is_none_or(|lease| lease.bank == bank.key));
        let bank = bank.ok_or(StoreError::LeaseLost)?;
        let mut sources = gather(request, errand.now)?;
        keep_times(&mut sources, &errand.said);
        attach(&mut sources, attached)?;
        let plans = Plans::new(&self.settings, &bank.config, &sources)?;
        check_appends(&sources, &plans)?;
        self.store_sources(bank, sources, plans, errand).await?;
        Ok(())
    }

    /// Makes facts of the sources and writes them. Returns the bank's own name, and what a
    /// language model made of them, if one was asked.
    async fn store_sources(
        &self,
        bank: BankRow,
        mut sources: Vec<Source>,
        plans: Plans,
        errand: &Errand,
    ) -> Result<(String, Option<Reading>), EngineError> {
        self.find_attachments(bank.key, &mut sources).await?;
        check_sight(&sources, &plans, self.llm.as_deref())?;
        let bank_id = bank.bank_id.clone();
        let plans = Arc::new(plans);
        let mut bank = bank;
        let mut documents = self.cut(sources, &plans).await?;
        let mut reading: Option<Reading> = None;
        let mut run = self.run_of(bank.key, errand);
        for attempt in 1.. {
            // With every chunk read nothing depends any more on what others do meanwhile.
            let keeps = attempt < ATTEMPTS && !errand.is_forced;
            self.mark_known(&bank, &mut documents, &plans, keeps).await?;
            documents = self.read_by_rules(documents, &plans).await?;
            let more = self.read_chunks(run.as_ref(), Some(bank.key), &mut documents, &plans, errand).await?;
            if let Some(more) = more {
                *reading.get_or_insert_default() += more;
            }
            let (read, mut drafts) = self.draft(documents, &plans).await?;
            documents = read;
            for draft in &mut drafts {
                draft.document.is_reprocessed = errand.is_forced;
            }
            bank = self.placed(bank, &mut drafts, errand).await?;
            self.embed_documents(&mut drafts, &errand.progress).await?;
            let mut facts: Vec<&mut FactWrite> =
                drafts.iter_mut().flat_map(|draft| &mut draft.document.facts).collect();
            self.resolve_entities(bank.key, &mut facts).await?;
            let spent = errand.progress.spent();
            let told = reading.as_ref().map(|reading| reading.told(spent)).unwrap_or_default();
            let completes = errand.lease.map(|lease| (lease, &told));
            let writes: Vec<&DocumentWrite> = drafts.iter().map(|draft| &draft.document).collect();
            let written =
                self.store.write_documents(bank.key, errand.accepted, &writes, errand.now, completes);
            match written.await {
                Err(StoreError::BankVanished) if attempt < ATTEMPTS && errand.lease.is_none() => {
                    bank = self.bank_for_writing(&bank_id).await?;
                    run = self.run_of(bank.key, errand);
                }
                Err(StoreError::DocumentChanged(document)) if attempt < ATTEMPTS => {
                    tracing::debug!(document, "changed while it was read; read again");
                }
                Err(error) => return Err(error.into()),
                Ok(outcomes) => {
                    tell(&outcomes, &drafts);
                    if let Some(run) = run.as_ref().filter(|_| reading.is_some()) {
                        note_made(run, &outcomes, &drafts);
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

    /// The run in which a model is asked for facts, if there is one.
    fn run_of(&self, bank: BankKey, errand: &Errand) -> Option<Run<'_>> {
        let run = self.run(self.llm.as_deref()?, Some(bank), operation::RETAIN);
        Some(match errand.lease {
            Some(lease) => run.with("operation_id", lease.operation_id.to_string()),
            None => run,
        })
    }

    /// Notes which chunks are stored already, so that they are not read again; none when nothing
    /// is to be kept. And what stands before a text that is added.
    async fn mark_known(
        &self,
        bank: &BankRow,
        documents: &mut [CutDocument],
        plans: &Plans,
        keeps: bool,
    ) -> Result<(), EngineError> {
        let replaced = documents.iter().filter(|document| keeps && !document.source.appends);
        let ids: Vec<String> = replaced.map(|document| document.source.document_id.clone()).collect();
        let stored =
            if ids.is_empty() { HashMap::new() } else { self.store.chunk_keys(bank.key, &ids).await? };
        let has_model = self.llm.is_some();
        for document in documents {
            let keys = stored.get(&document.source.document_id).map(Vec::as_slice).unwrap_or_default();
            if may_share_more(document, keys) {
                let bodies = self.store.chunk_bodies(bank.key, &document.source.document_id).await?;
                cut_as(document, keys, &bodies, plans, has_model);
            }
            mark_stored(document, keys);
            if has_model && document.source.appends {
                let last = self.store.last_chunk(bank.key, &document.source.document_id).await?;
                let context = document.source.parts.first().and_then(|part| part.context.as_ref());
                document.before = last.filter(|last| last.context.as_ref() == context).map(|last| last.body);
            }
        }
        Ok(())
    }

    /// Gives every fact its place in a conversation of the bank, which is made again when it
    /// has been deleted meanwhile, unless the work has gone with it.
    async fn placed(
        &self,
        mut bank: BankRow,
        drafts: &mut [DraftDocument],
        errand: &Errand,
    ) -> Result<BankRow, EngineError> {
        for attempt in 1.. {
            match self.place_in_streams(&bank, drafts).await {
                Err(EngineError::Store(StoreError::BankVanished))
                    if attempt < ATTEMPTS && errand.lease.is_none() =>
                {
                    bank = self.bank_for_writing(&bank.bank_id).await?;
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

    async fn read_by_rules(
        &self,
        mut documents: Vec<CutDocument>,
        plans: &Arc<Plans>,
    ) -> Result<Vec<CutDocument>, EngineError> {
        let (plans, has_model) = (Arc::clone(plans), self.llm.is_some());
        let read = move || {
            read_by_rules(&mut documents, &plans, has_model);
            documents
        };
        Ok(tokio::task::spawn_blocking(read).await?)
    }

    /// The same for what ranking needs of every fact. Gives the documents back.
    async fn draft(
        &self,
        documents: Vec<CutDocument>,
        plans: &Arc<Plans>,
    ) -> Result<(Vec<CutDocument>, Vec<DraftDocument>), EngineError> {
        let (plans, language) = (Arc::clone(plans), self.store.language());
        let draft = move || {
            let drafts = draft_documents(&documents, &plans, language);
            (documents, drafts)
        };
        Ok(tokio::task::spawn_blocking(draft).await?)
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
                fact.embedding = vector.into_iter().map(f16::from_f32).collect();
            }
        }
        Ok(())
    }
}

/// What is added to a text goes with the text that is stored.
fn check_appends(sources: &[Source], plans: &Plans) -> Result<(), EngineError> {
    if sources.iter().any(|source| source.appends && !keeps_text(source, plans)) {
        return Err(EngineError::Invalid(
            "update_mode 'append' requires that texts of documents are kept (store_document_text); send the whole text with 'replace'"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Notes which memories came of a run.
fn note_made(run: &Run<'_>, outcomes: &[WriteOutcome], drafts: &[DraftDocument]) {
    for (outcome, draft) in std::iter::zip(outcomes, drafts) {
        if matches!(outcome, WriteOutcome::Written { .. }) {
            let ids = draft.document.facts.iter().map(|fact| fact.memory_id).collect();
            run.made(Some(&draft.document.document_id), ids);
        }
    }
}

/// Says in the log what did not become of a retain what one might expect.
fn tell(outcomes: &[WriteOutcome], drafts: &[DraftDocument]) {
    let (mut superseded, mut chunks_kept, mut facts_repeated) = (0, 0, 0);
    for (outcome, draft) in std::iter::zip(outcomes, drafts) {
        match outcome {
            WriteOutcome::Superseded => superseded += 1,
            WriteOutcome::Written { kept, repeated } => {
                chunks_kept += kept;
                facts_repeated += repeated + draft.repeated;
            }
        }
    }
    if superseded > 0 {
        tracing::info!(superseded, "documents already replaced by a later retain");
    }
    if chunks_kept > 0 || facts_repeated > 0 {
        tracing::debug!(chunks_kept, facts_repeated, "parts of the documents were stored already");
    }
}
