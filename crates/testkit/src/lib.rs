//! What the tests of all crates share. Never part of a release.
//!
//! - [`TestDatabase`] is a fresh, migrated database per test, cloned from a template in
//!   one embedded PostgreSQL that all test processes of a run share.
//! - [`ScriptedLlm`] is a language model over real HTTP that answers what a test wants, well
//!   or badly.
//! - [`EmbeddingService`] gives vectors over real HTTP as fast as they can be made.
//! - [`FaultProxy`] is a link to a server that can be made slow, cut, reset or taken away.
//! - [`Process`] is a program to start, listen to, stop for a while and kill.
//! - [`audit()`] says what does not fit together in a database of memories.
//! - [`HashEmbedder`] and [`FixedClock`] stand in for the engine's ports (feature `engine`).
//!
//! What every test needs first panics with a message instead of answering an error: a test
//! can do no more with one.

mod activity;
mod audit;
mod cluster;
mod database;
mod embeddings;
mod hashed;
mod hold;
mod leases;
mod llm;
#[cfg(feature = "engine")]
mod ports;
mod process;
mod proxy;
mod reply;
mod steward;

pub use activity::{Connections, connections, use_up_log, wait_for_write};
pub use audit::{audit, audit_instance};
pub use database::TestDatabase;
pub use embeddings::EmbeddingService;
pub use hold::HeldTable;
pub use leases::Leases;
pub use llm::{LLM_MODEL, LlmRequest, ScriptedLlm};
#[cfg(feature = "engine")]
pub use ports::{FixedClock, HashEmbedder};
pub use process::{Process, Signal, children, parent, pause, signal, wait_for};
pub use proxy::{Fault, FaultProxy};
pub use reply::{Gate, Reply};
