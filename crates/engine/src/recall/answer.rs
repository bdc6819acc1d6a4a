//! The response of a recall.

use std::collections::HashMap;
use std::time::Duration;

use hindsight_types::documents::chunk_id;
use hindsight_types::recall::{
    ChunkData, EntityState, RecallRequest, RecallResponse, RecallResult, RecallScores,
};
use hindsight_types::time;
use indexmap::IndexMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::Query;
use super::score::Ranked;
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
}

/// What a trace tells besides the results.
#[derive(Debug)]
pub(super) struct TraceInput<'a> {
    pub(super) query: &'a Query,
    pub(super) request: &'a RecallRequest,
    pub(super) has_vector: bool,
    /// Number of candidates.
    pub(super) found: usize,
    /// Time until the query had its vector.
    pub(super) embedded: Duration,
    /// Time until the candidates were in order.
    pub(super) retrieved: Duration,
    /// Time until now.
    pub(super) total: Duration,
}

impl Answer<'_> {
    pub(super) fn into_response(self, trace: Option<TraceInput>) -> RecallResponse {
        let with_entities = self.request.include.entities.is_some();
        let mut memories: HashMap<Uuid, HydratedMemory> =
            self.memories.into_iter().map(|memory| (memory.memory_id, memory)).collect();
        let mut entities = IndexMap::new();
        let mut results = Vec::with_capacity(self.chosen.len());
        let mut finals = Vec::new();
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
            if trace.is_some() {
                finals.push(final_result(ranked, &memory));
            }
            results.push(result(self.bank_id, ranked, memory, with_entities));
        }
        let source_facts = self.request.include.source_facts.is_some();
        RecallResponse {
            trace: trace.map(|trace| trace.into_json(&finals)),
            entities: (with_entities && !entities.is_empty()).then_some(entities),
            chunks: self.chunks,
            source_facts: source_facts.then(IndexMap::new),
            source_facts_truncated: source_facts.then_some(false),
            results,
        }
    }
}

fn result(bank_id: &str, ranked: &Ranked, memory: HydratedMemory, with_entities: bool) -> RecallResult {
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
        scores: Some(RecallScores {
            r#final: ranked.score,
            reranker: None,
            semantic: ranked.semantic,
            keyword: ranked.keyword,
        }),
        attachments: None,
    }
}

fn final_result(ranked: &Ranked, memory: &HydratedMemory) -> Value {
    json!({
        "id": memory.memory_id,
        "text": memory.body,
        "score": ranked.score,
        "similarity": ranked.candidate.similarity,
        "keyword": ranked.keyword,
        "priors": ranked.parts.priors,
    })
}

impl TraceInput<'_> {
    fn into_json(self, finals: &[Value]) -> Value {
        let seconds = |duration: Duration| duration.as_secs_f64();
        let window = self.query.window.as_ref();
        json!({
            "query": {
                "query_text": self.query.text,
                "query_embedding": [],
                "timestamp": time::format(self.query.anchor),
                "budget": self.request.budget,
                "max_tokens": self.request.max_tokens,
                "tags": self.request.tags,
                "tags_match": self.request.tags_match,
                "temporal_constraint": window.map(|window| json!({
                    "start": time::format(window.start), "end": time::format(window.end),
                })),
            },
            "retrieval_results": [],
            "rrf_merged": [],
            "reranked": [],
            "entry_points": [],
            "visits": [],
            "summary": {
                "semantic_arm": if self.has_vector { "ran" } else { "skipped: the embedding model failed" },
                "total_nodes_visited": self.found,
                "results_returned": finals.len(),
                "total_duration_seconds": seconds(self.total),
                "phase_metrics": [
                    {"phase_name": "generate_query_embedding", "duration_seconds": seconds(self.embedded)},
                    {"phase_name": "retrieval", "duration_seconds": seconds(self.retrieved.saturating_sub(self.embedded))},
                    {"phase_name": "hydrate_results", "duration_seconds": seconds(self.total.saturating_sub(self.retrieved))},
                ],
            },
            "final_results": finals,
        })
    }
}
