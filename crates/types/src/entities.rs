//! Entities: who and what memories name.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Answer to `GET entities`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityListResponse {
    /// One page of entities, those with the most mentions first.
    pub items: Vec<EntityListItem>,
    /// Number of entities in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Entities skipped.
    pub offset: i64,
}

/// An entity in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityListItem {
    /// Id of the entity.
    pub id: String,
    /// Its name.
    pub canonical_name: String,
    /// Number of memories that mention it.
    pub mention_count: i64,
    /// When it was first mentioned.
    pub first_seen: Option<String>,
    /// When it was last mentioned.
    pub last_seen: Option<String>,
    /// What else is known about it.
    pub metadata: Option<Map<String, Value>>,
}

/// Answer to `GET entities/{entity_id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityDetailResponse {
    /// Id of the entity.
    pub id: String,
    /// Its name.
    pub canonical_name: String,
    /// Number of memories that mention it.
    pub mention_count: i64,
    /// When it was first mentioned.
    pub first_seen: Option<String>,
    /// When it was last mentioned.
    pub last_seen: Option<String>,
    /// What else is known about it.
    pub metadata: Option<Map<String, Value>>,
    /// Always empty: entities have no observations of their own any more.
    pub observations: Vec<Value>,
}

/// Answer to `GET entities/graph`: entities that memories name together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityGraphResponse {
    /// The entities of the edges.
    pub nodes: Vec<EntityGraphNode>,
    /// Pairs that memories name together, the most frequent first.
    pub edges: Vec<EntityGraphEdge>,
    /// Number of entities in the bank.
    pub total_entities: i64,
    /// Number of pairs, shown or not.
    pub total_edges: i64,
    /// Most edges asked for.
    pub limit: i64,
}

/// An entity of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityGraphNode {
    /// What there is to know of it.
    pub data: EntityGraphNodeData,
}

/// What a graph tells of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityGraphNodeData {
    /// Id of the entity.
    pub id: String,
    /// Its name.
    pub label: String,
    /// Number of memories that mention it.
    pub mention_count: i64,
    /// Colour for drawing it.
    pub color: Option<String>,
}

/// A pair of entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityGraphEdge {
    /// What there is to know of it.
    pub data: EntityGraphEdgeData,
}

/// What a graph tells of a pair of entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityGraphEdgeData {
    /// Id of the edge.
    pub id: String,
    /// Id of one entity.
    pub source: String,
    /// Id of the other one.
    pub target: String,
    /// Always `cooccurrence`.
    pub link_type: String,
    /// Number of memories that name both.
    pub weight: i64,
    /// Colour for drawing it.
    pub color: Option<String>,
    /// Line for drawing it.
    pub line_style: Option<String>,
    /// When the latest of these memories happened or was said.
    pub last_cooccurred: Option<String>,
}
