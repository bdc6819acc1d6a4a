//! Which memories are joined, and by what. Nothing here waits for anything.

use std::collections::HashSet;

use uuid::Uuid;

use super::Entities;
use crate::store::{GraphMemory, StoredLink};

/// Most edges that are stored, are inherited by observations or come of times; and most of the
/// others, which come of what memories share.
const BUDGET: usize = 10_000;
/// Memories that follow a memory in time, or among those that name an entity, and are joined to it.
pub(crate) const NEIGHBOURS: usize = 10;
/// Memories further apart than this have nothing to do with one another for that: a day, in
/// milliseconds.
const NEAR: i64 = 24 * 3600 * 1000;
/// Weight of the longest way in time.
const LEAST: f64 = 0.3;
/// Number of the type of observations.
const OBSERVATION: i16 = 3;

/// What an edge says, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    CausedBy,
    Causes,
    Enables,
    Prevents,
    Semantic,
    Temporal,
    Entity,
}

impl Kind {
    /// The kind of a stored link, by its number.
    fn stored(code: i16) -> Self {
        match code {
            1 => Self::Semantic,
            2 => Self::CausedBy,
            3 => Self::Causes,
            4 => Self::Enables,
            _ => Self::Prevents,
        }
    }

    /// Whether it is one and the same in both directions.
    fn is_mutual(self) -> bool {
        matches!(self, Self::Semantic | Self::Temporal | Self::Entity)
    }
}

/// What joins two memories, which are given by their places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: Kind,
    pub(super) weight: f32,
    /// The entity that both name, by its place.
    pub(super) entity: Option<u32>,
}

impl Edge {
    fn new(from: u32, to: u32, kind: Kind, weight: f32) -> Self {
        let (from, to) = if kind.is_mutual() && from > to { (to, from) } else { (from, to) };
        Self { from, to, kind, weight, entity: None }
    }

    fn key(&self) -> (u32, u32, Kind) {
        (self.from, self.to, self.kind)
    }
}

/// Whose place in the graph stands for a memory: its own, and those of the observations behind
/// which it is.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<(Uuid, u32)>);

impl Members {
    pub(super) fn new(mut pairs: Vec<(Uuid, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        Self(pairs)
    }

    /// The memories, each once.
    pub(super) fn ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self.0.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        ids
    }

    /// The places that stand for a memory.
    pub(super) fn places(&self, id: Uuid) -> impl Iterator<Item = u32> + Clone + '_ {
        let begin = self.0.partition_point(|(member, _)| *member < id);
        let rest = self.0.get(begin..).unwrap_or_default();
        rest.iter().take_while(move |(member, _)| *member == id).map(|(_, place)| *place)
    }
}

/// The strongest of many edges, each once, in the room of a few times as many as are wanted.
#[derive(Debug)]
pub(super) struct Strongest {
    edges: Vec<Edge>,
    most: usize,
}

impl Strongest {
    pub(super) fn new() -> Self {
        Self::of(BUDGET)
    }

    fn of(most: usize) -> Self {
        Self { edges: Vec::new(), most }
    }

    fn push(&mut self, edge: Edge) {
        if edge.from == edge.to {
            return;
        }
        self.edges.push(edge);
        if self.edges.len() >= self.most.max(1).saturating_mul(4) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.edges.sort_unstable_by(|a, b| {
            a.kind.cmp(&b.kind).then(b.weight.total_cmp(&a.weight)).then(a.key().cmp(&b.key()))
        });
        let mut seen = HashSet::with_capacity(self.edges.len());
        self.edges.retain(|edge| seen.insert(edge.key()));
        self.edges.truncate(self.most);
    }

    /// Adds a stored link wherever both of its ends have places. Many observations of one fact
    /// inherit it some at a time.
    pub(super) fn add_link(&mut self, link: &StoredLink, members: &Members) {
        let others = members.places(link.other_id).take(NEIGHBOURS);
        for from in members.places(link.memory_id).take(NEIGHBOURS) {
            for to in others.clone() {
                self.push(Edge::new(from, to, Kind::stored(link.kind), link.weight));
            }
        }
    }

