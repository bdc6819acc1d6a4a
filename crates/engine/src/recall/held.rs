//! A bank that is held in this process: its memories as ranking knows them, with their vectors.
//!
//! What the database joins of a bank that is not held is put together here: what the arms found,
//! the conversation around the best of it, and how near each memory is to the query. Both find the
//! same.

use std::collections::HashMap;
use std::iter::zip;

use half::f16;
use hindsight_types::recall::FactType;
use indexmap::IndexMap;
use uuid::Uuid;

use super::scan::{Asked, Vectors};
use crate::store::{
    Candidate, CandidateQuery, FoundBy, REACH, RecallBank, RecallSession, Spot, StoreError, StreamPlace,
    distances,
};

/// Every memory of a bank.
#[derive(Debug)]
pub(super) struct HeldBank {
    /// How often the bank had been changed when it was read.
    pub(super) changes: i64,
    memories: Vec<Held>,
    /// Where each memory stands among them.
    places: HashMap<Uuid, usize>,
    groups: Vec<Group>,
    /// The memories that stand in conversations, each conversation in its order.
    turns: Vec<Turn>,
}

/// A memory, and where else it stands.
#[derive(Debug)]
struct Held {
    /// It, as a candidate that nothing has found.
    candidate: Candidate,
    /// Its group, and its place there.
    vector: (usize, usize),
    /// Its place among the turns.
    turn: Option<usize>,
}

/// The memories of one type.
#[derive(Debug)]
struct Group {
    fact_type: FactType,
    memories: Vec<usize>,
    vectors: Vectors,
}

/// A memory in its conversation.
#[derive(Debug)]
struct Turn {
    memory: usize,
    place: StreamPlace,
    /// Its cosines with the one and two turns before, if they are of its conversation.
    before: [Option<f64>; 2],
}

/// A memory that is near the query.
struct Near {
    memory: usize,
    memory_id: Uuid,
    cosine: f64,
}

impl Near {
    fn distance(&self) -> f64 {
        1.0 - self.cosine
    }
}

impl HeldBank {
    /// Reads a bank in the state that the session sees.
    pub(super) async fn read(session: &mut RecallSession, bank: &RecallBank) -> Result<Self, StoreError> {
        let mut held = Self {
            changes: bank.changes,
            memories: Vec::new(),
            places: HashMap::new(),
            groups: Vec::new(),
            turns: Vec::new(),
        };
        session.every_memory(bank.key, |candidate, vector| held.push(candidate, vector)).await?;
        held.take_turns();
        Ok(held)
    }

    /// What one memory takes, but for its author.
    pub(super) fn bytes_of_one(dimension: usize) -> u64 {
        let beside = size_of::<Held>() + size_of::<(Uuid, usize)>() + size_of::<usize>() + size_of::<Turn>();
        (beside + Vectors::bytes_of_one(dimension)) as u64
    }

    pub(super) fn bytes(&self) -> u32 {
        let of = |group: &Group| group.vectors.len() as u64 * Self::bytes_of_one(group.vectors.dimension());
        u32::try_from(self.groups.iter().map(of).sum::<u64>()).unwrap_or(u32::MAX)
    }

    fn push(&mut self, candidate: Candidate, vector: &[f16]) {
        let (memory, fact_type) = (self.memories.len(), candidate.fact_type);
        let known = self.groups.iter().position(|group| group.fact_type == fact_type);
        let at = known.unwrap_or(self.groups.len());
        let group = match self.groups.get_mut(at) {
            Some(group) => group,
            None => {
                self.groups.push_mut(Group { fact_type, memories: Vec::new(), vectors: Vectors::default() })
            }
        };
        self.places.insert(candidate.memory_id, memory);
        self.memories.push(Held { candidate, vector: (at, group.vectors.len()), turn: None });
        group.memories.push(memory);
        group.vectors.push(vector);
    }

