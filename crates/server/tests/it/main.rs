//! The server through its routes, over a real PostgreSQL, and its life over real HTTP.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod admission;
mod attachments;
mod banks;
mod bodies;
mod consolidation;
mod curation;
mod directives;
mod documents;
mod entities;
mod extraction;
mod extremes;
mod files;
mod graph;
mod guard;
mod hidden;
mod ignored;
mod life;
mod links;
mod llm;
mod llm_requests;
mod memories;
mod mental_models;
mod operations;
mod places;
mod recall;
mod reflect;
mod replica;
mod stats;
mod support;
mod times;
