//! Vectors of the banks that are asked often and changed seldom, kept in this process.
//!
//! To read every vector of a bank is a third of what a recall costs the database. Vectors are good
//! for as long as the bank counts the changes at which they were read; a recall sees that count, and
//! all else, in one state of the database, so it finds what the database would have found.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use hindsight_types::recall::FactType;
use moka::future::Cache;
use uuid::Uuid;

use crate::cells::dot;
use crate::store::{BankKey, Near, RecallBank, RecallSession, StoreError};

/// Banks whose recalls are counted.
const COUNTED_BANKS: u64 = 10_000;
/// Recalls of an unchanged bank after which its vectors are read: to read them costs about as much
/// as so many recalls save. A power of two.
const RECALLS: u32 = 8;

/// The vectors of some banks.
#[derive(Clone)]
pub(crate) struct HotBanks {
    /// Recalls of a bank since its last change, with its count of changes.
    recalls: Cache<BankKey, (i64, u32)>,
    vectors: Cache<BankKey, Arc<BankVectors>>,
    /// Bytes of all vectors together.
    room: u64,
}

impl HotBanks {
    /// For vectors of so many bytes together; 0 = none are kept.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |_: &BankKey, vectors: &Arc<BankVectors>| vectors.bytes();
        Self {
            recalls: Cache::new(COUNTED_BANKS),
            vectors: Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            room: bytes,
        }
    }

    /// The vectors of a bank in the state that the session sees, if they are held or it is time to
    /// read them.
    pub(super) async fn of(
        &self,
        session: &mut RecallSession,
        bank: &RecallBank,
        dimension: usize,
    ) -> Result<Option<Arc<BankVectors>>, StoreError> {
        let bytes = bytes_of_one(dimension).saturating_mul(u64::try_from(bank.memories).unwrap_or(0));
        if bytes > self.room {
            return Ok(None);
        }
        if let Some(held) = self.vectors.get(&bank.key).await {
            if held.changes == bank.changes {
                return Ok(Some(held));
            }
            // A session that began before the last change, or on a replica, may see an older state.
            if held.changes < bank.changes {
                self.vectors.invalidate(&bank.key).await;
            }
        }
        let recalls = match self.recalls.get(&bank.key).await {
            Some((changes, recalls)) if changes == bank.changes => recalls + 1,
            _ => 1,
        };
        self.recalls.insert(bank.key, (bank.changes, recalls)).await;
        // Where there is no room for all, each further reading waits twice as long.
        if recalls < RECALLS || !recalls.is_power_of_two() {
            return Ok(None);
        }
        let mut read = BankVectors { changes: bank.changes, groups: Vec::new() };
        session.vectors(bank.key, |id, fact_type, vector| read.push(id, fact_type, vector)).await?;
        let read = Arc::new(read);
        self.vectors.insert(bank.key, read.clone()).await;
        Ok(Some(read))
    }
}

/// What one vector takes, with whose it is.
fn bytes_of_one(dimension: usize) -> u64 {
    (size_of::<Uuid>() + size_of::<f32>() + dimension * size_of::<f16>()) as u64
}

/// Every vector of a bank.
#[derive(Debug)]
pub(super) struct BankVectors {
    /// How often the bank had been changed when they were read.
    changes: i64,
    groups: Vec<Group>,
}

/// The vectors of one type of memory.
#[derive(Debug)]
struct Group {
    fact_type: FactType,
    ids: Vec<Uuid>,
    /// Length of each vector.
    lengths: Vec<f32>,
    /// One vector behind the other, as the database has them.
    numbers: Vec<f16>,
}

impl BankVectors {
    fn push(&mut self, id: Uuid, fact_type: FactType, vector: &[f16]) {
        let at = self.groups.iter().position(|group| group.fact_type == fact_type);
        let group = match at.and_then(|at| self.groups.get_mut(at)) {
            Some(group) => group,
            None => self.groups.push_mut(Group::new(fact_type)),
        };
        let floats = vector.to_f32_vec();
        group.ids.push(id);
        group.lengths.push(dot(&floats, &floats).sqrt());
        group.numbers.extend_from_slice(vector);
    }

    fn bytes(&self) -> u32 {
        let of =
            |group: &Group| bytes_of_one(0) * group.ids.len() as u64 + size_of_val(&*group.numbers) as u64;
        u32::try_from(self.groups.iter().map(of).sum::<u64>()).unwrap_or(u32::MAX)
    }

    /// The `limit` nearest memories of each of these types.
    pub(super) fn nearest(&self, query: &[f32], types: &[FactType], limit: usize) -> Vec<Near> {
        // The database compares with the vector at the same precision.
        let query: Vec<f32> = query.iter().map(|number| f16::from_f32(*number).to_f32()).collect();
        let asked = self.groups.iter().filter(|group| types.contains(&group.fact_type));
        asked.flat_map(|group| group.nearest(&query, limit)).collect()
    }
}

impl Group {
    fn new(fact_type: FactType) -> Self {
        Self { fact_type, ids: Vec::new(), lengths: Vec::new(), numbers: Vec::new() }
    }

    fn nearest(&self, query: &[f32], limit: usize) -> Vec<Near> {
        let query_length = dot(query, query).sqrt();
        let mut floats = vec![0.0; query.len()];
        let vectors = self.numbers.chunks_exact(query.len().max(1));
        let mut near: Vec<Near> = std::iter::zip(std::iter::zip(&self.ids, &self.lengths), vectors)
            .map(|((id, length), vector)| {
                vector.convert_to_f32_slice(&mut floats);
                let cosine = f64::from(dot(&floats, query)) / f64::from(length * query_length);
                Near { memory_id: *id, fact_type: self.fact_type, distance: 1.0 - cosine.clamp(-1.0, 1.0) }
            })
            .collect();
        let by_distance = |a: &Near, b: &Near| {
            a.distance.total_cmp(&b.distance).then_with(|| a.memory_id.cmp(&b.memory_id))
        };
        if limit < near.len() {
            near.select_nth_unstable_by(limit, by_distance);
            near.truncate(limit);
        }
        near
    }
}
