//! Looking at the entities of a bank.

use std::collections::BTreeSet;

use hindsight_types::entities::{
    EntityDetailResponse, EntityGraphEdge, EntityGraphEdgeData, EntityGraphNode, EntityGraphNodeData,
    EntityGraphResponse, EntityListItem, EntityListResponse,
};
use hindsight_types::time;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::browse::format;
use crate::store::{EntityPair, EntityRow, TagFilter};
use crate::{Engine, EngineError};

/// Colours of the entities of a graph: mentioned more than once, and once.
const OFTEN: &str = "#42a5f5";
const ONCE: &str = "#90caf9";
/// How pairs are drawn.
const EDGE: &str = "#ffd700";
const LINE: &str = "solid";

impl Engine {
    /// One page of entities. With a filter, only memories that pass it count.
    pub async fn list_entities(
        &self,
        bank_id: &str,
        tags: &TagFilter,
        limit: i64,
        offset: i64,
    ) -> Result<EntityListResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (rows, total) = self.store.entities(bank.key, tags, limit, offset).await?;
        Ok(EntityListResponse { items: rows.into_iter().map(item).collect(), total, limit, offset })
    }

    /// One entity. With a filter, only memories that pass it count.
    pub async fn entity(
        &self,
        bank_id: &str,
        entity_id: Uuid,
        tags: &TagFilter,
    ) -> Result<EntityDetailResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let found = self.store.entities_of(bank.key, tags, &[entity_id]).await?.pop();
        let row = found.ok_or_else(|| EngineError::NotFound { kind: "Entity", id: entity_id.to_string() })?;
        let EntityListItem { id, canonical_name, mention_count, first_seen, last_seen, metadata } = item(row);
        Ok(EntityDetailResponse {
            id,
            canonical_name,
            mention_count,
            first_seen,
            last_seen,
            metadata,
            observations: Vec::new(),
        })
    }

    /// Which entities are named together by at least `min_count` memories, at most `limit` pairs.
    pub async fn entity_graph(
        &self,
        bank_id: &str,
        tags: &TagFilter,
        min_count: i64,
        limit: i64,
    ) -> Result<EntityGraphResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let found = self.store.entity_pairs(bank.key, tags, min_count, limit).await?;
        let ids: BTreeSet<Uuid> = found.pairs.iter().flat_map(|pair| [pair.one, pair.other]).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let mut rows = self.store.entities_of(bank.key, tags, &ids).await?;
        rows.sort_by(|a, b| b.mentions.cmp(&a.mentions).then_with(|| a.entity_id.cmp(&b.entity_id)));
        Ok(EntityGraphResponse {
            nodes: rows.into_iter().map(node).collect(),
            edges: found.pairs.iter().map(edge).collect(),
            total_entities: self.store.count_entities(bank.key, tags).await?,
            total_edges: found.total,
            limit,
        })
    }
}

fn item(row: EntityRow) -> EntityListItem {
    EntityListItem {
        id: row.entity_id.to_string(),
        canonical_name: row.name,
        mention_count: row.mentions,
        first_seen: Some(time::format(row.first_seen)),
        last_seen: format(row.last_seen),
        metadata: row.metadata.and_then(into_object),
    }
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn node(row: EntityRow) -> EntityGraphNode {
    let color = if row.mentions > 1 { OFTEN } else { ONCE };
    EntityGraphNode {
        data: EntityGraphNodeData {
            id: row.entity_id.to_string(),
            label: row.name,
            mention_count: row.mentions,
            color: Some(color.to_owned()),
        },
    }
}

fn edge(pair: &EntityPair) -> EntityGraphEdge {
    EntityGraphEdge {
        data: EntityGraphEdgeData {
            id: format!("{}-{}-cooccurrence", pair.one, pair.other),
            source: pair.one.to_string(),
            target: pair.other.to_string(),
            link_type: "cooccurrence".to_owned(),
            weight: pair.memories,
            color: Some(EDGE.to_owned()),
            line_style: Some(LINE.to_owned()),
            last_cooccurred: format(pair.last_at),
        },
    }
}
