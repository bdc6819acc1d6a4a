//! What a retain would make of a text, without storing anything.

use hindsight_types::attachments::ExtractedFactAttachment;
use hindsight_types::dry_run::{
    DryRunExtractRequest, DryRunExtractionResult, ExtractedFact, ExtractionChunk,
};
use hindsight_types::recall::FactType;
use hindsight_types::retain::{MemoryItem, RetainRequest, TokenUsage};
use serde_json::{Map, Value, json};

use super::attached::{check_sight, scrub};
use super::facts::{DraftDocument, cut_documents, draft_documents, read_by_rules};
use super::source::{attach, gather};
use super::strategy::Plans;
use crate::bank_config::check_field;
use crate::jobs::{Errand, Progress};
use crate::model_calls::operation;
use crate::{Engine, EngineError};

impl Engine {
    /// The facts that a retain of this text would make, with the settings of the request in
    /// front of the bank's. A bank that does not exist has those of the server, and is not made.
    pub async fn dry_run_extract(
        &self,
        bank_id: &str,
        request: DryRunExtractRequest,
    ) -> Result<DryRunExtractionResult, EngineError> {
        let overrides = overrides(&request)?;
        let now = self.clock.now();
        let item = MemoryItem {
            content: request.content,
            timestamp: request.timestamp,
            context: Some(request.context).filter(|context| !context.is_empty()),
            strategy: request.strategy,
            ..MemoryItem::new("")
        };
        let strategy = item.strategy.clone();
        let retain =
            RetainRequest { items: vec![item], run_async: false, document_tags: None, operation_id: None };
        let (retain, attached) = self.take_attachments(retain).await?;
        let mut sources = gather(retain, now)?;
        attach(&mut sources, attached)?;
        sources.iter_mut().for_each(scrub);
        let bank = self.store.bank(bank_id).await?;
        let key = bank.as_ref().map(|bank| bank.key);
        let config = bank.map_or(Value::Null, |bank| bank.config);
        let plans = Plans::new(&self.settings, &config, &sources)?;
        let plans = Plans::of(plans.settings(strategy.as_deref()).of_bank(&overrides));
        check_sight(&sources, &plans, self.llm.as_deref())?;
        let (language, has_model) = (self.store.language(), self.llm.is_some());
        let (mut documents, plans) = tokio::task::spawn_blocking(move || {
            let mut documents = cut_documents(sources, &plans, has_model);
            read_by_rules(&mut documents, &plans, has_model);
            (documents, plans)
        })
        .await?;
        let chunks: Vec<String> = documents
            .iter()
            .flat_map(|document| document.chunks.iter().map(|chunk| chunk.text.clone()))
            .collect();
        let errand = Errand {
            now,
            accepted: 0,
            is_forced: false,
            said: Vec::new(),
            lease: None,
            progress: Progress::unwatched(),
        };
        let run = self.llm.as_deref().map(|llm| self.run(llm, key, operation::DRY_RUN));
        let reading = self.read_chunks(run.as_ref(), None, &mut documents, &plans, &errand).await?;
        let drafts =
            tokio::task::spawn_blocking(move || draft_documents(&documents, &plans, language)).await?;
        let facts: Vec<ExtractedFact> = drafts.into_iter().flat_map(facts).collect();
        let of_chunk = |index: usize| {
            let index = i64::try_from(index).ok();
            facts.iter().filter(|fact| fact.chunk_index == index).count()
        };
        let chunks = chunks.into_iter().enumerate().map(|(index, text)| ExtractionChunk {
            text,
            fact_count: i64::try_from(of_chunk(index)).unwrap_or(i64::MAX),
        });
        Ok(DryRunExtractionResult {
            chunks: chunks.collect(),
            usage: reading.map_or_else(TokenUsage::default, |reading| reading.usage),
            facts,
        })
    }
}

/// The settings of the request by the names of a bank's, checked like those.
fn overrides(request: &DryRunExtractRequest) -> Result<Value, EngineError> {
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let mut overrides: Map<String, Value> = Map::new();
    for (name, value) in [
        ("retain_mission", text(&request.retain_mission)),
        ("retain_extraction_mode", text(&request.retain_extraction_mode)),
        ("retain_custom_instructions", text(&request.retain_custom_instructions)),
        ("retain_chunk_size", request.retain_chunk_size.map(Value::from)),
        ("entity_labels", request.entity_labels.clone()),
        ("entities_allow_free_form", request.entities_allow_free_form.map(Value::from)),
    ] {
        if let Some(value) = value {
            overrides.insert(name.to_owned(), check_field(name, value).map_err(EngineError::Invalid)?);
        }
    }
    // No bank has these of its own.
    for (name, value) in [
        ("retain_extract_causal_links", request.retain_extract_causal_links.map(Value::from)),
        ("retain_optional_fact_dimensions", request.retain_optional_fact_dimensions.map(Value::from)),
        ("llm_output_language", text(&request.llm_output_language)),
    ] {
        overrides.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(json!(overrides))
}

fn facts(draft: DraftDocument) -> impl Iterator<Item = ExtractedFact> {
    let attachments = draft.document.attachments;
    let attachment = move |id: &String| {
        let known = attachments.iter().find(|known| known.id == *id)?;
        Some(ExtractedFactAttachment {
            block_index: i64::try_from(known.block).unwrap_or(i64::MAX),
            kind: known.kind.as_str().to_owned(),
            media_type: known.media_type.clone(),
        })
    };
    draft.document.facts.into_iter().map(move |fact| ExtractedFact {
        text: fact.body,
        fact_type: match fact.fact_type {
            FactType::Experience => "experience",
            FactType::World | FactType::Observation => "world",
        }
        .to_owned(),
        occurred_start: fact.occurred.map(|(start, _)| hindsight_types::time::format(start)),
        occurred_end: fact.occurred.map(|(_, end)| hindsight_types::time::format(end)),
        entities: fact.entities.into_iter().map(|entity| entity.name).collect(),
        chunk_index: Some(fact.chunk_index.into()),
        attachments: fact.attachments.iter().filter_map(&attachment).collect(),
    })
}
