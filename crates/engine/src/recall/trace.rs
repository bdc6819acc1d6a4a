//! How an answer came about, for whoever asks for it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hindsight_types::recall::{RecallRequest, RecallResult};
use hindsight_types::time;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fusion;
use super::query::Query;
use super::rerank::Outcome;
use super::score::{Parts, Ranked};
use crate::store::{Candidate, MemoryText};

/// The best hits of the semantic arm, from which the graph arm starts.
const ENTRY_POINTS: usize = 10;

/// How long the parts of a recall take.
#[derive(Debug)]
pub(super) struct Phases {
    started: Instant,
    last: Instant,
    ended: Vec<(&'static str, Duration)>,
}

impl Phases {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, last: now, ended: Vec::new() }
    }

    /// The part that has ended now.
    pub(super) fn end(&mut self, name: &'static str) {
        let now = Instant::now();
        self.ended.push((name, now - self.last));
        self.last = now;
    }
}

/// The candidates in fused order, before a reranker and the budget have a say.
#[derive(Debug)]
pub(super) struct Fused {
    rows: Vec<(Candidate, f64)>,
    arms: [Vec<(Uuid, f64)>; 4],
    ranks: HashMap<Uuid, (f64, [Option<usize>; 4])>,
}

impl Fused {
    pub(super) fn of(ranked: &[Ranked]) -> Self {
        Self {
            rows: ranked.iter().map(|row| (row.candidate.clone(), row.score)).collect(),
            arms: fusion::arms(ranked),
            ranks: fusion::reciprocal_ranks(ranked),
        }
    }

    /// The memories whose texts the trace shows.
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.rows.iter().map(|(candidate, _)| candidate.memory_id).collect()
    }
}

/// What a trace tells besides the results.
#[derive(Debug)]
pub(super) struct TraceInput<'a> {
    pub(super) query: &'a Query,
    pub(super) request: &'a RecallRequest,
    /// Vector of the query; without one the semantic arm did not run.
    pub(super) vector: Option<&'a [f32]>,
    /// Number of candidates.
    pub(super) found: usize,
    /// Candidates of each arm and type.
    pub(super) per_arm: i64,
    pub(super) fused: Fused,
    /// Texts of the candidates, in no order.
    pub(super) texts: Vec<MemoryText>,
    /// What the reranker did; none = it was not asked.
    pub(super) reranked: Option<Outcome>,
    pub(super) phases: Phases,
}

