//! Health and version.

use serde::{Deserialize, Serialize};

/// Answer to `GET /version`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionResponse {
    /// Version of the wire.
    pub api_version: String,
    /// What this server can do.
    pub features: Features,
    /// The program itself; programs of one installation compare this. Servers of the
    /// original do not tell.
    #[serde(default)]
    pub build: Option<Build>,
    /// The language models as `provider/model`, `none` without one; not told until the server
    /// is ready, nor by servers of the original.
    #[serde(default)]
    pub llm: Option<String>,
}

/// Version of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Version of the crates.
    pub version: String,
    /// Commit it was built from, when known.
    pub commit: Option<String>,
}

/// What a server can do; nothing that it does not mention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has a flag for each feature")]
pub struct Features {
    /// Facts are consolidated into observations.
    pub observations: bool,
    /// MCP is served.
    pub mcp: bool,
    /// Background work is done in this process.
    pub worker: bool,
    /// Banks have settings of their own.
    pub bank_config_api: bool,
    /// The language model of a bank can be probed.
    pub bank_llm_health: bool,
    /// Files can be uploaded.
    pub file_upload_api: bool,
    /// Documents can be exported.
    pub document_export_api: bool,
    /// Documents can be imported.
    pub document_import_api: bool,
    /// Calls are logged.
    pub audit_log: bool,
    /// Calls of language models are logged.
    pub llm_trace: bool,
    /// The texts of documents are kept.
    pub store_document_text: bool,
}

/// Answer to `GET /health/live`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LivenessResponse {
    /// Always `alive`.
    pub status: String,
    /// Version of the wire.
    pub version: String,
    /// Seconds since the process started to serve.
    pub uptime_seconds: f64,
}

/// Answer to `GET /health` and `GET /health/ready`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthResponse {
    /// `healthy` or `unhealthy`.
    pub status: String,
    /// `connected`, when healthy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// `not_initialized` until everything is loaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// What the server is doing: `starting`, `ready`, `stopping`, `failed`.
    #[serde(default)]
    pub phase: String,
    /// Milliseconds a database connection took at the last probe.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub db_acquire_ms: Option<f64>,
    /// Connections open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pool_size: Option<u32>,
    /// Connections open and free.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pool_idle: Option<u32>,
    /// Age of the last probe in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checked_ms_ago: Option<u64>,
    /// Profile whose daemon this is; none for other servers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
    /// Tells this daemon from every other one of its profile.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance_id: Option<String>,
    /// Requests under way that keep a daemon from ending as unused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_flight: Option<u64>,
    /// Milliseconds since the last of them ended; none while one is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idle_ms: Option<u64>,
}
