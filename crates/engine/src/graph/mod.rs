//! The memories of a bank as a graph for drawing.
//!
//! Which memories are shown and what joins them is settled first, by numbers that stand for the
//! memories; what is told of them is read and written down a part at a time, so that a large
//! graph needs little room. Statements go over some ids at a time, each by an index; no
//! connection is held between parts.
//!
//! Links of meaning and of cause and effect are stored. Times and shared entities join memories
//! as well, which is seen when somebody asks. An observation has the entities and links of the
//! facts behind it, as far as those may be seen.

mod edges;
mod told;

use std::collections::HashMap;

use hindsight_types::documents::parse_chunk_id;
use hindsight_types::graph::{MemoryGraphEdge, MemoryGraphNode, MemoryGraphTableRow};
use hindsight_types::recall::FactType;
use uuid::Uuid;

pub(crate) use self::edges::NEIGHBOURS;
use self::edges::{Edge, Members, Strongest};
use crate::store::{BankRow, GraphFilter, GraphMemory, GraphRow, TagFilter, fact_type_code};
use crate::{Engine, EngineError};

/// Most memories of a graph.
const MOST: i64 = 100_000;
/// Memories, or edges, of one part.
const PAGE: usize = 500;

/// Entities that the memories of a graph name.
#[derive(Debug, Default)]
struct Entities {
    /// Pairs of an entity and a memory, each by its place, in order.
    mentions: Vec<(u32, u32)>,
    /// The names, by place.
    names: Vec<String>,
}

/// A graph that is told part by part.
#[derive(Debug)]
pub struct Graph {
    engine: Engine,
    bank: BankRow,
    nodes: Vec<GraphMemory>,
    /// Pairs of a memory and an entity, each by its place, in order.
    named: Vec<(u32, u32)>,
    /// The names of the entities, by place.
    names: Vec<String>,
    edges: Vec<Edge>,
    /// Which memories were still there when they were told of.
    is_told: Vec<bool>,
    next: Next,
    total: i64,
    limit: i64,
}

/// Which part comes next, and what of it has been told.
#[derive(Clone, Copy, Debug)]
enum Next {
    Nodes(usize),
    Edges(usize),
    Rows(usize),
}

/// A part of a graph.
#[derive(Clone, Debug)]
pub enum GraphPart {
    /// Some memories. All of these come first.
    Nodes(Vec<MemoryGraphNode>),
    /// Some of what joins them. Then come these.
    Edges(Vec<MemoryGraphEdge>),
    /// Some of the memories once more, as rows of a table.
    Rows(Vec<MemoryGraphTableRow>),
}

impl Engine {
    /// The memories that a filter lets through, the latest first, at most `limit` of them and
    /// never more than 100,000, and what joins them. `chunk_id` is the public id of a chunk they
    /// were read from.
    pub async fn graph(
        &self,
        bank_id: &str,
        filter: GraphFilter,
        chunk_id: Option<&str>,
        limit: i64,
    ) -> Result<Graph, EngineError> {
        let filter = match chunk_id {
            Some(chunk_id) => of_chunk(bank_id, filter, chunk_id)?,
            None => Some(filter),
        };
        let bank = self.existing_bank(bank_id).await?;
        let limit = limit.clamp(0, MOST);
        let Some(filter) = filter else {
            return Ok(self.told(bank, Vec::new(), Entities::default(), Vec::new(), (0, limit)));
        };
        let (nodes, total) = self.store.graph_memories(bank.key, &filter, limit).await?;
        let members = self.members(&bank, &nodes, &filter.tags).await?;
        let (linked, entities) = self.joined(&bank, &members).await?;
        let settled = tokio::task::spawn_blocking(move || {
            let edges = edges::all(&nodes, &members, linked, &entities);
            (nodes, edges, entities)
        });
        let (nodes, edges, entities) = settled.await?;
        Ok(self.told(bank, nodes, entities, edges, (total, limit)))
    }

    fn told(
        &self,
        bank: BankRow,
        nodes: Vec<GraphMemory>,
        entities: Entities,
        edges: Vec<Edge>,
        (total, limit): (i64, i64),
    ) -> Graph {
        let mut named: Vec<(u32, u32)> =
            entities.mentions.iter().map(|(entity, place)| (*place, *entity)).collect();
        named.sort_unstable();
        Graph {
            engine: self.clone(),
            bank,
            is_told: vec![false; nodes.len()],
            nodes,
            named,
            names: entities.names,
            edges,
            next: Next::Nodes(0),
            total,
            limit,
        }
    }

    /// Who stands for whom: each memory for itself, observations for the facts behind them too.
    async fn members(
        &self,
        bank: &BankRow,
        nodes: &[GraphMemory],
        tags: &TagFilter,
    ) -> Result<Members, EngineError> {
        let mut pairs: Vec<(Uuid, u32)> =
            nodes.iter().zip(0..).map(|(node, place)| (node.memory_id, place)).collect();
        let observation = fact_type_code(FactType::Observation);
        let places: HashMap<Uuid, u32> = nodes
            .iter()
            .zip(0..)
            .filter(|(node, _)| node.fact_type == observation)
            .map(|(node, place)| (node.memory_id, place))
            .collect();
        let observations: Vec<Uuid> = places.keys().copied().collect();
        for page in observations.chunks(PAGE) {
            for observed in self.store.observed_facts(bank.key, page, tags).await? {
                let place = places.get(&observed.observation_id);
                pairs.extend(place.map(|place| (observed.memory_id, *place)));
            }
        }
        Ok(Members::new(pairs))
    }