    /// Adds what times say: of memories of a type each is joined to the next ones, as far as they
    /// are near.
    fn add_times(&mut self, nodes: &[GraphMemory]) {
        let mut dated: Vec<(i16, i64, u32)> = (0..)
            .zip(nodes)
            .filter_map(|(place, node)| Some((node.fact_type, node.event_at?.timestamp_millis(), place)))
            .collect();
        dated.sort_unstable();
        for (nth, (fact_type, at, place)) in dated.iter().enumerate() {
            let next = dated.iter().skip(nth + 1).take(NEIGHBOURS);
            for (_, later, other) in
                next.take_while(|(other, later, _)| other == fact_type && later - at <= NEAR)
            {
                self.push(Edge::new(*place, *other, Kind::Temporal, nearness(later - at)));
            }
        }
    }
}

/// Weight of a way in time, given in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits")]
fn nearness(way: i64) -> f32 {
    (1.0 - way as f64 / NEAR as f64).max(LEAST) as f32
}

/// All edges of a graph: those of links and times, then those of what memories share.
pub(super) fn all(
    nodes: &[GraphMemory],
    members: &Members,
    mut linked: Strongest,
    entities: &Entities,
) -> Vec<Edge> {
    linked.add_times(nodes);
    linked.settle();
    let mut edges = linked.edges;
    let mut seen: HashSet<(u32, u32, Kind)> = edges.iter().map(Edge::key).collect();
    let most = edges.len() + BUDGET;
    let is_observation = |place: u32| {
        usize::try_from(place)
            .ok()
            .and_then(|place| nodes.get(place))
            .is_some_and(|node| node.fact_type == OBSERVATION)
    };
    let add = |edge: Edge, edges: &mut Vec<Edge>, seen: &mut HashSet<_>| {
        if edges.len() < most && seen.insert(edge.key()) {
            edges.push(edge);
        }
    };
    for group in members.0.chunk_by(|(one, _), (other, _)| one == other) {
        let sharing: Vec<u32> =
            group.iter().map(|(_, place)| *place).filter(|place| is_observation(*place)).collect();
        for (one, other) in next_ones(&sharing) {
            add(Edge::new(one, other, Kind::Semantic, 1.0), &mut edges, &mut seen);
        }
    }
    // The rarest first: what few share tells most.
    let mut groups: Vec<&[(u32, u32)]> =
        entities.mentions.chunk_by(|(one, _), (other, _)| one == other).collect();
    let name = |group: &[(u32, u32)]| {
        let (entity, _) = group.first()?;
        entities.names.get(usize::try_from(*entity).ok()?)
    };
    groups.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| name(a).cmp(&name(b))));
    for group in groups {
        let places: Vec<u32> = group.iter().map(|(_, place)| *place).collect();
        let entity = group.first().map(|(entity, _)| *entity);
        for (one, other) in next_ones(&places) {
            add(Edge { entity, ..Edge::new(one, other, Kind::Entity, 1.0) }, &mut edges, &mut seen);
        }
    }
    edges
}

