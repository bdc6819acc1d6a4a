//! Embedding models that are called over HTTP.

mod cohere;
mod gemini;
mod openai;
mod remote;
mod tei;

pub use cohere::cohere;
pub use gemini::gemini;
pub use openai::openai;
pub use remote::{RemoteEmbedder, RemoteEmbedderOptions};
pub use tei::tei;
