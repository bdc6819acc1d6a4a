//! Memories as a graph for drawing, and how many came when.

use serde::{Deserialize, Serialize};

use crate::decode::words;
use crate::recall::FactType;

words! {
    /// How far a time series looks back.
    pub enum Period("literal_error") {
        /// An hour, minute by minute.
        Hour = "1h",
        /// Twelve hours.
        HalfDay = "12h",
        /// Twenty-four hours.
        Day = "1d",
        /// Seven days.
        Week = "7d",
        /// Thirty days.
        Month = "30d",
        /// Ninety days.
        Quarter = "90d",
    }
}

words! {
    /// The time of a memory that counts in a time series.
    pub enum SeriesTime("literal_error") {
        /// When it was stored.
        CreatedAt = "created_at",
        /// When it was said.
        MentionedAt = "mentioned_at",
        /// Begin of what it tells of.
        OccurredStart = "occurred_start",
    }
}

/// Answer to `GET graph`: memories and what joins them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphDataResponse {
    /// The memories, the latest first.
    pub nodes: Vec<MemoryGraphNode>,
    /// What joins them, two by two.
    pub edges: Vec<MemoryGraphEdge>,
    /// The same memories for a table.
    pub table_rows: Vec<MemoryGraphTableRow>,
    /// Number of memories that match, shown or not.
    pub total_units: i64,
    /// Most memories that are shown.
    pub limit: i64,
}

/// A memory of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryGraphNode {
    /// What there is to know of it.
    pub data: MemoryGraphNodeData,
}

/// What a graph tells of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryGraphNodeData {
    /// Id of the memory.
    pub id: String,
    /// The beginning of its text.
    #[serde(default)]
    pub label: String,
    /// Its text.
    #[serde(default)]
    pub text: String,
    /// When it happened or was said; empty when nobody knows.
    #[serde(default)]
    pub date: String,
    /// Where it comes from.
    #[serde(default)]
    pub context: String,
    /// Names of its entities, separated by commas; `None` without any.
    #[serde(default)]
    pub entities: String,
    /// Colour for drawing it.
    #[serde(default)]
    pub color: Option<String>,
}

/// What joins two memories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryGraphEdge {
    /// What there is to know of it.
    pub data: MemoryGraphEdgeData,
}

/// What a graph tells of an edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryGraphEdgeData {
    /// Id of the edge.
    pub id: String,
    /// Id of the memory it begins at.
    pub source: String,
    /// Id of the memory it ends at.
    pub target: String,
    /// `semantic`, `temporal`, `entity`, or a word of cause and effect.
    #[serde(default)]
    pub link_type: String,
    /// How strong it is, 0 to 1.
    #[serde(default)]
    pub weight: f64,
    /// The entity that both name, where that is what joins them; else empty.
    #[serde(default)]
    pub entity_name: String,
    /// Colour for drawing it.
    #[serde(default)]
    pub color: Option<String>,
    /// Line for drawing it.
    #[serde(default)]
    pub line_style: Option<String>,
}

/// A memory of a graph as a row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryGraphTableRow {
    /// Id of the memory.
    pub id: String,
    /// Its text.
    #[serde(default)]
    pub text: String,
    /// Where it comes from; `N/A` when nobody has said.
    #[serde(default)]
    pub context: String,
    /// Begin of what it tells of.
    #[serde(default)]
    pub occurred_start: Option<String>,
    /// End of what it tells of.
    #[serde(default)]
    pub occurred_end: Option<String>,
    /// When it was said.
    #[serde(default)]
    pub mentioned_at: Option<String>,
    /// When it happened or was said, to the minute, for people; `N/A` when nobody knows.
    #[serde(default)]
    pub date: Option<String>,
    /// Names of its entities, separated by commas; `None` without any.
    #[serde(default)]
    pub entities: String,
    /// Its document.
    #[serde(default)]
    pub document_id: Option<String>,
    /// The chunk it was read from.
    #[serde(default)]
    pub chunk_id: Option<String>,
    /// Its type.
    #[serde(default)]
    pub fact_type: Option<FactType>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When it was stored.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Number of facts behind an observation; 1 for a fact.
    #[serde(default)]
    pub proof_count: Option<i64>,
}

/// Answer to `GET stats/memories-timeseries`: how many memories came when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoriesTimeseriesResponse {
    /// Id of the bank.
    pub bank_id: String,
    /// How far it looks back.
    pub period: String,
    /// Length of a bucket: `minute`, `hour` or `day`.
    pub trunc: String,
    /// The time that counts; memories without it count when they were stored.
    #[serde(default)]
    pub time_field: String,
    /// All of the period, the oldest first; each ends where the next one begins.
    #[serde(default)]
    pub buckets: Vec<MemoryTimeseriesBucket>,
}

/// How many memories came in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryTimeseriesBucket {
    /// Begin of the span.
    pub time: String,
    /// Facts about the world.
    #[serde(default)]
    pub world: i64,
    /// Facts about the agent itself.
    #[serde(default)]
    pub experience: i64,
    /// Observations.
    #[serde(default)]
    pub observation: i64,
}
