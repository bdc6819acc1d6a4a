//! Filling token budgets in rank order.

use std::collections::{HashMap, HashSet};

use hindsight_types::documents::chunk_id;
use hindsight_types::recall::{ChunkData, SourceFactsIncludeOptions};
use indexmap::IndexMap;
use uuid::Uuid;

use super::score::Ranked;
use crate::attachments::shown_in;
use crate::store::{ChunkRow, HydratedMemory, infos_of};
use crate::text::tokens;

/// Drops memories that say the same as one placed before them, so that a text fills the
/// budget only once.
pub(super) fn drop_repeated(ranked: &mut Vec<Ranked>) {
    let mut said = HashSet::new();
    ranked.retain(|row| row.candidate.text_hash.is_none_or(|hash| said.insert(hash)));
}

/// The memories that fit into `max_tokens` together: one that does not fit is passed over
/// and smaller ones behind it still have a chance. If none fits at all the best one is
/// returned whole, unless the budget is 0.
pub(super) fn within_budget(ranked: &[Ranked], max_tokens: i64) -> Vec<&Ranked> {
    if max_tokens <= 0 {
        return Vec::new();
    }
    let mut used = 0;
    let mut chosen: Vec<&Ranked> = Vec::new();
    for candidate in ranked {
        let tokens = i64::from(candidate.candidate.tokens);
        if used + tokens <= max_tokens {
            used += tokens;
            chosen.push(candidate);
        }
    }
    if chosen.is_empty() {
        chosen.extend(ranked.first());
    }
    chosen
}

/// The chunks that fit into a budget together; the first that does not is cut to what is left and is
/// the last.
pub(super) struct ChunkBudget<'b> {
    bank_id: &'b str,
    left: usize,
    chunks: IndexMap<String, ChunkData>,
}

impl<'b> ChunkBudget<'b> {
    pub(super) fn new(bank_id: &'b str, max_tokens: i64) -> Self {
        Self { bank_id, left: usize::try_from(max_tokens).unwrap_or(0), chunks: IndexMap::new() }
    }

    /// Whether nothing more fits.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Adds the next chunks, as far as they fit. One that is there already is passed over.
    pub(super) fn add(&mut self, rows: Vec<ChunkRow>) {
        for row in rows {
            if self.is_spent() {
                break;
            }
            let index = i64::from(row.chunk_index);
            let id = chunk_id(self.bank_id, &row.document_id, index);
            if self.chunks.contains_key(&id) {
                continue;
            }
            let tokens = tokens::count(&row.body);
            let truncated = tokens > self.left;
            let attachments = shown_in(self.bank_id, &row.body, infos_of(row.attachments));
            let text = if truncated { tokens::truncate(&row.body, self.left).to_owned() } else { row.body };
            let data = ChunkData { id: id.clone(), text, chunk_index: index, truncated, attachments };
            self.chunks.insert(id, data);
            self.left -= tokens.min(self.left);
        }
    }

    pub(super) fn into_chunks(self) -> IndexMap<String, ChunkData> {
        self.chunks
    }
}

/// The facts behind the observations of an answer.
#[derive(Debug)]
pub(super) struct SourceFacts {
    /// Each once, in the order of the observations.
    pub(super) facts: Vec<HydratedMemory>,
    /// Whether the budget left some out.
    pub(super) truncated: bool,
}

/// The source facts that fit, in the order of the observations they prove. All share one
/// budget, or each observation has one of its own when the request gives it; a fact that does
/// not fit is passed over. A negative budget has no end.
pub(super) fn source_facts_within_budget(
    chosen: &[&Ranked],
    memories: &[HydratedMemory],
    facts: Vec<HydratedMemory>,
    options: &SourceFactsIncludeOptions,
) -> SourceFacts {
    let sources: HashMap<Uuid, &[Uuid]> =
        memories.iter().map(|memory| (memory.memory_id, memory.source_ids.as_slice())).collect();
    let mut facts: HashMap<Uuid, HydratedMemory> =
        facts.into_iter().map(|fact| (fact.memory_id, fact)).collect();
    let per_observation = options.max_tokens_per_observation >= 0;
    let budget = if per_observation { options.max_tokens_per_observation } else { options.max_tokens };
    let mut left = budget;
    let mut kept = SourceFacts { facts: Vec::new(), truncated: false };
    let mut seen = HashSet::new();
    for row in chosen {
        if per_observation {
            left = budget;
        }
        let ids = sources.get(&row.candidate.memory_id).copied().unwrap_or_default();
        for id in ids.iter().filter(|id| facts.contains_key(*id)) {
            let tokens = facts.get(id).map_or(0, |fact| tokens::count(&fact.body));
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            if budget >= 0 && tokens > left {
                kept.truncated |= !seen.contains(id);
            } else {
                left -= tokens;
                seen.insert(*id);
            }
        }
    }
    for row in chosen {
        for id in sources.get(&row.candidate.memory_id).copied().unwrap_or_default() {
            if seen.contains(id) {
                kept.facts.extend(facts.remove(id));
            }
        }
    }
    kept
}
