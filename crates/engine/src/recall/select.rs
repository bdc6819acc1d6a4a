//! Filling token budgets in rank order.

use hindsight_types::documents::chunk_id;
use hindsight_types::recall::ChunkData;
use indexmap::IndexMap;

use super::score::Ranked;
use crate::store::ChunkRow;
use crate::text::tokens;

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

/// The chunks that fit into `max_tokens` together; the first that does not is cut to what
/// is left and is the last.
pub(super) fn chunks_within_budget(
    bank_id: &str,
    rows: Vec<ChunkRow>,
    max_tokens: i64,
) -> IndexMap<String, ChunkData> {
    let mut left = usize::try_from(max_tokens).unwrap_or(0);
    let mut chunks = IndexMap::new();
    for row in rows {
        if left == 0 {
            break;
        }
        let tokens = tokens::count(&row.body);
        let truncated = tokens > left;
        let text = if truncated { tokens::truncate(&row.body, left).to_owned() } else { row.body };
        let index = i64::from(row.chunk_index);
        let id = chunk_id(bank_id, &row.document_id, index);
        let data = ChunkData { id: id.clone(), text, chunk_index: index, truncated, attachments: None };
        chunks.insert(id, data);
        left -= tokens.min(left);
    }
    chunks
}
