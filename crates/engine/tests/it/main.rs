//! The engine through its public API, over a real PostgreSQL.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod appends;
mod arms;
mod attachments;
mod cells;
mod changes;
mod consolidation;
mod consolidation_failures;
mod consolidation_losses;
mod consolidation_random;
mod contention;
mod conversation;
mod curation;
mod curation_documents;
mod curation_observations;
mod curation_random;
mod documents;
mod entities;
mod extraction;
mod few;
mod files;
mod hot;
mod isolation;
mod jobs;
mod labels;
mod links;
mod mental_models;
mod model;
mod model_calls;
mod observations;
mod parents;
mod plans;
mod random;
mod recall;
mod reflect;
mod reprocess;
mod rerank;
mod retain;
mod startup;
mod statistics;
mod streams;
mod support;
mod words;
