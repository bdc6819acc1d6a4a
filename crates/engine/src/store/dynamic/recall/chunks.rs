//! Where the memories of a recall come from: chunks and source facts that may be seen.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::TagFilter;
use crate::store::session::Session;
use crate::store::{BankKey, ChunkRow, StoreError};

/// The chunks that these memories come from, in the order of the memories, each once; with
/// a tag filter only those whose document passes it.
pub(in crate::store) async fn fetch_chunks(
    connection: &mut Session,
    bank: BankKey,
    memories: &[Uuid],
    tags: &TagFilter,
) -> Result<Vec<ChunkRow>, StoreError> {
    let mut query = QueryBuilder::new(
        "select c.document_id, c.chunk_index, c.body, case when strpos(c.body, 'hs-att:') > 0 then \
         (select jsonb_agg(a.info) from attachment_infos a where a.bank_key = c.bank_key \
           and a.document_id = c.document_id) end as attachments \
         from (select m.document_id, m.chunk_index, min(u.rank) as rank from unnest(",
    );
    query
        .push_bind(memories.to_vec())
        .push("::uuid[]) with ordinality u(memory_id, rank) join memories o on o.bank_key = ");
    // The chunks of an observation are those of the facts behind it, at its place.
    query.push_bind(bank.0).push(" and o.memory_id = u.memory_id join memories m on m.bank_key = ");
    query.push_bind(bank.0).push(" and m.memory_id = any(o.memory_id || coalesce(o.source_ids, '{}')) and m.document_id is not null group by m.document_id, m.chunk_index) x join chunks c on c.bank_key = ");
    query.push_bind(bank.0).push(" and c.document_id = x.document_id and c.chunk_index = x.chunk_index join documents d on d.bank_key = ");
    query.push_bind(bank.0).push(" and d.document_id = x.document_id where true");
    tags.push(&mut query, "d.tags");
    query.push(" order by x.rank");
    Ok(query.build_query_as().fetch_all(connection).await?)
}

/// Those of these memories that a filter lets through.
pub(in crate::store) async fn fetch_visible(
    connection: &mut Session,
    bank: BankKey,
    memories: &[Uuid],
    tags: &TagFilter,
) -> Result<Vec<Uuid>, StoreError> {
    let mut query = QueryBuilder::new("select memory_id from memory_vectors where bank_key = ");
    query.push_bind(bank.0).push(" and memory_id = any(").push_bind(memories.to_vec()).push(")");
    tags.push(&mut query, "tags");
    Ok(query.build_query_scalar().fetch_all(connection).await?)
}

/// Facts that a filter lets through and that wait to go into observations; counted up to `most`.
pub(in crate::store) async fn count_pending(
    connection: &mut Session,
    bank: BankKey,
    tags: &TagFilter,
    most: i64,
) -> Result<i64, StoreError> {
    let mut query = QueryBuilder::new(
        "select count(*) from (select 1 from memory_state s join memories m on m.bank_key = ",
    );
    query.push_bind(bank.0).push(" and m.memory_id = s.memory_id where s.bank_key = ");
    query.push_bind(bank.0);
    query.push(" and s.consolidated_at is null and s.consolidation_failed_at is null and m.fact_type < 3");
    tags.push(&mut query, "m.tags");
    query.push(" limit ").push_bind(most).push(") p");
    Ok(query.build_query_scalar().fetch_one(connection).await?)
}
