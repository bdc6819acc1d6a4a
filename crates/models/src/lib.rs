//! Models behind the engine's ports.
//!
//! - [`LocalEmbedder`] computes sentence vectors on this machine, with a small model and the ONNX
//!   Runtime library, whose places its caller gives.
//!
//! This crate must not know where assets come from, what the vectors are for, or which model a
//! server is configured to use; it reads no environment.

mod local;

pub use local::{LoadError, LocalEmbedder, LocalOptions};
