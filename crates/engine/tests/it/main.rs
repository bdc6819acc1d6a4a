//! The engine through its public API, over a real PostgreSQL.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod arms;
mod cells;
mod conversation;
mod files;
mod isolation;
mod jobs;
mod observations;
mod plans;
mod recall;
mod rerank;
mod retain;
mod startup;
mod statistics;
mod streams;
mod support;
mod words;
