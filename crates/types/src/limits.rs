//! Bounds and defaults of the wire, with their units.

/// Longest bank id in bytes of UTF-8.
pub const BANK_ID_MAX_BYTES: usize = 192;
/// Default `max_tokens` of a recall: tokens (o200k) of all result texts together.
pub const RECALL_MAX_TOKENS: i64 = 4096;
/// Default token budget of the chunks of a recall.
pub const RECALL_CHUNK_MAX_TOKENS: i64 = 8192;
/// Default token budget of the source facts of a recall.
pub const RECALL_SOURCE_FACTS_MAX_TOKENS: i64 = 4096;
/// Default `include.entities.max_tokens`; accepted, without effect on this wire.
pub const RECALL_ENTITY_MAX_TOKENS: i64 = 500;
/// Longest query in tokens; what is beyond is cut off.
pub const RECALL_QUERY_MAX_TOKENS: usize = 500;
/// Default page size of listings.
pub const PAGE_LIMIT: i64 = 100;
/// Default `max_tokens` of a reflect: length of the answer in tokens (o200k) that is aimed for.
pub const REFLECT_MAX_TOKENS: i64 = 4096;
/// Default length of a mental model in tokens that is aimed for.
pub const MENTAL_MODEL_TOKENS: i64 = 2048;
/// Least and greatest length that a mental model may aim for.
pub const MENTAL_MODEL_TOKENS_BOUNDS: (i64, i64) = (256, 8192);
/// Longest id of a mental model in bytes of UTF-8.
pub const MENTAL_MODEL_ID_MAX_BYTES: usize = 256;