    /// The stored links of the members, and what they mention.
    async fn joined(&self, bank: &BankRow, members: &Members) -> Result<(Strongest, Entities), EngineError> {
        let (mut linked, mut entities) = (Strongest::new(), Entities::default());
        let mut known: HashMap<Uuid, u32> = HashMap::new();
        for page in members.ids().chunks(PAGE) {
            for link in self.store.links_from(bank.key, page).await? {
                linked.add_link(&link, members);
            }
            for mention in self.store.mentions_of(bank.key, page).await? {
                let new = u32::try_from(known.len()).unwrap_or(u32::MAX);
                let entity = *known.entry(mention.entity_id).or_insert_with(|| {
                    entities.names.push(mention.name);
                    new
                });
                let places = members.places(mention.memory_id);
                entities.mentions.extend(places.map(|place| (entity, place)));
            }
        }
        entities.mentions.sort_unstable();
        entities.mentions.dedup();
        Ok((linked, entities))
    }
}

/// The filter for memories of a chunk; none when there can be no such memories.
fn of_chunk(bank_id: &str, filter: GraphFilter, chunk_id: &str) -> Result<Option<GraphFilter>, EngineError> {
    let (bank, document, index) = parse_chunk_id(chunk_id).ok_or_else(|| {
        EngineError::Invalid(format!("Invalid chunk_id: '{chunk_id}' is not the id of a chunk."))
    })?;
    let is_asked = filter.document_id.as_ref().is_none_or(|asked| *asked == document);
    Ok((bank == bank_id && is_asked).then_some(GraphFilter {
        document_id: Some(document),
        chunk_index: Some(index),
        ..filter
    }))
}

impl Graph {
    /// Number of memories that match, shown or not.
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Most memories that are shown.
    pub fn limit(&self) -> i64 {
        self.limit
    }

    /// The next part; none when all is told. Memories deleted meanwhile are left out, and so is
    /// what joined them.
    pub async fn next(&mut self) -> Result<Option<GraphPart>, EngineError> {
        loop {
            match self.next {
                Next::Nodes(begin) if begin < self.nodes.len() => {
                    self.next = Next::Nodes(begin + PAGE);
                    let rows = self.rows(begin).await?;
                    for (place, _) in &rows {
                        if let Some(is_told) = self.is_told.get_mut(*place) {
                            *is_told = true;
                        }
                    }
                    let node = |(place, row): &(usize, GraphRow)| told::node(row, &self.entities(*place));
                    return Ok(Some(GraphPart::Nodes(rows.iter().map(node).collect())));
                }
                Next::Nodes(_) => self.next = Next::Edges(0),
                Next::Edges(begin) if begin < self.edges.len() => {
                    self.next = Next::Edges(begin + PAGE);
                    let page = self.edges.iter().skip(begin).take(PAGE);
                    return Ok(Some(GraphPart::Edges(page.filter_map(|edge| self.edge(edge)).collect())));
                }
                Next::Edges(_) => self.next = Next::Rows(0),
                Next::Rows(begin) if begin < self.nodes.len() => {
                    self.next = Next::Rows(begin + PAGE);
                    let rows = self.rows(begin).await?;
                    let bank_id = &self.bank.bank_id;
                    let row = |(place, row)| told::row(bank_id, row, &self.entities(place));
                    return Ok(Some(GraphPart::Rows(rows.into_iter().map(row).collect())));
                }
                Next::Rows(_) => return Ok(None),
            }
        }
    }

    /// What is told of some memories, each with its place.
    async fn rows(&self, begin: usize) -> Result<Vec<(usize, GraphRow)>, EngineError> {
        let page = || self.nodes.iter().map(|node| node.memory_id).enumerate().skip(begin).take(PAGE);
        let ids: Vec<Uuid> = page().map(|(_, id)| id).collect();
        let rows = self.engine.store.graph_rows(self.bank.key, &ids).await?;
        let mut rows: HashMap<Uuid, GraphRow> = rows.into_iter().map(|row| (row.memory_id, row)).collect();
        Ok(page().filter_map(|(place, id)| Some((place, rows.remove(&id)?))).collect())
    }

    /// The names of the entities of a memory, in order.
    fn entities(&self, place: usize) -> Vec<&str> {
        let Ok(place) = u32::try_from(place) else { return Vec::new() };
        let begin = self.named.partition_point(|(named, _)| *named < place);
        let own = self.named.iter().skip(begin).take_while(|(named, _)| *named == place);
        let mut names: Vec<&str> = own.filter_map(|(_, entity)| self.name(*entity)).collect();
        names.sort_unstable();
        names
    }

    fn name(&self, entity: u32) -> Option<&str> {
        self.names.get(usize::try_from(entity).ok()?).map(String::as_str)
    }

    fn edge(&self, edge: &Edge) -> Option<MemoryGraphEdge> {
        let end = |place: u32| {
            let place = usize::try_from(place).ok()?;
            let node = self.nodes.get(place)?;
            self.is_told.get(place)?.then_some(node.memory_id)
        };
        let entity = edge.entity.and_then(|entity| self.name(entity));
        Some(told::edge(edge, (end(edge.from)?, end(edge.to)?), entity))
    }
}
