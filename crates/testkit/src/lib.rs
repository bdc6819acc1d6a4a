//! What the tests of all crates share. Never part of a release.
//!
//! - [`TestDatabase`] is a fresh, migrated database per test, cloned from a template in
//!   one embedded PostgreSQL that all test processes of a run share.
//! - [`HashEmbedder`] and [`FixedClock`] stand in for the engine's ports (feature `engine`).
//!
//! The calls panic with a message instead of answering an error: a test can do no more
//! with one.

mod cluster;
mod database;
#[cfg(feature = "engine")]
mod ports;
mod steward;

pub use database::TestDatabase;
#[cfg(feature = "engine")]
pub use ports::{FixedClock, HashEmbedder};
