//! Models behind the engine's ports.
//!
//! - [`LocalEmbedder`] computes sentence vectors on this machine, with a small model and the ONNX
//!   Runtime library, whose places its caller gives.
//! - [`embed`] has embedding models that are called over HTTP.
//! - [`rerank`] scores documents for a query: [`rerank::CrossEncoder`] on this machine, services
//!   over HTTP, and several of them in a row.
//! - [`llm`] has language models that are called over HTTP, in the dialects of their providers.
//!
//! This crate must not know where assets come from, what the vectors are for, or which model a
//! server is configured to use; it reads no environment.

pub mod embed;
mod files;
mod http;
pub mod llm;
mod local;
pub mod rerank;

pub use files::ModelFiles;
pub use http::{ApiKey, CallLimits};
pub use local::{LoadError, LocalEmbedder, LocalOptions, ModelFolder, Pooling};
