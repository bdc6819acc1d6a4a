//! The response of a recall.

use std::collections::HashMap;

use hindsight_types::documents::chunk_id;
use hindsight_types::recall::{
    ChunkData, EntityState, FactType, RecallRequest, RecallResponse, RecallResult, RecallScores,
};
use indexmap::IndexMap;
use uuid::Uuid;

use super::score::Ranked;
use super::select::SourceFacts;
use super::trace::TraceInput;
use crate::attachments::shown;
use crate::browse::{format, metadata};
use crate::store::{HydratedMemory, fact_type_of};

/// All that goes into a response.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) bank_id: &'a str,
    pub(super) request: &'a RecallRequest,
    /// The memories in order.
    pub(super) chosen: &'a [&'a Ranked],
    /// The same memories with their contents, in no order.
    pub(super) memories: Vec<HydratedMemory>,
    pub(super) chunks: Option<IndexMap<String, ChunkData>>,
    pub(super) source_facts: Option<SourceFacts>,
}

impl Answer<'_> {
    pub(super) fn into_response(self, trace: Option<TraceInput>) -> RecallResponse {
        let with_entities = self.request.include.entities.is_some();
        let mut memories: HashMap<Uuid, HydratedMemory> =
            self.memories.into_iter().map(|memory| (memory.memory_id, memory)).collect();
        let mut entities = IndexMap::new();
        let mut results = Vec::with_capacity(self.chosen.len());
        for ranked in self.chosen {
            // Missing only when it was deleted a moment ago.
            let Some(memory) = memories.remove(&ranked.candidate.memory_id) else {
                continue;
            };
            if with_entities {
                for entity in &memory.entities {
                    entities.entry(entity.name.clone()).or_insert_with(|| EntityState {
                        entity_id: entity.entity_id.to_string(),
                        canonical_name: entity.name.clone(),
                        observations: Vec::new(),
                    });
                }
            }
            let sources = self.source_facts.is_some() && ranked.candidate.fact_type == FactType::Observation;
            let source_fact_ids = sources.then(|| memory.source_ids.iter().map(Uuid::to_string).collect());
            let mut result = result(self.bank_id, memory, with_entities);
            result.source_fact_ids = source_fact_ids;
            result.scores = Some(RecallScores {
                r#final: ranked.score,
                reranker: ranked.reranker,
                semantic: ranked.semantic,
                keyword: ranked.keyword,
            });
            results.push(result);
        }
        let truncated = self.source_facts.as_ref().map(|sources| sources.truncated);
        let source_facts = self.source_facts.map(|sources| {
            let facts = sources.facts.into_iter();
            facts
                .map(|fact| (fact.memory_id.to_string(), result(self.bank_id, fact, with_entities)))
                .collect()
        });
        RecallResponse {
            trace: trace.map(|trace| trace.into_json(self.chosen, &results)),
            entities: (with_entities && !entities.is_empty()).then_some(entities),
            chunks: self.chunks,
            source_facts,
            source_facts_truncated: truncated,
            results,
        }
    }
}

/// A memory on the wire, without scores.
fn result(bank_id: &str, memory: HydratedMemory, with_entities: bool) -> RecallResult {
    let names: Vec<String> = memory.entities.into_iter().map(|entity| entity.name).collect();
    RecallResult {
        id: memory.memory_id.to_string(),
        text: memory.body,
        fact_type: Some(fact_type_of(memory.fact_type)),
        entities: (with_entities && !names.is_empty()).then_some(names),
        context: memory.context,
        occurred_start: format(memory.occurred_start),
        occurred_end: format(memory.occurred_end),
        mentioned_at: format(memory.mentioned_at),
        chunk_id: memory
            .document_id
            .as_deref()
            .zip(memory.chunk_index)
            .map(|(document_id, index)| chunk_id(bank_id, document_id, i64::from(index))),
        document_id: memory.document_id,
        metadata: metadata(memory.metadata),
        tags: Some(memory.tags),
        source_fact_ids: None,
        scores: None,
        attachments: shown(bank_id, memory.attachments),
    }
}