impl TraceInput<'_> {
    /// The trace of an answer with these results, in the order of `chosen`.
    pub(super) fn into_json(self, chosen: &[&Ranked], results: &[RecallResult]) -> Value {
        let texts: HashMap<Uuid, &str> =
            self.texts.iter().map(|text| (text.memory_id, text.body.as_str())).collect();
        let text = |memory: Uuid| texts.get(&memory).copied().unwrap_or_default();
        let candidates: HashMap<Uuid, &Candidate> =
            self.fused.rows.iter().map(|(candidate, _)| (candidate.memory_id, candidate)).collect();
        let window = self.query.window.as_ref();
        let by_id: HashMap<String, &Ranked> =
            chosen.iter().map(|row| (row.candidate.memory_id.to_string(), *row)).collect();
        json!({
            "query": {
                "query_text": self.query.text,
                "query_embedding": self.vector.unwrap_or_default(),
                "timestamp": time::format(self.query.anchor),
                "budget": self.request.budget,
                "max_tokens": self.request.max_tokens,
                "tags": self.request.tags,
                "tags_match": self.request.tags_match,
                "temporal_constraint": window.map(|window| json!({
                    "start": time::format(window.start), "end": time::format(window.end),
                })),
            },
            "retrieval_results": std::iter::zip(fusion::ARMS, &self.fused.arms)
                .filter(|(_, found)| !found.is_empty())
                .flat_map(|(arm, found)| arm_json(arm, found, &candidates, &text))
                .collect::<Vec<_>>(),
            "rrf_merged": self.fused.rows.iter().enumerate().map(|(index, (candidate, score))| {
                let (sum, ranks) = self.fused.ranks.get(&candidate.memory_id).copied().unwrap_or_default();
                json!({
                    "node_id": candidate.memory_id,
                    "text": text(candidate.memory_id),
                    "rrf_score": sum,
                    "fused_score": score,
                    "source_ranks": source_ranks(ranks),
                    "neighbour_distance": candidate.distance,
                    "final_rrf_rank": index + 1,
                })
            }).collect::<Vec<_>>(),
            "reranked": self.reranked_json(results, &by_id, &text),
            "entry_points": self.fused.arms[0].iter().take(ENTRY_POINTS).enumerate().map(|(index, (memory, score))| {
                json!({
                    "node_id": memory,
                    "text": text(*memory),
                    "similarity_score": score,
                    "rank": index + 1,
                })
            }).collect::<Vec<_>>(),
            "visits": [],
            "summary": {
                "semantic_arm": if self.vector.is_some() { "ran" } else { "skipped: the embedding model failed" },
                "reranking": self.reranked.as_ref().map(Outcome::to_json),
                "total_nodes_visited": self.found,
                "entry_points_found": self.fused.arms[0].len().min(ENTRY_POINTS),
                "budget_used": self.found,
                "budget_remaining": usize::try_from(self.per_arm).unwrap_or_default().saturating_sub(self.found),
                "results_returned": results.len(),
                "total_duration_seconds": self.phases.started.elapsed().as_secs_f64(),
                "phase_metrics": self.phases.ended.iter().map(|(name, took)| json!({
                    "phase_name": name, "duration_seconds": took.as_secs_f64(), "details": {},
                })).collect::<Vec<_>>(),
            },
            "final_results": results.iter().map(|result| {
                let row = by_id.get(&result.id);
                json!({
                    "id": result.id,
                    "text": result.text,
                    "score": result.scores.map(|scores| scores.r#final),
                    "similarity": row.and_then(|row| row.candidate.similarity),
                    "keyword": row.and_then(|row| row.keyword),
                    "components": row.map(|row| parts_json(row.parts)),
                    "found_by": row.map(|row| found_by(&row.candidate)),
                })
            }).collect::<Vec<_>>(),
        })
    }

    fn reranked_json<'t>(
        &self,
        results: &[RecallResult],
        by_id: &HashMap<String, &Ranked>,
        text: &impl Fn(Uuid) -> &'t str,
    ) -> Vec<Value> {
        let before: HashMap<Uuid, usize> = self
            .fused
            .rows
            .iter()
            .enumerate()
            .map(|(index, (candidate, _))| (candidate.memory_id, index + 1))
            .collect();
        results
            .iter()
            .enumerate()
            .filter_map(|(index, result)| {
                let row = by_id.get(&result.id)?;
                let memory = row.candidate.memory_id;
                let before = before.get(&memory).copied().unwrap_or_default();
                Some(json!({
                    "node_id": memory,
                    "text": text(memory),
                    "rerank_score": row.score,
                    "rerank_rank": index + 1,
                    "rrf_rank": before,
                    "rank_change": i64::try_from(before).ok()? - i64::try_from(index + 1).ok()?,
                    "score_components": {
                        "cross_encoder": row.reranker,
                        "semantic": row.semantic,
                        "keyword": row.keyword,
                        "fused": parts_json(row.parts),
                    },
                }))
            })
            .collect()
    }
}

fn parts_json(parts: Parts) -> Value {
    json!({"meaning": parts.meaning, "words": parts.words, "priors": parts.priors})
}

/// The arms that found a memory, or that it is the neighbour of a hit.
fn found_by(candidate: &Candidate) -> Vec<&'static str> {
    let found = candidate.found_by;
    let arms = [found.meaning, found.words, found.graph.is_some(), found.time];
    let mut names: Vec<&str> =
        std::iter::zip(fusion::ARMS, arms).filter(|(_, found)| *found).map(|(arm, _)| arm).collect();
    if candidate.distance > 0 {
        names.push("neighbour");
    }
    names
}

fn source_ranks(ranks: [Option<usize>; 4]) -> Value {
    let named = std::iter::zip(fusion::ARMS, ranks)
        .filter_map(|(arm, rank)| Some((format!("{arm}_rank"), json!(rank?))));
    Value::Object(named.collect())
}

/// One list for each type of memory an arm found.
fn arm_json<'t>(
    arm: &str,
    found: &[(Uuid, f64)],
    candidates: &HashMap<Uuid, &Candidate>,
    text: &impl Fn(Uuid) -> &'t str,
) -> Vec<Value> {
    let score_name = match arm {
        "semantic" => "similarity",
        "bm25" => "bm25_score",
        "graph" => "activation",
        _ => "temporal_score",
    };
    hindsight_types::recall::FactType::ALL
        .iter()
        .filter_map(|fact_type| {
            let results: Vec<Value> = found
                .iter()
                .filter_map(|(memory, score)| Some((candidates.get(memory)?, score)))
                .filter(|(candidate, _)| candidate.fact_type == *fact_type)
                .enumerate()
                .map(|(index, (candidate, score))| {
                    json!({
                        "rank": index + 1,
                        "node_id": candidate.memory_id,
                        "text": text(candidate.memory_id),
                        "event_date": candidate.event.map(|(start, _)| time::format(start)),
                        "fact_type": fact_type,
                        "score": score,
                        "score_name": score_name,
                    })
                })
                .collect();
            (!results.is_empty()).then(|| {
                json!({
                    "method_name": arm,
                    "fact_type": fact_type,
                    "results": results,
                    "duration_seconds": 0.0,
                    "metadata": {},
                })
            })
        })
        .collect()
}
