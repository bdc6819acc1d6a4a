//! Rerankers: a model on this machine, services over HTTP, and several of them in a row.

mod chain;
mod cohere;
mod local;
mod remote;
mod tei;

pub use chain::{ChainedRerankers, Member};
pub use cohere::cohere;
pub use local::{CrossEncoder, CrossEncoderOptions, RerankLoadError};
pub use remote::{RemoteReranker, RemoteRerankerOptions};
pub use tei::tei;

/// A logit as a number from 0 to 1.
fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
