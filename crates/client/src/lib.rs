//! Typed async client of a Hindsight memory server.
//!
//! [`Client`] has one method per route; requests and answers are the structs of [`types`]. Failures are
//! [`ClientError`]: the server is not there, it was too slow, it refused the request, or its answer makes no
//! sense. Nothing is retried here, so a retain is never sent twice behind the caller's back.
//!
//! ```no_run
//! use hindsight_client::{Client, types::recall::RecallRequest, types::retain::MemoryItem};
//!
//! # async fn example() -> Result<(), hindsight_client::ClientError> {
//! let client = Client::new("http://localhost:8888")?;
//! client.retain("my-bank", MemoryItem::new("Alice works at Google")).await?;
//! let found = client.recall("my-bank", &RecallRequest::new("What does Alice do?")).await?;
//! for memory in found.results {
//!     println!("{}", memory.text);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This crate must not know how the server stores or finds anything; it depends on the wire alone.

mod banks;
mod consolidation;
mod directives;
mod documents;
mod entities;
mod error;
mod files;
mod graph;
mod llm_requests;
mod memories;
mod mental_models;
mod monitoring;
mod operations;
mod raw;
mod reflect;
mod transport;

pub use banks::BankFilter;
pub use directives::DirectiveFilter;
pub use documents::DocumentFilter;
pub use entities::EntityFilter;
pub use error::ClientError;
pub use files::FileUpload;
pub use graph::GraphFilter;
/// The wire: requests, answers and their limits.
pub use hindsight_types as types;
pub use llm_requests::LlmRequestFilter;
pub use memories::MemoryFilter;
pub use mental_models::MentalModelFilter;
pub use operations::OperationFilter;
pub use raw::{RawBody, RawFile, RawRequest, RawResponse};
pub use reqwest::Method;
pub use transport::{Client, ClientOptions};