    /// Puts the memories into the order of their conversations.
    fn take_turns(&mut self) {
        let mut places: Vec<(StreamPlace, Uuid, usize)> = Vec::new();
        for (memory, held) in self.memories.iter().enumerate() {
            places.extend(held.candidate.place.map(|place| (place, held.candidate.memory_id, memory)));
        }
        places.sort_unstable_by_key(|(place, id, _)| (place.stream_id, place.position, *id));
        let turns = places.iter().enumerate().map(|(at, (place, _, memory))| {
            let before = [1, 2].map(|back| {
                let (other, _, earlier) = places.get(at.checked_sub(back)?)?;
                let is_one = other.stream_id == place.stream_id;
                if is_one { self.between(*memory, *earlier) } else { None }
            });
            Turn { memory: *memory, place: *place, before }
        });
        self.turns = turns.collect();
        for (at, turn) in self.turns.iter().enumerate() {
            if let Some(held) = self.memories.get_mut(turn.memory) {
                held.turn = Some(at);
            }
        }
    }

    /// The cosine of a memory and a query.
    fn cosine(&self, memory: usize, query: &Asked) -> Option<f64> {
        let (group, at) = self.memories.get(memory)?.vector;
        self.groups.get(group)?.vectors.cosine(at, query)
    }

    /// Whether it has memories of one of these types.
    pub(super) fn has_any(&self, types: &[FactType]) -> bool {
        self.groups.iter().any(|group| types.contains(&group.fact_type))
    }

    /// The candidates of every arm.
    pub(super) async fn candidates(
        &self,
        session: &mut RecallSession,
        query: &CandidateQuery<'_>,
        vector: &[f32],
    ) -> Result<Vec<Candidate>, StoreError> {
        let asked = Asked::of(vector);
        let nearest = self.nearest(query, &asked);
        let seeds = nearest.iter().map(|near| (near.memory_id, near.distance()));
        let related = session.related(query, seeds).await?;
        let mut pool = Pool::new(self);
        for (rank, near) in (1..).zip(&nearest) {
            if near.distance() <= 1.0 - query.min_similarity {
                let member = pool.find(near.memory, rank);
                member.found_by.meaning = true;
                member.cosine = Some(near.cosine);
            }
        }
        for (rank, word) in (1..).zip(query.words) {
            if let Some(memory) = self.places.get(&word.memory_id) {
                pool.find(*memory, rank).found_by.words = true;
            }
        }
        for (memory_id, found_by) in related {
            if let Some(memory) = self.places.get(&memory_id) {
                let found = &mut pool.find(*memory, i64::MAX).found_by;
                found.graph = found_by.graph.or(found.graph);
                found.time |= found_by.time;
            }
        }
        pool.add_neighbours(query.context);
        let mut candidates = pool.into_candidates(&asked, query.context);
        let ids = candidates.iter().map(|candidate| candidate.memory_id);
        let mut matches = session.matches(query, ids).await?;
        for candidate in &mut candidates {
            if let Some((held, length)) = matches.remove(&candidate.memory_id) {
                (candidate.matches, candidate.length) = (held, length);
            }
        }
        Ok(candidates)
    }

    /// The nearest memories of each type, the nearest of all first.
    fn nearest(&self, query: &CandidateQuery<'_>, asked: &Asked) -> Vec<Near> {
        let limit = usize::try_from(query.per_arm).unwrap_or(usize::MAX);
        let groups = self.groups.iter().filter(|group| query.types.contains(&group.fact_type));
        let near = groups.flat_map(|group| {
            group.vectors.nearest(asked, limit).into_iter().filter_map(|(at, cosine)| {
                let memory = *group.memories.get(at)?;
                let memory_id = self.memories.get(memory)?.candidate.memory_id;
                Some(Near { memory, memory_id, cosine })
            })
        });
        let mut near: Vec<Near> = near.collect();
        near.sort_unstable_by(|a, b| {
            b.cosine.total_cmp(&a.cosine).then_with(|| a.memory_id.cmp(&b.memory_id))
        });
        near
    }
}

/// The memories that a recall looks at: what was found, and what stands around it.
struct Pool<'b> {
    bank: &'b HeldBank,
    members: IndexMap<usize, Member>,
}

#[derive(Default)]
struct Member {
    found_by: FoundBy,
    /// Its best place among what an arm found; none = it is no hit.
    rank: Option<i64>,
    /// Its cosine with the query, where it is known already.
    cosine: Option<f64>,
}

