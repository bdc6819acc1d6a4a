//! Cells of large banks: centroids, and which vector is in which cell.
//!
//! One process at a time works on a bank, under a lease that it renews with every step; a
//! lease and not a lock, since it has to hold over many transactions. Numbers of cells are
//! never used twice, so that a step of a worker whose lease has run out can do no harm.

use std::collections::HashSet;

use pgvector::HalfVector;
use uuid::Uuid;

use super::{BankKey, Store, StoreError};

/// How long a worker is waited for that does not renew its lease, in seconds.
const LEASE_SECONDS: f64 = 120.0;

/// A bank whose cells want work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellWork {
    /// The bank.
    pub bank: BankKey,
    /// Number of its memories.
    pub memories: i64,
    /// Number of its memories when its cells were made; 0 = it has none.
    pub made_at: i64,
}

/// A right to work on the cells of a bank.
#[derive(Clone, Copy, Debug)]
pub struct CellLease {
    /// The bank.
    pub bank: BankKey,
    worker: Uuid,
}

/// A memory and its vector.
#[derive(Clone, Debug)]
pub struct VectorRow {
    /// Its id.
    pub memory_id: Uuid,
    /// Its vector.
    pub embedding: Vec<f32>,
    /// Another one with every change of the row.
    pub version: i64,
}

/// A memory and the cell that its vector belongs to.
#[derive(Clone, Copy, Debug)]
pub struct PlacedVector {
    /// Its id.
    pub memory_id: Uuid,
    /// What the row was when its vector was read.
    pub version: i64,
    /// Number of the cell.
    pub cell: i32,
}

