//! A graph in the words and colours of the wire.

use hindsight_types::documents::chunk_id;
use hindsight_types::graph::{
    MemoryGraphEdge, MemoryGraphEdgeData, MemoryGraphNode, MemoryGraphNodeData, MemoryGraphTableRow,
};
use hindsight_types::time;
use uuid::Uuid;

use super::edges::{Edge, Kind};
use crate::browse::format;
use crate::store::{GraphRow, fact_type_of};

/// Characters of a text that stand beside its memory.
const LABEL: usize = 30;
/// Colours of memories without entities, with one, and with more.
const COLORS: [&str; 3] = ["#e0e0e0", "#90caf9", "#42a5f5"];
/// What stands for no entities.
const NO_ENTITIES: &str = "None";
/// What stands for what nobody knows.
const UNKNOWN: &str = "N/A";

/// A memory with the names of its entities.
pub(super) fn node(row: &GraphRow, entities: &[&str]) -> MemoryGraphNode {
    let [none, one, more] = COLORS;
    let color = match entities.len() {
        0 => none,
        1 => one,
        _ => more,
    };
    MemoryGraphNode {
        data: MemoryGraphNodeData {
            id: row.memory_id.to_string(),
            label: label(&row.body),
            text: row.body.clone(),
            date: format(row.occurred_start.or(row.mentioned_at)).unwrap_or_default(),
            context: row.context.clone().unwrap_or_default(),
            entities: listed(entities),
            color: Some(color.to_owned()),
        },
    }
}

/// The same as a row of a table.
pub(super) fn row(bank_id: &str, row: GraphRow, entities: &[&str]) -> MemoryGraphTableRow {
    let at = row.occurred_start.or(row.mentioned_at);
    let date = at.map_or_else(|| UNKNOWN.to_owned(), |at| at.format("%Y-%m-%d %H:%M").to_string());
    let chunk = row.document_id.as_deref().zip(row.chunk_index);
    MemoryGraphTableRow {
        id: row.memory_id.to_string(),
        context: row.context.filter(|context| !context.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned()),
        occurred_start: format(row.occurred_start),
        occurred_end: format(row.occurred_end),
        mentioned_at: format(row.mentioned_at),
        date: Some(date),
        entities: listed(entities),
        chunk_id: chunk.map(|(document, index)| chunk_id(bank_id, document, i64::from(index))),
        text: row.body,
        document_id: row.document_id,
        fact_type: Some(fact_type_of(row.fact_type)),
        tags: row.tags,
        created_at: Some(time::format(row.created_at)),
        proof_count: Some(row.proof_count.into()),
    }
}

/// What joins two memories, with the name of the entity that does.
pub(super) fn edge(edge: &Edge, (source, target): (Uuid, Uuid), entity: Option<&str>) -> MemoryGraphEdge {
    let (link_type, color, line_style) = match edge.kind {
        Kind::CausedBy => ("caused_by", "#999999", "solid"),
        Kind::Causes => ("causes", "#999999", "solid"),
        Kind::Enables => ("enables", "#999999", "solid"),
        Kind::Prevents => ("prevents", "#999999", "solid"),
        Kind::Semantic => ("semantic", "#ff69b4", "solid"),
        Kind::Temporal => ("temporal", "#00bcd4", "dashed"),
        Kind::Entity => ("entity", "#ffd700", "solid"),
    };
    MemoryGraphEdge {
        data: MemoryGraphEdgeData {
            id: format!("{source}-{target}-{link_type}"),
            source: source.to_string(),
            target: target.to_string(),
            link_type: link_type.to_owned(),
            // Seven digits are all that a weight has; as a longer number it would seem to have more.
            weight: (f64::from(edge.weight) * 1e7).round() / 1e7,
            entity_name: entity.unwrap_or_default().to_owned(),
            color: Some(color.to_owned()),
            line_style: Some(line_style.to_owned()),
        },
    }
}

/// The beginning of a text.
fn label(text: &str) -> String {
    match text.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn listed(entities: &[&str]) -> String {
    if entities.is_empty() { NO_ENTITIES.to_owned() } else { entities.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_beginning_of_a_text() {
        assert_eq!(label("short"), "short");
        assert_eq!(label(&"ü".repeat(LABEL)), "ü".repeat(LABEL));
        assert_eq!(label(&"ü".repeat(LABEL + 1)), format!("{}...", "ü".repeat(LABEL)));
    }
}