/// Each with those that follow it.
fn next_ones(places: &[u32]) -> impl Iterator<Item = (u32, u32)> + '_ {
    places.iter().enumerate().flat_map(move |(nth, one)| {
        places.iter().skip(nth + 1).take(NEIGHBOURS).map(move |other| (*one, *other))
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn node(number: u128, fact_type: i16, hours: Option<i64>) -> GraphMemory {
        let event_at = hours.map(|hours| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(hours));
        GraphMemory { memory_id: id(number), fact_type, event_at }
    }

    fn link(from: u128, kind: i16, to: u128, weight: f32) -> StoredLink {
        StoredLink { memory_id: id(from), other_id: id(to), kind, weight }
    }

    fn ends(edges: &[Edge], kind: Kind) -> Vec<(u32, u32)> {
        edges.iter().filter(|edge| edge.kind == kind).map(|edge| (edge.from, edge.to)).collect()
    }

    #[test]
    fn what_is_alike_is_joined_once_and_causes_keep_their_direction() {
        let nodes = [node(1, 1, None), node(2, 1, None), node(3, 1, None)];
        let members = Members::new(vec![(id(1), 0), (id(2), 1), (id(3), 2)]);
        let mut linked = Strongest::new();
        for link in [
            link(2, 1, 1, 0.8),
            link(1, 1, 2, 0.8),
            link(3, 2, 1, 1.0),
            link(1, 1, 1, 1.0),
            link(1, 1, 9, 0.9),
        ] {
            linked.add_link(&link, &members);
        }
        let edges = all(&nodes, &members, linked, &Entities::default());
        assert_eq!(ends(&edges, Kind::Semantic), [(0, 1)]);
        assert_eq!(ends(&edges, Kind::CausedBy), [(2, 0)]);
        assert_eq!(edges.len(), 2);
    }

    #[test]
    fn observations_inherit_links_and_are_alike_when_they_share_a_fact() {
        // The facts 1 and 2 are behind the observations at 0 and 1, and are not shown themselves.
        let nodes = [node(11, 3, None), node(12, 3, None), node(3, 1, None)];
        let members =
            Members::new(vec![(id(11), 0), (id(1), 0), (id(12), 1), (id(1), 1), (id(2), 1), (id(3), 2)]);
        let mut linked = Strongest::new();
        linked.add_link(&link(2, 1, 3, 0.7), &members);
        let edges = all(&nodes, &members, linked, &Entities::default());
        assert_eq!(ends(&edges, Kind::Semantic), [(1, 2), (0, 1)]);
    }

    #[test]
    fn times_join_memories_of_a_type_within_a_day() {
        let nodes = [
            node(1, 1, Some(0)),
            node(2, 1, Some(6)),
            node(3, 1, Some(40)),
            node(4, 2, Some(6)),
            node(5, 1, None),
            node(6, 1, Some(24)),
        ];
        let edges = all(&nodes, &Members::default(), Strongest::new(), &Entities::default());
        assert_eq!(ends(&edges, Kind::Temporal), [(0, 1), (2, 5), (0, 5), (1, 5)]);
        let weights: Vec<f32> = edges.iter().map(|edge| edge.weight).collect();
        assert!((weights[0] - 0.75).abs() < 1e-6 && (weights[2] - 0.3).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn who_shares_an_entity_is_joined_to_the_next_ten_the_rarest_first() {
        let nodes: Vec<GraphMemory> = (0..30).map(|number| node(number, 1, None)).collect();
        let common = (0..30).map(|place| (0, place));
        let rare = [(1, 3), (1, 20)];
        let entities =
            Entities { mentions: common.chain(rare).collect(), names: vec!["Ann".into(), "Bob".into()] };
        let edges = all(&nodes, &Members::default(), Strongest::new(), &entities);
        assert_eq!((edges[0].from, edges[0].to, edges[0].entity), (3, 20, Some(1)));
        assert_eq!(edges.iter().filter(|edge| edge.from == 0).count(), NEIGHBOURS);
        assert_eq!(edges.len(), 20 * NEIGHBOURS + 45 + 1);
    }

    #[test]
    fn of_too_many_the_strongest_stay() {
        let mut strongest = Strongest::of(3);
        for number in 0..100_u32 {
            let weight = (number % 10) as f32 / 10.0;
            strongest.push(Edge::new(number, number + 1, Kind::Semantic, weight));
            strongest.push(Edge::new(number, number + 1, Kind::Temporal, 1.0));
        }
        strongest.settle();
        assert_eq!(ends(&strongest.edges, Kind::Semantic), [(9, 10), (19, 20), (29, 30)]);
        assert!(strongest.edges.capacity() < 100);
    }

    #[test]
    fn there_is_an_end_to_edges() {
        let nodes: Vec<GraphMemory> = (0..3000_u128).map(|number| node(number, 1, Some(0))).collect();
        let mentions = (0..3000).map(|place| (0, place)).collect();
        let entities = Entities { mentions, names: vec!["Ann".into()] };
        let edges = all(&nodes, &Members::default(), Strongest::new(), &entities);
        assert_eq!(ends(&edges, Kind::Temporal).len(), BUDGET);
        assert_eq!(ends(&edges, Kind::Entity).len(), BUDGET);
    }
}