impl<'b> Pool<'b> {
    fn new(bank: &'b HeldBank) -> Self {
        Self { bank, members: IndexMap::new() }
    }

    /// Notes that an arm found a memory, at this place.
    fn find(&mut self, memory: usize, rank: i64) -> &mut Member {
        let member = self.members.entry(memory).or_default();
        member.rank = Some(member.rank.map_or(rank, |before| before.min(rank)));
        member
    }

    /// Adds what stands around the hits up to this place.
    fn add_neighbours(&mut self, context: i64) {
        let middles = self.members.iter().filter(|(_, member)| member.is_middle(context));
        let middles: Vec<usize> = middles.map(|(memory, _)| *memory).collect();
        for memory in middles {
            let Some(at) = self.bank.turn_of(memory) else { continue };
            let (before, from) = self.bank.turns.split_at(at);
            let Some((turn, after)) = from.split_first() else { continue };
            let is_near = |other: &&Turn| {
                other.place.stream_id == turn.place.stream_id
                    && other.place.position.abs_diff(turn.place.position) <= REACH.unsigned_abs()
            };
            let near = before.iter().rev().take_while(is_near).chain(after.iter().take_while(is_near));
            for turn in near {
                self.members.entry(turn.memory).or_default();
            }
        }
    }

    /// The memories, each with how near it is to the query and to those before it.
    fn into_candidates(self, asked: &Asked, context: i64) -> Vec<Candidate> {
        let mut candidates = Vec::with_capacity(self.members.len());
        let mut spots = Vec::with_capacity(self.members.len());
        let mut turns: Vec<(usize, usize)> = Vec::new();
        for (memory, member) in &self.members {
            let Some(held) = self.bank.memories.get(*memory) else { continue };
            let candidate = &held.candidate;
            turns.extend(held.turn.map(|turn| (turn, candidates.len())));
            spots.push(Spot {
                place: candidate.place,
                is_hit: member.rank.is_some(),
                is_middle: member.is_middle(context),
            });
            candidates.push(Candidate {
                found_by: member.found_by,
                similarity: member.cosine.or_else(|| self.bank.cosine(*memory, asked)),
                ..candidate.clone()
            });
        }
        turns.sort_unstable();
        let mut earlier = [None; 2];
        for (at, candidate) in turns {
            if let Some(candidate) = candidates.get_mut(candidate) {
                candidate.before = self.bank.before(at, earlier);
            }
            earlier = [Some(at), earlier[0]];
        }
        for (candidate, distance) in zip(&mut candidates, distances(&spots)) {
            candidate.distance = distance;
        }
        candidates
    }
}

impl Member {
    /// Whether it is a hit whose neighbours are looked at.
    fn is_middle(&self, context: i64) -> bool {
        self.rank.is_some_and(|rank| rank <= context)
    }
}

impl HeldBank {
    fn turn_of(&self, memory: usize) -> Option<usize> {
        self.memories.get(memory)?.turn
    }

    /// The cosines of a turn with those one and two places before, if these are the last and the last
    /// but one that are looked at. Two places before is the last where nothing stands between.
    fn before(&self, at: usize, [last, last_but_one]: [Option<usize>; 2]) -> [Option<f64>; 2] {
        let cosine = |other: Option<usize>, back: i32| {
            let (turn, other) = (self.turns.get(at)?, other?);
            let place = self.turns.get(other)?.place;
            let is_there = place.stream_id == turn.place.stream_id
                && turn.place.position.checked_sub(place.position) == Some(back);
            if !is_there {
                return None;
            }
            match turn.before.get(at - other - 1) {
                Some(cosine) => *cosine,
                // Others stand between that are at the same place.
                None => self.between(turn.memory, self.turns.get(other)?.memory),
            }
        };
        [cosine(last, 1), cosine(last_but_one, 2).or_else(|| cosine(last, 2))]
    }

    /// The cosine of two memories.
    fn between(&self, memory: usize, other: usize) -> Option<f64> {
        let (group, at) = self.memories.get(other)?.vector;
        self.cosine(memory, &self.groups.get(group)?.vectors.asked(at)?)
    }
}
