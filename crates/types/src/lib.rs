//! The wire of the Hindsight memory API, version 1.1.0: every request, response,
//! limit and error body, with serde and no I/O.
//!
//! Requests are read with [`decode::from_json`], which checks a whole body and reports
//! every problem in the form clients know (`type`, `loc`, `msg`, `input`), and are
//! written with serde. Responses are plain serde structs: optional fields are always
//! present and `null` when there is nothing to say.
//!
//! This crate must not know tokio, a database or a web framework.

pub mod attachments;
pub mod banks;
pub mod consolidation;
pub mod cron;
pub mod decode;
pub mod directives;
pub mod documents;
pub mod dry_run;
pub mod entities;
pub mod errors;
pub mod files;
pub mod graph;
pub mod limits;
pub mod llm_requests;
pub mod memories;
pub mod mental_models;
pub mod monitoring;
pub mod operations;
pub mod recall;
pub mod reflect;
pub mod retain;
pub mod schema;
pub mod settings;
pub mod tags;
pub mod time;

/// Version of the wire this crate speaks; clients compare it as a semantic version.
pub const API_VERSION: &str = "1.1.0";
