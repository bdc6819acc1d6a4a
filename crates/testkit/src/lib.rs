//! What the tests of all crates share. Never part of a release.
//!
//! - [`TestDatabase`] is a fresh, migrated database per test, cloned from a template in
//!   one embedded PostgreSQL that all test processes of a run share.
//! - [`audit()`] says what does not fit together in a database of memories.
//! - [`HashEmbedder`] and [`FixedClock`] stand in for the engine's ports (feature `engine`).
//!
//! The calls panic with a message instead of answering an error: a test can do no more
//! with one.

mod audit;
mod cluster;
mod database;
mod hold;
#[cfg(feature = "engine")]
mod ports;
mod steward;

pub use audit::{audit, audit_instance};
pub use database::TestDatabase;
pub use hold::HeldTable;
#[cfg(feature = "engine")]
pub use ports::{FixedClock, HashEmbedder};
