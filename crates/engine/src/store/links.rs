//! Links between memories: causal ones come with the facts, semantic ones are found afterwards.
//!
//! What a retain writes stands in `link_queue` until a round of work takes it. A round is one
//! transaction: rows that another one has taken are passed over, and one that breaks off leaves
//! its rows in the queue. Links are only made between memories that nobody is deleting; whoever
//! deletes a memory deletes its links after it, so that none can come between.

use pgvector::HalfVector;
use uuid::Uuid;

use super::banks::hold;
use super::copy::copy;
use super::session::Session;
use super::{BankKey, DocumentWrite, Store, StoreError};

/// Kinds of links.
const SEMANTIC: i16 = 1;
const CAUSED_BY: i16 = 2;

/// A memory and its vector.
#[derive(Clone, Debug)]
pub struct TypedVector {
    /// Its id.
    pub memory_id: Uuid,
    /// Number of its type.
    pub fact_type: i16,
    /// Its vector.
    pub embedding: Vec<f32>,
}

/// A memory that another one is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SemanticLink {
    /// The memory.
    pub memory_id: Uuid,
    /// The other one.
    pub other_id: Uuid,
    /// Cosine of their vectors.
    pub similarity: f32,
}

/// Some memories of a bank whose links are to be found, in a transaction that keeps others off.
#[derive(Debug)]
pub struct LinkRound {
    transaction: Session,
    bank: BankKey,
    /// The memories; those deleted since they were written are missing.
    pub seeds: Vec<TypedVector>,
    /// Number of memories taken from the queue, deleted ones included.
    pub taken: usize,
    /// Number of the bank's memories.
    pub memories: i64,
    /// Number of memories when its cells were made; 0 = it has none.
    pub cells: i64,
}

/// Writes the causal links of new facts, and notes that their semantic ones are to be found.
pub(super) async fn record(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
) -> Result<(), StoreError> {
    let facts = || documents.iter().flat_map(|document| &document.facts);
    let mut memories: Vec<Uuid> = facts().map(|fact| fact.memory_id).collect();
    memories.sort_unstable();
    let statement = "copy link_queue (bank_key, memory_id) from stdin (format binary)";
    copy(transaction, statement, 2, &memories, |queue, memory| {
        queue.row().i64(bank.0).uuid(*memory);
    })
    .await?;

    let mut causes: Vec<(Uuid, Uuid)> = facts()
        .flat_map(|fact| fact.caused_by.iter().map(|cause| (fact.memory_id, *cause)))
        .filter(|(effect, cause)| effect != cause && memories.binary_search(cause).is_ok())
        .collect();
    causes.sort_unstable();
    causes.dedup();
    let statement =
        "copy memory_links (bank_key, memory_id, kind, other_id, weight) from stdin (format binary)";
    copy(transaction, statement, 5, &causes, |links, (effect, cause)| {
        links.row().i64(bank.0).uuid(*effect).i16(CAUSED_BY).uuid(*cause).f32(1.0);
    })
    .await
}