impl Store {
    /// Banks of more than `exact_limit` memories, in the order of their keys.
    pub async fn large_banks(&self, exact_limit: i64) -> Result<Vec<CellWork>, StoreError> {
        let rows = sqlx::query!(
            "select bank_key, memories, cells_made_at from bank_state where memories > $1 order by bank_key",
            exact_limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| CellWork {
                bank: BankKey(row.bank_key),
                memories: row.memories,
                made_at: row.cells_made_at,
            })
            .collect())
    }

    /// Whether recall looks for the vectors of a bank by its cells.
    pub async fn has_cells(&self, bank: BankKey, exact_limit: i64) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(
            r#"select exists (select 1 from bank_state
                 where bank_key = $1 and memories > $2 and cells_made_at > 0) as "found!""#,
            bank.0,
            exact_limit
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(found)
    }

    /// Takes the lease of a bank's cells, or `None` while another process has it.
    pub async fn lease_cells(&self, bank: BankKey) -> Result<Option<CellLease>, StoreError> {
        let worker = Uuid::now_v7();
        let mut session = self.session().await?;
        let taken = sqlx::query!(
            "update bank_state set cells_worker = $2, cells_lease = now() + make_interval(secs => $3)
             where bank_key = $1 and (cells_lease is null or cells_lease < now())",
            bank.0,
            worker,
            LEASE_SECONDS
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok((taken.rows_affected() > 0).then_some(CellLease { bank, worker }))
    }

    /// Keeps the lease; false when it is another's by now.
    pub async fn renew_cells(&self, lease: CellLease) -> Result<bool, StoreError> {
        let mut session = self.session().await?;
        let kept = sqlx::query!(
            "update bank_state set cells_lease = now() + make_interval(secs => $3)
             where bank_key = $1 and cells_worker = $2",
            lease.bank.0,
            lease.worker,
            LEASE_SECONDS
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(kept.rows_affected() > 0)
    }

    /// Gives the lease back.
    pub async fn release_cells(&self, lease: CellLease) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        sqlx::query!(
            "update bank_state set cells_lease = null, cells_worker = null
             where bank_key = $1 and cells_worker = $2",
            lease.bank.0,
            lease.worker
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(())
    }

    /// About one of `every` vectors of a bank, the same at every call.
    pub async fn sample_vectors(&self, bank: BankKey, every: i64) -> Result<Vec<Vec<f32>>, StoreError> {
        let rows = sqlx::query_scalar!(
            r#"select embedding as "embedding: HalfVector" from memory_vectors
               where bank_key = $1 and uuid_hash_extended(memory_id, 0) % $2 = 0"#,
            bank.0,
            every.max(1)
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.iter().map(floats).collect())
    }

    /// Writes new cells beside those there are. Returns the number of the first, or `None`
    /// when the lease is another's by now.
    pub async fn add_cells(
        &self,
        lease: CellLease,
        centroids: &[Vec<f32>],
        sizes: &[i32],
    ) -> Result<Option<i32>, StoreError> {
        let count = i32::try_from(centroids.len()).unwrap_or(i32::MAX);
        let mut transaction = self.begin().await?;
        let next = sqlx::query_scalar!(
            "update bank_state set cells_next = cells_next + $3
             where bank_key = $1 and cells_worker = $2 returning cells_next",
            lease.bank.0,
            lease.worker,
            count
        )
        .fetch_optional(&mut transaction)
        .await?;
        let Some(next) = next else { return Ok(None) };
        let first = next - count;
        for (cell, (centroid, size)) in (first..).zip(centroids.iter().zip(sizes)) {
            sqlx::query!(
                "insert into bank_cells (bank_key, cell, centroid, size) values ($1, $2, $3, $4)",
                lease.bank.0,
                cell,
                HalfVector::from_f32_slice(centroid) as HalfVector,
                size
            )
            .execute(&mut transaction)
            .await?;
        }
        transaction.end().await?;
        Ok(Some(first))
    }

    /// The cells of a bank by number.
    pub async fn cells(&self, bank: BankKey) -> Result<Vec<(i32, Vec<f32>)>, StoreError> {
        let rows = sqlx::query!(
            r#"select cell, centroid as "centroid: HalfVector" from bank_cells where bank_key = $1 order by cell"#,
            bank.0
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (row.cell, floats(&row.centroid))).collect())
    }

    /// The next vectors behind `after` that are in no cell from `first` to `last`, in the
    /// order of their ids.
    pub async fn vectors_outside(
        &self,
        bank: BankKey,
        (first, last): (i32, i32),
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<VectorRow>, StoreError> {
        let rows = sqlx::query!(
            r#"select memory_id, embedding as "embedding: HalfVector", xmin::text::bigint as "version!"
               from memory_vectors where bank_key = $1 and memory_id > $4 and not cell between $2 and $3
               order by memory_id limit $5"#,
            bank.0,
            first,
            last,
            after,
            limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let row = |id, vector: HalfVector, version| VectorRow {
            memory_id: id,
            embedding: floats(&vector),
            version,
        };
        Ok(rows.into_iter().map(|found| row(found.memory_id, found.embedding, found.version)).collect())
    }

    /// Vectors of a bank that are in no cell yet, at most `limit` of them.
    pub async fn vectors_unassigned(&self, bank: BankKey, limit: i64) -> Result<Vec<VectorRow>, StoreError> {
        // The index on (bank, type, cell) finds them without a look at the others.
        let rows = sqlx::query!(
            r#"select memory_id, embedding as "embedding: HalfVector", xmin::text::bigint as "version!"
               from memory_vectors where bank_key = $1 and fact_type in (1, 2, 3) and cell = 0 limit $2"#,
            bank.0,
            limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let row = |id, vector: HalfVector, version| VectorRow {
            memory_id: id,
            embedding: floats(&vector),
            version,
        };
        Ok(rows.into_iter().map(|found| row(found.memory_id, found.embedding, found.version)).collect())
    }

    /// Puts memories into cells; false when the lease is another's by now. What has changed since
    /// it was read goes into none.
    pub async fn assign_cells(&self, lease: CellLease, placed: &[PlacedVector]) -> Result<bool, StoreError> {
        let Some(assigned) = self.assign(lease, placed, false).await? else { return Ok(false) };
        // What others are writing is waited for one by one: who waits holds nothing they may want.
        for one in placed.iter().filter(|one| !assigned.contains(&one.memory_id)) {
            if self.assign(lease, std::slice::from_ref(one), true).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns those that are assigned, all but those that others are writing, unless it `waits`
    /// for them; `None` when the lease is another's.
    async fn assign(
        &self,
        lease: CellLease,
        placed: &[PlacedVector],
        waits: bool,
    ) -> Result<Option<HashSet<Uuid>>, StoreError> {
        let memories: Vec<Uuid> = placed.iter().map(|one| one.memory_id).collect();
        let versions: Vec<i64> = placed.iter().map(|one| one.version).collect();
        let cells: Vec<i32> = placed.iter().map(|one| one.cell).collect();
        let mut transaction = self.begin().await?;
        // The vectors before the bank's state, as whoever writes memories has it.
        let held = sqlx::query_scalar!(
            "select memory_id from memory_vectors where bank_key = $1 and memory_id = any($2) and not $3
             for no key update skip locked",
            lease.bank.0,
            &memories,
            waits
        )
        .fetch_all(&mut transaction)
        .await?;
        let waited = sqlx::query_scalar!(
            "select memory_id from memory_vectors where bank_key = $1 and memory_id = any($2) and $3
             for no key update",
            lease.bank.0,
            &memories,
            waits
        )
        .fetch_all(&mut transaction)
        .await?;
        let held: Vec<Uuid> = held.into_iter().chain(waited).collect();
        let kept = sqlx::query!(
            "update bank_state set cells_lease = now() + make_interval(secs => $3)
             where bank_key = $1 and cells_worker = $2",
            lease.bank.0,
            lease.worker,
            LEASE_SECONDS
        )
        .execute(&mut transaction)
        .await?;
        if kept.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query!(
            "update memory_vectors v set cell = case when v.xmin::text::bigint = u.version then u.cell else 0 end
             from unnest($3::uuid[], $4::bigint[], $5::int[]) u(memory_id, version, cell)
             where v.bank_key = $1 and v.memory_id = u.memory_id and u.memory_id = any($2)",
            lease.bank.0,
            &held,
            &memories,
            &versions,
            &cells
        )
        .execute(&mut transaction)
        .await?;
        transaction.end().await?;
        Ok(Some(held.into_iter().collect()))
    }

    /// Ends a making of cells: all but those from `first` to `last` go, and recall uses them
    /// from now on. False when the lease is another's by now.
    pub async fn finish_cells(
        &self,
        lease: CellLease,
        (first, last): (i32, i32),
        memories: i64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let held = sqlx::query!(
            "update bank_state set cells_made_at = $3 where bank_key = $1 and cells_worker = $2",
            lease.bank.0,
            lease.worker,
            memories
        )
        .execute(&mut transaction)
        .await?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!(
            "delete from bank_cells where bank_key = $1 and not cell between $2 and $3",
            lease.bank.0,
            first,
            last
        )
        .execute(&mut transaction)
        .await?;
        transaction.end().await?;
        Ok(true)
    }
}

fn floats(vector: &HalfVector) -> Vec<f32> {
    vector.as_slice().iter().map(|half| half.to_f32()).collect()
}