/// Notes that the semantic links of a memory are to be found anew. Waits for a round that is at
/// it just now.
pub(super) async fn queue(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!(
        // Held when it is there already: no round takes it before what is changed can be seen.
        "insert into link_queue (bank_key, memory_id) values ($1, $2)
         on conflict (bank_key, memory_id) do update set memory_id = excluded.memory_id",
        bank.0,
        memory_id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Removes the semantic links of a memory, from it and to it.
pub(super) async fn remove_semantic(
    transaction: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from memory_links where bank_key = $1 and kind = $3 and (memory_id = $2 or other_id = $2)",
        bank.0,
        memory_id,
        SEMANTIC
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

impl Store {
    /// Banks with memories whose links are to be found, in the order of their keys.
    pub async fn banks_to_link(&self) -> Result<Vec<BankKey>, StoreError> {
        // From bank to bank: to look at every row of the queue would cost as much as the queue is long.
        let keys = sqlx::query_scalar!(
            r#"with recursive q(bank_key) as (
                 (select bank_key from link_queue order by bank_key limit 1)
                 union all
                 select (select l.bank_key from link_queue l where l.bank_key > q.bank_key
                         order by l.bank_key limit 1)
                 from q where q.bank_key is not null
               )
               select bank_key as "bank_key!" from q where bank_key is not null"#
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(keys.into_iter().map(BankKey).collect())
    }

    /// Takes at most `limit` memories from a bank's queue, the oldest first. `None` when the bank
    /// is gone.
    pub async fn begin_links(&self, bank: BankKey, limit: i64) -> Result<Option<LinkRound>, StoreError> {
        let mut transaction = self.begin().await?;
        match hold(&mut transaction, bank).await {
            Err(StoreError::BankVanished) => return Ok(None),
            held => held?,
        }
        let taken = sqlx::query_scalar!(
            "delete from link_queue where bank_key = $1 and memory_id = any(array(
               select memory_id from link_queue where bank_key = $1
               order by memory_id limit $2 for update skip locked))
             returning memory_id",
            bank.0,
            limit
        )
        .fetch_all(&mut transaction)
        .await?;
        let rows = sqlx::query!(
            r#"select memory_id, fact_type, embedding as "embedding: HalfVector" from memory_vectors
               where bank_key = $1 and memory_id = any($2) order by memory_id"#,
            bank.0,
            &taken
        )
        .fetch_all(&mut transaction)
        .await?;
        let seeds = rows.into_iter().map(|row| typed(row.memory_id, row.fact_type, &row.embedding)).collect();
        let state =
            sqlx::query!("select memories, cells_made_at from bank_state where bank_key = $1", bank.0)
                .fetch_one(&mut transaction)
                .await?;
        Ok(Some(LinkRound {
            transaction,
            bank,
            seeds,
            taken: taken.len(),
            memories: state.memories,
            cells: state.cells_made_at,
        }))
    }
}

impl LinkRound {
    /// The next vectors of the bank behind `after`, in the order of their ids.
    pub async fn vectors(&mut self, after: Uuid, limit: i64) -> Result<Vec<TypedVector>, StoreError> {
        let rows = sqlx::query!(
            r#"select memory_id, fact_type, embedding as "embedding: HalfVector" from memory_vectors
               where bank_key = $1 and memory_id > $2 order by memory_id limit $3"#,
            self.bank.0,
            after,
            limit
        )
        .fetch_all(&mut self.transaction)
        .await?;
        Ok(rows.into_iter().map(|row| typed(row.memory_id, row.fact_type, &row.embedding)).collect())
    }

    /// For each seed its nearest memories of the same type, the `most` nearest of those that are
    /// like it by `least` at least, from as many cells as `probes` and from what is in none.
    pub async fn nearest_in_cells(
        &mut self,
        probes: i64,
        most: i64,
        least: f64,
    ) -> Result<Vec<SemanticLink>, StoreError> {
        let seeds: Vec<Uuid> = self.seeds.iter().map(|seed| seed.memory_id).collect();
        let rows = sqlx::query!(
            r#"select s.memory_id as "memory_id!", n.memory_id as "other_id!", (1 - n.d)::real as "similarity!"
               from unnest($2::uuid[]) u(memory_id)
               cross join lateral (
                 select memory_id, fact_type, embedding from memory_vectors
                 where bank_key = $1 and memory_id = u.memory_id offset 0
               ) s
               cross join lateral (
                 select array(select cell from bank_cells where bank_key = $1
                   order by centroid <=> s.embedding limit $3) || 0 as cells offset 0
               ) c
               cross join lateral (
                 select v.memory_id, v.embedding <=> s.embedding as d from memory_vectors v
                 where v.bank_key = $1 and v.fact_type = s.fact_type and v.cell = any(c.cells)
                   and v.memory_id <> s.memory_id
                 order by d limit $4
               ) n
               where 1 - n.d >= $5"#,
            self.bank.0,
            &seeds,
            probes,
            most,
            least
        )
        .fetch_all(&mut self.transaction)
        .await?;
        let link = |memory_id, other_id, similarity| SemanticLink { memory_id, other_id, similarity };
        Ok(rows.into_iter().map(|row| link(row.memory_id, row.other_id, row.similarity)).collect())
    }

    /// Writes the links and ends the round. Memories that are gone, or about to go, get none, nor
    /// do those that have changed meanwhile and wait for another round.
    pub async fn finish(mut self, links: &[SemanticLink]) -> Result<(), StoreError> {
        let memories: Vec<Uuid> = links.iter().map(|link| link.memory_id).collect();
        let others: Vec<Uuid> = links.iter().map(|link| link.other_id).collect();
        let similarities: Vec<f32> = links.iter().map(|link| link.similarity.clamp(0.0, 1.0)).collect();
        if !links.is_empty() {
            sqlx::query!(
                "with ends as materialized (
                   select memory_id from memories m
                   where bank_key = $1 and memory_id = any($2::uuid[] || $3::uuid[])
                     and not exists (select from link_queue q where q.bank_key = $1 and q.memory_id = m.memory_id
                                       and (m.edited_at is not null or m.fact_type = 3))
                   order by memory_id for key share skip locked
                 )
                 insert into memory_links (bank_key, memory_id, kind, other_id, weight)
                 select $1, l.memory_id, $5, l.other_id, l.similarity
                 from unnest($2, $3, $4::real[]) l(memory_id, other_id, similarity)
                 join ends a on a.memory_id = l.memory_id join ends b on b.memory_id = l.other_id
                 order by l.memory_id, l.other_id
                 on conflict do nothing",
                self.bank.0,
                &memories,
                &others,
                &similarities,
                SEMANTIC
            )
            .execute(&mut self.transaction)
            .await?;
        }
        self.transaction.end().await
    }
}

fn typed(memory_id: Uuid, fact_type: i16, embedding: &HalfVector) -> TypedVector {
    TypedVector {
        memory_id,
        fact_type,
        embedding: embedding.as_slice().iter().map(|half| half.to_f32()).collect(),
    }
}
